"""From the start of the process to its first reply, and from SIGTERM to its end when idle."""

import time

from harness import raw_call, servers
from harness.errors import BenchError
from harness.figures import Target, plain
from harness.processes import free_port
from harness.rows import Row
from harness.session import REQUEST

STARTS_A_ROUND = 5
WAYS = {'': '', ', with admin': servers.ADMIN}  # more of the configuration


def _measure(session):
    session.needs('bench-responder')
    backend = servers.responder(session)
    starts, stops = {way: [] for way in WAYS}, []
    for _ in session.in_rounds(f'{STARTS_A_ROUND} starts and stops, without and with admin'):
        for way, top in WAYS.items():
            pairs = sorted(_start_and_stop(session, backend, top) for _ in range(session.scaled(STARTS_A_ROUND, 1)))
            starts[way].append(_middle([start for start, _ in pairs]))
            if not top:
                stops.append(_middle([stop for _, stop in pairs]))
    return [*(plain('start', f'start to first relayed reply{way}', starts[way], 'ms', Target('≤', 30)) for way in WAYS),
            plain('start', 'SIGTERM to the end, idle', stops, 'ms', Target('≤', 50))]


def _middle(values):
    return sorted(values)[len(values) // 2]


def _start_and_stop(session, backend, top):
    """Milliseconds of both. setpriv and taskset, which run first, are in the start."""
    port = free_port()
    config = session.file('proxy.yaml', servers.configuration(backend.address, port=port, top=top))
    command = [session.program('singleflight-proxy'), '--config', config]
    began = time.monotonic()
    proxy = session.processes.start('singleflight', session.test_cores, command)
    while (client := raw_call.connect(port)) is None:
        proxy.check_alive()
    size = raw_call.answer(client, servers.PATH, REQUEST)
    start = time.monotonic() - began
    client.close()
    if size != servers.REPLY_BYTES:
        raise BenchError(f'the first reply had {size} bytes instead of {servers.REPLY_BYTES}')
    began = time.monotonic()
    proxy.process.terminate()
    proxy.process.wait()
    stop = time.monotonic() - began
    session.processes.stop(proxy)
    return start * 1000, stop * 1000


ROW = Row('start', 'time from start to first reply, and to stop when idle', 15, _measure)
