"""libFuzzer on what reads bytes of others: `./dev fuzz` (README.md beside this file says which targets there are).

fuzz.py [TARGET…] [--seconds=N] [--build=DIR] | --list | --programs
"""

import argparse
import os
import re
import signal
import subprocess
import sys
from typing import NamedTuple

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
FAULTS = re.compile(r'check failed|runtime error|Failure|ERROR: ')


def all_targets():
    with open(os.path.join(HERE, 'CMakeLists.txt'), encoding='utf-8') as file:
        return re.findall(r'^singleflight_fuzz\(([a-z0-9_]+) ', file.read(), re.MULTILINE)


def steady_addresses():
    """Sanitizers of the reference platform do not start where addresses are randomized with more than 28 bits."""
    try:
        with open('/proc/sys/vm/mmap_rnd_bits', encoding='ascii') as file:
            return ['setarch', '-R'] if int(file.read()) > 28 else []
    except OSError:
        return []


class Run(NamedTuple):
    target: str
    program: str
    process: subprocess.Popen
    log: str


def start(target, build, seconds):
    """What is found that is new stays in BUILD/corpus/TARGET, what fails in BUILD/crashes."""
    program, corpus = os.path.join(build, f'tests/fuzz/fuzz_{target}'), os.path.join(build, 'corpus', target)
    crashes, logs = os.path.join(build, 'crashes'), os.path.join(build, 'logs')
    for folder in (corpus, crashes, logs):
        os.makedirs(folder, exist_ok=True)
    log = os.path.join(logs, f'{target}.log')
    with open(log, 'wb') as out:
        process = subprocess.Popen(
            [*steady_addresses(), program, f'-max_total_time={seconds}', '-timeout=10', '-rss_limit_mb=1024', '-max_len=4096',
             '-print_final_stats=1', f'-artifact_prefix={crashes}/{target}-', corpus, os.path.join(HERE, 'corpus', target)],
            stdout=out, stderr=subprocess.STDOUT)
    return Run(target, program, process, log)


def finish(run, seconds):
    """Prints a line; whether nothing was found."""
    status = run.process.wait()
    with open(run.log, encoding='utf-8', errors='replace') as file:
        said = file.read()
    runs = re.search(r'^stat::number_of_executed_units: *(\d+)', said, re.MULTILINE)
    result = 'ok' if status == 0 else failure(run, status, said)
    print(f'{run.target:14} {runs[1] if runs else "?":>10} runs in {seconds:4} s  {result}', flush=True)
    return status == 0


def failure(run, status, said):
    fault = next(filter(FAULTS.search, said.splitlines()), f'status {status}')
    crash = (re.findall(r'Test unit written to (.*)', said) or [''])[-1]
    return (f'FAILED: {fault}\n'
            f'  input: {crash or "none"}; again: {run.program} {crash}; log: {run.log}')


def fuzz(targets, build, seconds):
    """How many targets failed. As many run at a time as there are processors; all take the same time."""
    running, failed = [], 0
    try:
        for target in targets:
            running.append(start(target, build, seconds))
            if len(running) >= len(os.sched_getaffinity(0)):
                failed += not finish(running.pop(0), seconds)
        while running:
            failed += not finish(running.pop(0), seconds)
    finally:
        for run in running:
            run.process.terminate()
    return failed


def parse(arguments):
    known = all_targets()
    parser = argparse.ArgumentParser(prog='./dev fuzz', description='Lets libFuzzer loose on what reads bytes of others.')
    parser.add_argument('targets', nargs='*', metavar='TARGET', help=f'which ones (default: all): {", ".join(known)}')
    parser.add_argument('--seconds', type=int, default=60, metavar='N', help='of each target (default 60)')
    parser.add_argument('--list', action='store_true', help='names the targets')
    parser.add_argument('--programs', action='store_true', help='names what has to be built for them')
    parser.add_argument('--build', metavar='DIR', default=os.path.relpath(os.path.join(REPOSITORY, 'build/fuzz')),
                        help='where the programs were built, and what is found is kept (default: build/fuzz)')
    options = parser.parse_args(arguments)
    unknown = [target for target in options.targets if target not in known]
    if unknown:
        parser.error(f'no target {unknown[0]}; there are {" ".join(known)}')
    if options.seconds < 1:
        parser.error(f'--seconds={options.seconds} is no number of seconds')
    options.targets = options.targets or known
    return options


def main():
    options = parse(sys.argv[1:])
    if options.list or options.programs:
        print('\n'.join(options.targets if options.list else [f'fuzz_{target}' for target in options.targets]))
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    failed = fuzz(options.targets, options.build, options.seconds)
    if failed:
        print(f'./dev fuzz: {failed} of {len(options.targets)} targets failed', file=sys.stderr)
        return 1
    print(f'fuzz: {len(options.targets)} targets, nothing found')
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
