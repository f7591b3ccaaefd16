"""What lib/README.md shows is a part of programs that are built and run, and its figures are those of the run it names."""

import glob
import os
import re
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def read(path):
    with open(os.path.join(TOP, path), encoding='utf-8') as file:
        return file.read()


def flat(text):
    """Without the line breaks and the indentation."""
    return ' '.join(text.split())


README = read('lib/README.md')

# ctest runs each of these: the examples, and what builds against the installed library.
PROGRAMS = {
    'cpp': [flat(read(path)) for path in glob.glob(os.path.join(TOP, 'lib/examples/*.cc'))],
    'cmake': [flat(read(path)) for path in glob.glob(os.path.join(TOP, 'tests/lib/consumer/*/CMakeLists.txt'))],
}


def rows(heading):
    """The cells of the tables under a heading, without the heads of the tables."""
    section = re.search(rf'^## {heading}\n(.*?)(?=^## |\Z)', README, re.M | re.S)[1]
    lines = [line for line in section.splitlines() if line.startswith('|')]
    return [[cell.strip() for cell in line.strip('|').split('|')] for line in lines[2:]]


class Readme(unittest.TestCase):
    def test_every_block_is_a_part_of_a_program(self):
        blocks = re.findall(r'^```(\w+)\n(.*?)^```', README, re.M | re.S)
        self.assertTrue({'cpp', 'cmake'} <= {language for language, _ in blocks})
        for language, block in blocks:
            with self.subTest(block=block):
                self.assertTrue(any(flat(block) in program for program in PROGRAMS[language]), block)

    def test_the_code_beside_that_of_go_is_a_part_of_a_program(self):
        beside = [code for row in rows('Coming from Go') for code in re.findall(r'`([^`]+)`', row[2])]
        self.assertGreater(len(beside), 6)
        for code in beside:
            with self.subTest(code=code):
                words = {'RecursiveCall'}  # named, and shown by tests of the library
                self.assertTrue(code in words or any(flat(code) in program for program in PROGRAMS['cpp']), code)

    def test_the_figures_are_those_of_the_run_that_is_named(self):
        results = re.search(r'\]\(\.\./(tests/bench/results/[^)]+)\)', README)[1]
        measured = [flat(line) for line in read(results).splitlines() if line.startswith('| library |')]
        table = rows('What it costs')
        self.assertEqual(len(table), 4)
        for what, here, there, times in table:
            with self.subTest(what=what):
                self.assertTrue(any(f'| {times} |' in line and f'| {here} | {there} |' in line for line in measured))

    def test_the_install_test_runs_the_command_with_pkg_config(self):
        command = re.search(r'`g\+\+ -std=c\+\+20 main\.cc \$\((.*?)\)`', README)[1]
        self.assertIn(f'run({command})', read('tests/lib/install_test.cmake'))


if __name__ == '__main__':
    unittest.main()
