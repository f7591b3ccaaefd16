"""hardening_test.py [PROGRAM…]: each PROGRAM has every protection that the linker gives; and of a small program without one, exactly that is missed."""

import os
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAMS = []


def said(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


class Elf:
    """What binutils say of a program."""

    def __init__(self, path):
        self.header = said('readelf', '-hW', path)
        self.segments = said('readelf', '-lW', path)
        self.dynamic = said('readelf', '-dW', path)


def position_independent(elf):
    return bool(re.search(r'Type: +DYN', elf.header)) and bool(re.search(r'FLAGS_1.*PIE', elf.dynamic))


def full_relro(elf):
    return 'GNU_RELRO' in elf.segments


def bind_now(elf):
    return bool(re.search(r'BIND_NOW|Flags:.* NOW', elf.dynamic))


def no_executable_stack(elf):
    return bool(re.search(r'GNU_STACK .* RW +0x', elf.segments))


def nothing_written_and_executed(elf):
    return not re.search(r'LOAD .* RWE', elf.segments) and 'TEXTREL' not in elf.dynamic


def no_search_path(elf):
    return not re.search(r'RPATH|RUNPATH', elf.dynamic)


CHECKS = [position_independent, full_relro, bind_now, no_executable_stack, nothing_written_and_executed, no_search_path]


def missing(path):
    elf = Elf(path)
    return [check.__name__ for check in CHECKS if not check(elf)]


FLAGS = ['-fPIE', '-pie', '-Wl,-z,relro', '-Wl,-z,now', '-Wl,-z,noexecstack']

SMALL = '''
int main(void) { return 0; }
'''
WRITTEN_AND_EXECUTED = 'asm(".section .both,\\"awx\\",@progbits; .byte 0; .previous");'


class ProgramTest(unittest.TestCase):
    def test_every_program_has_every_protection(self):
        for path in PROGRAMS:
            with self.subTest(program=os.path.basename(path)):
                self.assertEqual(missing(path), [])


class CheckTest(unittest.TestCase):
    """The checks themselves, each seen failing."""

    def missing_with(self, without, *instead, besides=''):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, 'small')
            flags = [flag for flag in FLAGS if flag not in without]
            subprocess.run(['cc', '-x', 'c', '-O2', '-w', '-o', path, '-', *flags, *instead], input=SMALL + besides,
                           text=True, check=True)
            return missing(path)

    def test_nothing_is_missed_where_nothing_is_missing(self):
        self.assertEqual(self.missing_with([]), [])

    def test_what_is_missing_is_missed(self):
        for without, instead, expected in [
                (['-pie', '-fPIE'], ['-no-pie', '-fno-pie'], 'position_independent'),
                (['-Wl,-z,relro'], ['-Wl,-z,norelro'], 'full_relro'),
                (['-Wl,-z,now'], ['-Wl,-z,lazy'], 'bind_now'),
                (['-Wl,-z,noexecstack'], ['-Wl,-z,execstack'], 'no_executable_stack'),
                ([], ['-Wl,-rpath,/somewhere'], 'no_search_path')]:
            with self.subTest(missing=expected):
                self.assertEqual(self.missing_with(without, *instead), [expected])
        self.assertEqual(self.missing_with([], besides=WRITTEN_AND_EXECUTED), ['nothing_written_and_executed'])


if __name__ == '__main__':
    PROGRAMS = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
