"""What is found in a small file, and that each of its mutants does what it says. Exit status 77: no libclang for Python."""

import os
import subprocess
import sys
import tempfile
import unittest
from types import SimpleNamespace

try:
    import clang.cindex  # pylint: disable=unused-import
except ImportError:
    print('no libclang for Python here: apt-get install python3-clang')
    sys.exit(77)

import mutate
import run
import sites
from mutants import Mutant
from schemata import instrumented

SOURCE = '''\
#include <algorithm>
#include <cstdio>
#include <mutex>
#define ASSERT(condition) if (!(condition)) return
constexpr bool Small(int a) { return a < 10; }
static_assert(Small(3) && !Small(30));
template <typename T>
int Between(T low, T x, T high) { return low < x && x <= high ? 1 : 0; }
struct Money {
  int cents;
  friend bool operator==(const Money& a, const Money& b) { return a.cents == b.cents; }
};
struct Mutex : std::mutex {};
struct MutexLock {
  explicit MutexLock(Mutex& mutex) : mutex(mutex) { mutex.lock(); }
  ~MutexLock() { mutex.unlock(); }
  Mutex& mutex;
};
Mutex mu;
void Say(bool first, const char* text) {
  ASSERT(text != nullptr);
  if (first || text[0] == 'x') std::puts(text);
}
int main() {
  MutexLock lock(mu);
  std::printf("%d%d%d\\n", Between(1, 1, 3), Between(1, 2, 3), Between(1, 3, 3));
  std::printf("%d\\n", std::min(2, 7));
  std::printf("%d%d\\n", Money{1} == Money{1}, Money{1} != Money{2});
  const bool yes = true;
  if (yes) Say(yes, "yes");
  Say(false, "no");
}
'''
AS_WRITTEN = '011\n2\n11\nyes\n'

# By kind and line, what the program says with the mutant.
EXPECTED = {
    ('inverted', 8, 'low < x → not that'): '100\n2\n11\nyes\n',
    ('boundary', 8, 'low < x → low <= x'): '111\n2\n11\nyes\n',
    ('removed', 8, 'low < x → (not there; &&)'): '111\n2\n11\nyes\n',
    ('inverted', 8, 'x <= high → not that'): '000\n2\n11\nyes\n',
    ('boundary', 8, 'x <= high → x < high'): '010\n2\n11\nyes\n',
    ('removed', 8, 'x <= high → (not there; &&)'): '011\n2\n11\nyes\n',
    ('inverted', 11, 'a.cents == b.cents → not that'): '011\n2\n00\nyes\n',
    ('removed', 22, 'first → (not there; ||)'): '011\n2\n11\n',
    ('removed', 22, "text[0] == 'x' → (not there; ||)"): '011\n2\n11\nyes\n',
    ('inverted', 22, "text[0] == 'x' → not that"): '011\n2\n11\nyes\nno\n',
    ('unlocked', 25, 'MutexLock lock(mu) → no lock'): AS_WRITTEN,
    ('bound', 27, 'std::min(2, 7) → 2'): AS_WRITTEN,
    ('bound', 27, 'std::min(2, 7) → 7'): '011\n7\n11\nyes\n',
    ('inverted', 28, 'Money{1} == Money{1} → not that'): '011\n2\n01\nyes\n',
    ('inverted', 28, 'Money{1} != Money{2} → not that'): '011\n2\n10\nyes\n',
    ('inverted', 30, 'yes → not that'): '011\n2\n11\n',
}


class MutationTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix='mutation-')
        cls.addClassCleanup(folder.cleanup)
        path = os.path.join(folder.name, 'small.cc')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(SOURCE)
        cls.found = sites.find('small.cc', folder.name)
        with open(path, 'wb') as file:
            file.write(instrumented(SOURCE.encode(), cls.found.sites, 1))
        cls.program = os.path.join(folder.name, 'small')
        subprocess.run(['g++', '-std=c++20', '-w', f'-I{sites.TOP}', path, '-o', cls.program], check=True)

    def says(self, mutant):
        return subprocess.run([self.program], env={**os.environ, 'SINGLEFLIGHT_MUTANT': str(mutant)}, capture_output=True,
                              text=True, check=False).stdout

    def test_every_place_is_found_once(self):
        found = [(site.kind, site.line, site.text) for site in self.found.sites]
        self.assertEqual(len(found), len(set(found)))
        self.assertEqual(set(found), set(EXPECTED))
        self.assertEqual(self.found.unread, [])

    def test_constant_expressions_and_macros_are_left_out_and_counted(self):
        self.assertEqual(self.found.constant, 4)  # a comparison, inverted and at its boundary; two operands
        self.assertGreaterEqual(self.found.in_macros, 1)

    def test_the_program_says_the_same_without_a_mutant(self):
        self.assertEqual(self.says(0), AS_WRITTEN)

    def test_each_mutant_does_what_it_says(self):
        for number, site in enumerate(self.found.sites, start=1):
            with self.subTest(site):
                self.assertEqual(self.says(number), EXPECTED[site.kind, site.line, site.text])

    def test_what_is_reached_is_told(self):
        with tempfile.NamedTemporaryFile() as file:
            file.truncate(len(self.found.sites) + 1)
            subprocess.run([self.program], env={**os.environ, 'SINGLEFLIGHT_MUTANT_REACHED': file.name}, check=True,
                           stdout=subprocess.DEVNULL)
            reached = [number for number, byte in enumerate(file.read()) if byte]
        # An operand is asked about only where the other one does not decide.
        undecided = [number for number, site in enumerate(self.found.sites, start=1)
                     if site.kind != 'removed' or EXPECTED[site.kind, site.line, site.text] != AS_WRITTEN]
        self.assertEqual(reached, undecided)


class JudgingTest(unittest.TestCase):
    @staticmethod
    def of(*seconds):
        return [run.Test('p', f'T{i}', s, frozenset()) for i, s in enumerate(seconds)]

    def test_fast_tests_come_first_and_batches_grow(self):
        batches = [[test.name for test in batch] for batch in run.batches(self.of(0.2, 0.2, 0.2, 0.5, 0.6, 9))]
        self.assertEqual(batches, [['T0', 'T1'], ['T2', 'T3'], ['T4'], ['T5']])

    def test_a_mutant_gets_ten_minutes_of_tests(self):
        batches = list(run.batches(self.of(*[250] * 10)))
        self.assertEqual(sum(len(batch) for batch in batches), 3)

    def test_the_table_counts_by_room(self):
        site = sites.Site('inverted', 0, 1, 7, (), 'a → not that')
        results = [run.Result(Mutant(i, room, 'x.cc', site), verdict) for i, (room, verdict) in enumerate(
            [('model', 'killed'), ('model', 'timeout'), ('model', 'survived'), ('model', 'not reached'), ('lib', 'killed')])]
        table = {row['room']: row for row in mutate.rows(results)}
        self.assertEqual(table['model']['killed'], 2)
        self.assertEqual(table['model']['rate'], 0.5)
        self.assertEqual(table['lib']['rate'], 1)
        self.assertEqual(results[2].mutant.shown(), 'x.cc:7: inverted: a → not that')

    def test_locks_are_mutants_of_their_own(self):
        mutants = [Mutant(i, 'lib', f'{i}.h', SimpleNamespace(kind=kind)) for i, kind in enumerate(['unlocked', 'inverted'])]
        self.assertEqual(mutate.chosen(mutants, SimpleNamespace(locks=True, only=None)), mutants[:1])
        self.assertEqual(mutate.chosen(mutants, SimpleNamespace(locks=False, only=['1'])), mutants[1:])


if __name__ == '__main__':
    unittest.main()
