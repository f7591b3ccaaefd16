"""deploy/packages.txt is the one list of packages: who names a list of it names one that is there, and packages.sh installs what
is missing and nothing else. Scripts stand for apt-get and dpkg-query.

packages_test.py REPOSITORY
"""

import os
import re
import stat
import subprocess
import sys
import tempfile
import unittest

REPOSITORY = os.path.abspath(sys.argv[1])
USERS = {
    'dev': r'\bneed ((?:[a-z]+ ?)+)',
    'Dockerfile': r'RUN deploy/packages\.sh ((?:[a-z]+ ?)+)',
    '.devcontainer/devcontainer.json': r'deploy/packages\.sh ((?:[a-z]+ ?)+)',
}


def text(path):
    with open(os.path.join(REPOSITORY, path), encoding='utf-8') as file:
        return file.read()


def lists():
    """{'lint': ['python3', …], …}"""
    found = {}
    for line in text('deploy/packages.txt').splitlines():
        name, *packages = line.split()[:0 if line.startswith('#') else None] or [None]
        if name:
            found.setdefault(name, []).extend(packages)
    return found


def named(path):
    return {name for match in re.findall(USERS[path], text(path)) for name in match.split()}


class Lists(unittest.TestCase):
    def test_whoever_names_a_list_names_one_that_is_there(self):
        for path in USERS:
            with self.subTest(path):
                self.assertTrue(named(path))
                self.assertEqual(named(path) - lists().keys(), set())

    def test_no_list_is_without_a_user(self):
        used = set.union(*map(named, USERS)) | {'perf'}  # which ./dev names on Debian only
        self.assertEqual(lists().keys() - used, set())

    def test_no_list_has_a_package_twice(self):
        for name, packages in lists().items():
            self.assertEqual(sorted(packages), sorted(set(packages)), name)


class Installing(unittest.TestCase):
    """In a copy of deploy/, on a machine where only `present` is installed."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.makedirs(os.path.join(self.folder, 'deploy'))
        os.makedirs(os.path.join(self.folder, 'bin'))
        for name in ('packages.sh', 'packages.txt'):
            self.write(f'deploy/{name}', text(f'deploy/{name}'))
        self.asked = os.path.join(self.folder, 'asked')
        self.write('bin/apt-get', f'#!/bin/sh\necho "$@" >>{self.asked}\n')
        self.write('bin/id', '#!/bin/sh\necho 0\n')
        self.present('')

    def write(self, path, content):
        path = os.path.join(self.folder, path)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(content)
        os.chmod(path, stat.S_IRWXU)

    def present(self, packages):
        self.write('bin/dpkg-query', '#!/bin/sh\nfor last; do :; done\n'
                                     f'case " {packages} " in *" $last "*) printf installed ;; *) exit 1 ;; esac\n')

    def install(self, *names):
        """What apt-get is asked to install, and how the script ended."""
        told = subprocess.run([os.path.join(self.folder, 'deploy/packages.sh'), *names], capture_output=True, text=True,
                              env={'PATH': os.path.join(self.folder, 'bin') + ':/usr/bin:/bin'}, check=False)
        if not os.path.exists(self.asked):
            return [], told
        with open(self.asked, encoding='utf-8') as file:
            return file.read().rpartition('--no-install-recommends ')[2].split(), told

    def test_what_is_missing_is_installed(self):
        self.present('ccache libgmock-dev')
        asked, told = self.install('build', 'image')
        self.assertEqual(asked, ['libgtest-dev', 'python3', 'ca-certificates'])
        self.assertEqual((told.returncode, told.stdout), (0, 'Installing libgtest-dev python3 ca-certificates\n'))

    def test_where_nothing_is_missing_nothing_is_asked(self):
        self.present(' '.join(lists()['proxy']))
        asked, told = self.install('proxy')
        self.assertEqual((asked, told.returncode, told.stdout), ([], 0, ''))

    def test_a_list_that_is_not_there_is_a_mistake(self):
        asked, told = self.install('proxi')
        self.assertEqual((asked, told.returncode), ([], 1))
        self.assertIn('no list proxi in deploy/packages.txt', told.stderr)

    def test_what_cannot_be_installed_is_said(self):
        self.write('bin/apt-get', '#!/bin/sh\necho "E: no such mirror"\nexit 100\n')
        _, told = self.install('image')
        self.assertEqual(told.returncode, 1)
        self.assertIn('E: no such mirror', told.stderr)


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1])
