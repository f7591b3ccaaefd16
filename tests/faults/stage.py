"""What the runs of this folder are made of: programs, the proxy, the relay, callers."""

import json
import os
import subprocess
import sys
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(REPOSITORY, 'tests/bench'), os.path.join(REPOSITORY, 'tests/testing')]

import ready_line  # noqa: E402
from harness.errors import BenchError  # noqa: E402


class Stage:
    """What all runs of this folder work with: programs, the proxy, callers."""

    def __init__(self, build, folder, processes):
        self.build, self.folder, self.processes = build, folder, processes
        self._callers = []

    def start(self, name, *command, environment=None):
        return self.processes.start_ready(name, sorted(os.sched_getaffinity(0)), command, environment)

    def tool(self, name):
        return os.path.join(self.build, 'tests/bench/programs', name)

    def path(self, name):
        return os.path.join(self.folder, name)

    def proxy(self, text, names=''):
        """Running, with `health` and `front` as its addresses. SINGLEFLIGHT_PROXY chooses another."""
        self._write(text)
        environment = {'LD_PRELOAD': os.path.join(self.build, 'tests/testing/fake_names.so'), 'FAKE_NAMES': names,
                       'ASAN_OPTIONS': 'verify_asan_link_order=0'} if names else None
        proxy = self.start('singleflight-proxy', self._program(), '--config', self.path('proxy.yaml'), environment=environment)
        ready = ready_line.parse(proxy.said)
        proxy.health, proxy.front = ready.health, ready.listeners[0]
        return proxy

    def refuses(self, text):
        """What the proxy has against this configuration; empty: nothing."""
        self._write(text)
        checked = subprocess.run([self._program(), '--check', '--config', self.path('proxy.yaml')], capture_output=True,
                                 text=True, check=False)
        return checked.stderr.partition('\n')[0].removeprefix(f'{self.path("proxy.yaml")}:') if checked.returncode else ''

    def _write(self, text):
        with open(self.path('proxy.yaml'), 'w', encoding='ascii') as out:
            out.write(text)

    def _program(self):
        return os.environ.get('SINGLEFLIGHT_PROXY', os.path.join(self.build, 'server/singleflight-proxy'))

    def call(self, proxy, path, rate, seconds, deadline, *flags):
        """bench-client at a fixed rate; every reply is checked. Its report comes from `report`."""
        command = [self.tool('bench-client'), f'--target={proxy.front}', '--mode=latency', f'--rate={rate}',
                   f'--seconds={seconds}', f'--deadline={int(deadline * 1000)}ms', f'--path={path}', '--connections=4',
                   f'--timeout={deadline + 10}s', '--json', *flags]
        caller = subprocess.Popen(['setpriv', '--pdeathsig', 'KILL', *command], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
        self._callers.append(caller)
        return caller

    @staticmethod
    def report(caller, patience=60):
        said, complaint = caller.communicate(timeout=patience)
        if not said:
            raise BenchError(f'bench-client ended with status {caller.returncode}: {complaint}')
        return json.loads(said)

    def stop(self):
        for caller in self._callers:
            caller.kill()


class Relay:
    """The process in front of the backends; its ready line names the one port of all."""

    def __init__(self, bench, backends):
        command = [sys.executable, os.path.join(HERE, 'relay.py'), *backends]
        self._process = subprocess.Popen(['setpriv', '--pdeathsig', 'KILL', *command], stdin=subprocess.PIPE,
                                         stdout=subprocess.PIPE, text=True)
        said = self._process.stdout.readline()
        if not said.startswith('relay ready: '):
            raise BenchError('the relay does not start')
        self.port = said.strip().rpartition(':')[2]
        self.addresses = [f'127.0.0.{1 + number}:{self.port}' for number in range(len(backends))]

    def spoil(self, endpoint, kind, seed):
        self._process.stdin.write(f'{endpoint} {kind} {seed}\n')
        self._process.stdin.flush()

    def end(self):
        """How often which kind met a connection; and how many calls the proxy sent."""
        said, _ = self._process.communicate(timeout=30)
        met = json.loads(said)
        return met, met.pop('calls', 0)

    def kill(self):
        self._process.kill()
        self._process.wait()


def page(proxy):
    with urllib.request.urlopen(f'http://{proxy.health}/metrics', timeout=10) as text:
        return text.read().decode()


def say(text):
    print(text, file=sys.stderr, flush=True)
