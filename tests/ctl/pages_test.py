"""The man pages and docs/singleflightctl.md name the commands and options that the programs have; roff finds no fault.

pages_test.py TOP PROGRAMS, where PROGRAMS is the folder of singleflightctl and singleflight-proxy.
"""

import os
import re
import subprocess
import sys
import unittest

TOP, PROGRAMS = sys.argv[1:3]
# The proxy under test may be another than the build's (SINGLEFLIGHT_PROXY), but its pages are of these sources.
PAGES = ('singleflightctl', 'singleflight-proxy')


def read(path):
    with open(os.path.join(TOP, path), encoding='utf-8') as file:
        return file.read()


def says(program, *arguments):
    return subprocess.run([os.path.join(PROGRAMS, program), *arguments], capture_output=True, text=True, check=True).stdout


def options(text):
    return set(re.findall(r'(?<![\w-])--[a-z][a-z-]+', text))


def shown(page):
    """The page as a reader sees it."""
    return read(f'deploy/man/{page}.1').replace('\\-', '-').replace('\\fB', '').replace('\\fR', '').replace('\\fI', '')


class Pages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.help = says('singleflightctl', 'help')
        section = re.search(r'^commands\n(.*?)\n\n', cls.help, re.M | re.S)[1]
        cls.commands = re.findall(r'^  ([a-z-]+)', section, re.M)
        cls.all_options = options(cls.help).union(*(options(says('singleflightctl', 'help', c)) for c in cls.commands))

    def test_there_are_commands(self):
        self.assertGreater(len(self.commands), 10)

    def test_roff_finds_no_fault(self):
        for page in PAGES:
            path = os.path.join(TOP, f'deploy/man/{page}.1')
            ran = subprocess.run(['groff', '-man', '-ww', '-z', '-Tutf8', path], capture_output=True, text=True, check=True)
            self.assertEqual(ran.stderr, '')

    def test_the_man_page_has_every_command_and_option(self):
        page = shown('singleflightctl')
        self.assertEqual(options(page) - {'--name'} - options(says('singleflight-proxy', '--help')) - self.all_options, set())
        self.assertEqual(self.all_options - options(page), set())
        for command in self.commands:
            self.assertRegex(page, rf'\.TP\n(\.B )?{command}\b')

    def test_the_proxys_man_page_has_every_option(self):
        self.assertEqual(options(shown('singleflight-proxy')), options(says('singleflight-proxy', '--help')))

    def test_the_document_has_every_command_and_option(self):
        page = read('docs/singleflightctl.md')
        self.assertEqual(self.all_options - options(page), set())
        for command in self.commands:
            self.assertIn(f'`{command}', page)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
