"""Measures what the targets are about: `./dev bench` (README.md beside this file has the method).

bench.py [ROW…] [--rounds=N] [--quick] [--json] [--traces=DIR] [--build=DIR] | --list
"""

import argparse
import datetime
import os
import signal
import subprocess
import sys
import tempfile

from harness import machine, report
from harness.errors import BenchError, NotApplicable
from harness.figures import missing
from harness.processes import Processes
from harness.rows.all import ROWS
from harness.session import Session

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
FILED_ROUNDS = 5
BUSY = 0.5


def parse(arguments):
    parser = argparse.ArgumentParser(prog='./dev bench', description='Measures the rows of the table of targets.')
    parser.add_argument('rows', nargs='*', metavar='ROW', help='which rows (default: all); --list names them')
    parser.add_argument('--list', action='store_true', help='names the rows, what they measure, how long they take')
    parser.add_argument('--rounds', type=int, default=FILED_ROUNDS, metavar='N',
                        help=f'rounds of every row (default {FILED_ROUNDS}; with fewer nothing is filed)')
    parser.add_argument('--quick', action='store_true', help='one round of tiny loads: does everything run?')
    parser.add_argument('--json', action='store_true', help='JSON with every round instead of the table')
    parser.add_argument('--traces', metavar='DIR', help='traces for the row eviction, besides the built-in workloads')
    parser.add_argument('--build', metavar='DIR', default=os.path.join(REPOSITORY, 'build/release'),
                        help='where the programs were built (default: build/release)')
    options = parser.parse_args(arguments)
    unknown = [name for name in options.rows if name not in ROWS]
    if unknown:
        parser.error(f'no row {", ".join(unknown)}; there are {", ".join(ROWS)}')
    if options.rounds < 1:
        parser.error('--rounds has to be 1 or more')
    if options.quick:
        options.rounds = 1
    return options


def listing():
    width = max(map(len, ROWS))
    lines = [f'{row.name:{width}}  {duration(row.seconds):>8}  {row.what}' for row in ROWS.values()]
    return '\n'.join([*lines, f'{"all":{width}}  {duration(sum(row.seconds for row in ROWS.values())):>8}'])


def duration(seconds):
    return f'{seconds} s' if seconds < 90 else f'{round(seconds / 60)} min'


def measure(session, rows):
    """Figures of the rows that could be measured, and why the others could not."""
    figures, failures = [], {}
    for row in rows:
        session.row = row.name
        session.progress(row.what)
        try:
            found = list(row.measure(session))
        except NotApplicable as why:
            found = [missing(row.name, row.what, str(why))]
        except (BenchError, OSError, ValueError, subprocess.SubprocessError) as why:
            failures[row.name] = str(why)
            session.progress(f'could not be measured: {why}')
            found = []
        finally:
            session.processes.stop_all()
        figures += found
    return figures, failures


def show(options, facts, figures, failures):
    if options.json:
        print(report.as_json(facts, figures, failures), end='')
        return
    print('\n'.join(f'{name}: {value}' for name, value in facts.items()), end='\n\n')
    print(report.text_table(figures))
    for name, why in failures.items():
        print(f'\n{name} could not be measured: {why}')


def file_results(options, facts, figures, failures):
    """In tests/bench/results, if it is a result."""
    if options.quick or options.rounds < FILED_ROUNDS:
        say(f'Not filed: a result has at least {FILED_ROUNDS} rounds of the full load.')
        return
    stem = '-'.join([datetime.date.today().isoformat(), facts['commit'], *options.rows])
    for path in report.file_results(os.path.join(HERE, 'results'), stem, facts, figures, failures):
        say(f'Filed: {os.path.relpath(path, REPOSITORY)}')


def say(text):
    print(text, file=sys.stderr, flush=True)


def main():
    options = parse(sys.argv[1:])
    if options.list:
        print(listing())
        return 0
    rows = [ROWS[name] for name in options.rows or ROWS]
    if not options.quick:
        estimate = sum(row.seconds for row in rows) * options.rounds / FILED_ROUNDS
        say(f'Measuring {", ".join(row.name for row in rows)}: about {duration(round(estimate))}.')
    if os.getloadavg()[0] > BUSY:
        say('Others use this machine now (load %.1f): the figures will say little.' % os.getloadavg()[0])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    with tempfile.TemporaryDirectory(prefix='singleflight-bench-') as folder, Processes(folder) as processes:
        session = Session(options.build, folder, processes, options.rounds, options.quick, options.traces)
        if len(session.cores) < 2:
            raise BenchError('two cores are needed: one for the program under test, one for load and backend')
        facts = machine.describe(REPOSITORY, options.build)
        figures, failures = measure(session, rows)
    show(options, facts, figures, failures)
    file_results(options, facts, figures, failures)
    return 1 if failures else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BenchError as error:
        say(f'./dev bench: {error}')
        sys.exit(1)
