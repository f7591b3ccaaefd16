"""Runs tests with one mutant active: first each test by itself without any, to see how long it takes and which mutants it
reaches; then for each mutant the tests that reach it, fast ones first, until one fails.

A test that fails, crashes, or takes ten times as long and five seconds more, has found the mutant.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

MOST_MEMORY = 3 << 30  # of a mutant that never stops to take more
FIRST_BATCH = 0.5  # seconds of tests in one process; the next batches take twice as long each
MOST_SECONDS = 600  # of tests, by their usual time, for one mutant; what waits for a processor counts, too


class Test(NamedTuple):
    program: str
    name: str
    seconds: float
    reaches: frozenset


class Result(NamedTuple):
    mutant: object
    verdict: str  # killed, timeout, survived or 'not reached'


def bounded():
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def started(path, names, environment, seconds):
    """The exit status; None: it took too long."""
    sanitized = '/tsan/' in path  # wants addresses without end
    command = [path, '--gtest_filter=' + ':'.join(names), '--gtest_fail_fast', '--gtest_brief=1']
    if sanitized:
        command = ['setarch', '-R', *command]
        environment = {'TSAN_OPTIONS': 'halt_on_error=1', **environment}
    try:
        return subprocess.run(command, env={**os.environ, **environment}, timeout=seconds, check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              preexec_fn=None if sanitized else bounded).returncode
    except subprocess.TimeoutExpired:
        return None


def names_in(path):
    """Suite.Test of each test that is not disabled."""
    listing = subprocess.run([path, '--gtest_list_tests'], capture_output=True, text=True, check=True).stdout
    names, suite = [], ''
    for line in listing.splitlines():
        word = line.split('#')[0].strip()
        if line.startswith(' ') and 'DISABLED_' not in word:
            names.append(suite + word)
        elif word.endswith('.'):
            suite = word
    return names


def measured(program, path, name, most):
    with tempfile.NamedTemporaryFile(prefix='reached-') as file:
        file.truncate(most + 2)
        begin = time.monotonic()
        status = started(path, [name], {'SINGLEFLIGHT_MUTANT_REACHED': file.name}, 600)
        seconds = time.monotonic() - begin
        if status != 0:
            sys.exit(f'./dev mutate: {path} --gtest_filter={name} fails without any mutant')
        reaches = frozenset(number for number, byte in enumerate(file.read()) if byte)
    return Test(program, name, seconds, reaches)


def all_tests(programs, most, jobs):
    wanted = [(program, path, name) for program, path in sorted(programs.items()) for name in names_in(path)]
    print(f'{len(wanted)} tests, each by itself', file=sys.stderr)
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(lambda one: measured(*one, most), wanted))


def batches(tests):
    """Of one program each, as few processes as can be, the fastest tests first."""
    batch, seconds, bound, total = [], 0.0, FIRST_BATCH, 0.0
    for test in tests:
        if batch and (seconds + test.seconds > bound or test.program != batch[0].program):
            yield batch
            batch, seconds, bound = [], 0.0, bound * 2
        if total > MOST_SECONDS:
            break
        batch.append(test)
        seconds += test.seconds
        total += test.seconds
    if batch:
        yield batch


def judge(mutant, tests, programs, order):
    able = sorted((test for test in tests if mutant.number in test.reaches),
                  key=lambda test: (order.index(test.program), test.seconds))
    for batch in batches(able):
        usual = sum(test.seconds for test in batch)
        status = started(programs[batch[0].program], [test.name for test in batch],
                         {'SINGLEFLIGHT_MUTANT': str(mutant.number)}, 5 + 10 * usual)
        if status != 0:
            return Result(mutant, 'timeout' if status is None else 'killed')
    return Result(mutant, 'survived' if able else 'not reached')


def judged(mutants, programs, by_room, most, jobs):
    """What becomes of each mutant, in their order, with the programs of its room."""
    tests = all_tests(programs, most, jobs)
    of = {room: [test for test in tests if test.program in names] for room, names in by_room.items()}
    results = []
    with ThreadPoolExecutor(jobs) as pool:
        for result in pool.map(lambda m: judge(m, of[m.room], programs, by_room[m.room]), mutants):
            results.append(result)
            if result.verdict in ('survived', 'not reached'):  # a run takes long, and may be ended
                print(f'{result.verdict}: {result.mutant.shown()}', file=sys.stderr, flush=True)
            if len(results) % 50 == 0:
                survived = sum(r.verdict in ('survived', 'not reached') for r in results)
                print(f'{len(results)} of {len(mutants)}, {survived} not found', file=sys.stderr, flush=True)
    return results
