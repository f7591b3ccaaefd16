"""All mutants of the rooms, in a steady order, with their numbers. Finding them takes some seconds a file, so what was found
is kept in build/mutation/sites.json, by the files' bytes."""

import glob
import hashlib
import json
import os
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

import sites
from sites import TOP, Found, Site

KEPT = os.path.join(TOP, 'build/mutation/sites.json')
FOUND_BY = [os.path.join(TOP, 'tests/mutation/sites.py')]


class Room(NamedTuple):
    folder: str
    programs: list  # whose tests have to find what is broken: the room's own first


LIBRARY = [f'lib/lib_{name}_test' for name in (
    'mutex', 'group', 'keyed_groups', 'leaving', 'do_on', 'async_group', 'async_waiter', 'gathering', 'interleavings',
    'stress', 'pitfalls', 'allocation', 'no_memory', 'join_future', 'co_join')]
ROOMS = {
    'lib': Room('lib/singleflight', LIBRARY),
    'wire': Room('server/wire', ['wire/wire_test', 'model/model_test', 'core/core_test']),
    'model': Room('server/model', ['model/model_test', 'cache/cache_test', 'core/core_test']),
    'cache': Room('server/cache', ['cache/cache_test', 'core/core_test']),
    'survey': Room('server/survey', ['survey/survey_test', 'core/core_test']),
    'core': Room('server/core', ['core/core_test']),
}


class Mutant(NamedTuple):
    number: int
    room: str
    path: str
    site: Site

    def shown(self):
        return f'{self.path}:{self.site.line}: {self.site.kind}: {self.site.text}'


def files(room, top=TOP):
    paths = glob.glob(os.path.join(top, ROOMS[room].folder, '**/*.*'), recursive=True)
    return sorted(os.path.relpath(path, top) for path in paths if path.endswith(('.h', '.cc')))


def digest(path):
    total = hashlib.sha256()
    for name in (path, *FOUND_BY):
        with open(os.path.join(TOP, name), 'rb') as file:
            total.update(file.read())
    return total.hexdigest()


def kept():
    try:
        with open(KEPT, encoding='utf-8') as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def as_site(fields):
    return Site(*fields[:4], tuple(tuple(part) if isinstance(part, list) else part for part in fields[4]), fields[5])


def found_in(paths):
    """By path; finds what is not kept."""
    known, digests = kept(), {path: digest(path) for path in paths}
    missing = [path for path in paths if known.get(path, {}).get('digest') != digests[path]]
    if missing:
        with ProcessPoolExecutor(os.cpu_count()) as pool:
            for path, found in zip(missing, pool.map(sites.find, missing)):
                known[path] = {'digest': digests[path], 'found': found}
        os.makedirs(os.path.dirname(KEPT), exist_ok=True)
        with open(KEPT, 'w', encoding='utf-8') as file:
            json.dump(known, file)
    return {path: Found([as_site(s) for s in known[path]['found'][0]], *known[path]['found'][1:]) for path in paths}


def all_mutants():
    """They, and how many places are left out."""
    mutants, left_out = [], {'constant': 0, 'in_macros': 0, 'unread': []}
    for room in ROOMS:
        for path, found in found_in(files(room)).items():
            mutants += [Mutant(len(mutants) + 1 + i, room, path, site) for i, site in enumerate(found.sites)]
            left_out['constant'] += found.constant
            left_out['in_macros'] += found.in_macros
            left_out['unread'] += found.unread
    return mutants, left_out
