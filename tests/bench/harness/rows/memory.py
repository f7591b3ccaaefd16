"""What the proxy keeps: by itself, per idle connection, per waiter, per cache entry."""

import functools

from harness import cpu, servers
from harness.costs import in_turn
from harness.errors import BenchError, NotApplicable
from harness.figures import Target, missing, plain
from harness.rows import Row

KIB, MIB = 1 << 10, 1 << 20
CONNECTIONS = 1000
WAITERS = {'connections': 10, 'streams': 1000}
ENTRIES = 100_000
REQUEST, REPLY = 50, 100
PROCESSES = {  # more of its configuration, then the most MiB: resident, anonymous
    'idle process': ('', 20, 8),
    'idle process with admin': (servers.ADMIN, 32, 10),
}
METADATA = (':status', '200', 'content-type', 'application/grpc', 'grpc-status', '0')  # of the responder's reply


def _measure(session):
    session.needs('bench-responder', 'bench-client')
    return [*_process(session), *_per_connection(session), *_per_waiter(session), *_per_entry(session)]


def _resident(server):
    return cpu.memory(server.pid)['VmRSS']


def _process(session):
    backend = servers.responder(session)

    def memory(server):
        if server.admin_http:  # everything that answers has come up
            servers.ask(f'{server.admin_http}/api/info')
        used = cpu.memory(server.pid)
        return {what: used[what] / MIB for what in ('VmRSS', 'RssAnon')}

    measured = in_turn(session, {what: functools.partial(servers.singleflight, session, backend, cores=session.cores,
                                                         threads='auto', top=top)
                                 for what, (top, *_) in PROCESSES.items()}, memory)
    for what, (_, resident, anonymous) in PROCESSES.items():
        yield plain('memory', f'{what}: resident', measured[what]['VmRSS'], 'MiB', Target('≤', resident))
        yield plain('memory', f'{what}: anonymous', measured[what]['RssAnon'], 'MiB', Target('≤', anonymous))


def _per_connection(session):
    backend = servers.responder(session)

    def growth(server):
        with session.idle_client(server.address, connections=10, calls=1):
            before = _resident(server)
        with session.idle_client(server.address, connections=CONNECTIONS, calls=1):
            return {'growth': (_resident(server) - before) / (CONNECTIONS - 10) / KIB}

    measured = in_turn(session, {'idle connections': lambda: servers.relay(session, backend)}, growth)
    yield plain('memory', f'idle connection without TLS (one of {CONNECTIONS:,}, after a call)',
                measured['idle connections']['growth'], 'KiB', Target('≤', 32))


def _per_waiter(session):
    """Beyond its connection: the same connections are held without callers first."""
    backend = servers.responder(session, '--delay=120s')

    def growth(server):
        with session.idle_client(server.address, connections=WAITERS['connections']):
            before = _resident(server)
        waiting = WAITERS['connections'] * WAITERS['streams']
        with session.waiting_client(server.address, lambda: servers.metric(server, 'waiters') == waiting, **WAITERS):
            return {'growth': (_resident(server) - before) / waiting}

    measured = in_turn(session, {'waiters': lambda: servers.singleflight(session, backend, 'collapse: true')}, growth)
    yield plain('memory', 'waiter (one of 10,000 on 10 connections)', measured['waiters']['growth'], 'B',
                Target('≤', 1024))


def _per_entry(session):
    """Beyond its own bytes, which are the texts that it keeps; lengths, pointers and malloc's waste are beyond."""
    what = f'cache entry beyond its own bytes (messages of {REQUEST} and {REPLY} B, metadata, path, authority)'
    target = Target('≤', 200)
    try:
        servers.needs_cache(session)
    except NotApplicable as why:
        yield missing('memory', what, str(why), 'B', target)
        return
    backend = servers.responder(session)
    measured = in_turn(session, {'cache entries': lambda: servers.cached(session, backend)},
                       lambda server: _entry(session, server, backend))['cache entries']
    yield plain('memory', f'{what}: resident', measured['resident'], 'B', target)
    yield plain('memory', f'{what}: as the cache counts', measured['counted'], 'B', target)


def _entry(session, server, backend):
    load = {'connections': 10, 'streams': 10, 'request_bytes': REQUEST}
    entries = session.scaled(ENTRIES, 5000)
    session.client(server.address, 'load', calls=2000, distinct=100, key='warm', **load)
    begun, resident, counted = servers.calls_begun(session, backend), _resident(server), _counted(server)
    session.client(server.address, 'load', calls=entries, distinct=entries, key='entry', **load)
    filled = servers.calls_begun(session, backend) - begun
    if filled != entries:
        raise BenchError(f'{entries:,} requests, all different, took {filled:,} upstream calls')
    own = REQUEST + REPLY + sum(map(len, METADATA)) + len(servers.PATH) + len(backend.address)
    return {'resident': (_resident(server) - resident) / entries - own,
            'counted': (_counted(server) - counted) / entries - own}


def _counted(server):
    return servers.metric(server, 'cache_bytes')


ROW = Row('memory', 'memory of the idle process, an idle connection, a waiter, a cache entry', 60, _measure)
