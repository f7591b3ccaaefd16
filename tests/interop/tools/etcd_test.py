"""etcdctl says the same with the proxy before etcd, where reads are collapsed. Exit status 77: no etcd here."""

import re
import unittest

from etcd import PATIENCE, SCRIPT, Etcd, Proxy, said, skip_where_there_is_none

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


if __name__ == '__main__':
    skip_where_there_is_none()
    unittest.main()
