"""config/etcd.yaml: one door where etcdctl says what it says without the proxy, and one where reads are shared and kept.
Exit status 77: no etcd here."""

import os
import re
import unittest

from etcd import SCRIPT, Etcd, Proxy, said, skip_where_there_is_none, wait_until

READERS = 30
RANGE = '127.0.0.2/etcdserverpb.KV/Range'

TOP = os.path.join(os.path.dirname(__file__), '../../..')

with open(os.path.join(TOP, 'config/etcd.yaml'), encoding='utf-8') as file:
    CONFIG = file.read()
with open(os.path.join(TOP, 'docs/etcd.md'), encoding='utf-8') as file:
    DOCUMENT = file.read()

READS = [
    ['get', 'shop/kettle'],
    ['get', 'shop/kettle', '--write-out=json'],
    ['get', '--prefix', 'shop/'],
    ['get', '--prefix', 'shop/', '--write-out=fields'],
    ['get', '--prefix', 'shop/', '--keys-only', '--limit=1'],
    ['get', '--prefix', 'shop/', '--sort-by=KEY', '--order=DESCEND'],
    ['get', 'shop/kettle', '--rev=2'],
    ['get', 'nothing', '--write-out=json'],
]

TRANSACTION = 'value("shop/kettle") = "blue"\n\nput shop/kettle green\n\n\n'


class EtcdCacheTest(unittest.TestCase):
    def setUp(self):
        self.maxDiff = None
        self.etcd = Etcd()
        self.addCleanup(self.etcd.stop)

    def serve(self, ttl):
        """The two doors; on addresses that differ in their host, as the ports are free ones."""
        self.proxy = self.enterContext(Proxy(
            CONFIG, LISTEN='127.0.0.1:0', LISTEN_READERS='127.0.0.2:0', READERS='127.0.0.2', TTL=ttl,
            ETCD=f'unix:{self.etcd.socket}', HEALTH='127.0.0.1:0'))
        self.door, self.readers_door = self.proxy.addresses

    def ctl(self, *arguments, at=None, given=''):
        result = self.etcd.ctl(*arguments, endpoint=at, given=given)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout

    def read(self, *arguments):
        return self.ctl(*arguments, '--consistency=s', at=self.readers_door)

    def fill(self):
        for key, value in (('kettle', 'blue'), ('cup', 'white'), ('pot', 'red')):
            self.ctl('put', f'shop/{key}', value)

    def role(self, name, **labels):
        return self.proxy.metric('calls_by_role_total', role=name, **labels)

    def test_at_the_first_door_etcdctl_says_what_it_says_without(self):
        self.serve(ttl='1h')
        other = Etcd()
        self.addCleanup(other.stop)
        for arguments, given in SCRIPT:
            with self.subTest(' '.join(arguments)):
                self.assertEqual(said(self.etcd.ctl(*arguments, endpoint=self.door, given=given)),
                                 said(other.ctl(*arguments, given=given)))
        self.proxy.settle()
        self.assertEqual(self.role('relay'), self.proxy.metric('calls_total'))

    def test_reads_at_the_second_door_are_the_same_the_first_time_and_when_kept(self):
        self.fill()
        self.serve(ttl='1h')
        for arguments in READS:
            with self.subTest(' '.join(arguments)):
                direct = self.ctl(*arguments, '--consistency=s')
                self.assertEqual(self.read(*arguments), direct)
                self.assertEqual(self.read(*arguments), direct)
        self.proxy.settle()
        # What only etcdctl does with a reply, such as --write-out, is no part of the call.
        self.assertEqual(self.role('hit', route=RANGE) + self.role('leader', route=RANGE), 2 * len(READS))
        self.assertGreaterEqual(self.role('hit', route=RANGE), len(READS))

    def test_readers_at_once_and_later_cost_etcd_one_call(self):
        self.fill()
        self.serve(ttl='1h')
        readers = [self.etcd.begin('get', 'shop/kettle', '--consistency=s', endpoint=self.readers_door)
                   for _ in range(READERS)]
        for reader in readers:
            self.assertEqual(reader.communicate()[0], 'shop/kettle\nblue\n')
            self.assertEqual(reader.returncode, 0)
        self.proxy.settle()
        self.assertEqual(self.role('leader'), 1)
        self.assertEqual(self.role('hit') + self.role('follower'), READERS - 1)
        self.assertEqual(self.proxy.metric('upstream_calls_total'), 1)

    def test_a_read_at_the_second_door_may_be_old_and_at_the_first_it_never_is(self):
        self.fill()
        self.serve(ttl='1h')
        self.assertEqual(self.read('get', 'shop/kettle'), 'shop/kettle\nblue\n')
        self.ctl('put', 'shop/kettle', 'green', at=self.door)
        self.assertEqual(self.ctl('get', 'shop/kettle', at=self.door), 'shop/kettle\ngreen\n')
        self.assertEqual(self.read('get', 'shop/kettle'), 'shop/kettle\nblue\n')

    def test_the_commands_in_the_documents_say_what_was_put(self):
        self.serve(ttl='1s')
        doors = {'127.0.0.1:12379': self.door, '127.0.0.1:12380': self.readers_door}
        shown = re.findall(r'^etcdctl --endpoints=(\S+) ([^#\n]+)', DOCUMENT, re.M)
        said_to_them = [self.ctl(*words.split(), at=doors[door]) for door, words in shown]
        self.assertEqual(said_to_them, ['OK\n', 'kettle\nblue\n'])

    def test_after_its_time_a_read_is_new(self):
        self.fill()
        self.serve(ttl='50ms')
        self.read('get', 'shop/kettle')
        self.ctl('put', 'shop/kettle', 'green', at=self.readers_door)
        wait_until(lambda: self.read('get', 'shop/kettle') == 'shop/kettle\ngreen\n', 'the new value')

    def test_all_but_range_is_relayed_at_the_second_door_too(self):
        self.serve(ttl='1h')
        watch = self.etcd.begin('watch', '--prefix', 'shop/', '--rev=1', endpoint=self.readers_door)
        self.assertEqual(self.ctl('put', 'shop/kettle', 'blue', at=self.readers_door), 'OK\n')
        self.assertEqual(self.ctl('txn', at=self.readers_door, given=TRANSACTION), 'SUCCESS\n\nOK\n')
        for line in ('PUT', 'shop/kettle', 'blue', 'PUT', 'shop/kettle', 'green'):
            self.assertEqual(watch.stdout.readline(), line + '\n')
        watch.terminate()
        watch.wait()
        watch.stdout.close()
        lease = self.ctl('lease', 'grant', '300', at=self.readers_door).split()[1]
        self.assertIn('keepalived', self.ctl('lease', 'keep-alive', '--once', lease, at=self.readers_door))
        self.assertIn('revoked', self.ctl('lease', 'revoke', lease, at=self.readers_door))
        self.proxy.settle()
        self.assertEqual(self.role('relay'), self.proxy.metric('calls_total'))

    def test_members_and_their_status_are_the_same_at_both_doors(self):
        self.serve(ttl='1h')
        for arguments in (['member', 'list'], ['endpoint', 'status', '--write-out=fields'], ['alarm', 'list']):
            with self.subTest(' '.join(arguments)):
                direct = without_endpoint(self.ctl(*arguments))
                for door in (self.door, self.readers_door):
                    self.assertEqual(without_endpoint(self.ctl(*arguments, at=door)), direct)
        self.proxy.settle()


def without_endpoint(text):
    """What etcdctl says about an endpoint begins with how it was dialled."""
    return [line for line in text.splitlines() if not line.startswith('"Endpoint"')]


if __name__ == '__main__':
    skip_where_there_is_none()
    unittest.main()
