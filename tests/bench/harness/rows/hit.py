"""A reply from the cache: CPU per call, against a server that only answers and against proxies that forward."""

from harness import costs, servers
from harness.costs import DENSE, LOADS, SPARSE
from harness.figures import Target, gain, plain, times
from harness.rows import Row

TARGETS = {
    ('raw responder', DENSE): Target('≤', 1.5),
    ('raw responder', SPARSE): Target('≤', 1.2),
    ('nghttpx', DENSE): Target('≥', 2.2),
    ('haproxy', DENSE): Target('≥', 5),
}


def _measure(session):
    session.needs('bench-responder', 'bench-client')
    servers.needs_cache(session)
    backend = servers.responder(session)
    traffic = costs.Traffic(session, backend)
    measures = {'singleflight': traffic.unrelayed_cost, 'bench-responder': traffic.cost,
                'nghttpx': traffic.relayed_cost, 'haproxy': traffic.relayed_cost}

    def cost(server):
        return {load: measures[server.name](server, load) for load in LOADS}

    measured = costs.in_turn(session, {
        'singleflight': lambda: servers.cached(session, backend),
        'raw responder': lambda: servers.responder_under_test(session),
        'nghttpx': lambda: servers.nghttpx(session, backend),
        'haproxy': lambda: servers.haproxy(session, backend),
    }, cost)
    return [figure for load in LOADS for figure in _figures(measured, load)]


def _figures(measured, load):
    ours = measured['singleflight'][load]
    yield plain('hit', f'{load}: CPU per call', ours, 'µs')
    yield times('hit', f'{load}: CPU per call as a multiple of the raw responder\'s', ours,
                measured['raw responder'][load], TARGETS['raw responder', load], 'µs')
    for relay in ('nghttpx', 'haproxy'):
        yield gain('hit', f'{load}: times cheaper than {relay} relays', ours, measured[relay][load],
                   TARGETS.get((relay, load)), 'µs')


ROW = Row('hit', 'CPU per call that the cache answers, against a raw responder and against relays', 60, _measure)
