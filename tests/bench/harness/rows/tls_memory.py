"""What an idle connection over TLS keeps in memory, beside other proxies."""

from harness import cpu, servers
from harness.costs import in_turn
from harness.figures import Target, plain, times
from harness.rows import Row
from harness.rows.tls_relay import PROXIES, programs

KIB = 1 << 10
FEW, MANY = 10, 1000  # connections


def _measure(session):
    session.needs('bench-responder')
    backend = servers.responder(session)

    def growth(server):
        with session.idle_tls_client(server, connections=FEW, call=servers.REPLY_BYTES - 5):
            before = cpu.resident(server.pid)
        many = session.scaled(MANY, 10 * FEW)
        with session.idle_tls_client(server, connections=many, call=servers.REPLY_BYTES - 5):
            return {'growth': (cpu.resident(server.pid) - before) / (many - FEW) / KIB}

    measured = in_turn(session, programs(session, backend), growth)
    ours = measured['singleflight']['growth']
    return [plain('tls-memory', f'idle connection over TLS (one of {MANY:,}, after a call)', ours, 'KiB',
                  Target('≤', 64)),
            *(times('tls-memory', f'idle connection over TLS: as a multiple of {peer}\'s', ours,
                    measured[peer]['growth'], None, 'KiB') for peer in list(PROXIES)[1:])]


ROW = Row('tls-memory', 'memory of an idle connection over TLS, beside nghttpx, HAProxy and nginx', 60, _measure)
