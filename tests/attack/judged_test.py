"""What makes `./dev attack` fail, and what does not."""

import unittest

import attack

KIND = 'rapid-reset'
COUNTED = {attack.COUNTED_AS[KIND]: 3}
HARM = {'connections': 4, 'ended_by_peer': 3, 'bytes': 1 << 20}
GOOD = {'calls': 1000, 'failed': 0, 'mismatched': 0, 'p50_us': 200.0, 'p99_us': 900.0}


def complaints(quiet=None, attacked=None, peak=20 << 20, grown=None):
    return attack.judged(KIND, {**GOOD, **(quiet or {})}, {**GOOD, **(attacked or {})}, HARM, peak,
                         dict(COUNTED if grown is None else grown)).complaints


class Judged(unittest.TestCase):
    def test_a_flood_that_is_counted_and_harms_nobody_passes(self):
        self.assertEqual(complaints(), [])

    def test_an_honest_call_that_fails_is_told_with_its_reason(self):
        failed = complaints(attacked={'failed': 1, 'first_complaint': 'status 14'})
        self.assertEqual(failed, ['1 of 1,000 honest calls went wrong while attacked: status 14'])

    def test_a_wrong_reply_is_told_even_before_the_flood(self):
        wrong = complaints(quiet={'mismatched': 2, 'first_complaint': 'other bytes'})
        self.assertEqual(wrong, ['2 of 1,000 honest calls went wrong while quiet: other bytes'])

    def test_memory_has_a_bound(self):
        self.assertEqual(complaints(peak=300 << 20), ['the proxy took 300 MiB, more than 256 MiB'])

    def test_a_flood_that_nothing_counts_is_told(self):
        self.assertEqual(complaints(grown={'calls_total': 5}), [f'{attack.COUNTED_AS[KIND]} did not count it'])

    def test_slow_calls_alone_do_not_fail(self):
        self.assertEqual(complaints(attacked={'p99_us': 1e6}), [])

    def test_the_table_has_a_cell_for_every_column(self):
        result = attack.judged(KIND, GOOD, GOOD, HARM, 20 << 20, dict(COUNTED))
        self.assertEqual(len(attack.cells(result)), len(attack.COLUMNS))


if __name__ == '__main__':
    unittest.main()
