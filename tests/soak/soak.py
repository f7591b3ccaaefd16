"""Mixed load, reloads, vanishing clients and a backend that restarts: `./dev soak` (README.md has what is checked).

soak.py [--minutes=10] [--json] [--build=DIR]
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import certificates
import traffic
import verdict
import work

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(REPOSITORY, 'tests/bench'), os.path.join(REPOSITORY, 'tests/testing')]

import ready_line  # noqa: E402
from harness import cpu, machine, servers  # noqa: E402
from harness.errors import BenchError  # noqa: E402
from harness.processes import Processes, until  # noqa: E402

RELOAD_SECONDS, VANISH_SECONDS, RESTART_SECONDS, PROGRESS_SECONDS = 3, 2, 15, 10
GONE_SECONDS = 1  # that the backend stays away
MOST_BACKOFF = 0.5
RECOVERY = 2 * MOST_BACKOFF + 2  # after the backend is back; two cores may be busy

# What is zero when nobody calls.
GAUGES = ['waiters', 'flights', 'held_bytes', 'buffered_bytes', 'release_queue', 'release_active', 'streams', 'upstream_calls_active',
          'upstream_calls_pending', 'connections']


class Soak:
    def __init__(self, build, folder, processes, seconds):
        self._build = build
        self._folder = folder
        self._processes = processes
        self.seconds = seconds
        self._authority = certificates.Authority(folder)
        self._server_files = self._authority.sign('server')
        self._reloads = 0
        self.restarts = 0
        self.faults = []
        self.samples = {'memory': [], 'descriptors': []}
        self.calls = {}
        self.failures = []  # of the callers on gRPC's client
        self.complaints = []

    # --- what runs ----------------------------------------------------------------------------------------------------

    def _start(self, name, *command, environment=None):
        return self._processes.start_ready(name, sorted(os.sched_getaffinity(0)), command, environment)

    def _program(self, path):
        return os.path.join(self._build, path)

    def _responder(self, *flags):
        return self._start('bench-responder', self._program('tests/bench/programs/bench-responder'),
                           '--listen=127.0.0.1:0', f'--stream-message-bytes={traffic.LARGE}', *flags)

    def _start_backend(self, listen='127.0.0.1:0'):
        """Which has another certificate every time."""
        certificate, key = self._authority.sign('backend')
        return self._start('backend', sys.executable, os.path.join(HERE, 'backend.py'), f'--listen={listen}',
                           f'--certificate={certificate}', f'--private-key={key}')

    def start(self):
        self._fast = [self._responder(), self._responder()]
        self._held = self._responder('--delay=1h')
        self._backend = self._start_backend()
        self._work = self._backend.address
        self._configure()
        self.proxy = self._start('singleflight-proxy', self._program('server/singleflight-proxy'), '--config',
                                 self._path('proxy.yaml'), environment=self._silent_names())
        ready = ready_line.parse(self.proxy.said)
        self._health = ready.health
        plain, tls = ready.listeners[:2]
        client = self._program('tests/bench/programs/bench-client')
        self._steady = traffic.Steady(client, plain)
        self._vanishing = traffic.Vanishing(client, plain)
        self._callers = self._start_callers(plain, tls)

    def _silent_names(self):
        """What makes a look-up of one name last for ever."""
        with open(self._path('names'), 'w', encoding='ascii') as out:
            out.write(f'{work.SILENT_NAME} silent\n')
        return {'LD_PRELOAD': self._program('tests/testing/fake_names.so'), 'FAKE_NAMES': self._path('names'),
                'ASAN_OPTIONS': 'verify_asan_link_order=0'}

    def _start_callers(self, plain, tls):
        callers = subprocess.Popen([sys.executable, os.path.join(HERE, 'callers.py'), f'--plain={plain}', f'--tls={tls}',
                                    f'--ca={self._authority.file}'], stdout=subprocess.PIPE, text=True)
        self._listener = threading.Thread(target=self._listen, args=[callers.stdout], daemon=True)
        self._listener.start()
        return callers

    def _listen(self, lines):
        for line in lines:
            said = json.loads(line)
            if 'calls' in said:
                self.calls.update(said['calls'])
            else:
                self.failures.append(said)

    # --- what changes -------------------------------------------------------------------------------------------------

    def _path(self, name):
        return os.path.join(self._folder, name)

    def _configure(self):
        """The next configuration in the place of the one before, and sometimes the next certificate."""
        number = self._reloads
        if number % 3 == 2:
            self._authority.sign('server')
        with open(self._path('proxy.yaml.new'), 'w', encoding='ascii') as out:
            out.write(configuration(number, [one.address for one in self._fast], self._held.address, self._work,
                                    self._authority.file, self._server_files))
        os.rename(self._path('proxy.yaml.new'), self._path('proxy.yaml'))

    def reload(self):
        before = self._metric('config_reloads_total')
        self._reloads += 1
        self._configure()
        if self._reloads % 2 == 0:  # the others are found by looking
            self.proxy.process.send_signal(signal.SIGHUP)
        until(lambda: self._metric('config_reloads_total') > before, 'a reload')

    def restart_backend(self):
        began = time.monotonic()
        if self.restarts % 2 == 0:
            self._processes.stop(self._backend)
        else:
            self._backend.process.kill()
            self._backend.process.wait()
        time.sleep(GONE_SECONDS)
        self._backend = self._start_backend(self._work)
        self.faults.append(verdict.Fault((self._work, "upstream 'work'"), began, time.monotonic() + RECOVERY))
        self.restarts += 1

    # --- what is looked at --------------------------------------------------------------------------------------------

    def _page(self):
        with urllib.request.urlopen(f'http://{self._health}/metrics', timeout=10) as page:
            return page.read().decode()

    def _metric(self, name):
        return servers.sum_of_samples(self._page(), name)

    def sample(self):
        self.proxy.check_alive()
        now = time.monotonic()
        self.samples['memory'].append((now, cpu.memory(self.proxy.pid)['VmRSS']))
        open_files = len(os.listdir(f'/proc/{self.proxy.pid}/fd'))
        self.samples['descriptors'].append((now, open_files - int(self._metric('connections'))))

    def trends(self, since):
        """Of what was sampled after the warm-up. Clients keep as many connections as they like; these end with them."""
        return {what: verdict.trend([sample for sample in samples if sample[0] >= since])
                for what, samples in self.samples.items()}

    def progress(self, elapsed):
        calls = sum(self.calls.values()) + sum(self._steady.calls.values())
        failed = self.failures + self._steady.failures
        wrong = verdict.unexplained(failed, self.faults)
        say(f'{elapsed:4.0f} s: {calls:,} calls, {len(failed) - len(wrong)} failed with the backend, {len(wrong)} otherwise; '
            f'{self._reloads} reloads, {self.restarts} restarts, {self._vanishing.killed} clients killed; '
            f'{self.samples["memory"][-1][1] / (1 << 20):.1f} MiB, {self.samples["descriptors"][-1][1]} descriptors beside '
            f'{self._metric("connections"):.0f} clients')

    # --- the run ------------------------------------------------------------------------------------------------------

    def run(self):
        self.start()
        began = time.monotonic()
        warm = began + min(120, self.seconds / 3)
        duties = [(RELOAD_SECONDS, self.reload), (VANISH_SECONDS, self._vanishing.attend), (0.2, self._steady.attend),
                  (1, self.sample), (RESTART_SECONDS, self.restart_backend),
                  (PROGRESS_SECONDS, lambda: self.progress(time.monotonic() - began))]
        due = {duty: began + every for every, duty in duties}
        while (now := time.monotonic()) < began + self.seconds:
            for every, duty in duties:
                if due[duty] <= now:
                    duty()
                    due[duty] = now + every
            time.sleep(0.05)
        self._end_load()
        trends = self.trends(warm)
        return self._judge(trends)

    def _end_load(self):
        self._vanishing.end()
        self._callers.terminate()
        self._callers.wait(60)
        self._listener.join(10)
        self._steady.end()

    def stop(self):
        """However it ended."""
        if hasattr(self, '_callers'):
            self._callers.kill()
            self._steady.kill()
            self._vanishing.end()

    def _judge(self, trends):
        failed = self.failures + self._steady.failures
        wrong = verdict.unexplained(failed, self.faults)
        complaints = verdict.failure_complaints(wrong) + verdict.growth_complaints(trends)
        complaints += self._silent_kinds() + self._what_is_left() + self._books() + self._drained()
        return {
            'seconds': self.seconds, 'calls': {**self.calls, **self._steady.calls}, 'reloads': self._reloads,
            'restarts': self.restarts, 'clients_killed': self._vanishing.killed,
            'failed_with_the_backend': len(failed) - len(wrong), 'failed_otherwise': len(wrong),
            'trends': {what: found._asdict() for what, found in trends.items()}, 'complaints': complaints,
        }

    def _silent_kinds(self):
        calls = {**{kind: 0 for kind in traffic.kinds(0)}, **self.calls, **self._steady.calls}
        return [f'no call by "{kind}"' for kind, count in calls.items() if not count]

    def _what_is_left(self):
        try:
            until(lambda: not self._left(), 'gauges', 20)
        except BenchError:
            return [f'{value:,.0f} {name} are left when nobody calls' for name, value in self._left().items()]
        return []

    def _left(self):
        page = self._page()
        values = {name: servers.sum_of_samples(page, name) for name in GAUGES}
        return {name: value for name, value in values.items() if value != 0}

    def _books(self):
        page = self._page()
        total, roles = (servers.sum_of_samples(page, name) for name in ('calls_total', 'calls_by_role_total'))
        refused = servers.sum_of_samples(page, 'config_refused')
        complaints = [f'{total:,.0f} calls, and {roles:,.0f} by role'] if total != roles else []
        return complaints + (['the last configuration was refused'] if refused else [])

    def _drained(self):
        self.proxy.process.terminate()
        try:
            status = self.proxy.process.wait(30)
        except subprocess.TimeoutExpired:
            return ['the proxy does not end within 30 s of SIGTERM']
        return [f'the proxy ended with status {status}: {self.proxy.last_words()}'] if status else []


def configuration(number, fast, held, backend, authority, server_files):
    """Each differs from the one before: endpoints, timeouts, routes and their policies, limits, listeners."""
    endpoints = [fast[:1], fast[1:], fast][number % 3]
    extra_route = '  - {match: {method: /soak.Extra/*}, upstream: work}\n' if number % 4 == 1 else ''
    extra_listener = '  - address: 127.0.0.1:0\n' if number % 4 >= 2 else ''
    ignored = ', key: {metadata: {ignore: [x-unused]}}' if number % 5 == 3 else ''
    limits = ['', 'limits: {max_connections: 5000, max_header_count: 100, first_request_timeout: 10s}\n'][number % 2]
    return f'''
listeners:
  - address: 127.0.0.1:0
  - address: 127.0.0.1:0
    tls: {{certificate: {server_files[0]}, private_key: {server_files[1]}}}
{extra_listener}upstreams:
  - {{name: fast, endpoints: {json.dumps(endpoints)}, connect_timeout: {4 + number // 2 % 2}s}}
  - {{name: held, endpoints: ["{held}"]}}
  - {{name: silent, target: "dns:///{work.SILENT_NAME}:1", connect_timeout: {4 + number // 3 % 2}s}}
  - name: work
    endpoints: ["{backend}"]
    tls: {{ca: {authority}, server_name: 127.0.0.1}}
    max_reconnect_backoff: {int(MOST_BACKOFF * 1000)}ms
    max_held_bytes: {64 + number // 3 % 2}MiB
routes:
{extra_route}  - {{match: {{method: /soak.Work/Kept}}, upstream: work, collapse: true, cache: {{ttl: {1 + number % 2}s}}{ignored}}}
  - {{match: {{method: /soak.Work/Shared}}, upstream: work, collapse: {{max_join_age: {1 + number // 2 % 2}s}}}}
  - {{match: {{method: /soak.Work/Slow}}, upstream: work, collapse: {{on_abandon: {['cancel', 'complete'][number % 2]}}}}}
  - {{match: {{method: /soak.Work/*}}, upstream: work}}
  - {{match: {{method: {work.SILENT}}}, upstream: silent}}
  - {{match: {{method: /bench.Kept/*}}, upstream: fast, collapse: true, cache: {{ttl: 1s}}{ignored}}}
  - {{match: {{method: /bench.Shared/*}}, upstream: fast, collapse: true}}
  - {{match: {{method: /bench.Held/*}}, upstream: held, collapse: true}}
  - {{match: {{method: /bench.HeldAlone/*}}, upstream: held}}
  - {{match: {{method: /*}}, upstream: fast}}
cache: {{max_bytes: 4MiB}}
health: {{address: "127.0.0.1:0"}}
{limits}reload: {{check_every: 500ms}}
threads: 2
log: {{level: warning}}
'''


# --- what is printed --------------------------------------------------------------------------------------------------

def summary(result):
    memory, descriptors = result['trends']['memory'], result['trends']['descriptors']
    lines = [
        f'{sum(result["calls"].values()):,} calls of {len(result["calls"])} kinds in {result["seconds"]:.0f} s, '
        f'{result["reloads"]} reloads, {result["restarts"]} restarts of the backend, {result["clients_killed"]} clients killed',
        f'failed: {result["failed_with_the_backend"]} while the backend was away, {result["failed_otherwise"]} otherwise',
        f'memory: at most {memory["most"] / (1 << 20):.1f} MiB, {memory["a_minute"] / 1024:+,.0f} KiB a minute',
        f'descriptors, but for those of clients: at most {descriptors["most"]}, {descriptors["a_minute"]:+.2f} a minute',
    ]
    return '\n'.join(lines + [f'FAILED: {complaint}' for complaint in result['complaints']])


def say(text):
    print(text, file=sys.stderr, flush=True)


def parse(arguments):
    parser = argparse.ArgumentParser(prog='./dev soak', description='Runs a proxy for long under all kinds of load.')
    parser.add_argument('--minutes', type=float, default=10, metavar='N', help='how long (default 10)')
    parser.add_argument('--json', action='store_true', help='JSON with all figures instead of lines')
    parser.add_argument('--build', metavar='DIR', default=os.path.join(REPOSITORY, 'build/release'),
                        help='where the programs were built (default: build/release)')
    options = parser.parse_args(arguments)
    if not 0.3 <= options.minutes <= 10080:
        parser.error('--minutes has to be 0.3 to 10080')
    return options


def main():
    options = parse(sys.argv[1:])
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    facts = machine.describe(REPOSITORY, options.build)
    with tempfile.TemporaryDirectory(prefix='singleflight-soak-') as folder, Processes(folder) as processes:
        soak = Soak(options.build, folder, processes, options.minutes * 60)
        try:
            result = soak.run()
        finally:
            soak.stop()
    print(json.dumps({'machine': facts, **result}, indent=1, ensure_ascii=False) if options.json else summary(result))
    return 1 if result['complaints'] else 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
    except BenchError as error:
        say(f'./dev soak: {error}')
        sys.exit(1)
