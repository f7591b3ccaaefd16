"""Ten thousand identical calls at once: upstream calls, and how long the replies take to go out."""

from harness import servers
from harness.figures import Target, plain
from harness.rows import Row

CALLERS = {'connections': 100, 'streams': 100}


def _measure(session):
    session.needs('bench-responder', 'bench-client')
    upstream_calls, spans = [], []
    backend = servers.responder(session, '--delay=50ms')
    for _ in session.in_rounds('10,000 callers on 100 connections'):
        proxy = servers.singleflight(session, backend, 'collapse: true')
        begun = servers.calls_begun(session, backend)
        result = session.client(proxy.address, 'herd', **CALLERS)
        upstream_calls.append(servers.calls_begun(session, backend) - begun)
        spans.append(result['first_to_last_ms'])
        session.processes.stop(proxy)
    return [plain('herd', '10,000 callers, all answered right: upstream calls', upstream_calls, '',
                  Target('=', 1, each=True)),
            plain('herd', '10,000 callers: first to last reply', spans, 'ms', Target('≤', 80))]


ROW = Row('herd', '10,000 identical calls on 100 connections: upstream calls, time from first to last reply', 15,
          _measure)
