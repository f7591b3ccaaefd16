"""Who ends a call, and when: deadlines and cancellation, by the client and by the server."""

import queue
import unittest

from fixture import KINDS, PATIENCE, Collapse, Held, InteropTest, grpc, requests

ROUNDING = 1  # seconds that a client may add when it writes a deadline on the wire


class RelayRoute(InteropTest):
    def time_that_the_server_has(self, caller, timeout):
        left = []

        def look(_, context):
            left.append(context.time_remaining())
            return b''
        self.backend.on('unary_unary', look)
        self.assertEqual(caller.call('unary_unary', b'', timeout=timeout).code, grpc.StatusCode.OK)
        return left[0]

    def test_the_server_sees_what_is_left_of_the_deadline(self):
        for caller in (self.direct, self.proxied):
            left = self.time_that_the_server_has(caller, PATIENCE)
            self.assertLess(left, PATIENCE + ROUNDING)
            self.assertGreater(left, 0)

    def test_a_call_without_a_deadline_has_none_at_the_server(self):
        self.assertEqual(self.time_that_the_server_has(self.proxied, None),
                         self.time_that_the_server_has(self.direct, None))

    def test_a_deadline_that_passes_ends_the_call_on_both_sides(self):
        begun = []
        for kind in KINDS:
            held = Held()
            self.backend.on(kind, held.behaviour(kind))
            begun += [(kind, held, caller, caller.start(kind, requests(kind, b'x'), timeout=3))
                      for caller in (self.direct, self.proxied)]
        for kind, held, caller, call in begun:
            self.assertEqual(caller.outcome(kind, call).code, grpc.StatusCode.DEADLINE_EXCEEDED, kind)
            held.ended.get(timeout=PATIENCE)

    def test_a_client_that_cancels_ends_the_call_at_the_server(self):
        for kind in KINDS:
            with self.subTest(kind):
                outcome = self.same(lambda caller: self.cancel_once_begun(kind, caller))
                self.assertEqual((outcome.code, outcome.messages), (grpc.StatusCode.CANCELLED, ()))

    def cancel_once_begun(self, kind, caller):
        held = Held()
        self.backend.on(kind, held.behaviour(kind))
        call = caller.start(kind, requests(kind, b'x'))
        held.begun.get(timeout=PATIENCE)
        if not kind.endswith('_unary'):
            next(call)
        call.cancel()
        outcome = caller.outcome(kind, call)
        held.ended.get(timeout=PATIENCE)
        return outcome._replace(initial=())  # whether it came before the cancellation is left to chance

    def test_a_client_that_cancels_while_it_still_sends_ends_the_call_at_the_server(self):
        def cancel_while_sending(caller):
            held = Held()
            self.backend.on('stream_stream', held.stream)
            to_send = queue.Queue()
            to_send.put(b'only')
            call = caller.start('stream_stream', iter(to_send.get, None))
            next(call)
            call.cancel()
            held.ended.get(timeout=PATIENCE)
            to_send.put(None)
            return call.code()
        self.assertEqual(self.same(cancel_while_sending), grpc.StatusCode.CANCELLED)

    def test_a_server_can_cancel(self):
        def cancel(_, context):
            context.cancel()
            return b''
        self.backend.on('unary_unary', cancel)
        self.assertEqual(self.same(lambda caller: caller.call('unary_unary', b'').code), grpc.StatusCode.CANCELLED)


class CollapseRoute(Collapse, RelayRoute):
    def test_a_call_without_a_deadline_has_none_at_the_server(self):
        """It has the flight's."""
        left = self.time_that_the_server_has(self.proxied, None)
        self.assertGreater(left, 0)
        self.assertLess(left, self.FLIGHT_TIMEOUT + ROUNDING)

    def test_the_deadline_of_one_caller_is_not_the_flights(self):
        self.assertGreater(self.time_that_the_server_has(self.proxied, 5), 5)


if __name__ == '__main__':
    unittest.main()
