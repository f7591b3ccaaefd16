"""A reply from the cache over TLS: CPU per call, against relays over TLS and against the same without TLS."""

from harness import costs, servers
from harness.costs import DENSE, LOADS
from harness.figures import Target, difference, gain, plain, times
from harness.rows import Row

# Those of the row hit.
TARGETS = {('nghttpx', DENSE): Target('≥', 2.2), ('haproxy', DENSE): Target('≥', 5)}


def _measure(session):
    session.needs('bench-responder', 'bench-client')
    servers.needs_cache(session)
    backend = servers.responder(session)
    traffic = costs.Traffic(session, backend)

    def cost(server):
        measure = traffic.unrelayed_cost if server.name == 'singleflight' else traffic.relayed_cost
        return {load: measure(server, load) for load in LOADS}

    measured = costs.in_turn(session, {
        'singleflight': lambda: servers.cached(session, backend, tls=True),
        'without TLS': lambda: servers.cached(session, backend),
        'nghttpx': lambda: servers.nghttpx(session, backend, tls=True),
        'haproxy': lambda: servers.haproxy(session, backend, tls=True),
    }, cost)
    return [figure for load in LOADS for figure in _figures(measured, load)]


def _figures(measured, load):
    ours, plaintext = measured['singleflight'][load], measured['without TLS'][load]
    yield plain('tls-hit', f'{load}: CPU per call', ours, 'µs')
    yield difference('tls-hit', f'{load}: what TLS adds', ours, plaintext, 'µs')
    yield times('tls-hit', f'{load}: CPU per call as a multiple of a hit without TLS', ours, plaintext, None, 'µs')
    for relay in ('nghttpx', 'haproxy'):
        yield gain('tls-hit', f'{load}: times cheaper than {relay} relays', ours, measured[relay][load],
                   TARGETS.get((relay, load)), 'µs')


ROW = Row('tls-hit', 'CPU per call that the cache answers over TLS, against relays over TLS and without TLS', 70,
          _measure)
