"""A unary call forwarded as it is: CPU per call, against other proxies, and with gRPC towards the backend."""

from harness import costs, servers
from harness.costs import DENSE, LOADS, SPARSE
from harness.figures import Target, gain, plain, times
from harness.h2load import Load
from harness.rows import Row

OVER_GRPC = 'singleflight, transport: grpc'
STEADY = Load(4, 50, rate=4000)

PROXIES = {
    'singleflight': servers.relay,
    'nghttpx': servers.nghttpx,
    'haproxy': servers.haproxy,
    'nginx': servers.nginx,
    'generic gRPC proxy': servers.grpc_proxy,
    OVER_GRPC: servers.relay_over_grpc,
}

# nghttpx is the one to beat: same library, ten years of tuning.
TARGETS = {
    ('nghttpx', DENSE): Target('<', 1, each=True),
    ('nghttpx', SPARSE): Target('<', 1, each=True),
    ('haproxy', DENSE): Target('≥', 3),
    ('haproxy', SPARSE): Target('≥', 1.5),
    ('generic gRPC proxy', DENSE): Target('≥', 6),
}


def _measure(session):
    session.needs('bench-responder', 'bench-client', 'bench-grpc-proxy')
    backend = servers.responder(session)
    traffic = costs.Traffic(session, backend)

    def cost(server):
        return {load: traffic.relayed_cost(server, load) for load in [*LOADS, STEADY]}

    measured = costs.in_turn(session, {name: lambda start=start: start(session, backend)
                                       for name, start in PROXIES.items()}, cost)
    return [figure for load in [*LOADS, STEADY] for figure in _figures(measured, load)]


def _figures(measured, load):
    ours = measured['singleflight'][load]
    yield plain('relay', f'{load}: CPU per call', ours, 'µs')
    yield times('relay', f'{load}: CPU per call with transport: grpc as a multiple of the native one\'s',
                measured[OVER_GRPC][load], ours, None, 'µs')
    for peer in [name for name in list(PROXIES)[1:] if name != OVER_GRPC]:
        theirs = measured[peer][load]
        target = TARGETS.get((peer, load))
        if peer == 'nghttpx':
            yield times('relay', f'{load}: CPU per call as a multiple of {peer}\'s', ours, theirs, target, 'µs')
        else:
            yield gain('relay', f'{load}: times cheaper than {peer}', ours, theirs, target, 'µs')


ROW = Row('relay', 'CPU per relayed unary call, against nghttpx, HAProxy, nginx and a generic gRPC proxy', 180,
          _measure)
