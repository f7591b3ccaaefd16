"""Who shares a call and who does not, seen by real callers."""

import unittest

from fixture import PATIENCE, Collapse, Held, InteropTest, grpc

HERD = 50


class HerdTest(InteropTest):
    def begin(self, held, each=lambda number: {}):
        """Fifty calls that are all on their way; `each(number)` gives the options of one."""
        self.backend.on('unary_unary', held.unary)
        return [self.proxied.start('unary_unary', b'id-7', **each(number)) for number in range(HERD)]

    def upstream_calls(self, each):
        """How many the backend sees of fifty that are aboard at the same time."""
        held = Held()
        calls = self.begin(held, each)
        self.all_aboard()
        held.let_go()
        for call in calls:
            self.assertEqual(call.result(), b'held')
        return len(self.backend.seen_so_far())

    def all_aboard(self):
        raise NotImplementedError


class RelayRoute(HerdTest):
    def all_aboard(self):
        self.proxy.wait_for('upstream_calls_active', HERD)

    def test_fifty_identical_calls_are_fifty_calls(self):
        self.assertEqual(self.upstream_calls(lambda _: {}), HERD)


class CollapseRoute(Collapse, HerdTest):
    def all_aboard(self):
        self.proxy.wait_for('waiters', HERD)

    def test_fifty_identical_calls_are_one(self):
        self.assertEqual(self.upstream_calls(lambda _: {}), 1)

    def test_callers_with_different_credentials_do_not_meet(self):
        self.assertEqual(self.upstream_calls(
            lambda number: {'metadata': (('authorization', f'Bearer {number % 2}'),)}), 2)

    def test_each_credential_gets_its_own_reply(self):
        def who(_, context):
            return dict(context.invocation_metadata())['authorization'].encode()
        self.backend.on('unary_unary', who)
        calls = [self.proxied.start('unary_unary', b'', metadata=(('authorization', f'Bearer {number % 5}'),))
                 for number in range(HERD)]
        for number, call in enumerate(calls):
            self.assertEqual(call.result(), b'Bearer %d' % (number % 5))

    def test_callers_with_different_traces_meet(self):
        self.assertEqual(self.upstream_calls(
            lambda number: {'metadata': (('traceparent', f'00-{number + 1:032x}-{number + 1:016x}-01'),)}), 1)

    def test_callers_with_different_deadlines_meet(self):
        self.assertEqual(self.upstream_calls(lambda number: {'timeout': PATIENCE + number}), 1)

    def test_callers_with_different_unknown_metadata_do_not_meet(self):
        self.assertEqual(self.upstream_calls(lambda number: {'metadata': (('x-shard', str(number % 3)),)}), 3)

    def test_callers_with_different_values_of_bin_metadata_do_not_meet(self):
        self.assertEqual(self.upstream_calls(lambda number: {'metadata': (('x-shard-bin', bytes([number % 4])),)}), 4)

    def test_everyone_gets_the_whole_reply(self):
        held = Held(b'shared reply')

        def rich(request, context):
            context.send_initial_metadata((('x-initial', '1'), ('x-initial', '2')))
            context.set_trailing_metadata((('x-trailing-bin', b'\0\xff'), ('grpc-status-details-bin', b'\1\2')))
            context.set_code(grpc.StatusCode.OUT_OF_RANGE)
            context.set_details('so far and no further')
            return held.unary(request, context)
        self.backend.on('unary_unary', rich)
        calls = [self.proxied.start('unary_unary', b'id-7') for _ in range(HERD)]
        self.all_aboard()
        held.let_go()
        expected = self.direct.call('unary_unary', b'id-7')
        for call in calls:
            self.assertEqual(self.proxied.outcome('unary_unary', call), expected)
        self.assertEqual(expected.code, grpc.StatusCode.OUT_OF_RANGE)

    def test_the_first_caller_may_leave(self):
        held = Held()
        self.backend.on('unary_unary', held.unary)
        first = self.proxied.start('unary_unary', b'id-7')
        held.begun.get(timeout=PATIENCE)
        others = [self.proxied.start('unary_unary', b'id-7') for _ in range(HERD)]
        self.proxy.wait_for('waiters', HERD + 1)
        first.cancel()
        self.proxy.wait_for('waiters', HERD)
        held.let_go()
        self.assertEqual({call.result() for call in others}, {b'held'})
        self.assertEqual(len(self.backend.seen_so_far()), 1)

    def test_when_all_have_left_the_server_sees_the_cancellation(self):
        held = Held()
        calls = self.begin(held)
        self.all_aboard()
        held.begun.get(timeout=PATIENCE)
        for call in calls:
            call.cancel()
        held.ended.get(timeout=PATIENCE)
        self.assertEqual(len(self.backend.seen_so_far()), 1)


del HerdTest  # it has no tests of its own


if __name__ == '__main__':
    unittest.main()
