"""Everything that can go wrong behind the proxy, under load: `./dev faults` (README.md has what happens and is checked).

faults.py [--seconds=120] [--seed=N] [--rate=2000] [--plan] [--json] [--build=DIR]
faults.py tail|half|kill [--seconds=15] [--json] [--build=DIR]
"""

import argparse
import json
import os
import random
import signal
import sys
import tempfile

import figures
import judge
import plan
import stage
import storm
from harness import machine
from harness.errors import BenchError
from harness.processes import Processes


def parse(arguments):
    parser = argparse.ArgumentParser(prog='./dev faults', description='Everything goes wrong behind a proxy under load.')
    parser.add_argument('figure', nargs='?', choices=figures.ALL, help='only this figure, as a table: '
                        'a slow tail and hedging; a backend at half capacity and retries; one of three that goes bad')
    parser.add_argument('--seconds', type=float, metavar='N', help='how long (default 120; of each row of a figure: 15)')
    parser.add_argument('--seed', type=int, metavar='N', help='the same seed gives the same faults (default: any)')
    parser.add_argument('--rate', type=float, default=2000, metavar='N', help='calls a second (default 2000)')
    parser.add_argument('--plan', action='store_true', help='only prints which fault happens when')
    parser.add_argument('--json', action='store_true', help='JSON with all figures instead of lines')
    parser.add_argument('--build', metavar='DIR', default=os.path.join(stage.REPOSITORY, 'build/release'),
                        help='where the programs were built (default: build/release)')
    options = parser.parse_args(arguments)
    if options.seconds is None:
        options.seconds = 15 if options.figure else 120
    if not 5 <= options.seconds <= 86400:
        parser.error('--seconds has to be 5 to 86400')
    if not 3 <= options.rate <= 100000:
        parser.error('--rate has to be 3 to 100000')
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 31)
    return options


def main():
    options = parse(sys.argv[1:])
    if options.plan:
        print('\n'.join(map(str, plan.steps(options.seed, options.seconds))))
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    facts = machine.describe(stage.REPOSITORY, options.build)
    with tempfile.TemporaryDirectory(prefix='singleflight-faults-') as folder, Processes(folder) as processes:
        on = stage.Stage(options.build, folder, processes)
        try:
            return draw(options, on, facts) if options.figure else storm_through(options, on, facts)
        finally:
            on.stop()


def draw(options, on, facts):
    figure = figures.ALL[options.figure](on, options.seconds)
    print(figures.as_json(facts, figure) if options.json else figures.table(figure))
    return 0


def storm_through(options, on, facts):
    stage.say(f'seed {options.seed}: {len(plan.steps(options.seed, options.seconds))} faults in {options.seconds:.0f} s')
    run = storm.Storm(on, options.seed, options.seconds, options.rate)
    try:
        result = run.run()
    finally:
        run.stop()
    print(json.dumps({'machine': facts, **result}, indent=1, ensure_ascii=False) if options.json else judge.summary(result))
    return 1 if result['complaints'] else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BenchError as error:
        stage.say(f'./dev faults: {error}')
        sys.exit(1)
