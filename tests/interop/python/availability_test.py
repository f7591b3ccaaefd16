"""Calls that nobody serves, backends and proxies that are not there yet, Unix sockets."""

import contextlib
import os
import tempfile
import unittest

from fixture import PATIENCE, SERVICE, Backend, Caller, Collapse, InteropTest, Proxy, config, echo, grpc
from proxy import wait_until


class RelayRoute(InteropTest):
    def setUp(self):
        super().setUp()
        folder = tempfile.TemporaryDirectory(prefix='interop-')
        self.addCleanup(folder.cleanup)
        self.socket = 'unix:' + os.path.join(folder.name, 'socket')

    def start(self, what):
        return self.enterContext(what)

    def caller(self, address):
        return self.enterContext(contextlib.closing(Caller(address)))

    def backend_at(self, address):
        backend = self.enterContext(contextlib.closing(Backend(address)))
        backend.on('unary_unary', echo)
        return backend

    def test_a_method_that_the_backend_does_not_have(self):
        outcome = self.same(lambda caller: caller.call('unary_unary', b'', method='/interop.v1.Nobody/AtHome'))
        self.assertEqual(outcome.code, grpc.StatusCode.UNIMPLEMENTED)

    def test_a_call_that_no_route_takes(self):
        proxy = self.start(Proxy(config(self.backend.address, self.ROUTE, method=SERVICE + '*')))
        outcome = self.caller(proxy.address).call('unary_unary', b'', method='/interop.v1.Elsewhere/Get')
        self.assertEqual(outcome.code, grpc.StatusCode.UNIMPLEMENTED)
        self.assertIn('/interop.v1.Elsewhere/Get', outcome.details)
        self.assertIn('no route', outcome.details)
        self.assertEqual(self.backend.seen_so_far(), [])

    def test_a_prefix_is_part_of_the_methods_name(self):
        self.backend.on('unary_unary', echo, prefix='/api/v2')
        proxy = self.start(Proxy(config(self.backend.address, self.ROUTE, method='/api/v2' + SERVICE + '*')))
        caller = self.caller(proxy.address)
        outcome = caller.call('unary_unary', b'x', method='/api/v2' + SERVICE + 'unary_unary')
        self.assertEqual(outcome.messages, (b'x',), outcome.details)
        self.assertEqual(caller.call('unary_unary', b'x').code, grpc.StatusCode.UNIMPLEMENTED)

    def test_a_backend_that_is_not_there_yet_is_found_once_it_is(self):
        proxy = self.start(Proxy(config(self.socket, self.ROUTE)))
        caller = self.caller(proxy.address)
        outcome = caller.call('unary_unary', b'early')
        self.assertEqual(outcome.code, grpc.StatusCode.UNAVAILABLE)
        self.assertIn('backend', outcome.details)  # the upstream's name
        self.backend_at(self.socket)
        wait_until(lambda: caller.call('unary_unary', b'x').code is grpc.StatusCode.OK, 'a call that succeeds')

    def test_a_backend_that_went_away_is_found_when_it_is_back(self):
        first = Backend(self.socket)
        first.on('unary_unary', echo)
        caller = self.caller(self.start(Proxy(config(self.socket, self.ROUTE))).address)
        self.assertEqual(caller.call('unary_unary', b'x').code, grpc.StatusCode.OK)
        first.stop()
        wait_until(lambda: caller.call('unary_unary', b'x').code is grpc.StatusCode.UNAVAILABLE, 'a call that fails')
        self.backend_at(self.socket)
        wait_until(lambda: caller.call('unary_unary', b'x').code is grpc.StatusCode.OK, 'a call that succeeds')

    def test_a_client_can_wait_for_a_proxy_that_is_not_there_yet(self):
        self.backend.on('unary_unary', echo)
        caller = self.caller(self.socket)
        call = caller.start('unary_unary', b'patient', wait_for_ready=True)
        impatient = caller.call('unary_unary', b'impatient')
        self.assertEqual(impatient.code, grpc.StatusCode.UNAVAILABLE)
        self.start(Proxy(config(self.backend.address, self.ROUTE, listener=self.socket)))
        self.assertEqual(call.result(timeout=PATIENCE), b'patient')

    def test_unix_sockets_on_both_sides(self):
        backend = self.backend_at(self.socket)
        listener = self.socket + '-of-proxy'
        proxy = self.start(Proxy(config(backend.address, self.ROUTE, listener=listener)))
        self.assertEqual(proxy.address, listener)
        self.assertEqual(self.caller(listener).call('unary_unary', b'x').messages, (b'x',))

    def test_whatever_a_client_on_a_unix_socket_calls_its_server(self):
        self.backend.on('unary_unary', echo)
        self.start(Proxy(config(self.backend.address, self.ROUTE, listener=self.socket)))
        names = [[], *([('grpc.default_authority', name)] for name in
                       (self.socket.removeprefix('unix:'), '@abstract', 'me@shop', '%2Frun%2Fproxy.sock'))]
        for options in names:
            with self.subTest(options), contextlib.closing(Caller(self.socket, options=options)) as caller:
                outcome = caller.call('unary_unary', b'x')
                self.assertEqual(outcome.messages, (b'x',), outcome.details)


class CollapseRoute(Collapse, RelayRoute):
    pass


if __name__ == '__main__':
    unittest.main()
