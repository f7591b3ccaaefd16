"""CPU per call of one program under one load, and of several programs in turn."""

from harness import cpu, h2load, servers
from harness.errors import BenchError
from harness.h2load import Load

DENSE = Load(4, 50)
SPARSE = Load(8, 1)
LOADS = [DENSE, SPARSE]
WARM_UP_CALLS = 4000


class Traffic:
    """h2load's calls to one method; `reply_bytes` is what one good reply carries."""

    def __init__(self, session, backend=None, reply_bytes=servers.REPLY_BYTES):
        self._session = session
        self._backend = backend
        self._reply_bytes = reply_bytes

    def warm_up(self, server, load):
        """Calls a second, so that connections, pools and caches are as they will be."""
        calls = self._session.scaled(WARM_UP_CALLS, 400)
        calls += -calls % (load.connections * load.streams)
        report = self.send(server, load, calls)
        return report.total / report.seconds

    def rate(self, server, load):
        """Calls a second, over about a second."""
        calls = int(self.warm_up(server, load) * self._session.scaled(1.0, 0.1))
        report = self.send(server, load, max(calls, load.connections * load.streams))
        return report.total / report.seconds

    def cost(self, server, load):
        """Microseconds of CPU a call, over about a second of calls at the rate that the server sustains."""
        return self._cost(server, load)[0]

    def relayed_cost(self, server, load):
        """The same; every call has to reach the backend."""
        return self._checked_cost(server, load, reaching=lambda calls: calls)

    def unrelayed_cost(self, server, load):
        """The same; none may, once the server is warm."""
        return self._checked_cost(server, load, reaching=lambda calls: 0)

    def _checked_cost(self, server, load, reaching):
        self._check_replies(server)
        rate = self.warm_up(server, load)
        begun = self.reached()
        cost, calls = self._cost(server, load, rate)
        counted = self.reached() - begun
        if counted != reaching(calls):
            raise BenchError(f'{server.name} at {load}: of {calls:,} calls {reaching(calls):,} should have reached '
                             f'the backend, and {counted:,} did')
        return cost

    def reached(self):
        """How many calls the backend has seen."""
        return servers.calls_begun(self._session, self._backend)

    def _check_replies(self, server):
        """Ends with an error if status or content is wrong."""
        if server.scheme == 'http':
            self._session.client(server.address, 'load', calls=20)
            return
        self._session.tls_client(server, connections=20, call=servers.REPLY_BYTES - 5)
        said = self._session.run('nghttp', ['nghttp', '-nv', f'-d{self._session.request_file}', '-Hte: trailers',
                                            '-Hcontent-type: application/grpc', server.url(servers.PATH)])
        if 'grpc-status: 0' not in said:
            raise BenchError(f'{server.name} does not answer with grpc-status 0:\n{said}')

    def _cost(self, server, load, rate=None):
        rate = load.rate or rate or self.warm_up(server, load)
        calls = max(int(rate * self._session.scaled(1.0, 0.1)), load.connections * load.streams)
        before = server.cpu_seconds()
        self.send(server, load, calls)
        return cpu.per_call(server.name, server.cpu_seconds() - before, calls), calls

    def send(self, server, load, calls, log_file=None):
        """So many calls, each with a good reply."""
        report = self._session.h2load(server.url(servers.PATH), load, calls, log_file)
        h2load.check(report, self._reply_bytes, f'{server.name} at {load}')
        if server.scheme == 'https':
            h2load.check_tls(report, server.name)
        server.check_alive()
        return report

    def latencies(self, server, load, calls):
        """Microseconds of each call."""
        log_file = self._session.file('h2load.log', '')
        self.send(server, load, calls, log_file)
        with open(log_file, encoding='ascii') as file:
            return h2load.parse_log(file.read())


def in_turn(session, programs, measure):
    """programs: {name: start}; measure(server) → {what: value}. Returns {name: {what: [a value a round]}}.

    A program is started, measured and stopped, then the next; that is a round. Each round begins with another one.
    """
    table = {name: {} for name in programs}
    for number in session.in_rounds(', '.join(map(_spelled, programs))):
        for name in rotated(list(programs), number):
            server = programs[name]()
            for what, value in measure(server).items():
                table[name].setdefault(what, []).append(value)
            session.processes.stop(server)
    return table


def _spelled(name):
    return name if isinstance(name, str) else ' × '.join(map(str, name))


def rotated(names, by):
    by %= len(names)
    return names[by:] + names[:by]
