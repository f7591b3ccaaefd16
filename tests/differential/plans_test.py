"""The same seed and number make the same plan, and what is drawn is of every sort that the clients know."""

import collections
import unittest

import plans

MANY = 1000


class Plans(unittest.TestCase):
    def setUp(self):
        self.drawn = [plans.plan(7, number).split('\t') for number in range(MANY)]

    def share(self, holds):
        return sum(map(holds, self.drawn)) / MANY

    def test_a_seed_makes_the_same_plans_again(self):
        self.assertEqual(['\t'.join(parts) for parts in self.drawn], [plans.plan(7, number) for number in range(MANY)])
        self.assertNotEqual(plans.plan(8, 0), plans.plan(7, 0))

    def test_every_kind_and_every_way_to_end_is_drawn(self):
        kinds = collections.Counter(parts[1] for parts in self.drawn)
        self.assertEqual(set(kinds), {'unary', 'server', 'client', 'bidi'})
        self.assertGreater(min(kinds.values()), MANY / 10)
        for at, least in ((4, 0.01), (6, 0.005)):  # in turn; a deadline that passes
            self.assertGreater(self.share(lambda parts: parts[at] == '1'), least)  # pylint: disable=W0640
        self.assertGreater(self.share(lambda parts: parts[5] != '-1'), 0.005)  # cancelled
        ends = collections.Counter(parts[9].split(' ')[-1].split(':')[0] for parts in self.drawn)
        self.assertEqual(set(ends), {f's{code}' for code in range(17)})

    def test_one_request_where_the_kind_has_one(self):
        for parts in self.drawn:
            if parts[1] in ('unary', 'server'):
                self.assertEqual(len(parts[7].split(',')), 1)

    def test_compressed_and_large_messages_and_repeated_fields_are_drawn(self):
        self.assertGreater(self.share(lambda parts: parts[2] != '0'), 0.3)
        self.assertGreater(self.share(lambda parts: any(int(message.split(':')[0]) > 100000
                                                        for message in parts[7].split(',') if message)), 0.01)
        names = [[field.split('=')[0] for field in parts[8].split(',')] for parts in self.drawn]
        self.assertGreater(sum(len(set(these)) < len(these) for these in names), MANY / 20)


if __name__ == '__main__':
    unittest.main()
