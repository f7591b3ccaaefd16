"""etcdctl says the same with the proxy before etcd, where reads are collapsed. Exit status 77: no etcd here."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from proxy import PATIENCE, Proxy, child, wait_until  # pylint: disable=wrong-import-position

READERS = 30

CONFIG = '''
listeners:
  - address: 127.0.0.1:0
upstreams:
  - name: etcd
    target: unix:{socket}
routes:
  - match: {{method: /etcdserverpb.KV/Range}}
    upstream: etcd
    collapse: true
  - match: {{method: /*}}
    upstream: etcd
health: {{address: 127.0.0.1:0}}
'''

TRANSACTION = '''value("shop/kettle") = "blue"

put shop/kettle green
get shop/kettle

get shop/cup
'''

# Each line is one run of etcdctl; what it prints is compared.
SCRIPT = [
    (['put', 'shop/kettle', 'blue'], ''),
    (['put', 'shop/cup', 'white'], ''),
    (['put', '--prev-kv', 'shop/cup', 'red'], ''),
    (['get', 'shop/kettle'], ''),
    (['get', 'shop/kettle', '--write-out=json'], ''),
    (['get', '--prefix', 'shop/', '--write-out=fields'], ''),
    (['get', 'shop/cup', '--rev=3'], ''),
    (['get', 'nothing', '--write-out=json'], ''),
    (['get', 'shop/cup', '--rev=9999'], ''),  # an error: a future revision
    (['txn'], TRANSACTION),
    (['get', 'shop/kettle'], ''),
    (['put', 'empty', ''], ''),
    (['get', 'empty', '--write-out=json'], ''),
    (['put', 'large'], 'l' * (1 << 20)),
    (['get', 'large'], ''),
    (['del', '--prev-kv', 'shop/cup'], ''),
    (['get', '--prefix', '', '--keys-only'], ''),
    (['lock', 'a-lock', 'echo', 'locked'], ''),
    (['compaction', '3'], ''),
    (['get', 'shop/cup', '--rev=2'], ''),  # an error: compacted
    (['member', 'list'], ''),
    (['user', 'list'], ''),
    (['lease', 'timetolive', '1234'], ''),  # there is none
]


class Etcd:
    """An etcd of its own, on Unix sockets in a folder of its own; the same identity every time."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix='interop-')
        self.socket = os.path.join(self._folder.name, 'client:1')
        self._log = open(os.path.join(self._folder.name, 'log'), 'w', encoding='utf-8')
        self._process = child(
            'etcd', '--name=only', '--data-dir=data', '--listen-client-urls=unix://client:1',
            '--advertise-client-urls=unix://client:1', '--listen-peer-urls=unix://peer:1',
            '--initial-advertise-peer-urls=unix://peer:1', '--initial-cluster=only=unix://peer:1',
            cwd=self._folder.name, stdout=self._log, stderr=self._log)
        wait_until(lambda: self.ctl('get', 'x').returncode == 0, self._what_it_logged)

    def _what_it_logged(self):
        with open(self._log.name, encoding='utf-8') as log:
            return f'etcd; its log ends {log.read()[-2000:]}'

    def command(self, *arguments, endpoint=None):
        return ['etcdctl', f'--endpoints={endpoint or "unix://client:1"}', f'--command-timeout={PATIENCE}s', *arguments]

    def ctl(self, *arguments, endpoint=None, given=''):
        return subprocess.run(self.command(*arguments, endpoint=endpoint), cwd=self._folder.name, input=given,
                              capture_output=True, text=True, timeout=PATIENCE, check=False)

    def begin(self, *arguments, endpoint=None):
        return child(*self.command(*arguments, endpoint=endpoint), cwd=self._folder.name, stdout=subprocess.PIPE)

    def stop(self):
        self._process.terminate()
        self._process.wait()
        self._log.close()
        self._folder.cleanup()


class EtcdTest(unittest.TestCase):
    def setUp(self):
        self.maxDiff = None
        self.etcd = Etcd()
        self.addCleanup(self.etcd.stop)
        self.proxy = self.enterContext(Proxy(CONFIG.format(socket=self.etcd.socket)))
        self.endpoint = self.proxy.address

    def test_what_etcdctl_says(self):
        other = Etcd()
        self.addCleanup(other.stop)
        for arguments, given in SCRIPT:
            with self.subTest(' '.join(arguments)):
                self.assertEqual(said(self.etcd.ctl(*arguments, endpoint=self.endpoint, given=given)),
                                 said(other.ctl(*arguments, given=given)))
        self.proxy.settle()
        self.assertGreater(self.proxy.metric('calls_by_role_total', route='/etcdserverpb.KV/Range', role='leader'), 0)

    def test_a_lease_is_granted_kept_alive_and_revoked(self):
        lease = re.search(r'lease (\w+) granted with TTL\(300s\)', self.proxied('lease', 'grant', '300'))[1]
        self.proxied('put', 'leased', 'yes', f'--lease={lease}')
        self.assertIn(f'lease {lease} keepalived with TTL(300)', self.proxied('lease', 'keep-alive', '--once', lease))
        self.assertIn('attached keys([leased])', self.proxied('lease', 'timetolive', '--keys', lease))
        self.assertIn(lease, self.direct('lease', 'list'))
        self.assertIn(f'lease {lease} revoked', self.proxied('lease', 'revoke', lease))
        self.assertEqual(self.direct('get', 'leased'), '')

    def test_a_watch_hears_of_every_change(self):
        watches = [self.etcd.begin('watch', '--prefix', 'shop/', '--rev=2', endpoint=endpoint)
                   for endpoint in (None, self.endpoint)]
        for number in range(20):
            self.proxied('put', f'shop/{number}', f'value {number}')
        expected = [line for number in range(20) for line in ('PUT', f'shop/{number}', f'value {number}')]
        for watch in watches:
            self.assertEqual([watch.stdout.readline().rstrip('\n') for _ in expected], expected)
            watch.terminate()
            watch.wait()
            watch.stdout.close()
        self.proxy.settle()

    def test_readers_at_once_all_read_what_was_written(self):
        self.proxied('put', 'popular', 'read me')
        readers = [self.etcd.begin('get', 'popular', endpoint=self.endpoint) for _ in range(READERS)]
        for reader in readers:
            self.assertEqual(reader.communicate(timeout=PATIENCE)[0], 'popular\nread me\n')

    def direct(self, *arguments):
        return self.succeeded(self.etcd.ctl(*arguments))

    def proxied(self, *arguments):
        return self.succeeded(self.etcd.ctl(*arguments, endpoint=self.endpoint))

    def succeeded(self, result):
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout


def said(result):
    """Exit status, output, and the error without the client's own log, which names times and addresses."""
    errors = [line for line in result.stderr.splitlines() if not line.startswith('{"level"')]
    return result.returncode, re.sub(r'a-lock/[0-9a-f]+', 'a-lock/LEASE', result.stdout), errors


if __name__ == '__main__':
    missing = [tool for tool in ('etcd', 'etcdctl') if shutil.which(tool) is None]
    if missing:
        print(f'skipped: {", ".join(missing)} missing (packages etcd-server, etcd-client)')
        sys.exit(77)
    unittest.main()
