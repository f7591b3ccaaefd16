"""A reply of 1 MiB to a thousand waiters: memory while it goes out, and how fast."""

from harness import cpu, servers
from harness.costs import in_turn
from harness.figures import Target, gain, plain
from harness.rows import Row

MIB = 1 << 20
DELAY_SECONDS = 0.2  # for all callers to be aboard
RESPONDER = [f'--reply-bytes={MIB}', '--delay=200ms']
CONNECTIONS = 100


def _measure(session):
    session.needs('bench-responder', 'bench-client')
    backend = servers.responder(session, *RESPONDER)

    def fan_out(server):
        with session.idle_client(server.address, connections=CONNECTIONS):
            idle = cpu.memory(server.pid)['VmRSS']
        cpu.forget_peak(server.pid)
        begun = servers.calls_begun(session, backend)
        result = session.client(server.address, 'fanout', connections=CONNECTIONS, streams=10, reply_bytes=MIB)
        return {'memory': (cpu.memory(server.pid)['VmHWM'] - idle) / MIB,
                'upstream calls': servers.calls_begun(session, backend) - begun,
                'seconds': result['seconds'] - DELAY_SECONDS}

    measured = in_turn(session, {
        'singleflight': lambda: servers.singleflight(session, backend, 'collapse: true'),
        'bare sender': lambda: servers.responder_under_test(session, *RESPONDER),
    }, fan_out)
    ours, theirs = measured['singleflight'], measured['bare sender']
    what = '1 MiB to 1,000 waiters'
    return [plain('fanout', f'{what}: upstream calls', ours['upstream calls'], '', Target('=', 1, each=True)),
            # Socket buffers are the kernel's memory, not the process's.
            plain('fanout', f'{what}: peak memory beyond idle connections', ours['memory'], 'MiB', Target('≤', 33)),
            gain('fanout', f'{what}: rate as a multiple of a bare sender\'s', ours['seconds'], theirs['seconds'],
                 Target('≥', 0.6), 's')]


ROW = Row('fanout', 'a reply of 1 MiB to 1,000 waiters on 100 connections: peak memory, rate against a bare sender', 50,
          _measure)
