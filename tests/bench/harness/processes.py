"""Programs that the bench starts: pinned, awaited, and gone when it ends, however it ends."""

import os
import re
import signal
import socket
import subprocess
import time

from harness import cpu
from harness.errors import BenchError

PATIENCE = 30  # seconds for a start or an end


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def pinned(cores, command):
    """Killed by the kernel if the bench dies first; on `cores` only."""
    mask = ','.join(map(str, cores))
    return ['setpriv', '--pdeathsig', 'KILL', 'taskset', '-c', mask, *map(str, command)]


class Running:
    """A server that answers at `address` (host:port). `said` is its ready line, where it has one."""

    def __init__(self, name, process, log):
        self.name = name
        self.process = process
        self.log = log
        self.address = ''
        self.scheme = 'http'  # 'https' where it is TLS that clients speak
        self.said = ''

    @property
    def pid(self):
        return self.process.pid

    def url(self, path):
        return f'{self.scheme}://{self.address}{path}'

    def cpu_seconds(self):
        return cpu.seconds(self.pid)

    def last_words(self):
        with open(self.log, encoding='utf-8', errors='replace') as file:
            return file.read()[-2000:]

    def check_alive(self):
        if self.process.poll() is not None:
            raise BenchError(f'{self.name} ended with status {self.process.returncode}:\n{self.last_words()}')


class Processes:
    """Use as a context: at its end everything that was started is killed."""

    def __init__(self, folder):
        self._folder = folder
        self._started = []
        self._count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop_all()

    def stop_all(self):
        for running in list(self._started):
            self._kill(running)

    def start(self, name, cores, command, environment=None):
        """Its output goes into a file. Does not wait for it to be ready."""
        self._count += 1
        log = os.path.join(self._folder, f'{self._count}-{name}.log')
        with open(log, 'w', encoding='utf-8') as out:
            process = subprocess.Popen(pinned(cores, command), stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=subprocess.STDOUT, start_new_session=True,
                                       env={**os.environ, **(environment or {})})
        running = Running(name, process, log)
        self._started.append(running)
        return running

    def start_ready(self, name, cores, command, environment=None):
        """Waits for the line `… ready: listening on HOST:PORT`."""
        running = self.start(name, cores, command, environment)
        until(lambda: _ready(running), f'the ready line of {name}')
        return running

    def start_listening(self, name, cores, command, port):
        """Waits until the port accepts connections, for programs that do not say when they are ready."""
        running = self.start(name, cores, command)
        running.address = f'127.0.0.1:{port}'
        until(lambda: _accepts(running, port), f'{name} on port {port}')
        return running

    def stop(self, running):
        """SIGTERM, then SIGKILL for those that do not end by themselves."""
        if running.process.poll() is None:
            running.process.terminate()
            try:
                running.process.wait(5)
            except subprocess.TimeoutExpired:
                pass
        self._kill(running)

    def _kill(self, running):
        self._started.remove(running)
        try:
            os.killpg(running.pid, signal.SIGKILL)  # the group is its own: start_new_session
        except ProcessLookupError:
            pass
        running.process.wait()


def until(holds, what, patience=PATIENCE):
    """Asks again and again until it holds."""
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            raise BenchError(f'waited {patience} s for {what}')
        time.sleep(0.005)


def parse_ready(text):
    """What a program printed → its ready line and the address in it."""
    match = re.search(r'^.* ready: listening on ([^\s;]+).*$', text, re.MULTILINE)
    return (match[0], match[1]) if match else None


def _ready(running):
    running.check_alive()
    with open(running.log, encoding='utf-8', errors='replace') as file:
        found = parse_ready(file.read())
    if found:
        running.said, running.address = found
    return found is not None


def _accepts(running, port):
    running.check_alive()
    with socket.socket() as client:
        return client.connect_ex(('127.0.0.1', port)) == 0
