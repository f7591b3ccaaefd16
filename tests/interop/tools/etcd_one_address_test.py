"""config/etcd-one-address.yaml: one door where each read says whether it may be old. etcdctl says what it says without the
proxy, linearizable reads are never old, and whoever writes through the proxy reads what it wrote.
Exit status 77: no etcd here."""

import os
import re
import unittest

from etcd import SCRIPT, Etcd, Proxy, said, skip_where_there_is_none, wait_until

TURNS = 60
TOP = os.path.join(os.path.dirname(__file__), '../../..')

with open(os.path.join(TOP, 'config/etcd-one-address.yaml'), encoding='utf-8') as file:
    CONFIG = file.read()
with open(os.path.join(TOP, 'docs/etcd-one-address.md'), encoding='utf-8') as file:
    DOCUMENT = file.read()

TRANSACTION = 'value("shop/kettle") = "{before}"\n\nput shop/kettle {after}\n\n\n'


class EtcdOneAddressTest(unittest.TestCase):
    def setUp(self):
        self.maxDiff = None
        self.etcd = Etcd()
        self.addCleanup(self.etcd.stop)
        self.serve(ttl='1h')

    def serve(self, ttl):
        self.proxy = self.enterContext(Proxy(CONFIG, LISTEN='127.0.0.1:0', TTL=ttl, ETCD=f'unix:{self.etcd.socket}',
                                             HEALTH='127.0.0.1:0'))
        self.door = self.proxy.addresses[0]

    def ctl(self, *arguments, at=None, given=''):
        """Through the proxy."""
        result = self.etcd.ctl(*arguments, endpoint=at or self.door, given=given)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def past_the_proxy(self, *arguments):
        result = self.etcd.ctl(*arguments)
        self.assertEqual(result.returncode, 0, result.stderr)

    def old(self, *arguments):
        """A serializable read."""
        return self.ctl('get', *arguments, '--print-value-only', '--consistency=s').splitlines()

    def latest(self, *arguments):
        return self.ctl('get', *arguments, '--print-value-only').splitlines()

    def role(self, name):
        return self.proxy.metric('calls_by_role_total', role=name)

    def test_etcdctl_says_what_it_says_without(self):
        other = Etcd()
        self.addCleanup(other.stop)
        for arguments, given in SCRIPT:
            with self.subTest(' '.join(arguments)):
                self.assertEqual(said(self.etcd.ctl(*arguments, endpoint=self.door, given=given)),
                                 said(other.ctl(*arguments, given=given)))
        self.proxy.settle()
        self.assertEqual(self.role('hit'), 0, 'these reads are linearizable')
        self.assertEqual(self.proxy.metric('match_refusals_total'), 0)
        self.assertEqual(self.proxy.metric('cache_wide_invalidations_total'), 0)

    def test_serializable_reads_are_kept_and_linearizable_ones_never(self):
        self.ctl('put', 'shop/kettle', 'blue')
        for _ in range(3):
            self.assertEqual(self.old('shop/kettle'), ['blue'])
            self.assertEqual(self.old('--prefix', 'shop/'), ['blue'])
            self.assertEqual(self.latest('shop/kettle'), ['blue'])
        self.proxy.settle()
        self.assertEqual(self.role('hit'), 4)
        self.assertEqual(self.role('leader'), 2 + 3)

    def test_a_client_reads_what_it_put_however_it_reads(self):
        for turn in range(TURNS):
            value = str(turn)
            self.ctl('put', 'shop/kettle', value)
            for _ in range(2):
                self.assertEqual(self.old('shop/kettle'), [value])
                self.assertEqual(self.old('--prefix', 'shop/'), [value])
            self.assertEqual(self.latest('shop/kettle'), [value])
        self.proxy.settle()
        self.assertEqual(self.role('hit'), 2 * TURNS)

    def test_a_client_reads_what_it_deleted_and_what_a_transaction_wrote(self):
        for turn in range(3):
            self.ctl('put', 'shop/kettle', 'blue')
            self.assertEqual(self.old('shop/kettle'), ['blue'])
            self.assertEqual(self.old('--prefix', 'shop/'), ['blue'])
            self.ctl('txn', given=TRANSACTION.format(before='blue', after='green'))
            self.assertEqual(self.old('shop/kettle'), ['green'])
            self.assertEqual(self.old('--prefix', 'shop/'), ['green'])
            self.ctl('del', *[['shop/kettle'], ['--prefix', 'shop/'], ['--from-key', 'shop']][turn])
            self.assertEqual(self.old('shop/kettle'), [])
            self.assertEqual(self.old('--prefix', 'shop/'), [])

    def test_a_lease_that_is_revoked_takes_its_keys_with_it(self):
        lease = self.ctl('lease', 'grant', '300').split()[1]
        self.ctl('put', f'--lease={lease}', 'shop/kettle', 'blue')
        self.assertEqual(self.old('shop/kettle'), ['blue'])
        self.assertIn('keepalived', self.ctl('lease', 'keep-alive', '--once', lease))
        self.ctl('lease', 'revoke', lease)
        self.assertEqual(self.old('shop/kettle'), [])

    def test_a_write_leaves_reads_of_other_keys_kept(self):
        for key in ('kettle', 'cup'):
            self.ctl('put', f'shop/{key}', 'blue')
            self.assertEqual(self.old(f'shop/{key}'), ['blue'])
        self.ctl('put', 'shop/cup', 'red')
        self.ctl('del', 'shop/cup')
        self.assertEqual(self.old('shop/kettle'), ['blue'])
        self.proxy.settle()
        self.assertEqual(self.role('hit'), 1)

    def test_after_a_write_past_the_proxy_only_a_serializable_read_may_be_old(self):
        """As the page says."""
        self.ctl('put', 'shop/kettle', '0')
        self.assertEqual(self.old('shop/kettle'), ['0'])
        for turn in range(1, TURNS):
            self.past_the_proxy('put', 'shop/kettle', str(turn))
            self.assertEqual(self.latest('shop/kettle'), [str(turn)])
        self.assertEqual(self.old('shop/kettle'), ['0'])

    def test_that_is_over_when_its_time_is(self):
        self.serve(ttl='50ms')
        self.ctl('put', 'shop/kettle', 'blue')
        self.assertEqual(self.old('shop/kettle'), ['blue'])
        self.past_the_proxy('put', 'shop/kettle', 'green')
        wait_until(lambda: self.old('shop/kettle') == ['green'], 'the new value')

    def test_watches_are_relayed(self):
        watch = self.etcd.begin('watch', '--prefix', 'shop/', '--rev=1', endpoint=self.door)
        self.ctl('put', 'shop/kettle', 'blue')
        for line in ('PUT', 'shop/kettle', 'blue'):
            self.assertEqual(watch.stdout.readline(), line + '\n')
        watch.terminate()
        watch.wait()
        watch.stdout.close()
        self.proxy.settle()

    def test_the_commands_on_the_page_say_what_was_put(self):
        shown = re.findall(r'^etcdctl --endpoints=127.0.0.1:12379 ([^#\n]+)', DOCUMENT, re.M)
        self.assertEqual([self.ctl(*words.split()) for words in shown], ['OK\n', 'kettle\nblue\n', 'kettle\nblue\n'])


if __name__ == '__main__':
    skip_where_there_is_none()
    unittest.main()
