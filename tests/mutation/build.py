"""Builds one program of each kind of test with all mutants in it: a copy of the repository in build/mutation/source, in which
the files of the rooms are instrumented, and a build of that."""

import os
import subprocess
import sys

from mutants import TOP
from schemata import instrumented

sys.path.insert(0, os.path.join(TOP, 'tests/lint'))
from sources import read_sources  # pylint: disable=wrong-import-position

SCRATCH = os.path.join(TOP, 'build/mutation')
SOURCE = os.path.join(SCRATCH, 'source')


def by_path(mutants):
    of = {}
    for mutant in mutants:
        of.setdefault(mutant.path, []).append(mutant)
    return of


def text_of(path, text, mutants):
    """What the copy has there: every mutant of the file; no warning is an error, because mutants deserve many."""
    if path in mutants:
        with open(os.path.join(TOP, path), 'rb') as file:
            return instrumented(file.read(), [m.site for m in mutants[path]], mutants[path][0].number)
    if path == 'cmake/SingleflightCompiler.cmake':
        text = text.replace('-Werror ', '-w ')
    return text.encode()


def write(path, text):
    """Only what has changed, so that what has been built stays."""
    try:
        with open(path, 'rb') as file:
            if file.read() == text:
                return
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'wb') as file:
        file.write(text)


def copy(mutants):
    of, wanted = by_path(mutants), set()
    for source in read_sources(TOP):
        if source.path.endswith('.png'):
            continue
        target = os.path.join(SOURCE, source.path)
        wanted.add(target)
        write(target, text_of(source.path, source.text, of))
    for folder, _, names in os.walk(SOURCE):
        for name in names:
            if os.path.join(folder, name) not in wanted:
                os.remove(os.path.join(folder, name))


def run(log, *command):
    with open(log, 'w', encoding='utf-8') as file:
        done = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        with open(log, encoding='utf-8') as file:
            sys.exit(f'{file.read()[-8000:]}\n./dev mutate: {" ".join(command[:3])}… failed; see {log}')


def made(mutants, programs, locks):
    """Where the programs of these names are."""
    copy(mutants)
    folder = os.path.join(SCRATCH, 'tsan' if locks else 'plain')
    run(folder + '.configure.log', 'cmake', '-S', SOURCE, '-B', folder, '-G', 'Ninja', '-D', 'CMAKE_BUILD_TYPE=Debug',
        '-D', 'CMAKE_CXX_FLAGS_DEBUG=-O1', '-D', 'CMAKE_CXX_FLAGS=-D_GLIBCXX_ASSERTIONS', '-D', 'CMAKE_UNITY_BUILD=ON',
        '-D', 'CMAKE_UNITY_BUILD_BATCH_SIZE=8', '-D', 'SINGLEFLIGHT_PRECOMPILE=OFF', '-D', f'SINGLEFLIGHT_SANITIZE={"thread" if locks else ""}')
    print('building', file=sys.stderr)
    run(folder + '.build.log', 'cmake', '--build', folder, '--target', *(os.path.basename(p) for p in sorted(programs)))
    return {program: os.path.join(folder, 'tests', program) for program in programs}
