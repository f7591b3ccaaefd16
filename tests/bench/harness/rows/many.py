"""Very many calls at once, small ones: hits per CPU second against the raw responder."""

from harness import cpu, servers
from harness.costs import in_turn
from harness.errors import BenchError
from harness.figures import Target, gain, plain
from harness.rows import Row

CONNECTIONS = [256, 1024]
STREAMS = 100
REQUEST_BYTES = 9


def _measure(session):
    session.needs('bench-responder', 'bench-client')
    servers.needs_cache(session)
    backend = servers.responder(session)

    def cost(server):
        return {connections: _cost(session, server, connections, backend) for connections in CONNECTIONS}

    measured = in_turn(session, {
        'singleflight': lambda: servers.cached(session, backend),
        'raw responder': lambda: servers.responder_under_test(session),
    }, cost)
    return [figure for connections in CONNECTIONS for figure in _figures(measured, connections)]


def _cost(session, server, connections, backend):
    """bench-client ends with an error if any call fails. Connecting is less than a percent of it."""
    calls = connections * STREAMS * session.scaled(10, 1)
    options = {'connections': connections, 'streams': STREAMS, 'request_bytes': REQUEST_BYTES}
    session.client(server.address, 'load', calls=connections, **options)  # warm-up
    begun, before = servers.calls_begun(session, backend), server.cpu_seconds()
    session.client(server.address, 'load', calls=calls, **options)
    if servers.calls_begun(session, backend) != begun:
        raise BenchError('calls that should have been hits reached the backend')
    return cpu.per_call(server.name, server.cpu_seconds() - before, calls)


def _figures(measured, connections):
    ours, theirs = (measured[name][connections] for name in ('singleflight', 'raw responder'))
    shape = f'{connections:,} connections × {STREAMS} streams'
    yield plain('many', f'{shape}, no failed call: CPU per call', ours, 'µs')
    yield gain('many', f'{shape}: hits per CPU second as a multiple of the raw responder\'s', ours, theirs,
               Target('≥', 0.6), 'µs')


ROW = Row('many', 'hits per CPU second with 256 and 1,024 connections × 100 streams, against a raw responder',
          90, _measure)
