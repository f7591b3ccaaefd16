"""Connections over TLS that come and go, full and resumed: CPU per connection, against other proxies."""

from harness import cpu, servers
from harness.costs import in_turn
from harness.figures import Target, plain, times
from harness.rows import Row
from harness.rows.tls_relay import PROXIES, programs

KINDS = {'full': {}, 'resumed': {'resume': True}}
CONNECTIONS = 1000
TARGET = Target('≤', 1.1)


def _measure(session):
    session.needs('bench-responder')
    backend = servers.responder(session)

    def cost(server):
        session.tls_client(server, connections=session.scaled(100, 10), call=servers.REPLY_BYTES - 5)  # warm-up
        return {kind: _cost(session, server, options) for kind, options in KINDS.items()}

    measured = in_turn(session, programs(session, backend), cost)
    return [figure for kind in KINDS for figure in _figures(measured, kind)]


def _cost(session, server, options):
    """The one connection that gives resumed ones their ticket is not counted: a thousandth."""
    connections = session.scaled(CONNECTIONS, 50)
    before = server.cpu_seconds()
    session.tls_client(server, connections=connections, **options)
    return cpu.per_call(server.name, server.cpu_seconds() - before, connections)


def _figures(measured, kind):
    ours, peers = measured['singleflight'][kind], list(PROXIES)[1:]
    what = f'{kind} handshake, HTTP/2 settings and end'
    yield plain('tls-handshakes', f'{what}: CPU', ours, 'µs')
    best = [min(costs) for costs in zip(*(measured[peer][kind] for peer in peers))]
    yield times('tls-handshakes', f'{what}: as a multiple of the best peer of each round', ours, best, TARGET, 'µs')
    for peer in peers:
        yield times('tls-handshakes', f'{what}: as a multiple of {peer}\'s', ours, measured[peer][kind], None, 'µs')


ROW = Row('tls-handshakes', 'CPU per connection over TLS that comes and goes, full and resumed, against others', 60,
          _measure)
