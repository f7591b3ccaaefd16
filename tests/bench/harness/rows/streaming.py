"""One stream of 64 KiB messages through a relay: bytes per CPU second, against four other proxies."""

from harness import servers
from harness.costs import in_turn
from harness.figures import Target, plain, times
from harness.rows import Row
from harness.rows.relay import PROXIES

WAYS = {'download': {}, 'upload': {'upload': 'true'}}


def _measure(session):
    session.needs('bench-responder', 'bench-client', 'bench-grpc-proxy')
    backend = servers.responder(session)

    def megabytes_per_cpu_second(server):
        return {way: _rate(session, server, options) for way, options in WAYS.items()}

    measured = in_turn(session, {name: lambda start=start: start(session, backend) for name, start in PROXIES.items()},
                       megabytes_per_cpu_second)
    return [figure for way in WAYS for figure in _figures(measured, way)]


def _rate(session, server, options):
    session.client(server.address, 'stream', seconds=0.05, **options)  # warm-up
    before = server.cpu_seconds()
    result = session.client(server.address, 'stream', seconds=session.scaled(1.5, 0.2), **options)
    return result['bytes'] / 1e6 / (server.cpu_seconds() - before)


def _figures(measured, way):
    ours = measured['singleflight'][way]
    peers = list(PROXIES)[1:]
    yield plain('streaming', f'{way}: per CPU second', ours, 'MB')
    best = [max(rates) for rates in zip(*(measured[peer][way] for peer in peers))]
    yield times('streaming', f'{way}: as a multiple of the best peer of each round', ours, best, Target('≥', 1), 'MB')
    for peer in peers:
        yield times('streaming', f'{way}: as a multiple of {peer}\'s', ours, measured[peer][way], None, 'MB')


ROW = Row('streaming', 'bytes per CPU second of one stream of 64 KiB messages, against other proxies', 120, _measure)
