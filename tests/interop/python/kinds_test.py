"""The four kinds of calls: messages, half-close, early endings."""

import queue
import threading
import unittest

from fixture import KINDS, Collapse, InteropTest, echo, echo_each, grpc, requests

class RelayRoute(InteropTest):
    def test_all_four_kinds_bring_their_messages(self):
        self.backend.on('unary_unary', echo)
        self.backend.on('unary_stream', lambda request, _: (request + b'%d' % i for i in range(5)))
        self.backend.on('stream_unary', lambda received, _: b'|'.join(received))
        self.backend.on('stream_stream', echo_each)
        expected = {'unary_unary': (b'a',), 'unary_stream': (b'a0', b'a1', b'a2', b'a3', b'a4'),
                    'stream_unary': (b'a|b|c',), 'stream_stream': (b'a', b'b', b'c')}
        for kind in KINDS:
            with self.subTest(kind):
                outcome = self.same(lambda caller: caller.call(kind, requests(kind, b'a', b'b', b'c')))
                self.assertEqual((outcome.code, outcome.messages), (grpc.StatusCode.OK, expected[kind]))

    def test_every_status_code_arrives_with_its_details(self):
        def refuse(request, context):
            context.set_code(list(grpc.StatusCode)[request[0]])
            context.set_details(f'détails of {request[0]}: 100 % "sure"\n')
            return b''
        self.backend.on('unary_unary', refuse)
        for number, code in enumerate(grpc.StatusCode):
            with self.subTest(code):
                outcome = self.same(lambda caller: caller.call('unary_unary', bytes([number])))
                self.assertEqual(outcome.code, code)

    def test_a_status_without_a_reply_arrives_on_every_kind(self):
        def refuse(_, context):
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, 'not today')
        for kind in KINDS:
            self.backend.on(kind, refuse)
            with self.subTest(kind):
                outcome = self.same(lambda caller: caller.call(kind, requests(kind, b'a')))
                self.assertEqual((outcome.code, outcome.details), (grpc.StatusCode.FAILED_PRECONDITION, 'not today'))

    def test_a_stream_without_messages_is_a_stream_without_messages(self):
        self.backend.on('stream_unary', lambda received, _: b'%d' % len(list(received)))
        self.backend.on('stream_stream', echo_each)
        self.backend.on('unary_stream', lambda *_: iter(()))
        self.assertEqual(self.same(lambda caller: caller.call('stream_unary', iter(()))).messages, (b'0',))
        self.assertEqual(self.same(lambda caller: caller.call('stream_stream', iter(()))).messages, ())
        self.assertEqual(self.same(lambda caller: caller.call('unary_stream', b'x')).messages, ())

    def test_a_stream_that_breaks_off_brings_what_came_before(self):
        def break_off(_, context):
            yield b'one'
            yield b'two'
            context.abort(grpc.StatusCode.DATA_LOSS, 'no more')
        self.backend.on('unary_stream', break_off)
        outcome = self.same(lambda caller: caller.call('unary_stream', b''))
        self.assertEqual((outcome.code, outcome.messages), (grpc.StatusCode.DATA_LOSS, (b'one', b'two')))

    def test_both_sides_of_a_stream_can_take_turns(self):
        self.backend.on('stream_stream', echo_each)

        def take_turns(caller):
            to_send = queue.Queue()
            call = caller.start('stream_stream', iter(to_send.get, None))
            for turn in range(20):
                to_send.put(b'turn %d' % turn)
                self.assertEqual(next(call), b'turn %d' % turn)
            to_send.put(None)
            return caller.outcome('stream_stream', call)
        self.assertEqual(self.same(take_turns).code, grpc.StatusCode.OK)

    def test_a_server_hears_the_half_close_and_answers_after_it(self):
        def answer_afterwards(received, _):
            count = sum(1 for _ in received)
            for number in range(count):
                yield b'%d' % number
        self.backend.on('stream_stream', answer_afterwards)
        outcome = self.same(lambda caller: caller.call('stream_stream', iter([b'x'] * 7)))
        self.assertEqual(outcome.messages, tuple(b'%d' % number for number in range(7)))

    def test_a_server_can_end_the_call_while_the_client_still_sends(self):
        def refuse_second(received, context):
            next(received)
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, 'one was enough')
        for kind in ('stream_unary', 'stream_stream'):
            self.backend.on(kind, refuse_second)
            with self.subTest(kind):
                outcome = self.same(lambda caller: self.call_that_never_half_closes(caller, kind))
                self.assertEqual((outcome.code, outcome.details),
                                 (grpc.StatusCode.RESOURCE_EXHAUSTED, 'one was enough'))

    def test_a_server_can_answer_while_the_client_still_sends(self):
        self.backend.on('stream_unary', lambda received, _: b'first: ' + next(received))
        outcome = self.same(lambda caller: self.call_that_never_half_closes(caller, 'stream_unary'))
        self.assertEqual((outcome.code, outcome.messages), (grpc.StatusCode.OK, (b'first: only',)))

    def call_that_never_half_closes(self, caller, kind):
        ended = threading.Event()

        def only_one():
            yield b'only'
            ended.wait()
        call = caller.start(kind, only_one())
        try:
            return caller.outcome(kind, call)
        finally:
            ended.set()


class CollapseRoute(Collapse, RelayRoute):
    pass


if __name__ == '__main__':
    unittest.main()
