"""A second worker: what it does to the CPU per call, beside what it does to other proxies; time in contended locks."""

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
PEERS = {
    'nghttpx': lambda session, backend, threads: servers.nghttpx(session, backend, threads=threads),
    'haproxy': lambda session, backend, threads: servers.haproxy(session, backend, threads=threads),
    'nginx': lambda session, backend, threads: servers.nginx(session, backend, workers=threads),
}


def _measure(session):
    session.needs('bench-responder')
    servers.needs_cache(session)
    measured = _measured(_with_two_test_cores(session))
    peers = {peer: _growth(measured, peer, 'cpu') for peer in PEERS}
    best = [min(growths) for growths in zip(*peers.values())]
    figures = [_times(measured, peer, OFFERED, 'cpu', None) for peer in PEERS]
    for kind in ROUTES:
        figures += [
            _times(measured, kind, OFFERED, 'cpu', None),
            times('scaling', f'{kind}, {OFFERED}: that multiple as one of the best peer\'s',
                  _growth(measured, kind, 'cpu'), best, Target('≤', 1), '×'),
            _times(measured, kind, UNLIMITED, 'saturated', Target('≤', 1.15)),
            _locks(f'{kind}, {UNLIMITED}: time in contended locks with 2 workers', measured[kind, 2]),
            _throughput(session, f'{kind}, {UNLIMITED}: calls a second with 2 workers as a multiple of 1',
                        measured[kind, 1], measured[kind, 2])]
    return figures


def _growth(measured, name, what):
    return [two / one for one, two in zip(measured[name, 1][what], measured[name, 2][what])]


def _times(measured, name, load, what, target):
    return times('scaling', f'{name}, {load}: CPU per call with 2 workers as a multiple of 1', measured[name, 2][what],
                 measured[name, 1][what], target, 'µs')


def _with_two_test_cores(session):
    """Where there are only two or three cores, load and proxy have to share them, with one worker as with two."""
    if len(session.cores) >= CORES_FOR_THROUGHPUT:
        return session.on(session.cores[:2], session.cores[2:])
    return session.on(session.cores, session.cores)


def _measured(session):
    """{(name, workers): {what: [a value a round]}}; all within one round are compared."""
    backend = servers.responder(session)
    traffic = Traffic(session)

    def measure(server):
        values = {'cpu': traffic.cost(server, OFFERED)}
        if server.name != 'singleflight':
            return values
        return {**values, 'saturated': traffic.cost(server, UNLIMITED), 'rate': traffic.rate(server, UNLIMITED),
                'locks': _contended(session, server, lambda: [traffic.rate(server, UNLIMITED) for _ in range(3)])}

    def ours(options, workers):
        return lambda: servers.singleflight(session, backend, threads=workers, **options)

    def peers(start, workers):
        return lambda: start(session, backend, workers)

    programs = {}
    for workers in (1, 2):
        programs.update({(kind, workers): ours(options, workers) for kind, options in ROUTES.items()})
        programs.update({(peer, workers): peers(start, workers) for peer, start in PEERS.items()})
    return in_turn(session, programs, measure)


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


ROW = Row('scaling', 'CPU per call with 2 workers against 1, beside other proxies; time in contended locks', 330,
          _measure)
