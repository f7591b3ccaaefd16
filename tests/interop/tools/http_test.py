"""What HTTP tools get from the proxy that knock without being gRPC clients, and with being one. Exit status 77: no curl,
nghttp and h2load here."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from proxy import PATIENCE, Proxy, config  # pylint: disable=wrong-import-position

TOOLS = ('curl', 'nghttp', 'h2load')
EMPTY_MESSAGE = b'\0\0\0\0\0'
GRPC = ('-H', 'content-type: application/grpc', '-H', 'te: trailers')


class HttpTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix='interop-'))
        cls.body = os.path.join(folder, 'body')
        with open(cls.body, 'wb') as body:
            body.write(EMPTY_MESSAGE)
        # A socket that nobody listens on: calls that are routed end with UNAVAILABLE.
        cls.proxy = cls.enterClassContext(Proxy(config(f'unix:{folder}/nobody', method='/interop.v1.*')))
        cls.address = f'http://{cls.proxy.address}'

    def tearDown(self):
        self.proxy.settle()

    def run_tool(self, *command):
        result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout

    def curl(self, *arguments, path='/interop.v1.Echo/Get', version='--http2-prior-knowledge'):
        """Status, and header and trailer fields by name."""
        said = self.run_tool('curl', '--silent', '--show-error', '--include', '--noproxy', '*', version, *arguments,
                             self.address + path)
        status = re.match(r'HTTP/[\d.]+ (\d+)', said)[1]
        return int(status), dict(re.findall(r'(?m)^([\w-]+): (.*?)\r?$', said.lower()))

    def post(self, *headers, **options):
        """Without a body: this curl may drop a reply that comes before it has sent all (RFC 9113 §8.1)."""
        return self.curl('--request', 'POST', *headers, **options)

    def test_content_types_that_are_not_grpc_are_415(self):
        for content_type in ('', 'application/json', 'text/plain', 'application/grpcx', 'application/grpc-web+proto'):
            with self.subTest(content_type):
                self.assertEqual(self.post('-H', f'content-type: {content_type}')[0], 415)

    def test_content_types_that_are_grpc_get_a_grpc_status(self):
        for content_type in ('application/grpc', 'application/grpc+proto', 'application/grpc;charset=utf-8'):
            with self.subTest(content_type):
                status, fields = self.post('-H', f'content-type: {content_type}', '-H', 'te: trailers', path='/a.B/C')
                self.assertEqual((status, fields['grpc-status']), (200, '12'))
                self.assertRegex(fields['content-type'], '^application/grpc')

    def test_methods_other_than_post_are_405(self):
        for method in ('GET', 'PUT', 'DELETE', 'OPTIONS'):
            with self.subTest(method):
                status, fields = self.curl('--request', method, *GRPC)
                self.assertEqual((status, fields['allow']), (405, 'post'))

    def test_http_1_1_is_426(self):
        for version in ('--http1.1', '--http2'):  # the latter asks to upgrade
            with self.subTest(version):
                status, fields = self.post(*GRPC, version=version)
                self.assertEqual((status, fields['upgrade']), (426, 'h2c'))

    def test_a_backend_that_is_not_there_is_unavailable_and_named(self):
        status, fields = self.post(*GRPC)
        self.assertEqual((status, fields['grpc-status']), (200, '14'))
        self.assertIn('backend', fields['grpc-message'])

    def test_paths_that_are_no_method_are_unimplemented(self):
        for path in ('/', '/interop.v1.Echo', '/interop.v1.Echo/Get?x=1', '/interop.v1.Echo/%47et'):
            with self.subTest(path):
                status, fields = self.post(*GRPC, path=path)
                self.assertEqual((status, fields['grpc-status']), (200, '12'))

    def test_nghttp_gets_a_grpc_status(self):
        said = self.run_tool('nghttp', '--verbose', '--null-out', f'--data={self.body}',
                             '--header=content-type: application/grpc', '--header=te: trailers',
                             self.address + '/a.B/C')
        self.assertRegex(re.sub('\x1b\\[[0-9;]*m', '', said), r'(?s):status: 200.*grpc-status: 12')

    def test_h2load_finds_every_request_answered(self):
        said = self.run_tool('h2load', '--requests=2000', '--clients=10', '--max-concurrent-streams=10',
                             f'--data={self.body}', '--header=content-type: application/grpc',
                             '--header=te: trailers', self.address + '/a.B/C')
        self.assertIn('2000 succeeded, 0 failed, 0 errored, 0 timeout', said)
        self.assertIn('status codes: 2000 2xx', said)


if __name__ == '__main__':
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        print(f'skipped: {", ".join(missing)} missing (packages curl, nghttp2-client)')
        sys.exit(77)
    unittest.main()
