"""Breaks the sources in one place at a time and asks whether a test finds it: `./dev mutate` (README.md beside this file).

mutate.py [--only=PATH…] [--own] [--locks] [--list] [--json] [--jobs=N]
"""

import argparse
import collections
import json
import os
import sys

import build
import run
from mutants import ROOMS, all_mutants

ENOUGH = 0.9  # of the mutants of each room


def chosen(mutants, arguments):
    wanted = [m for m in mutants if (m.site.kind == 'unlocked') == arguments.locks]
    return [m for m in wanted if not arguments.only or any(m.path.startswith(path) for path in arguments.only)]


def own_tests(room):
    return [program for program in ROOMS[room].programs if program.startswith(room + '/')]


def row(room, judged):
    """What became of the mutants of one room."""
    counts = collections.Counter(result.verdict for result in judged)
    killed = counts['killed'] + counts['timeout']
    return {'room': room, 'mutants': len(judged), 'killed': killed, 'survived': counts['survived'],
            'not reached': counts['not reached'], 'rate': round(killed / len(judged), 4)}


def rows(results):
    rooms = [room for room in ROOMS if any(result.mutant.room == room for result in results)]
    return [row(room, [result for result in results if result.mutant.room == room]) for room in rooms]


def print_table(table):
    print(f'{"room":8} {"mutants":>8} {"killed":>8} {"survived":>9} {"not reached":>12} {"rate":>7}')
    for line in table:
        print(f'{line["room"]:8} {line["mutants"]:8} {line["killed"]:8} {line["survived"]:9} {line["not reached"]:12} '
              f'{line["rate"]:7.1%}')


def print_survivors(results):
    for verdict, heading in (('survived', 'No test that reaches these fails'), ('not reached', 'No test reaches these')):
        found = [result for result in results if result.verdict == verdict]
        if found:
            print(f'\n{heading}:')
            for result in found:
                print('  ' + result.mutant.shown())


def parse(words):
    parser = argparse.ArgumentParser(prog='./dev mutate', description=__doc__.splitlines()[0])
    parser.add_argument('--only', action='append', metavar='PATH', help='of what begins with this: server/model/key.cc')
    parser.add_argument('--own', action='store_true', help="with the room's own tests alone, which are built sooner")
    parser.add_argument('--locks', action='store_true', help='locks that are not taken, under ThreadSanitizer')
    parser.add_argument('--list', action='store_true', help='the mutants, without running them')
    parser.add_argument('--json', action='store_true', help='figures and survivors as one object')
    parser.add_argument('--jobs', type=int, default=os.cpu_count(), metavar='N', help='tests at a time')
    return parser.parse_args(words)


def main(words):
    arguments = parse(words)
    mutants, left_out = all_mutants()
    wanted = chosen(mutants, arguments)
    if not wanted:
        sys.exit('./dev mutate: no such mutants; --list shows what there is')
    if arguments.list:
        for mutant in wanted:
            print(f'{mutant.number:5} {mutant.shown()}')
        return 0
    by_room = {m.room: own_tests(m.room) if arguments.own else ROOMS[m.room].programs for m in wanted}
    programs = build.made(mutants, {program for names in by_room.values() for program in names}, arguments.locks)
    results = run.judged(wanted, programs, by_room, len(mutants), arguments.jobs)
    table = rows(results)
    if arguments.json:
        print(json.dumps({'rooms': table, 'left_out': left_out,
                          'survivors': [r.mutant.shown() for r in results if r.verdict in ('survived', 'not reached')]}, indent=2))
    else:
        print_table(table)
        print(f'left out: {left_out["constant"]} in constant expressions, {left_out["in_macros"]} in macros')
        print(*(f'not understood: {error}' for error in left_out['unread']), sep='\n')
        print_survivors(results)
    return 0 if all(line['rate'] >= ENOUGH for line in table) else 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
