"""Subjects of commits fit a line of `git log --oneline`. Prints those that do not; status 1 if there are any.

subjects.py                   the commits that HEAD has since SINCE; where git or that commit is missing, nothing is looked at
subjects.py --message FILE    one message, as git's hook commit-msg has it (.githooks/commit-msg); asks for a body, too
"""

import os
import re
import subprocess
import sys

MOST_CHARACTERS = 72
SINCE = '2852752354c23be5707905abe1ae5221a499d04a'
WRITTEN_BY_GIT = re.compile(r'(Merge|Revert) |(fixup|squash|amend)! ')


def too_long(subject):
    return len(subject) > MOST_CHARACTERS and not WRITTEN_BY_GIT.match(subject)


def complaint(subject):
    return f'{len(subject)} characters, and {MOST_CHARACTERS} is the most for a subject: {subject}'


def git(top, *arguments):
    """What git says, or None."""
    try:
        told = subprocess.run(['git', '-c', 'safe.directory=*', '-C', top, *arguments], capture_output=True, text=True,
                              check=False)
    except FileNotFoundError:
        return None
    return told.stdout if told.returncode == 0 else None


def check_branch(top, since=SINCE):
    log = git(top, 'log', '--format=%h %s', f'{since}..HEAD')
    if log is None:
        print(f'subjects: not looked at: no git here, or a clone without {since[:10]}')
        return 0
    commits = [line.split(' ', 1) for line in log.splitlines()]
    found = [(commit, subject) for commit, subject in commits if too_long(subject)]
    for commit, subject in found:
        print(f'{commit}: {complaint(subject)}')
    print(f'{len(commits)} subjects, {len(found)} findings')
    return 1 if found else 0


def check_message(text):
    """The text as it is edited: with comments, and what `git commit -v` shows below the scissors."""
    text = text.partition('\n# ------------------------ >8')[0]
    subject, _, body = '\n'.join(line for line in text.splitlines() if not line.startswith('#')).strip().partition('\n')
    if too_long(subject):
        print(complaint(subject), file=sys.stderr)
        return 1
    if not body.strip() and not WRITTEN_BY_GIT.match(subject):
        print('This commit has no body that says why; `git commit --amend` adds one.', file=sys.stderr)
    return 0


def main(arguments):
    if arguments[:1] == ['--message']:
        with open(arguments[1], encoding='utf-8') as file:
            return check_message(file.read())
    return check_branch(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
