"""Linearizable reads of etcd stay so where the proxy shares them with `join: before_start`: a reader that begins after
a write has returned never sees the older value. Without it the same steps do show it, so the check can fail.
Exit status 77: no etcd or no gRPC for Python here."""

import collections
import itertools
import os
import socket
import sys
import tempfile
import threading
import unittest

from etcd import PATIENCE, Etcd, Proxy, skip_where_there_is_none, wait_until

try:
    import grpc
except ImportError:
    print('skipped: gRPC for Python missing (package python3-grpcio)')
    sys.exit(77)

WRITES = 400
READERS = 6

CONFIG = '''
listeners:
  - address: 127.0.0.1:0
upstreams:
  - name: reads
    target: unix:{gate}
  - name: etcd
    target: unix:{etcd}
routes:
  - match: {{method: /etcdserverpb.KV/Range}}
    upstream: reads
    collapse: {{join: {join}}}
  - match: {{method: /*}}
    upstream: etcd
threads: 2
health: {{address: 127.0.0.1:0}}
'''


class Gate:
    """Stands between the proxy and etcd, and can hold back what etcd says."""

    def __init__(self, path, etcd):
        self._etcd = etcd
        self.changed = threading.Condition()
        self.closed = False
        self._lines = []
        self._server = socket.socket(socket.AF_UNIX)
        self._server.bind(path)
        self._server.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def hold(self):
        with self.changed:
            self.closed = True

    def release(self):
        with self.changed:
            self.closed = False
            self.changed.notify_all()

    def holds(self, text):
        with self.changed:
            return any(text in data for line in self._lines for data in line.held)

    def end(self):
        self.release()
        for line in self._lines:
            line.end()
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _accept(self):
        while True:
            try:
                proxy, _ = self._server.accept()
            except OSError:
                return
            etcd = socket.socket(socket.AF_UNIX)
            etcd.connect(self._etcd)
            with self.changed:
                self._lines.append(Line(self, proxy, etcd))


class Line:
    """One connection through the gate."""

    def __init__(self, gate, proxy, etcd):
        self._gate, self._proxy, self._etcd = gate, proxy, etcd
        self.held = collections.deque()  # what etcd said and the proxy has not heard; empty bytes are the end
        self._threads = [threading.Thread(target=run, daemon=True) for run in (self._ask, self._hear, self._say)]
        for thread in self._threads:
            thread.start()

    def end(self):
        for connection in (self._proxy, self._etcd):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it has gone
        for thread in self._threads:
            thread.join(PATIENCE)
        self._proxy.close()
        self._etcd.close()

    @staticmethod
    def _heard(connection):
        try:
            return connection.recv(65536)
        except OSError:
            return b''

    @staticmethod
    def _said(connection, data):
        try:
            connection.sendall(data) if data else connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has gone

    def _ask(self):
        while data := self._heard(self._proxy):
            self._said(self._etcd, data)
        self._said(self._etcd, b'')

    def _hear(self):
        data = b'begin'
        while data:
            data = self._heard(self._etcd)
            with self._gate.changed:
                self.held.append(data)
                self._gate.changed.notify_all()

    def _say(self):
        data = b'begin'
        while data:
            with self._gate.changed:
                self._gate.changed.wait_for(lambda: self.held and not self._gate.closed)
                data = self.held.popleft()
            self._said(self._proxy, data)


def field(number, value):
    """A field of a protobuf message, whose value is bytes."""
    return bytes([number << 3 | 2, len(value)]) + value


def fields(message):
    """Numbers and values of a message's fields."""
    at = 0

    def varint():
        nonlocal at
        value = 0
        for shift in itertools.count(0, 7):
            byte = message[at]
            at += 1
            value |= (byte & 0x7f) << shift
            if byte < 0x80:
                return value

    while at < len(message):
        tag = varint()
        value = varint()
        if tag & 7 == 2:
            value, at = message[at:at + value], at + value
        yield tag >> 3, value


def value_of(reply):
    """RangeResponse.kvs[0].value."""
    return dict(fields(dict(fields(reply))[2]))[5]


class EtcdReadsTest(unittest.TestCase):
    def serve(self, join):
        folder = self.enterContext(tempfile.TemporaryDirectory(prefix='interop-'))
        etcd = Etcd()
        self.addCleanup(etcd.stop)
        path = os.path.join(folder, 'gate')
        self.gate = Gate(path, etcd.socket)
        self.addCleanup(self.gate.end)
        self.proxy = self.enterContext(Proxy(CONFIG.format(join=join, gate=path, etcd=etcd.socket)))
        apart = [('grpc.use_local_subchannel_pool', 1)]  # connections of their own, so on both workers
        self.clients = [self.enterContext(grpc.insecure_channel(self.proxy.address, apart))
                        for _ in range(READERS + 1)]

    def put(self, value):
        call = self.clients[0].unary_unary('/etcdserverpb.KV/Put')
        call(field(1, b'popular') + field(2, value), timeout=PATIENCE)

    def read(self, client):
        """A future of the value."""
        return self.clients[client].unary_unary('/etcdserverpb.KV/Range').future(field(1, b'popular'), timeout=PATIENCE)

    def read_across_a_write(self):
        """What two readers see: one whose read etcd has answered before a write, one that begins after the write."""
        self.put(b'the older value')
        self.read(0).result()
        self.gate.hold()
        early = self.read(0)
        wait_until(lambda: self.gate.holds(b'the older value'), 'the reply to the first read')
        self.put(b'the newer value')
        late = self.read(1)
        self.proxy.wait_for('waiters', 2)
        self.gate.release()
        return value_of(early.result()), value_of(late.result())

    def test_a_reader_that_begins_after_a_write_sees_it(self):
        self.serve('before_start')
        self.assertEqual(self.read_across_a_write(), (b'the older value', b'the newer value'))
        self.assertEqual(self.proxy.metric('flights_gathered_total', reason='turn'), 1)
        self.proxy.settle()

    def test_without_it_the_same_reader_sees_the_older_value(self):
        self.serve('in_flight')
        self.assertEqual(self.read_across_a_write(), (b'the older value', b'the older value'))
        self.proxy.settle()

    def test_no_reader_sees_less_than_was_written_when_it_began(self):
        self.serve(os.environ.get('SINGLEFLIGHT_ETCD_JOIN', 'before_start'))
        written = [0]
        self.put(b'0')
        late = []

        def read(client):
            while written[0] < WRITES:
                before = written[0]
                seen = int(value_of(self.read(client).result()))
                if seen < before:
                    late.append((before, seen))

        readers = [threading.Thread(target=read, args=(client + 1,)) for client in range(READERS)]
        for reader in readers:
            reader.start()
        try:
            for number in range(1, WRITES + 1):
                self.put(str(number).encode())
                written[0] = number
                self.assertEqual(int(value_of(self.read(0).result())), number)
        finally:
            written[0] = WRITES
            for reader in readers:
                reader.join()
        self.assertEqual(late, [])
        self.proxy.settle()
        shared = self.proxy.metric('calls_by_role_total', route='/etcdserverpb.KV/Range', role='follower')
        self.assertGreater(shared, 0)


if __name__ == '__main__':
    skip_where_there_is_none()
    unittest.main()
