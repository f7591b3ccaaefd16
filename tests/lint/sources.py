"""The files of the repository, as rules look at them."""

import os
import re
import subprocess
from typing import NamedTuple


class Source(NamedTuple):
    path: str  # from the top of the repository, with slashes
    text: str

    def lines(self):
        return enumerate(self.text.splitlines(), start=1)

    def code(self):
        """Numbered lines without their // comments."""
        return ((number, re.sub(r'(?<!:)//.*', '', line)) for number, line in self.lines())

    def includes(self):
        for number, line in self.lines():
            match = re.match(r'\s*#\s*include\s*[<"]([^>"]+)[>"]', line)
            if match:
                yield number, match[1]

    def line_of(self, offset):
        return self.text.count('\n', 0, offset) + 1

    def is_cpp(self):
        return self.path.endswith(('.cc', '.h'))

    def is_document(self):
        return self.path.endswith('.md')


def finding(source, number, message):
    return f'{source.path}:{number}: {message}'


def read_sources(top):
    """What git tracks or would track; in an unpacked archive, everything that is not built."""
    listing = subprocess.run(['git', '-c', 'safe.directory=*', '-C', top, 'ls-files', '-z', '--cached', '--others',
                              '--exclude-standard'], capture_output=True, text=True, check=False)
    if listing.returncode == 0:
        paths = listing.stdout.split('\0')
    else:
        skipped = {'build', 'node_modules', '__pycache__'}
        paths = [os.path.relpath(os.path.join(folder, name), top) for folder, _, names in os.walk(top)
                 if not skipped & set(folder.split('/')) for name in names]
    for path in sorted(set(filter(None, paths))):
        if path.endswith('.png') and os.path.isfile(os.path.join(top, path)):
            yield Source(path, '')  # a picture: documents lead to it
            continue
        try:
            with open(os.path.join(top, path), encoding='utf-8') as file:
                yield Source(path, file.read())
        except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
            pass  # deleted, a link, or not text
