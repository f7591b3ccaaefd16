"""What makes a soak fail, and what does not."""

import unittest

import verdict

FAULT = verdict.Fault(('127.0.0.1:5', "upstream 'work'"), 10, 20)


def failure(**but):
    return {'kind': 'write', 'began': 12, 'ended': 13, 'code': 'UNAVAILABLE', 'details': 'no 127.0.0.1:5 there', **but}


class Explained(unittest.TestCase):
    def check(self, explained, **but):
        self.assertEqual(verdict.unexplained([failure(**but)], [FAULT]), [] if explained else [failure(**but)])

    def test_a_call_that_meets_the_fault_and_names_it_is_explained(self):
        self.check(True)
        self.check(True, began=5, ended=10.5)
        self.check(True, began=19.5, ended=25)
        self.check(True, details="upstream 'work': the connection was lost")

    def test_another_time_is_not(self):
        self.check(False, began=5, ended=9)
        self.check(False, began=21, ended=22)

    def test_another_status_is_not(self):
        self.check(False, code='INTERNAL')
        self.check(False, code='MISMATCH')

    def test_a_status_that_does_not_name_the_backend_is_not(self):
        self.check(False, details='unavailable')
        self.check(False, details=None)

    def test_failures_are_told_by_kind_with_the_first_of_each(self):
        failures = [failure(details='one'), failure(details='two'), failure(kind='chat', details='three')]
        self.assertEqual(verdict.failure_complaints(failures),
                         ['2 × write: UNAVAILABLE one', '1 × chat: UNAVAILABLE three'])


class Growth(unittest.TestCase):
    def trends(self, samples):
        flat = verdict.trend([(0, 5), (1, 5)])
        return {'memory': verdict.trend(samples), 'descriptors': flat}

    def test_what_goes_up_and_comes_down_is_flat(self):
        samples = [(second, (100 << 20) * (second % 2)) for second in range(100)]
        self.assertEqual(verdict.growth_complaints(self.trends(samples)), [])

    def test_what_goes_up_and_up_is_not(self):
        samples = [(second, 1e6 * second) for second in range(30)]
        self.assertEqual(len(verdict.growth_complaints(self.trends(samples))), 1)

    def test_a_slope_is_told_by_the_minute(self):
        self.assertAlmostEqual(verdict.trend([(0, 7.0), (10, 17.0), (20, 27.0)]).a_minute, 60)


if __name__ == '__main__':
    unittest.main()
