"""gRPC's interoperability cases from Python: every case by plaintext and by TLS, on routes that relay, collapse and
cache. Names and numbers are the public description's."""

import contextlib
import os
import queue
import sys
import time
import unittest

from test_server import PATIENCE, Wire, World, grpc

sys.path.insert(0, os.environ.get('SINGLEFLIGHT_INTEROP_PROTO', ''))
import test_pb2 as pb  # noqa: E402  pylint: disable=wrong-import-position,import-error

ROUTES = {'Relay': '', 'Collapse': 'collapse: true', 'Cache': 'collapse: true\n    cache: {ttl: 1h}'}
GZIP = grpc.Compression.Gzip
REQUEST_SIZES = (27182, 8, 1828, 45904)
REPLY_SIZES = (31415, 9, 2653, 58979)
METADATA = (('x-grpc-test-echo-initial', 'test_initial_metadata_value'), ('x-grpc-test-echo-trailing-bin', b'\xab' * 3))
KINDS = {'EmptyCall': 'unary_unary', 'UnaryCall': 'unary_unary', 'CacheableUnaryCall': 'unary_unary',
         'UnimplementedCall': 'unary_unary', 'StreamingOutputCall': 'unary_stream',
         'StreamingInputCall': 'stream_unary', 'FullDuplexCall': 'stream_stream'}
REPLIES = {'EmptyCall': pb.Empty, 'UnimplementedCall': pb.Empty, 'StreamingOutputCall': pb.StreamingOutputCallResponse,
           'StreamingInputCall': pb.StreamingInputCallResponse, 'FullDuplexCall': pb.StreamingOutputCallResponse}


def zeros(size):
    return pb.Payload(body=bytes(size))


def large_request(**more):
    return pb.SimpleRequest(response_size=314159, payload=zeros(271828), **more)


def asking_for(reply_size, request_size):
    return pb.StreamingOutputCallRequest(response_parameters=[pb.ResponseParameters(size=reply_size)],
                                         payload=zeros(request_size))


def said(value):
    return pb.BoolValue(value=value)


class Open:
    """The requests of a stream that its test sends one by one."""

    def __init__(self):

        self._queue = queue.Queue()
        self.send = self._queue.put

    def __iter__(self):
        return iter(self._queue.get, None)

    def end(self):
        self.send(None)


class Cases:
    """Mixed into one class for each transport and kind of route, which has TLS and ROUTE."""

    @classmethod
    def setUpClass(cls):
        cls.world = World(cls.TLS, ROUTES[cls.ROUTE])
        cls.addClassCleanup(cls.world.stop)
        cls.channel = cls.world.channel()
        cls.addClassCleanup(cls.channel.close)

    def tearDown(self):
        self.world.proxy.settle()

    def method(self, name, channel=None, service='TestService'):
        return getattr(channel or self.channel, KINDS[name])(
            f'/grpc.testing.{service}/{name}', request_serializer=lambda message: message.SerializeToString(),
            response_deserializer=REPLIES.get(name, pb.SimpleResponse).FromString)

    def call(self, name, request, channel=None, **options):
        return self.method(name, channel)(request, **{'timeout': PATIENCE, **options})

    def large(self, request, channel=None, **options):
        """A call of UnaryCall whose reply is 314159 bytes, all zero."""
        reply = self.call('UnaryCall', request, channel, **options)
        self.assertEqual(reply.payload.body, bytes(314159))

    def fails(self, code, call):
        """What `call` raises has that code; its message is returned."""
        with self.assertRaises(grpc.RpcError) as raised:
            call()
        self.assertEqual(raised.exception.code(), code, raised.exception.details())
        return raised.exception.details()

    def test_empty_unary(self):
        self.assertEqual(self.call('EmptyCall', pb.Empty()).ByteSize(), 0)

    def test_large_unary(self):
        self.large(large_request())

    def test_client_streaming(self):
        requests = (pb.StreamingInputCallRequest(payload=zeros(size)) for size in REQUEST_SIZES)
        self.assertEqual(self.call('StreamingInputCall', requests).aggregated_payload_size, 74922)

    def test_server_streaming(self):
        request = pb.StreamingOutputCallRequest(
            response_parameters=[pb.ResponseParameters(size=size) for size in REPLY_SIZES])
        bodies = [reply.payload.body for reply in self.call('StreamingOutputCall', request)]
        self.assertEqual(bodies, [bytes(size) for size in REPLY_SIZES])

    def test_ping_pong(self):
        requests = Open()
        replies = self.call('FullDuplexCall', iter(requests))
        for reply_size, request_size in zip(REPLY_SIZES, REQUEST_SIZES):
            requests.send(asking_for(reply_size, request_size))
            self.assertEqual(next(replies).payload.body, bytes(reply_size))
        requests.end()
        self.assertEqual(list(replies), [])
        self.assertEqual(replies.code(), grpc.StatusCode.OK)

    def test_empty_stream(self):
        replies = self.call('FullDuplexCall', iter(()))
        self.assertEqual(list(replies), [])
        self.assertEqual(replies.code(), grpc.StatusCode.OK)

    def test_cancel_after_begin(self):
        requests = Open()
        call = self.method('StreamingInputCall').future(iter(requests), timeout=PATIENCE)
        call.cancel()
        requests.end()
        self.assertEqual(call.code(), grpc.StatusCode.CANCELLED)

    def test_cancel_after_first_response(self):
        requests = Open()
        replies = self.call('FullDuplexCall', iter(requests))
        requests.send(asking_for(31415, 27182))
        self.assertEqual(len(next(replies).payload.body), 31415)
        replies.cancel()
        requests.end()
        self.assertEqual(replies.code(), grpc.StatusCode.CANCELLED)

    def test_timeout_on_sleeping_server(self):
        requests = Open()
        requests.send(pb.StreamingOutputCallRequest(payload=zeros(27182)))
        self.fails(grpc.StatusCode.DEADLINE_EXCEEDED,
                   lambda: list(self.call('FullDuplexCall', iter(requests), timeout=0.001)))
        requests.end()

    def echoed(self, call):
        self.assertIn(METADATA[0], [tuple(field) for field in call.initial_metadata()])
        self.assertIn(METADATA[1], [tuple(field) for field in call.trailing_metadata()])

    def test_custom_metadata(self):
        reply, call = self.method('UnaryCall').with_call(large_request(), metadata=METADATA, timeout=PATIENCE)
        self.assertEqual(len(reply.payload.body), 314159)
        self.echoed(call)
        replies = self.call('FullDuplexCall', iter([asking_for(314159, 271828)]), metadata=METADATA)
        self.assertEqual([len(reply.payload.body) for reply in replies], [314159])
        self.echoed(replies)

    def test_status_code_and_message(self):
        status = pb.EchoStatus(code=2, message='test status message')
        for name, request in (('UnaryCall', pb.SimpleRequest(response_status=status)),
                              ('FullDuplexCall', iter([pb.StreamingOutputCallRequest(response_status=status)]))):
            message = self.fails(grpc.StatusCode.UNKNOWN, lambda: list(self.call(name, request)))  # pylint: disable=W0640
            self.assertEqual(message, 'test status message')

    def test_special_status_message(self):
        message = '\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n'
        request = pb.SimpleRequest(response_status=pb.EchoStatus(code=2, message=message))
        self.assertEqual(self.fails(grpc.StatusCode.UNKNOWN, lambda: self.call('UnaryCall', request)), message)

    def test_unimplemented_method(self):
        self.fails(grpc.StatusCode.UNIMPLEMENTED, lambda: self.call('UnimplementedCall', pb.Empty()))

    def test_unimplemented_service(self):
        call = self.method('UnimplementedCall', service='UnimplementedService')
        self.fails(grpc.StatusCode.UNIMPLEMENTED, lambda: call(pb.Empty(), timeout=PATIENCE))

    def test_client_compressed_unary(self):
        compressed = large_request(expect_compressed=said(True))
        self.fails(grpc.StatusCode.INVALID_ARGUMENT, lambda: self.large(compressed))
        self.large(compressed, compression=GZIP)
        self.large(large_request(expect_compressed=said(False)))

    def test_client_compressed_streaming(self):
        # Compression is for a whole call in Python. gRPC leaves a message as it is that would not become shorter.
        compressed = pb.StreamingInputCallRequest(payload=zeros(27182), expect_compressed=said(True))
        plain = pb.StreamingInputCallRequest(payload=pb.Payload(body=os.urandom(45904)), expect_compressed=said(False))
        self.fails(grpc.StatusCode.INVALID_ARGUMENT, lambda: self.call('StreamingInputCall', iter([compressed])))
        reply = self.call('StreamingInputCall', iter([compressed, plain]), compression=GZIP)
        self.assertEqual(reply.aggregated_payload_size, 73086)

    @contextlib.contextmanager
    def counted(self):
        """A wire to the proxy, and a channel on it."""
        with Wire(self.world.proxy.address) as wire, self.world.channel(wire.address) as channel:
            self.call('EmptyCall', pb.Empty(), channel)  # connects
            wire.take_received()
            yield wire, channel

    def test_server_compressed_unary(self):
        with self.counted() as (wire, channel):
            self.large(large_request(response_compressed=said(True)), channel)
            self.assertLess(wire.take_received(), 10000)
            self.large(large_request(response_compressed=said(False)), channel)
            self.assertGreater(wire.take_received(), 314159)

    def test_server_compressed_streaming(self):
        request = pb.StreamingOutputCallRequest(response_parameters=[
            pb.ResponseParameters(size=31415, compressed=said(True)),
            pb.ResponseParameters(size=92653, compressed=said(False))])
        with self.counted() as (wire, channel):
            bodies = [reply.payload.body for reply in self.call('StreamingOutputCall', request, channel)]
            received = wire.take_received()
        self.assertEqual(bodies, [bytes(31415), bytes(92653)])
        self.assertGreater(received, 92653)
        self.assertLess(received, 92653 + 10000)

    def test_cacheable_unary(self):
        # The proxy takes POST only, as gRPC has it; "cacheable" is what the server's cache-control says.
        request = pb.SimpleRequest(payload=pb.Payload(body=str(time.time_ns()).encode()))
        bodies, roles = [], []
        for _ in range(2):
            reply, call = self.method('CacheableUnaryCall').with_call(
                request, metadata=(('x-user-ip', '1.2.3.4'),), timeout=PATIENCE)
            bodies.append(reply.payload.body)
            roles.append(dict(call.initial_metadata()).get('cache-status', ''))
            self.assertEqual(dict(call.initial_metadata())['cache-control'], 'max-age=60, public')
        if self.ROUTE == 'Cache':
            self.assertEqual(bodies[1], bodies[0])
            self.assertIn('; hit', roles[1])
        else:
            self.assertNotEqual(bodies[1], bodies[0])

    # Of large_unary, one after the other. The threshold of failures is none.
    def test_rpc_soak(self):
        for _ in range(200):
            self.large(large_request())

    def test_channel_soak(self):
        for _ in range(50):
            with self.world.channel() as channel:
                self.large(large_request(), channel)


for transport in ('Plaintext', 'Tls'):
    for route in ROUTES:
        globals()[transport + route] = type(transport + route, (Cases, unittest.TestCase),
                                            {'TLS': transport == 'Tls', 'ROUTE': route})

if __name__ == '__main__':
    unittest.main(verbosity=2)
