"""Checks that the tests which CASES.md names are there, and that it names every test of the files rfc*_test.cc."""

import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def tests_in(pattern):
    found = set()
    for path in glob.glob(os.path.join(HERE, pattern)):
        with open(path, encoding='utf-8') as file:
            found |= {f'{suite}.{name}' for suite, name in re.findall(r'^TEST(?:_[FP])?\((\w+),\s+(\w+)\)', file.read(), re.M)}
    return found


def main():
    with open(os.path.join(HERE, 'CASES.md'), encoding='utf-8') as file:
        named = set(re.findall(r'`(\w+\.[A-Z]\w+)`', file.read()))
    everywhere = tests_in('../*/*_test.cc')
    of_these_files = tests_in('rfc*_test.cc')
    if len(named) < 80 or len(of_these_files) < 40:
        print(f'only {len(named)} tests named and {len(of_these_files)} found: the patterns are wrong')
        return 1
    findings = [f'{test}: CASES.md names it, and there is none' for test in sorted(named - everywhere)]
    findings += [f'{test}: CASES.md does not name it' for test in sorted(of_these_files - named)]
    print(*findings, f'{len(named)} tests named, {len(findings)} findings', sep='\n')
    return 1 if findings else 0


if __name__ == '__main__':
    sys.exit(main())
