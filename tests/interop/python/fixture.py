"""A gRPC backend whose methods the test writes, and callers that see it directly and through the proxy.

Messages are bytes and stay bytes: no generated code, no schema.
"""

import concurrent.futures
import os
import queue
import sys
import threading
import unittest
from typing import NamedTuple

try:
    import grpc
except ImportError:
    sys.exit('the Python module grpc is missing: install python3-grpcio (./dev test does)')

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from proxy import PATIENCE, Proxy, config  # pylint: disable=wrong-import-position

SERVICE = '/interop.v1.Echo/'
OPTIONS = [('grpc.max_receive_message_length', -1), ('grpc.max_send_message_length', -1),
           ('grpc.enable_http_proxy', 0), ('grpc.so_reuseport', 0)]


class Seen(NamedTuple):
    """A call as it came to the backend."""
    method: str
    metadata: tuple


class Backend(grpc.GenericRpcHandler):
    """A server on a free port (or at `address`) whose methods are set with `on`."""

    def __init__(self, address='127.0.0.1:0'):
        self._methods = {}
        self._seen = queue.Queue()
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=80), options=OPTIONS)
        self._server.add_generic_rpc_handlers((self,))
        port = self._server.add_insecure_port(address)
        self.address = address if address.startswith('unix:') else f'127.0.0.1:{port}'
        self._server.start()

    def on(self, kind, behaviour, prefix=''):
        """From now on /interop.v1.Echo/<kind> does this; kind is unary_unary, unary_stream, …"""
        self._methods[prefix + SERVICE + kind] = getattr(grpc, kind + '_rpc_method_handler')(behaviour)

    def service(self, handler_call_details):
        self._seen.put(Seen(handler_call_details.method, tuple(map(tuple, handler_call_details.invocation_metadata))))
        return self._methods.get(handler_call_details.method)

    def seen_so_far(self):
        """The calls since this was asked last."""
        return [self._seen.get() for _ in range(self._seen.qsize())]

    def forget(self):
        self._methods.clear()
        self._seen = queue.Queue()

    def stop(self):
        self._server.stop(grace=None).wait()

    close = stop


class Outcome(NamedTuple):
    """All that a caller gets to know of its call."""
    code: grpc.StatusCode
    details: str
    messages: tuple
    initial: tuple
    trailing: tuple


# What may be added on collapse routes, and nowhere else.
ADDED_TO_REPLIES = ('age', 'cache-status')
ADDED_TO_REQUESTS = ('singleflight-chain',)


def without(names, metadata):
    return tuple((name, value) for name, value in metadata or () if name not in names)


class Caller:
    """A client of the backend, directly or through a proxy."""

    def __init__(self, address, added=(), compression=None, options=()):
        self.channel = grpc.insecure_channel(address, options=[*OPTIONS, *options], compression=compression)
        self.added = added

    def start(self, kind, request, method=None, **options):
        """The call, begun: a future where there is one reply, an iterator where there are many."""
        call = getattr(self.channel, kind)(method or SERVICE + kind)
        options.setdefault('timeout', PATIENCE)
        return (call.future if kind.endswith('_unary') else call)(request, **options)

    def call(self, kind, request, **options):
        """The call's Outcome."""
        return self.outcome(kind, self.start(kind, request, **options))

    def outcome(self, kind, call):
        """Waits for the end of a call that was started."""
        messages = []
        try:
            if kind.endswith('_unary'):
                messages.append(call.result())
            else:
                messages.extend(call)
        except (grpc.RpcError, grpc.FutureCancelledError):
            pass
        return Outcome(call.code(), call.details(), tuple(messages), self._metadata(call.initial_metadata()),
                       self._metadata(call.trailing_metadata()))

    def _metadata(self, metadata):
        return without(self.added, metadata)

    def close(self):
        self.channel.close()


class InteropTest(unittest.TestCase):
    """Every test meets one backend twice: `direct` and `proxied`. ROUTE is the route's YAML."""

    ROUTE = ''
    COLLAPSES = False

    @classmethod
    def setUpClass(cls):
        cls.backend = Backend()
        cls.addClassCleanup(cls.backend.stop)
        cls.proxy = Proxy(config(cls.backend.address, cls.ROUTE))
        cls.addClassCleanup(cls.proxy.stop)
        cls.direct = Caller(cls.backend.address)
        cls.proxied = Caller(cls.proxy.address, ADDED_TO_REPLIES if cls.COLLAPSES else ())
        cls.addClassCleanup(cls.proxied.close)
        cls.addClassCleanup(cls.direct.close)

    def setUp(self):
        self.maxDiff = None
        self.backend.forget()

    def tearDown(self):
        self.proxy.settle()

    def same(self, calling):
        """Lets `calling(caller)` run directly and through the proxy. What it returns and what the backend sees of it
        must be the same; the former is returned."""
        expected, expected_seen = calling(self.direct), self.backend.seen_so_far()
        self.assertEqual(calling(self.proxied), expected)
        added = ADDED_TO_REQUESTS if self.COLLAPSES else ()
        seen = [call._replace(metadata=without(added, call.metadata)) for call in self.backend.seen_so_far()]
        self.assertEqual(seen, expected_seen)
        return expected


class Collapse:
    """Mixed into a test case: the same tests on a route for everything that collapses."""

    FLIGHT_TIMEOUT = 50  # seconds; longer than any test, as is the time to join
    ROUTE = 'collapse: {flight_timeout: 50s, max_join_age: 50s}'
    COLLAPSES = True


class Held:
    """Behaviours that begin and then wait: until the call is over, as the backend sees it, or until `let_go`."""

    def __init__(self, reply=b'held'):
        self.begun = queue.Queue()  # one entry per call
        self.ended = queue.Queue()  # one entry per call
        self._reply = reply
        self._change = threading.Condition()
        self._may_go = False

    def unary(self, _, context):
        self._wait(self._begin(context))
        return self._reply

    def stream(self, _, context):
        over = self._begin(context)  # before the client can know of the call and end it
        yield self._reply
        self._wait(over)

    def _begin(self, context):
        over = []
        if not context.add_callback(lambda: self._note_end(over)):
            self._note_end(over)
        self.begun.put(True)
        return over

    def _wait(self, over):
        with self._change:
            self._change.wait_for(lambda: over or self._may_go, PATIENCE)

    def _note_end(self, over):
        with self._change:
            over.append(True)
            self._change.notify_all()
        self.ended.put(True)

    def behaviour(self, kind):
        return self.unary if kind.endswith('_unary') else self.stream

    def let_go(self):
        with self._change:
            self._may_go = True
            self._change.notify_all()


def echo(request, _):
    return request


def echo_each(requests, _):
    yield from requests


KINDS = ('unary_unary', 'unary_stream', 'stream_unary', 'stream_stream')


def requests(kind, *messages):
    """What a call of this kind sends: all of them, or the one."""
    return iter(messages) if kind.startswith('stream') else messages[0]
