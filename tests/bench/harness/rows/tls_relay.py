"""A unary call forwarded as it is to callers who speak TLS: CPU per call, against other proxies."""

from harness import costs, servers
from harness.costs import DENSE, LOADS, SPARSE
from harness.figures import Target, gain, plain, times
from harness.rows import Row

PROXIES = {
    'singleflight': servers.relay,
    'nghttpx': servers.nghttpx,
    'haproxy': servers.haproxy,
    'nginx': servers.nginx,
}

# Those of the row relay. Ciphers cost all proxies the same, so that they are harder to reach here.
TARGETS = {
    ('nghttpx', DENSE): Target('<', 1, each=True),
    ('nghttpx', SPARSE): Target('<', 1, each=True),
    ('haproxy', DENSE): Target('≥', 3),
    ('haproxy', SPARSE): Target('≥', 1.5),
}


def programs(session, backend):
    return {name: lambda start=start: start(session, backend, tls=True) for name, start in PROXIES.items()}


def _measure(session):
    session.needs('bench-responder')
    backend = servers.responder(session)
    traffic = costs.Traffic(session, backend)

    def cost(server):
        return {load: traffic.relayed_cost(server, load) for load in LOADS}

    measured = costs.in_turn(session, programs(session, backend), cost)
    return [figure for load in LOADS for figure in _figures(measured, load)]


def _figures(measured, load):
    ours = measured['singleflight'][load]
    yield plain('tls-relay', f'{load}: CPU per call', ours, 'µs')
    yield times('tls-relay', f'{load}: CPU per call as a multiple of nghttpx\'s', ours, measured['nghttpx'][load],
                TARGETS['nghttpx', load], 'µs')
    for peer in ('haproxy', 'nginx'):
        yield gain('tls-relay', f'{load}: times cheaper than {peer}', ours, measured[peer][load],
                   TARGETS.get((peer, load)), 'µs')


ROW = Row('tls-relay', 'CPU per relayed unary call over TLS, against nghttpx, HAProxy and nginx', 90, _measure)
