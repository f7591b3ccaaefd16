"""Calls that hang on servers of other makers: their PINGs are answered, and no server ends the connection for them.

`pings_test.py --minutes=6` goes on until the PING that is due after five minutes.
"""

import os
import subprocess
import sys
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '../python'))

from etcd import Etcd, skip_where_there_is_none  # noqa: E402
from fixture import Backend, Caller, Proxy, grpc  # noqa: E402
from proxy import child, wait_until  # noqa: E402

MINUTES = float(next((argument.split('=')[1] for argument in sys.argv if argument.startswith('--minutes=')), 0))
sys.argv = [argument for argument in sys.argv if not argument.startswith('--minutes=')]

CONFIG = '''
listeners:
  - address: 127.0.0.1:0
upstreams:
  - name: backend
    target: {target}
    ping_after: 5s
routes:
  - match: {{method: /*}}
    upstream: backend
health: {{address: 127.0.0.1:0}}
'''

# Calls go on for as long as the test wants.
LONG = 60 * (MINUTES + 5)


def lock_request(lease):
    return b'\x0a\x04held\x10' + bytes([lease])  # v3lockpb.LockRequest: the name, the lease


def lease_request(lease):
    return b'\x08\x90\x1c\x10' + bytes([lease])  # etcdserverpb.LeaseGrantRequest: an hour, the lease


class Pings:
    """Two PINGs for one call that hangs, a third for a call that comes later: all that go out within five minutes."""

    METHOD = '/interop.v1.Echo/unary'
    REQUEST = b'hang'

    def pinged(self, proxy):
        return proxy.metric('upstream_pings_total')

    def test_no_server_ends_a_connection_for_its_pings(self):
        proxy = self.enterContext(Proxy(CONFIG.format(target=self.start_server())))
        caller = Caller(proxy.address)
        self.addCleanup(caller.close)
        calls = [self.hang(caller)]
        wait_until(lambda: self.pinged(proxy) >= 2, 'two PINGs')
        calls.append(self.hang(caller))
        wait_until(lambda: self.pinged(proxy) >= 3, 'a third PING, for the second call')
        if MINUTES > 0:
            pause, until = threading.Event(), time.monotonic() + 60 * MINUTES
            while time.monotonic() < until and not any(call.done() for call in calls):
                self.assertLess(self.pinged(proxy), 6)
                pause.wait(1)
            self.assertGreaterEqual(self.pinged(proxy), 4)
        answer = caller.call('unary_unary', b'', method='/interop.v1.Nobody/AtHome')  # behind the last PING
        self.assertEqual(answer.code, grpc.StatusCode.UNIMPLEMENTED)
        self.assertEqual([call.done() for call in calls], [False, False])
        self.assertEqual(proxy.metric('upstream_connects_total'), 1)
        self.assertEqual(proxy.metric('upstream_connections'), 1)
        self.assertEqual(proxy.metric('upstream_connections_silent_total'), 0)
        for call in calls:
            call.cancel()

    def hang(self, caller):
        return caller.start('unary_unary', self.REQUEST, method=self.METHOD, timeout=LONG)


class GrpcCore(Pings, unittest.TestCase):
    """gRPC's C++ core, with what it enforces by default."""

    METHOD = '/interop.v1.Echo/unary_unary'

    def start_server(self):
        backend = Backend()
        self.addCleanup(backend.stop)
        over = threading.Event()
        self.addCleanup(over.set)
        backend.on('unary_unary', lambda *_: over.wait(LONG))
        return backend.address


class GrpcGo(Pings, unittest.TestCase):
    """etcd, which is told to enforce what gRPC's servers in Go do by default: five minutes."""

    METHOD = '/v3lockpb.Lock/Lock'
    REQUEST = lock_request(8)

    def start_server(self):
        etcd = Etcd('--grpc-keepalive-min-time=5m')
        self.addCleanup(etcd.stop)
        direct = Caller('unix:' + etcd.socket)
        self.addCleanup(direct.close)
        for lease in (7, 8):
            direct.call('unary_unary', lease_request(lease), method='/etcdserverpb.Lease/LeaseGrant')
        direct.call('unary_unary', lock_request(7), method=self.METHOD)  # has the lock from now on
        return 'unix:' + etcd.socket


class GrpcJs(Pings, unittest.TestCase):
    """@grpc/grpc-js."""

    def start_server(self):
        server = child('node', os.path.join(HERE, '../node/hanging_server.mjs'), stdin=subprocess.PIPE,
                       stdout=subprocess.PIPE)
        self.addCleanup(server.wait)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.stdin.close)
        return server.stdout.readline().strip()


if __name__ == '__main__':
    skip_where_there_is_none()
    unittest.main()
