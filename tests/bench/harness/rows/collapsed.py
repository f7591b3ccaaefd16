"""Calls that share one upstream call, a thousand a flight: CPU per call, against a server that answers each."""

from harness import cpu, servers
from harness.costs import in_turn
from harness.errors import BenchError
from harness.figures import Target, plain, times
from harness.rows import Row

DELAY = '20ms'
CALLERS = {'connections': 10, 'streams': 100}
CALLERS_A_FLIGHT = 1000


def _measure(session):
    session.needs('bench-responder', 'bench-client')
    backend = servers.responder(session, f'--delay={DELAY}')
    flights = session.scaled(60, 3)

    def cost(server):
        session.client(server.address, 'flight', waves=2, **CALLERS)  # warm-up
        begun = servers.calls_begun(session, backend)
        before = server.cpu_seconds()
        result = session.client(server.address, 'flight', waves=flights, **CALLERS)
        used = server.cpu_seconds() - before
        if server.name == 'singleflight':
            _check_collapsed(servers.calls_begun(session, backend) - begun, flights)
        return {'CPU': cpu.per_call(server.name, used, result['calls'])}

    measured = in_turn(session, {
        'singleflight': lambda: servers.singleflight(session, backend, 'collapse: true'),
        'raw responder': lambda: servers.responder_under_test(session, f'--delay={DELAY}'),
    }, cost)
    ours, theirs = measured['singleflight']['CPU'], measured['raw responder']['CPU']
    return [plain('collapsed', f'{CALLERS_A_FLIGHT:,} callers a flight: CPU per call', ours, 'µs'),
            times('collapsed', 'CPU per call as a multiple of the raw responder\'s', ours, theirs, Target('≤', 2),
                  'µs')]


def _check_collapsed(upstream_calls, flights):
    """On a busy machine a wave may take longer than its flight, and its last callers take a second one."""
    if not flights <= upstream_calls <= flights * 1.1:
        raise BenchError(f'{flights} waves of {CALLERS_A_FLIGHT:,} callers took {upstream_calls:,} upstream calls; '
                         'this would not measure followers')


ROW = Row('collapsed', 'CPU per call that shares an upstream call with 999 others, against a raw responder', 30,
          _measure)
