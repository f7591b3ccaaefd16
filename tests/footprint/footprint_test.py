"""What the proxy takes is what it counts, it stays within what it is allowed, and what calls took goes back.

footprint_test.py PROXY
"""

import os
import re
import resource
import subprocess
import sys
import tempfile
import unittest
import urllib.request

from peers import Client, HungBackend, requests, wait_until

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../testing'))

import ready_line  # noqa: E402

PROXY = sys.argv[1]
MIB = 1 << 20

CONFIGURATION = '''
listeners: [{{address: "127.0.0.1:0"}}]
upstreams: [{{name: b, target: "{backend}", max_flights: 1000000, max_pending_calls: 1000000, ping_after: 1h, {upstream}}}]
routes:
  - match: {{method: /shop.Reads/*}}
    upstream: b
    collapse: {{flight_timeout: 1h, max_join_age: 1h, max_waiters: 1000000}}
  - match: {{method: /*}}
    upstream: b
limits: {{{limits}}}
health: {{address: "127.0.0.1:0"}}
threads: 2
'''
MOST_CONNECTIONS = min(10000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] - 500)
PLENTY = {'upstream': 'max_held_bytes: 8GiB', 'limits': 'max_buffered_bytes: 8GiB'}


class Group:
    """A control group (v2, or v1) of this test's own, of that many bytes. OSError where the machine allows none."""

    def __init__(self, limit):
        v1 = '/sys/fs/cgroup/memory'
        old = os.path.isdir(v1)
        self._folder = tempfile.mkdtemp(prefix='singleflight-memory-test-', dir=v1 if old else '/sys/fs/cgroup')
        try:
            with open(f'{self._folder}/memory.{"limit_in_bytes" if old else "max"}', 'w', encoding='ascii') as file:
                file.write(str(limit))
            with open(f'{self._folder}/cgroup.procs', 'a', encoding='ascii'):
                pass
        except OSError:
            self.close()
            raise
        self._most = 'max_usage_in_bytes' if old else 'peak'

    def close(self):
        os.rmdir(self._folder)

    def enter(self):
        with open(f'{self._folder}/cgroup.procs', 'a', encoding='ascii') as file:
            file.write(str(os.getpid()))

    @property
    def most(self):
        with open(f'{self._folder}/memory.{self._most}', encoding='ascii') as file:
            return int(file.read())


class Proxy:
    """The real proxy. `within` is called in its process before it starts, to set bounds of memory."""

    def __init__(self, backend, upstream='', limits='', within=None):
        self._file = tempfile.NamedTemporaryFile('w', suffix='.yaml')
        self._file.write(CONFIGURATION.format(backend=backend.address, upstream=upstream, limits=limits))
        self._file.flush()
        self._process = subprocess.Popen([PROXY, '--config', self._file.name], stdout=subprocess.PIPE,
                                         stderr=subprocess.DEVNULL, text=True, preexec_fn=within)
        ready = ready_line.parse(self._process.stdout.readline())
        self.address, self._health = ready.listeners[0], ready.health

    def close(self):
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._file.close()

    @property
    def alive(self):
        return self._process.poll() is None

    def metric(self, selector):
        with urllib.request.urlopen(f'http://{self._health}/metrics', timeout=60) as page:
            lines = page.read().decode().splitlines()
        return sum(int(line.rsplit(' ', 1)[1]) for line in lines if re.match(re.escape(selector) + r'[ {]', line))

    @property
    def counted(self):
        return self.metric('singleflight_buffered_bytes')

    @property
    def connections(self):
        return self.metric('singleflight_connections')

    def taken(self, what='VmRSS'):
        with open(f'/proc/{self._process.pid}/status', encoding='ascii') as status:
            return int(re.search(what + r':\s+(\d+) kB', status.read()).group(1)) * 1024


class Case(unittest.TestCase):
    def started(self, thing):
        self.addCleanup(thing.close)
        return thing

    def flood(self, proxy, path, size, connections, calls, more=()):
        """Sends that many calls over that many connections, all different."""
        each = calls // connections
        return self.started(Client(proxy.address, connections,
                                   lambda i: requests(path, size, range(i * each, (i + 1) * each), more)))


class WhatIsCounted(Case):
    """Beside idle connections, the process takes at most a quarter more than it counts for its calls."""

    def check(self, path, size, calls, reads, more=()):
        backend = self.started(HungBackend(reads))
        proxy = self.started(Proxy(backend, **PLENTY))
        connections = 20
        idle = self.started(Client(proxy.address, connections, lambda i: ()))
        wait_until(lambda: proxy.connections == connections, 'idle connections')
        before = proxy.taken()
        idle.close()
        wait_until(lambda: proxy.connections == 0, 'no connections')
        client = self.flood(proxy, path, size, connections, calls, more)
        wait_until(lambda: client.done, 'all requests sent')
        wait_until(lambda: proxy.metric('singleflight_calls_total') == calls, 'all requests there')
        if reads:
            wait_until(lambda: backend.whole == calls, 'all requests at the backend')
        else:
            wait_until(lambda: proxy.counted >= size * calls, 'all requests counted')
        counted, taken = proxy.counted, proxy.taken() - before
        self.assertLessEqual(taken, 1.25 * counted,
                             f'{taken / calls:.0f} B a call taken, {counted / calls:.0f} B counted')
        self.assertLessEqual(counted, 2 * taken, 'and it does not count what is not there')

    def test_small_requests_on_a_collapse_route(self):
        self.check('/shop.Reads/Get', 50, 20000, reads=True)

    def test_small_requests_on_a_relay_route(self):
        self.check('/shop.Writes/Put', 50, 20000, reads=True)

    def test_small_requests_to_a_backend_that_reads_nothing(self):
        self.check('/shop.Reads/Get', 50, 20000, reads=False)
        self.check('/shop.Writes/Put', 50, 20000, reads=False)

    def test_requests_of_4_kib(self):
        self.check('/shop.Reads/Get', 4096, 8000, reads=True)
        self.check('/shop.Writes/Put', 4096, 8000, reads=False)

    def test_requests_of_64_kib(self):
        self.check('/shop.Reads/Get', 65536, 1000, reads=True)
        self.check('/shop.Writes/Put', 65536, 1000, reads=False)

    def test_requests_of_1_mib(self):
        self.check('/shop.Reads/Get', MIB, 100, reads=True)

    def test_large_header_blocks(self):
        more = [(f'x-field-{i}', 'v' * 100) for i in range(50)]
        self.check('/shop.Reads/Get', 50, 2000, reads=False, more=more)
        self.check('/shop.Writes/Put', 50, 2000, reads=False, more=more)


ALLOWED = 512 * MIB  # as in deploy/kubernetes/sidecar


class HungUpstream(Case):
    """More requests than there is memory for, to a backend that hangs: some are refused, and the process goes on."""

    def check(self, path, size, calls, within, connections=40, more=()):
        backend = self.started(HungBackend(reads=False))
        proxy = self.started(Proxy(backend, within=within, limits=f'max_connections: {MOST_CONNECTIONS}'))
        most = proxy.metric('singleflight_max_buffered_bytes')
        self.assertEqual(most, 187 * MIB)  # docs/limits.md, "Memory"
        client = self.flood(proxy, path, size, connections, calls, more)
        wait_until(lambda: not proxy.alive or client.done or proxy.counted > most, 'the flood has come')
        wait_until(lambda: not proxy.alive or client.replies > 0, 'some are refused')
        self.assertTrue(proxy.alive)
        self.assertGreater(proxy.metric('singleflight_calls_shed_total{reason="max_buffered_bytes"}')
                           + proxy.metric('singleflight_resource_exhausted_total'), 0)
        return proxy


class WhatIsAllowed(HungUpstream):
    def check(self, path, size, calls, connections=40, more=()):
        limit = lambda: resource.setrlimit(resource.RLIMIT_AS, (ALLOWED, ALLOWED))
        proxy = super().check(path, size, calls, limit, connections, more)
        self.assertLess(proxy.taken('VmHWM'), 0.7 * ALLOWED)

    def test_calls_that_take_more_than_their_messages(self):
        more = [(f'x-field-{i}', 'v' * 100) for i in range(10)]
        self.check('/shop.Writes/Put', 50, 54000, connections=60, more=more)

    def test_requests_that_are_collected(self):
        self.check('/shop.Reads/Get', 65536, 6000)

    def test_requests_that_wait_in_relays(self):
        self.check('/shop.Writes/Put', 200000, 4000)


class WhatAGroupAllows(HungUpstream):
    """In a control group, where the kernel ends who takes too much, with as many connections as there may be."""

    def check(self, path, size, calls, connections, more=()):
        try:
            group = self.started(Group(ALLOWED))
        except OSError as error:
            self.skipTest(f'no control group of our own: {error}')
        proxy = super().check(path, size, calls, group.enter, connections, more)
        self.assertLess(group.most, ALLOWED)
        self.assertTrue(proxy.alive)

    def test_what_the_manifest_allows_on_a_collapse_route(self):
        self.check('/shop.Reads/Get', 65536, 8192, connections=2048)

    def test_what_the_manifest_allows_on_a_relay_route(self):
        self.check('/shop.Writes/Put', 65536, 8192, connections=2048)

    def test_small_requests_of_thousands_of_connections(self):
        self.check('/shop.Reads/Get', 50, 10 * MOST_CONNECTIONS, connections=MOST_CONNECTIONS)

    def test_large_requests_of_thousands_of_connections(self):
        self.check('/shop.Writes/Put', 65536, MOST_CONNECTIONS, connections=MOST_CONNECTIONS)


class WhatGoesBack(Case):
    def test_rounds_of_connections_leave_little_behind(self):
        backend = self.started(HungBackend())
        proxy = self.started(Proxy(backend, limits=f'max_connections: {MOST_CONNECTIONS}'))
        idle = proxy.taken()
        for _ in range(4):
            client = self.flood(proxy, '/shop.Writes/Put', 1000, MOST_CONNECTIONS, MOST_CONNECTIONS)
            wait_until(lambda: backend.whole >= MOST_CONNECTIONS, 'all calls at the backend')
            backend.whole = 0
            client.close()
            wait_until(lambda: proxy.connections == 0, 'nobody there')
        wait_until(lambda: proxy.taken() < idle + 12 * MIB, 'what calls took has gone back')


if __name__ == '__main__':
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
