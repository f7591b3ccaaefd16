"""hardening_test.py [PROGRAM…] [ARCHIVE.a…]: each PROGRAM has every protection, and each file in an ARCHIVE the mark for
shadow stacks; and of a small program without one, exactly that is missed."""

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
        self.imports = set(re.findall(r' UND (\w+)', said('readelf', '--dyn-syms', '-W', path)))


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


def stack_protector(elf):
    return '__stack_chk_fail' in elf.imports


def fortified(elf):
    return any(re.fullmatch(r'__\w+_chk', name) for name in elf.imports)


def shadow_stack(archive):
    """Each file in it is marked. A program is not under Debian 12, because what the C library starts it with is not."""
    notes = said('readelf', '-nW', archive)
    return 0 < notes.count('File: ') == notes.count('SHSTK')


CHECKS = [position_independent, full_relro, bind_now, no_executable_stack, nothing_written_and_executed, no_search_path,
          stack_protector, fortified]


def missing(path):
    if path.endswith('.a'):
        return [] if shadow_stack(path) else ['shadow_stack']
    elf = Elf(path)
    return [check.__name__ for check in CHECKS if not check(elf)]


# As cmake has them: SingleflightCompiler, SingleflightHardening.
FLAGS = ['-fPIE', '-pie', '-Wl,-z,relro', '-Wl,-z,now', '-Wl,-z,noexecstack', '-fstack-protector', '-U_FORTIFY_SOURCE',
         '-D_FORTIFY_SOURCE=2']

# A buffer on the stack, and a copy into it whose size nobody knows before it runs.
SMALL = '''
#include <string.h>
int main(int argc, char** argv) {
  char name[16];
  strcpy(name, argv[0]);
  return name[argc];
}
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
                ([], ['-Wl,-rpath,/somewhere'], 'no_search_path'),
                (['-fstack-protector'], ['-fno-stack-protector'], 'stack_protector'),
                (['-D_FORTIFY_SOURCE=2'], [], 'fortified')]:
            with self.subTest(missing=expected):
                self.assertEqual(self.missing_with(without, *instead), [expected])
        self.assertEqual(self.missing_with([], besides=WRITTEN_AND_EXECUTED), ['nothing_written_and_executed'])

    @unittest.skipUnless(os.uname().machine == 'x86_64', 'the mark is of x86-64')
    def test_a_file_without_its_mark_is_missed(self):
        def missing_in(*protections):
            with tempfile.TemporaryDirectory() as folder:
                objects = []
                for protection in protections:
                    objects.append(os.path.join(folder, f'{protection}.o'))
                    subprocess.run(['cc', '-x', 'c', '-c', '-o', objects[-1], '-', f'-fcf-protection={protection}'],
                                   input=SMALL, text=True, check=True)
                archive = os.path.join(folder, 'small.a')
                subprocess.run(['ar', 'rc', archive, *objects], check=True)
                return missing(archive)
        self.assertEqual(missing_in('return', 'full'), [])
        self.assertEqual(missing_in('return', 'none'), ['shadow_stack'])
        self.assertEqual(missing_in('none'), ['shadow_stack'])


if __name__ == '__main__':
    PROGRAMS = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
