"""The proxy as a process of its own, for tests: starts on free ports, is asked through /metrics, ends with the test."""

import os
import re
import subprocess
import sys
import tempfile
import threading
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../testing'))

import ready_line  # noqa: E402

PATIENCE = 60  # seconds until what a test waits for counts as missing; sanitizers and busy machines are slow


def binary():
    """What SINGLEFLIGHT_PROXY says, or else the build tree's, which CMake passes in SINGLEFLIGHT_BUILT_PROXY."""
    path = os.environ.get('SINGLEFLIGHT_PROXY') or os.environ.get('SINGLEFLIGHT_BUILT_PROXY', '')
    if not os.access(path, os.X_OK):
        sys.exit(f'no proxy at "{path}": build it (./dev build), or set SINGLEFLIGHT_PROXY=PATH')
    return path


def child(*command, **options):
    """Starts a program that the kernel stops if this process dies first."""
    return subprocess.Popen(['setpriv', '--pdeathsig', 'KILL', *command], text=True, **options)


def wait_until(holds, what):
    """Asks `holds` again and again until it is true."""
    pause = threading.Event()
    for _ in range(PATIENCE * 50):
        if holds():
            return
        pause.wait(0.02)
    raise AssertionError(f'waited {PATIENCE} s for {what() if callable(what) else what}')


def config(target, route='', method='/*', listener='127.0.0.1:0'):
    """One upstream and one route; `route` is more YAML of that route, such as "collapse: true"."""
    return f'''
listeners:
  - address: {listener}
upstreams:
  - name: backend
    target: {target}
routes:
  - match: {{method: "{method}"}}
    upstream: backend
    {route}
health: {{address: 127.0.0.1:0}}
'''


class Proxy:
    """A running proxy; `addresses` are where it listens, `address` the first of them, `admin` where its admin service
    is. `variables` are added to its environment. Use as a context: its end asserts a clean exit."""

    def __init__(self, yaml, **variables):
        self._folder = tempfile.TemporaryDirectory(prefix='interop-')
        file = os.path.join(self._folder.name, 'proxy.yaml')
        with open(file, 'w', encoding='utf-8') as out:
            out.write(yaml)
        self._process = child(binary(), '--config', file, stdout=subprocess.PIPE, env={**os.environ, **variables})
        said = self._process.stdout.readline()
        ready = ready_line.parse(said)
        if ready is None:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f'the proxy is not ready; it said "{said}"')
        self.addresses, self.health, self.admin = ready.listeners, ready.health, ready.admin_grpc
        self.address = self.addresses[0]
        self.pid = self._process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        """SIGTERM; whatever calls still run may end. Exit status 0."""
        self._process.terminate()
        try:
            status = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = f'killed: it still ran {PATIENCE} s after SIGTERM; {self._process.wait()}'
        self._process.stdout.close()
        self._folder.cleanup()
        if status != 0:
            raise AssertionError(f'the proxy ended with {status}')

    def metric(self, name, **labels):
        """The sum of all samples of `name` that have these labels."""
        with urllib.request.urlopen(f'http://{self.health}/metrics', timeout=PATIENCE) as page:
            lines = page.read().decode().splitlines()
        wanted = [f'{label}="{value}"' for label, value in labels.items()]
        samples = [line for line in lines
                   if re.match(rf'singleflight_{name}[{{ ]', line) and all(text in line for text in wanted)]
        if not samples:
            raise AssertionError(f'no metric singleflight_{name} with {labels}')
        return sum(float(line.rsplit(' ', 1)[1]) for line in samples)

    def wait_for(self, name, value, **labels):
        """Until the metric is `value`."""
        wait_until(lambda: self.metric(name, **labels) == value,
                   lambda: f'singleflight_{name} = {value}; it is {self.metric(name, **labels)}')

    def settle(self):
        """Until every call has ended; then nothing may be left of any of them, and the books add up."""
        for gauge in ('streams', 'waiters', 'flights', 'held_bytes', 'upstream_calls_active',
                      'upstream_calls_pending', 'release_queue'):
            self.wait_for(gauge, 0)
        calls, roles = self.metric('calls_total'), self.metric('calls_by_role_total')
        if calls != roles:
            raise AssertionError(f'{calls} calls, but {roles} by role')
