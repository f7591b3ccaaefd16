"""A second worker: what it does to the CPU per call at the same load, and what threads lose to each other's locks."""

from harness import locks, servers
from harness.costs import Traffic, in_turn
from harness.errors import NotApplicable
from harness.figures import Target, missing, plain, times
from harness.h2load import Load
from harness.rows import Row

OFFERED = Load(8, 50, rate=8000)
UNLIMITED = Load(8, 50)
CORES_FOR_THROUGHPUT = 4
# All calls are identical, so that they meet in one key of the flight table or the cache.
ROUTES = {'relayed': {}, 'collapsed': {'route': 'collapse: true'}, 'hits': servers.CACHE}


def _measure(session):
    session.needs('bench-responder')
    return [figure for kind, options in ROUTES.items() for figure in _figures(session, kind, options)]


def _figures(session, kind, options):
    try:
        if kind == 'hits':
            servers.needs_cache(session)
        measured = _measured(_with_two_test_cores(session), kind, options)
    except NotApplicable as why:
        return [missing('scaling', kind, str(why))]
    one, two = measured['1 worker'], measured['2 workers']
    return [times('scaling', f'{kind}, {OFFERED}: CPU per call with 2 workers as a multiple of 1', two['cpu'],
                  one['cpu'], Target('≤', 1.15), 'µs'),
            _locks(f'{kind}, {UNLIMITED}: time in contended locks with 2 workers', two),
            _throughput(session, f'{kind}, {UNLIMITED}: calls a second with 2 workers as a multiple of 1', one, two)]


def _with_two_test_cores(session):
    """Where there are only two or three cores, load and proxy have to share them, with one worker as with two."""
    if len(session.cores) >= CORES_FOR_THROUGHPUT:
        return session.on(session.cores[:2], session.cores[2:])
    return session.on(session.cores, session.cores)


def _measured(session, kind, options):
    backend = servers.responder(session)
    traffic = Traffic(session)

    def measure(server):
        return {'cpu': traffic.cost(server, OFFERED), 'rate': traffic.rate(server, UNLIMITED),
                'locks': _contended(session, server, lambda: [traffic.rate(server, UNLIMITED) for _ in range(3)])}

    def start(threads):
        return servers.singleflight(session, backend, threads=threads, **options)

    session.progress(f'{kind} calls')
    return in_turn(session, {'1 worker': lambda: start(1), '2 workers': lambda: start(2)}, measure)


def _contended(session, server, run):
    """A percentage, or why there is none."""
    try:
        return locks.share_while(server.pid, session.folder_of_its_own('perf'), run)
    except NotApplicable as why:
        return str(why)


def _locks(what, two):
    target = Target('<', 2)
    reasons = [found for found in two['locks'] if isinstance(found, str)]
    return missing('scaling', what, reasons[0], '%', target) if reasons else \
        plain('scaling', what, two['locks'], '%', target)


def _throughput(session, what, one, two):
    if len(session.cores) < CORES_FOR_THROUGHPUT:
        return missing('scaling', what, f'{CORES_FOR_THROUGHPUT} cores are needed, and there are {len(session.cores)}')
    return times('scaling', what, two['rate'], one['rate'], None, '/s')


ROW = Row('scaling', 'CPU per call with 2 workers against 1 at the same load, time in contended locks', 150, _measure)
