"""Honest calls beside floods: `./dev attack` (README.md beside this file says what is measured).

attack.py [KIND…] [--seconds=10] [--json] [--build=DIR]
"""

import argparse
import collections
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(REPOSITORY, 'tests/bench'), os.path.join(REPOSITORY, 'tests/testing')]

import ready_line  # noqa: E402
from harness import cpu, machine, servers  # noqa: E402
from harness.errors import BenchError  # noqa: E402
from harness.processes import Processes, pinned, until  # noqa: E402
from harness.session import Session  # noqa: E402

RATE = 1000  # honest calls a second
LARGE = 1 << 20  # bytes of a reply that floods ask for
MOST_MEMORY = 256 << 20
SLOWER = 3  # times the quiet p99 that are wanted at most; told, not failed: load and proxy share two cores

# What has to be counted when a flood comes.
COUNTED_AS = {
    'rapid-reset': 'connections_ended_total{reason="reset_allowance"}',
    'continuation': 'connections_ended_total{reason="continuations"}',
    'settings': 'connections_ended_total{reason="max_queued_frames"}',
    'ping': 'connections_ended_total{reason="max_queued_frames"}',
    'zero-window': 'streams_ended_total{reason="stall_timeout"}',
    'window-updates': 'streams_ended_total{reason="stall_timeout"}',
    'trickle': 'calls_by_role_total{route="/bench.Shared/*",role="bypass",reason="slow_request"}',
    'headers': 'connections_ended_total{reason="max_header_bytes"}',
    'long-values': 'calls_shed_total{reason="max_header_bytes"}',
    'empty-data': 'connections_ended_total{reason="empty_frames"}',
    'connects': 'connections_ended_total{reason="handshake_timeout"}',
    'no-request': 'connections_ended_total{reason="first_request_timeout"}',
    'tls-hello': 'tls_handshakes_total{result="timed_out"}',
    'tls-churn': 'tls_handshakes_total{result="failed"}',
}

CONFIGURATION = '''
listeners:
  - address: 127.0.0.1:0
  - address: 127.0.0.1:0
    tls: {{certificate: {certificate}, private_key: {key}}}
upstreams:
  - {{name: backend, endpoints: ["{backend}"]}}
  - {{name: large, endpoints: ["{large}"]}}
routes:
  - {{match: {{method: /bench.Shared/*}}, upstream: backend, collapse: true}}
  - {{match: {{method: /bench.Large/*}}, upstream: large}}
  - {{match: {{method: /*}}, upstream: backend}}
limits:
  reset_allowance: {resets}
  handshake_timeout: {patience}
  first_request_timeout: {patience}
  stall_timeout: {patience}
  request_timeout: {patience}
health: {{address: "127.0.0.1:0"}}
threads: 1
log: {{level: error}}
'''

Result = collections.namedtuple('Result', 'kind quiet attacked harm peak counted others complaints')


class Attack:
    def __init__(self, session, seconds):
        self.session = session
        self.seconds = seconds
        self._certificate, self._key = certificate(session)
        floods = session.run('attacker', [self._program(), '--kind=list']).split()
        if floods != list(COUNTED_AS):
            raise BenchError(f'attacker has the floods {floods}, and COUNTED_AS is of {list(COUNTED_AS)}')

    def _program(self):
        return os.path.join(self.session.build, 'tests/attack/attacker')

    def run(self, kind):
        backend = servers.responder(self.session)
        large = servers.responder(self.session, f'--reply-bytes={LARGE}')
        proxy, addresses = self._proxy(backend, large)
        address = addresses[1 if kind.startswith('tls-') else 0]
        try:
            quiet = self._honest(addresses[0])
            before = samples(proxy)
            cpu.forget_peak(proxy.pid)
            with self._attacker(kind, address) as attacker:
                attacked = self._honest(addresses[0])
                self._await_count(proxy, kind, before)
                peak = cpu.memory(proxy.pid)['VmHWM']
                harm = ended(attacker, kind)
            proxy.check_alive()
            grown = growth(before, samples(proxy))
        finally:
            self.session.processes.stop_all()
        return judged(kind, quiet, attacked, harm, peak, grown)

    def _proxy(self, backend, large):
        patience = f'{max(500, int(self.seconds * 200))}ms'
        text = CONFIGURATION.format(backend=backend.address, large=large.address, patience=patience,
                                    resets=int(self.seconds * 1000), certificate=self._certificate, key=self._key)
        proxy = self.session.processes.start_ready('singleflight', self.session.test_cores, [
            self.session.program('singleflight-proxy'), '--config', self.session.file('proxy.yaml', text)])
        ready = ready_line.parse(proxy.said)
        proxy.health = ready.health
        return proxy, ready.listeners

    def _honest(self, address):
        """bench-client's report; every reply is checked."""
        command = [self.session.program('bench-client'), f'--target={address}', '--mode=latency', f'--rate={RATE}',
                   '--connections=4', f'--seconds={self.seconds}', '--json']
        ended = subprocess.run(pinned(self.session.load_cores, command), capture_output=True, text=True, check=False)
        if not ended.stdout:
            raise BenchError(f'bench-client ended with status {ended.returncode}: {ended.stderr}')
        return json.loads(ended.stdout)

    @contextlib.contextmanager
    def _attacker(self, kind, address):
        """Behind the honest client and the backends, with which it shares a core."""
        command = [self._program(), f'--target={address}', f'--kind={kind}', '--seconds=3600']
        with subprocess.Popen(['chrt', '--idle', '0', *pinned(self.session.load_cores, command)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as attacker:
            try:
                yield attacker
            finally:
                attacker.kill()

    def _await_count(self, proxy, kind, before):
        """A flood that is slow, or a machine that is, may not have met its bound yet."""
        name = COUNTED_AS[kind]
        try:
            until(lambda: growth(before, samples(proxy)).get(name), f'{name} to be counted', 2 + 2 * self.seconds)
        except BenchError:
            pass  # it is told in the table


def ended(attacker, kind):
    """What the flood came to."""
    attacker.terminate()
    said, complaint = attacker.communicate(timeout=30)
    if attacker.returncode != 0:
        raise BenchError(f'attacker --kind={kind} ended with status {attacker.returncode}: {complaint}')
    return json.loads(said)


def certificate(session):
    """Paths of a self-signed certificate and its key."""
    folder = session.folder_of_its_own('tls')
    paths = os.path.join(folder, 'server.pem'), os.path.join(folder, 'server.key')
    session.run('openssl', ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                            '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1',
                            '-out', paths[0], '-keyout', paths[1]])
    return paths


def samples(proxy):
    """Every counter of the proxy, without its prefix."""
    with urllib.request.urlopen(f'http://{proxy.health}/metrics', timeout=10) as page:
        found = re.findall(r'^singleflight_(\S+_total(?:{[^\n]*})?) (\S+)$', page.read().decode(), re.MULTILINE)
    return {name: float(value) for name, value in found}


def growth(before, after):
    return {name: int(value - before.get(name, 0)) for name, value in after.items() if value > before.get(name, 0)}


def judged(kind, quiet, attacked, harm, peak, grown):
    complaints = []
    for when, calls in (('quiet', quiet), ('attacked', attacked)):
        wrong = calls['failed'] + calls['mismatched']
        if wrong:
            complaints.append(f'{wrong} of {calls["calls"]:,} honest calls went wrong while {when}: '
                              f'{calls["first_complaint"]}')
    if peak > MOST_MEMORY:
        complaints.append(f'the proxy took {peak >> 20} MiB, more than {MOST_MEMORY >> 20} MiB')
    counted = grown.pop(COUNTED_AS[kind], 0)
    if not counted:
        complaints.append(f'{COUNTED_AS[kind]} did not count it')
    return Result(kind, quiet, attacked, harm, peak, counted, grown, complaints)


# --- what is printed --------------------------------------------------------------------------------------------------

COLUMNS = ['flood', 'honest calls', 'failed', 'p50 quiet', 'p50 attacked', 'p99 quiet', 'p99 attacked', 'p99 ratio',
           'peak memory', 'connections', 'ended by the proxy', 'sent', 'counted']


def micros(value):
    return f'{value / 1000:.2f} ms'


def ratio(result):
    return result.attacked.get('p99_us', float('inf')) / result.quiet.get('p99_us', float('nan'))


def cells(result):
    quiet, attacked, harm = result.quiet, result.attacked, result.harm
    latencies = [micros(calls.get(f'{what}_us', float('nan'))) for what in ('p50', 'p99') for calls in (quiet, attacked)]
    return [result.kind, f'{attacked["calls"]:,}', str(attacked['failed'] + attacked['mismatched']), *latencies,
            f'{ratio(result):.1f} ×', f'{result.peak / (1 << 20):.0f} MiB', f'{harm["connections"]:,}',
            f'{harm["ended_by_peer"]:,}', f'{harm["bytes"] / (1 << 20):,.1f} MiB',
            f'{result.counted:,} {re.sub("_total|calls_by_role|route=.*,(?=reason)", "", COUNTED_AS[result.kind])}']


def header(facts):
    return '\n'.join(f'- {name}: {value}' for name, value in facts.items() if name != 'peers')


def table(results):
    rows = [COLUMNS, ['---'] * len(COLUMNS), *map(cells, results)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return '\n'.join('| ' + ' | '.join(cell.ljust(width) for cell, width in zip(row, widths)) + ' |' for row in rows)


def as_json(facts, results):
    floods = [{**result._asdict(), 'p99_ratio': ratio(result)} for result in results]
    return json.dumps({'machine': facts, 'floods': floods}, indent=1, ensure_ascii=False)


def say(text):
    print(text, file=sys.stderr, flush=True)


def parse(arguments):
    parser = argparse.ArgumentParser(prog='./dev attack', description='Measures honest calls beside floods.')
    parser.add_argument('kinds', nargs='*', metavar='KIND', help=f'which floods (default: all): {", ".join(COUNTED_AS)}')
    parser.add_argument('--seconds', type=float, default=10, metavar='N', help='of each flood (default 10)')
    parser.add_argument('--json', action='store_true', help='JSON with all counters instead of the table')
    parser.add_argument('--build', metavar='DIR', default=os.path.join(REPOSITORY, 'build/release'),
                        help='where the programs were built (default: build/release)')
    options = parser.parse_args(arguments)
    unknown = [kind for kind in options.kinds if kind not in COUNTED_AS]
    if unknown:
        parser.error(f'no flood {", ".join(unknown)}; there are {", ".join(COUNTED_AS)}')
    if not 1 <= options.seconds <= 3600:
        parser.error('--seconds has to be 1 to 3600')
    return options


def main():
    options = parse(sys.argv[1:])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    results = []
    with tempfile.TemporaryDirectory(prefix='singleflight-attack-') as folder, Processes(folder) as processes:
        session = Session(options.build, folder, processes, rounds=1)
        session.row = 'attack'
        facts = machine.describe(REPOSITORY, options.build)
        attack = Attack(session, options.seconds)
        for kind in options.kinds or COUNTED_AS:
            session.progress(kind)
            results.append(attack.run(kind))
            for complaint in results[-1].complaints:
                session.progress(f'{kind}: {complaint}')
    print(as_json(facts, results) if options.json else f'{header(facts)}\n\n{table(results)}')
    for result in results:
        if ratio(result) > SLOWER:
            say(f'{result.kind}: p99 is {ratio(result):.1f} times the quiet one ({SLOWER} is wanted)')
        for complaint in result.complaints:
            say(f'FAILED {result.kind}: {complaint}')
    return 1 if any(result.complaints for result in results) else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BenchError as error:
        say(f'./dev attack: {error}')
        sys.exit(1)
