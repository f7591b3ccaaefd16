"""What a proxy adds to the time of one call: one connection, one stream, less calls without it; and under load."""

from harness import costs, servers
from harness.figures import Target, difference, percentile, plain
from harness.h2load import Load
from harness.rows import Row

STEADY = Load(4, 50, rate=4000)
PEERS = {'nghttpx': servers.nghttpx, 'haproxy': servers.haproxy, 'nginx': servers.nginx}
PERCENTILES = {'p50': 50, 'p99': 99}


def _measure(session):
    session.needs('bench-responder', 'bench-client')
    backend = servers.responder(session)
    traffic = costs.Traffic(session, backend)

    def latency(server):
        alone = session.client(server.address, 'latency', calls=session.scaled(4000, 200))
        under_load = traffic.latencies(server, STEADY, session.scaled(2 * STEADY.rate, 400))
        return {**{what: alone[f'{what}_us'] for what in PERCENTILES},
                **{f'{what} under load': percentile(under_load, at) for what, at in PERCENTILES.items()}}

    programs = {'direct': lambda: servers.responder(session),
                'singleflight': lambda: servers.relay(session, backend),
                **{name: lambda start=start: start(session, backend) for name, start in PEERS.items()}}
    measured = costs.in_turn(session, programs, latency)
    return [*_added(measured), *_under_load(measured)]


def _less_direct(measured, name, what):
    return [via - direct for via, direct in zip(measured[name][what], measured['direct'][what])]


def _added(measured):
    for what in PERCENTILES:
        ours = _less_direct(measured, 'singleflight', what)
        yield plain('latency', f'one stream: added {what}', ours, 'µs')
        for peer in PEERS:
            yield difference('latency', f'one stream: added {what} less {peer}\'s', ours,
                             _less_direct(measured, peer, what), 'µs', Target('<', 0))


def _under_load(measured):
    for what in PERCENTILES:
        what = f'{what} under load'
        ours = measured['singleflight'][what]
        yield plain('latency', f'{STEADY}: {what}', ours, 'µs')
        for peer in PEERS:
            yield difference('latency', f'{STEADY}: {what} less {peer}\'s', ours, measured[peer][what], 'µs')


ROW = Row('latency', 'time that a proxy adds to a call (p50, p99), alone and at a fixed rate, against others', 75,
          _measure)
