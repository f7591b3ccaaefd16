"""Subjects that are too long are found on a branch and refused by the hook; what cannot be looked at is said."""

import contextlib
import io
import os
import subprocess
import tempfile
import unittest

import subjects

HOOKS = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../.githooks')
FITS = 'core: ' + 66 * 'a'
TOO_LONG = FITS + 'b'


def told(check, *arguments):
    """The status, and what was printed."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(out):
        status = check(*arguments)
    return status, out.getvalue()


class Repository(unittest.TestCase):
    """A branch that begins with the commit `first`."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.top = os.path.join(folder.name, 'original')
        self.clone = os.path.join(folder.name, 'clone')
        os.mkdir(self.top)
        self.git('init', '-q')
        self.commit('What came before the rule, however long its subject may have been in those days, is left')
        self.first = self.git('rev-parse', 'HEAD').stdout.strip()

    def git(self, *arguments, check=True):
        environment = {name: value for name, value in os.environ.items() if not name.startswith('GIT_')}
        return subprocess.run(['git', '-c', 'user.name=a', '-c', 'user.email=a@example.com', '-C', self.top, *arguments],
                              capture_output=True, text=True, check=check, env=environment)

    def commit(self, message, *options, check=True):
        return self.git(*options, 'commit', '-q', '--allow-empty', '-m', message, check=check)


class Branch(Repository):
    def test_a_subject_that_is_too_long_is_found(self):
        self.commit(FITS)
        self.commit(TOO_LONG)
        status, said = told(subjects.check_branch, self.top, self.first)
        self.assertEqual(status, 1)
        self.assertIn(f': 73 characters, and 72 is the most for a subject: {TOO_LONG}\n2 subjects, 1 findings\n', said)

    def test_subjects_that_fit_pass(self):
        self.commit(FITS)
        self.commit('core: ' + 66 * 'ü' + '\n\n' + 100 * 'a')
        self.assertEqual(told(subjects.check_branch, self.top, self.first), (0, '2 subjects, 0 findings\n'))

    def test_what_git_writes_may_be_longer(self):
        self.commit(f'Revert "{FITS}"')
        self.commit(f'fixup! {FITS}')
        self.assertEqual(told(subjects.check_branch, self.top, self.first)[0], 0)

    def test_a_shallow_clone_says_that_nothing_was_looked_at(self):
        self.commit(TOO_LONG)
        self.git('clone', '-q', '--depth=1', f'file://{self.top}', self.clone)
        status, said = told(subjects.check_branch, self.clone, self.first)
        self.assertEqual(status, 0)
        self.assertIn('not looked at', said)

    def test_an_archive_says_that_nothing_was_looked_at(self):
        os.mkdir(self.clone)
        self.assertIn('not looked at', told(subjects.check_branch, self.clone, self.first)[1])


class Hook(Repository):
    def test_a_subject_that_is_too_long_is_refused(self):
        refused = self.commit(TOO_LONG, '-c', f'core.hooksPath={HOOKS}', check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn('72 is the most', refused.stderr)
        self.assertEqual(self.git('rev-parse', 'HEAD').stdout.strip(), self.first)

    def test_a_commit_without_a_body_is_asked_for_one(self):
        self.assertIn('no body', self.commit(FITS, '-c', f'core.hooksPath={HOOKS}').stderr)
        self.assertEqual(self.commit(f'{FITS}\n\nBecause.', '-c', f'core.hooksPath={HOOKS}').stderr, '')

    def test_comments_of_the_editor_are_no_body(self):
        for below in ('\n# Please enter the message\n', '\n# ------------------------ >8 ----\ndiff --git a/a b/a\n'):
            self.assertIn('no body', told(subjects.check_message, FITS + '\n' + below)[1])


if __name__ == '__main__':
    unittest.main()
