"""Instructions of a hit and of a relayed call: all of them, and those of the proxy's own code."""

from harness import callgrind, servers
from harness.costs import LOADS, Traffic, in_turn
from harness.errors import BenchError
from harness.figures import plain
from harness.rows import Row

CALLS = 5000
KINDS = {'hit': servers.CACHE, 'relayed call': {}}
PROXY = 'singleflight-proxy'  # what is not in this file is in libraries


def _measure(session):
    callgrind.needed()
    session.needs('bench-responder', 'bench-client')
    servers.needs_cache(session)
    backend = servers.responder(session)
    traffic = Traffic(session, backend)
    measured = in_turn(session, {kind: lambda options=options: _start(session, backend, options)
                                 for kind, options in KINDS.items()},
                       lambda server: _instructions(session, traffic, server))
    return [plain('instructions', f'{kind}, {load}: {what}', measured[kind][load, what], '')
            for kind in KINDS for load in LOADS for what in ('all', 'of our own code')]


def _start(session, backend, options):
    counter = callgrind.Callgrind(session.folder_of_its_own('callgrind'))
    server = servers.singleflight(session, backend, under=counter.command, **options)
    server.counter = counter
    server.relays = not options
    return server


def _instructions(session, traffic, server):
    found = {}
    for load in LOADS:
        traffic.warm_up(server, load)
        begun = traffic.reached()
        calls = session.scaled(CALLS, 400)
        counts = server.counter.per_call(server.pid, calls, lambda more, load=load: traffic.send(server, load, more))
        reached, wanted = traffic.reached() - begun, 3 * calls if server.relays else 0
        if reached != wanted:
            raise BenchError(f'{load}: of {3 * calls:,} calls {reached:,} reached the backend, and not {wanted:,}')
        found[load, 'all'] = sum(counts.values())
        found[load, 'of our own code'] = counts[PROXY]
    return found


ROW = Row('instructions', 'instructions per hit and per relayed call, by valgrind', 120, _measure)
