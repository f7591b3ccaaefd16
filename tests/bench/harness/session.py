"""What a row works with: where programs are, which core is whose, how long a load lasts, and what runs now."""

import contextlib
import copy
import functools
import itertools
import json
import os
import subprocess
import sys

from harness import h2load, tls
from harness.errors import BenchError, NotApplicable
from harness.processes import pinned, until

PROGRAMS = {'singleflight-proxy': 'server', 'eviction-simulator': 'tests/bench/eviction'}
TLS_CLIENT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'tls_client.py')
BENCH_PROGRAMS = 'tests/bench/programs'
REQUEST = b'fifty bytes of a request, the same every time ....'
assert len(REQUEST) == 50


def _flags(options):
    return [f'--{name.replace("_", "-")}' + ('' if value is True else f'={value}') for name, value in options.items()]


class Session:
    def __init__(self, build, folder, processes, rounds, quick=False, traces=None):
        self.build = build
        self.processes = processes
        self.rounds = rounds
        self.quick = quick
        self.traces = traces
        self.row = ''
        self._folder = folder
        self._files = itertools.count(1)
        self.cores = sorted(os.sched_getaffinity(0))
        self.load_cores = self.cores[:1]
        self.test_cores = self.cores[1:2]
        self.request_file = self.file('request', h2load.frame(REQUEST))

    def on(self, test_cores, load_cores):
        """The same session on other cores."""
        other = copy.copy(self)
        other.test_cores, other.load_cores = test_cores, load_cores
        return other

    def scaled(self, full, quick):
        """How much of something a run takes."""
        return quick if self.quick else full

    def in_rounds(self, doing):
        """Round numbers, with the progress shown."""
        for number in range(1, self.rounds + 1):
            self.progress(f'round {number} of {self.rounds}: {doing}')
            yield number

    def progress(self, text):
        print(f'  {self.row}: {text}', file=sys.stderr, flush=True)

    # --- files and programs ---------------------------------------------------------------------------------------

    def _path(self, name):
        return os.path.join(self._folder, f'{next(self._files)}-{name}')

    def file(self, name, content):
        """A new temporary file; its path."""
        path = self._path(name)
        with open(path, 'wb') as out:
            out.write(content.encode() if isinstance(content, str) else content)
        return path

    def folder_of_its_own(self, name):
        path = self._path(name)
        os.mkdir(path)
        return path

    def program(self, name):
        return os.path.join(self.build, PROGRAMS.get(name, BENCH_PROGRAMS), name)

    def needs(self, *names):
        for name in names:
            if not os.access(self.program(name), os.X_OK):
                raise NotApplicable(f'{name} is not built')

    @functools.cached_property
    def tls(self):
        """Files of the one certificate that all servers show."""
        return tls.make(self)

    # --- load -----------------------------------------------------------------------------------------------------

    def run(self, name, command, cores=None, patience=600):
        """A program that ends by itself; its standard output. Status other than 0 ends the row."""
        result = subprocess.run(pinned(cores or self.load_cores, command), capture_output=True, text=True,
                                errors='replace', timeout=patience, check=False)
        if result.returncode != 0:
            raise BenchError(f'{name} ended with status {result.returncode}:\n{result.stdout}{result.stderr}')
        return result.stdout

    def client(self, address, mode, **options):
        """What bench-client measured and checked; options as its flags, with _ for -."""
        return json.loads(self.run(f'bench-client --mode={mode}', [
            self.program('bench-client'), f'--target={address}', f'--mode={mode}', '--json', *_flags(options)]))

    def tls_client(self, server, **options):
        """Connections to the server over TLS, each checked; options as flags of tls_client.py, with _ for -."""
        self.run('tls_client.py', self._tls_client_command(server, options))

    def _tls_client_command(self, server, options):
        return ['env', f'OPENSSL_CONF={self.tls.client_configuration}', sys.executable, TLS_CLIENT, server.address,
                f'--certificate={self.tls.certificate}', *_flags(options)]

    @contextlib.contextmanager
    def idle_client(self, address, **options):
        """Connections, each after as many calls as asked for, that are held while the context lasts."""
        with self._holding_client(self._idle_command(address, options)) as client:
            _await_ready(client)
            yield

    @contextlib.contextmanager
    def idle_tls_client(self, server, **options):
        """The same over TLS; options as for tls_client()."""
        with self._holding_client(self._tls_client_command(server, {**options, 'hold': True})) as client:
            _await_ready(client)
            yield

    @contextlib.contextmanager
    def waiting_client(self, address, all_wait, **options):
        """Calls that get no reply while the context lasts; all_wait() says when the server has them."""
        with self._holding_client(self._idle_command(address, {**options, 'waiting': 'true'})) as client:
            until(all_wait, 'bench-client\'s calls to wait')
            yield
            if client.poll() is not None:
                raise BenchError(f'bench-client ended while its calls waited: {client.stdout.read()}')

    def _idle_command(self, address, options):
        return [self.program('bench-client'), f'--target={address}', '--mode=idle', *_flags(options)]

    @contextlib.contextmanager
    def _holding_client(self, command):
        with subprocess.Popen(pinned(self.load_cores, command), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True, errors='replace') as client:
            try:
                yield client
            finally:
                client.kill()

    def h2load(self, url, load, calls, log_file=None):
        return h2load.parse(self.run('h2load', h2load.command(url, self.request_file, load, calls, log_file)))


def _await_ready(client):
    said = client.stdout.readline()
    if not said.startswith('ready: '):
        raise BenchError(f'the client holds no connections: {said}{client.stdout.read()}')
