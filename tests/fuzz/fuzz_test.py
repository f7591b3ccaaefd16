"""What `./dev fuzz` says of targets that find something and of those that do not; shell scripts stand for them."""

import contextlib
import io
import os
import stat
import tempfile
import unittest
from unittest import mock

import fuzz

FINE = 'echo "stat::number_of_executed_units: 1234"'
CRASHED = '''echo "server/wire/message.cc:7:3: runtime error: shift exponent 64" >&2
echo "artifact; Test unit written to crashes/message-0a1b"
exit 77'''


class Fuzz(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.build = folder.name
        steady = mock.patch('fuzz.steady_addresses', return_value=[])  # scripts need none
        self.addCleanup(steady.stop)
        steady.start()
        os.makedirs(os.path.join(self.build, 'tests/fuzz'))

    def build_target(self, name, script):
        path = os.path.join(self.build, f'tests/fuzz/fuzz_{name}')
        with open(path, 'w', encoding='utf-8') as file:
            file.write(f'#!/bin/sh\n{script}\n')
        os.chmod(path, stat.S_IRWXU)
        return path

    def run_targets(self, *targets):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            failed = fuzz.fuzz(targets, self.build, 5)
        return failed, said.getvalue()

    def test_a_target_that_finds_nothing_is_a_line(self):
        self.build_target('message', FINE)
        self.assertEqual(self.run_targets('message'), (0, 'message              1234 runs in    5 s  ok\n'))

    def test_a_target_that_finds_something_says_what_and_how_to_see_it_again(self):
        program = self.build_target('message', CRASHED)
        failed, said = self.run_targets('message')
        self.assertEqual(failed, 1)
        self.assertIn('? runs in    5 s  FAILED: server/wire/message.cc:7:3: runtime error: shift exponent 64', said)
        self.assertIn(f'input: crashes/message-0a1b; again: {program} crashes/message-0a1b', said)

    def test_one_that_fails_ends_none_of_the_others(self):
        for name, script in (('message', CRASHED), ('request', FINE), ('store', FINE), ('config', 'exit 1')):
            self.build_target(name, script)
        failed, said = self.run_targets('message', 'request', 'store', 'config')
        self.assertEqual(failed, 2)
        self.assertEqual(said.count(' ok\n'), 2)
        self.assertIn('FAILED: status 1', said)


class Targets(unittest.TestCase):
    def test_every_target_has_a_source_and_a_corpus(self):
        self.assertGreaterEqual(len(fuzz.all_targets()), 12)
        for target in fuzz.all_targets():
            for path in (f'{target}_fuzz.cc', f'corpus/{target}'):
                self.assertTrue(os.path.exists(os.path.join(fuzz.HERE, path)), path)

    def test_a_target_that_is_not_there_is_a_mistake(self):
        for arguments, mistake in ((['mesage'], 'no target mesage; there are message '),
                                   (['--seconds=0'], '--seconds=0 is no number of seconds')):
            with self.subTest(arguments), contextlib.redirect_stderr(io.StringIO()) as said:
                self.assertRaises(SystemExit, fuzz.parse, arguments)
                self.assertIn(mistake, said.getvalue())


if __name__ == '__main__':
    unittest.main()
