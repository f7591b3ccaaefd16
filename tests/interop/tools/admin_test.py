"""buf, which knows nothing of this project, finds the admin service by reflection and calls it. Exit status 77: no buf here."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
from proxy import Proxy, config  # pylint: disable=wrong-import-position

BUF = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../node_modules/.bin/buf')
ADMIN = 'singleflight.admin.v1.Admin'
TOKEN = 'a-token-of-this-test'


class AdminTest(unittest.TestCase):
    def setUp(self):
        with tempfile.NamedTemporaryFile('w', prefix='interop-', delete=False) as file:
            file.write(TOKEN)
        self.addCleanup(os.unlink, file.name)
        self.proxy = self.enterContext(Proxy(
            config('127.0.0.1:1') + f'admin: {{grpc: 127.0.0.1:0, token_file: {file.name}}}\n'))

    def buf(self, path, *arguments):
        return subprocess.run([BUF, 'curl', '--protocol', 'grpc', '--http2-prior-knowledge', *arguments,
                               f'http://{self.proxy.admin}{path}'], capture_output=True, text=True, check=False)

    def said(self, path, *arguments):
        done = self.buf(path, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_it_lists_the_services_and_what_they_can_do(self):
        self.assertEqual(set(self.said('', '--list-services').split()),
                         {ADMIN, 'grpc.health.v1.Health', 'grpc.reflection.v1alpha.ServerReflection'})
        methods = self.said('', '--list-methods').split()
        self.assertIn(f'{ADMIN}/WatchStats', methods)
        self.assertIn('grpc.health.v1.Health/List', methods)

    def test_it_asks(self):
        info = json.loads(self.said(f'/{ADMIN}/GetInfo'))
        self.assertEqual(info['listeners'], self.proxy.addresses)
        upstreams = json.loads(self.said(f'/{ADMIN}/ListUpstreams'))
        self.assertEqual(upstreams['upstreams'][0]['endpoints'][0]['address'], '127.0.0.1:1')
        self.assertEqual(json.loads(self.said('/grpc.health.v1.Health/Check')), {'status': 'SERVING'})

    def test_it_orders_with_the_token_only(self):
        order = (f'/{ADMIN}/Purge', '--data', '{"all": true}')
        refused = self.buf(*order)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn('unauthenticated', refused.stderr)
        done = json.loads(self.said(*order, '--header', f'Authorization: Bearer {TOKEN}'))
        self.assertEqual(done, {'sequence': '1'})


if __name__ == '__main__':
    if not os.access(BUF, os.X_OK):
        print('no buf here: tests/interop/node_modules.sh installs it')
        sys.exit(77)
    unittest.main()
