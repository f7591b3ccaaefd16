"""Instructions that a program takes, counted by valgrind's callgrind: a busy machine gives what a quiet one does."""

import collections
import glob
import os
import re
import shutil
import subprocess

from harness.errors import BenchError, NotApplicable

EVENTS = 'events: Ir\n'


def needed():
    if shutil.which('valgrind') is None:
        raise NotApplicable('valgrind is not installed')


class Callgrind:
    """Counts for one program. `folder`: an empty one, for callgrind's files."""

    def __init__(self, folder):
        self._out = os.path.join(folder, 'out')

    def command(self, program):
        return ['valgrind', '--tool=callgrind', f'--callgrind-out-file={self._out}', *program]

    def per_call(self, pid, calls, run):
        """{file that the code is in: instructions a call}. run(calls) sends as many.

        Twice as many calls less as many calls: so what connections cost is not in it.
        """
        self._tell(pid, '--zero')
        run(calls)
        once = self._dumped(pid)
        run(2 * calls)
        twice = self._dumped(pid)
        return {name: (twice[name] - once[name]) / calls for name in twice}

    def _dumped(self, pid):
        """What has been counted since the last time."""
        for path in glob.glob(f'{self._out}.*'):
            os.remove(path)
        self._tell(pid, '--dump')
        paths = glob.glob(f'{self._out}.*')
        if len(paths) != 1:
            raise BenchError(f'callgrind left {len(paths)} files of counts')
        with open(paths[0], encoding='utf-8', errors='replace') as file:
            return parse(file.read())

    @staticmethod
    def _tell(pid, order):
        told = subprocess.run(['callgrind_control', order, str(pid)], capture_output=True, text=True, check=False)
        if told.returncode != 0:
            raise BenchError(f'callgrind_control {order}: {told.stdout}{told.stderr}')


def parse(text):
    """{file: instructions of its own}, from callgrind's format: `ob=` and numbered lines of cost below it.

    The line behind `calls=` is what the callee took, which stands with the callee already.
    """
    if EVENTS not in text:
        raise BenchError('callgrind counted something else than instructions')
    names, counts, here, of_callee = {}, collections.Counter(), '', False
    for line in text.splitlines():
        if match := re.match(r'c?ob=\((\d+)\)(?: (.*))?', line):
            if match[2] is not None:
                names[match[1]] = os.path.basename(match[2])
            if not line.startswith('c'):
                here = names[match[1]]
        elif line.startswith('calls='):
            of_callee = True
        elif line[:1].isdigit() or line[:1] in ('+', '-', '*'):
            counts[here] += 0 if of_callee else int(line.split()[-1])
            of_callee = False
    return counts
