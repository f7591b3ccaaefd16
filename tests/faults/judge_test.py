"""Which ends of calls fail a run, that a seed repeats its faults, and where the relay cuts."""

import os
import unittest

import judge
import link
import plan
import starvation


def report(ends=(), **but):
    return {'calls': 10, 'failed': 0, 'mismatched': 0, 'longest_us': 1e6, 'ends': list(ends), **but}


class Ends(unittest.TestCase):
    def complaints(self, *ends, **but):
        return judge.complaints_of('relay', report(ends, **but), 1.0)

    def test_a_backend_that_is_away_and_a_deadline_are_right(self):
        self.assertEqual(self.complaints([14, 'the connection was lost', 3], [4, 'the deadline passed', 1]), [])

    def test_a_bound_has_to_name_itself(self):
        self.assertEqual(self.complaints([8, 'more than 5 calls wait (upstreams[].max_pending_calls)', 2]), [])
        self.assertEqual(len(self.complaints([8, 'too much', 2])), 1)

    def test_internal_is_right_only_for_what_the_backend_reset(self):
        self.assertEqual(self.complaints([13, 'reset with INTERNAL_ERROR', 2],
                                         [13, "upstream 'a': it reset the stream with INTERNAL_ERROR", 2]), [])
        self.assertEqual(len(self.complaints([13, 'reset with PROTOCOL_ERROR', 2])), 1)

    def test_no_end_other_bytes_and_lateness_are_wrong(self):
        self.assertEqual(len(self.complaints([-1, 'not ended in time', 1])), 1)
        self.assertEqual(len(self.complaints([2, 'no grpc-status', 1])), 1)
        self.assertEqual(len(self.complaints(mismatched=1)), 1)
        self.assertEqual(len(self.complaints(longest_us=(1.1 + judge.SLACK) * 1e6)), 1)
        self.assertEqual(len(self.complaints(calls=0)), 1)

    def test_what_the_machine_held_up_is_not_the_proxys(self):
        late = report(longest_us=(1.5 + judge.SLACK) * 1e6)
        self.assertEqual(judge.complaints_of('relay', late, 1.0, starved=0.5), [])
        self.assertEqual(len(judge.complaints_of('relay', late, 1.0, starved=0.4)), 1)


class Starved(unittest.TestCase):
    def test_the_thread_that_waited_most_within_a_while_counts(self):
        of = starvation.Starvation(0)
        for second in range(100):
            of.take({'1': 0.1 * second, '2': 0.5 if second > 50 else 0.0})
        self.assertAlmostEqual(of.most, 0.1 * starvation.WINDOW)

    def test_this_process_has_a_figure(self):
        self.assertGreaterEqual(min(starvation.waited(os.getpid()).values()), 0)


PAGE = '''
singleflight_calls_by_role_total{route="a",role="leader",reason=""} 10
singleflight_calls_by_role_total{route="b",role="relay",reason=""} 20
singleflight_calls_by_role_total{route="b",role="hit",reason=""} 70
singleflight_waiters_released_total{route="a",reason="large"} 2
singleflight_upstream_calls_resent_total{upstream="x"} 16
'''


class Figures(unittest.TestCase):
    def test_amplification_counts_what_was_sent_for_what_had_to_be(self):
        figures = judge.upstream_figures(PAGE, 48)
        self.assertEqual((figures['wanted'], figures['sent_again'], figures['saved']), (32, 16, 70))
        self.assertAlmostEqual(figures['amplification'], 1.5)


class Left(unittest.TestCase):
    def test_gauges_that_are_not_zero_are_left(self):
        self.assertEqual(judge.in_the_air('singleflight_flights{upstream="x"} 2\nsingleflight_waiters 0\n'), {'flights': 2})

    def test_a_breaker_counts_no_connection_that_is_not_there(self):
        page = ('singleflight_upstream_breaker_used{upstream="x",bound="connections"} 3\n'
                'singleflight_upstream_connections{upstream="x"} 2\n')
        self.assertEqual(judge.in_the_air(page), {'breaker.connections too many': 1})
        self.assertEqual(judge.in_the_air(page.replace(' 2', ' 3')), {})


class Plan(unittest.TestCase):
    def test_a_seed_repeats_its_faults_and_another_does_not(self):
        self.assertEqual(plan.steps(1, 20), plan.steps(1, 20))
        self.assertNotEqual(plan.steps(1, 20), plan.steps(2, 20))

    def test_twenty_seconds_have_every_kind(self):
        self.assertEqual({step.kind for step in plan.steps(1, 20)}, {*plan.RELAY, *plan.BACKEND, *plan.NAMES})

    def test_one_fault_at_a_time_at_each_endpoint_and_all_in_time(self):
        over = {}
        for step in plan.steps(3, 60):
            self.assertGreater(step.at, over.get(step.endpoint, 0))
            over[step.endpoint] = step.at + step.seconds
        self.assertLess(max(over.values()), 60)


class Cutting(unittest.TestCase):
    def test_frames_are_found_however_the_bytes_come(self):
        stream = b'preface.' + bytes([0, 0, 3, 0, 0, 0, 0, 0, 1]) + b'abc' + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
        for size in range(1, len(stream) + 1):
            frames = link.Frames(8)
            got = [part for at in range(0, len(stream), size) for part in frames.cut(stream[at:at + size])]
            self.assertEqual(b''.join(piece for _, piece in got), stream)
            self.assertEqual([header[3] for header, _ in got if header], [0, 4])


if __name__ == '__main__':
    unittest.main()
