"""The library beside Go's golang.org/x/sync/singleflight: time per call of the same work, in the same round."""

import json
import os
import re
import shutil
import subprocess

from harness.errors import BenchError, NotApplicable
from harness.figures import Target, gain, missing, plain
from harness.rows import Row

GO_SOURCE = os.path.join(os.path.dirname(__file__), '../../library_bench_test.go')
GO_PACKAGES = '/usr/share/gocode'  # where the distribution puts golang.org/x/sync
THREADS = '/real_time/threads:16'

# What it is, ours, Go's (the fastest counts), how many times faster ours has to be.
PAIRS = [
    ('lone Do of a string key', 'LoneDoOfAString', ['LoneDo'], 2.5),
    ('16 threads on 16k keys', f'ManyKeys{THREADS}', ['ManyKeys'], 5),
    ('16 threads on one key, blocking', f'OneKey{THREADS}', ['OneKey'], 1.5),
    ('16 threads joining, asynchronous, 1 µs of work', f'JoinWithAMicrosecondOfWork{THREADS}',
     ['MicrosecondOfWorkInDo', 'MicrosecondOfWorkInDoChan'], 2),
]


def parse_ours(text):
    """Google Benchmark's JSON → {name: benchmark}."""
    return {found['name']: found for found in json.loads(text)['benchmarks'] if found['run_type'] == 'iteration'}


def nanoseconds(benchmark):
    return benchmark['real_time'] * {'ns': 1, 'us': 1e3, 'ms': 1e6, 's': 1e9}[benchmark['time_unit']]


def parse_go(text):
    """`go test -bench` → {name: nanoseconds a call}."""
    return {name: float(time) for name, time in re.findall(r'^Benchmark(\w+?)(?:-\d+)?\s+\d+\s+([\d.]+) ns/op', text,
                                                           re.MULTILINE)}


def allocations(benchmark):
    """A call; None where the program does not count them."""
    return next((value for name, value in benchmark.items() if name.startswith('alloc')), None)


def _measure(session):
    session.needs('library-bench')
    go = _go_program(session)
    ours, theirs = [], []
    for _ in session.in_rounds('the library, then x/sync'):
        ours.append(parse_ours(_run_ours(session)))
        theirs.append(parse_go(session.run('go test', [
            go, '-test.bench=.', f'-test.benchtime={session.scaled("500ms", "20ms")}'], session.cores)))
    return [figure for pair in PAIRS for figure in _figures(pair, ours, theirs)]


def _run_ours(session):
    return session.run('library-bench', [session.program('library-bench'), '--benchmark_format=json',
                                         f'--benchmark_min_time={session.scaled(0.5, 0.02)}'], session.cores)


def _go_program(session):
    """Compiled once."""
    if shutil.which('go') is None or not os.path.isdir(f'{GO_PACKAGES}/src/golang.org/x/sync/singleflight'):
        raise NotApplicable('Go or golang.org/x/sync is not installed (golang-go, golang-golang-x-sync-dev)')
    program = session.file('x-sync-bench', '')
    environment = {**os.environ, 'GO111MODULE': 'off', 'GOPATH': GO_PACKAGES,
                   'GOCACHE': session.folder_of_its_own('go-cache')}
    built = subprocess.run(['go', 'test', '-c', '-o', program, os.path.abspath(GO_SOURCE)], env=environment,
                           capture_output=True, text=True, check=False)
    if built.returncode != 0:
        raise BenchError(f'go test -c: {built.stdout}{built.stderr}')
    return program


def _figures(pair, ours, theirs):
    what, our_name, their_names, factor = pair
    if any(our_name not in found for found in ours) or any(set(their_names) - set(found) for found in theirs):
        raise BenchError(f'no benchmark {our_name}, or none called {" or ".join(their_names)} in Go')
    yield gain('library', f'{what}: times faster than x/sync', [nanoseconds(found[our_name]) for found in ours],
               [min(found[name] for name in their_names) for found in theirs], Target('≥', factor), 'ns')
    counted = [allocations(found[our_name]) for found in ours]
    none = Target('=', 0, each=True)
    yield (missing('library', f'{what}: allocations', 'library-bench does not count them', target=none)
           if None in counted else plain('library', f'{what}: allocations a call', counted, '', none))


ROW = Row('library', 'time per call of the library, against golang.org/x/sync/singleflight', 60, _measure)
