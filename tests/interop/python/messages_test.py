"""Messages at the edges: empty, large, compressed."""

import contextlib
import random
import socket
import threading
import unittest

from fixture import KINDS, Caller, Collapse, InteropTest, Proxy, config, echo, echo_each, grpc, requests

LARGE = random.Random(1).randbytes(5 << 20)
EVEN = b'a' * (1 << 20)  # a thousandth of it when compressed


class Tap:
    """Passes bytes between clients and a server, and counts them."""

    def __init__(self, server):
        self.to_server = self.to_client = 0
        host, port = server.rsplit(':', 1)
        self._server = (host, int(port))
        self._listener = socket.create_server(('127.0.0.1', 0))
        self.address = '127.0.0.1:%d' % self._listener.getsockname()[1]
        self._sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._sockets += [client, server]
                threading.Thread(target=self._pass, args=(client, server, 'to_server'), daemon=True).start()
                threading.Thread(target=self._pass, args=(server, client, 'to_client'), daemon=True).start()

    def _pass(self, source, sink, counter):
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 16):
                setattr(self, counter, getattr(self, counter) + len(piece))
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_WR)

    def close(self):
        for each in [self._listener, *self._sockets]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


class RelayRoute(InteropTest):
    def echoes(self):
        self.backend.on('unary_unary', echo)
        self.backend.on('unary_stream', lambda request, _: iter([request] * 2))
        self.backend.on('stream_unary', lambda received, _: b''.join(received))
        self.backend.on('stream_stream', echo_each)

    def test_empty_messages_are_messages(self):
        self.echoes()
        for kind, count in zip(KINDS, (1, 2, 1, 3)):
            with self.subTest(kind):
                outcome = self.same(lambda caller: caller.call(kind, requests(kind, b'', b'', b'')))
                self.assertEqual((outcome.code, outcome.messages), (grpc.StatusCode.OK, (b'',) * count))

    def test_messages_of_5_mib_pass_in_both_directions(self):
        self.echoes()
        for kind in KINDS:
            with self.subTest(kind):
                expected = self.direct.call(kind, requests(kind, LARGE, LARGE))
                outcome = self.proxied.call(kind, requests(kind, LARGE, LARGE))
                self.assertTrue(outcome == expected, 'the proxied call brought something else')  # no diff of 10 MiB
                self.assertEqual(outcome.code, grpc.StatusCode.OK)

    def test_a_large_reply_to_a_small_request(self):
        self.backend.on('unary_unary', lambda *_: LARGE)
        self.assertTrue(self.proxied.call('unary_unary', b'?').messages == (LARGE,))

    def test_many_small_messages_keep_their_order(self):
        self.backend.on('stream_stream', echo_each)
        numbers = tuple(b'%d' % number for number in range(2000))
        self.assertTrue(self.same(lambda caller: caller.call('stream_stream', iter(numbers))).messages == numbers)

    def test_compressed_messages_stay_compressed(self):
        for kind in KINDS:
            with self.subTest(kind):
                up, down = self.bytes_on_the_wire(kind, grpc.Compression.Gzip)
                self.assertLess(up, 64 << 10)
                self.assertLess(down, 64 << 10)

    def test_plain_messages_stay_plain(self):
        for kind in KINDS:
            with self.subTest(kind):
                up, down = self.bytes_on_the_wire(kind, grpc.Compression.NoCompression)
                self.assertGreater(up, len(EVEN))
                self.assertGreater(down, len(EVEN))

    def bytes_on_the_wire(self, kind, compression):
        """Between the proxy and the backend, of a call that sends EVEN and gets it back; both sides compress."""
        self.backend.on(kind, self.compressed_echo(kind, compression))
        expected = self.direct.call(kind, requests(kind, EVEN))
        tap = Tap(self.backend.address)
        with contextlib.closing(tap), Proxy(config(tap.address, self.ROUTE)) as proxy, \
                contextlib.closing(Caller(proxy.address, self.proxied.added, compression)) as caller:
            outcome = caller.call(kind, requests(kind, EVEN))
            proxy.settle()
        self.assertTrue(outcome == expected and outcome.messages == (EVEN,), 'the proxied call brought something else')
        return tap.to_server, tap.to_client

    @staticmethod
    def compressed_echo(kind, compression):
        def reply_to(received, context):
            context.set_compression(compression)
            return received if kind.startswith('unary') else next(received)

        def stream(received, context):
            yield reply_to(received, context)
        return reply_to if kind.endswith('_unary') else stream


class CollapseRoute(Collapse, RelayRoute):
    pass


if __name__ == '__main__':
    unittest.main()
