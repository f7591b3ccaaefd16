"""An etcd for tests, and what etcdctl says to it."""

import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from proxy import PATIENCE, Proxy, child, wait_until  # pylint: disable=wrong-import-position

TRANSACTION = '''value("shop/kettle") = "blue"

put shop/kettle green
get shop/kettle

get shop/cup
'''

# Each line is one run of etcdctl; what it prints is compared.
SCRIPT = [
    (['put', 'shop/kettle', 'blue'], ''),
    (['put', 'shop/cup', 'white'], ''),
    (['put', '--prev-kv', 'shop/cup', 'red'], ''),
    (['get', 'shop/kettle'], ''),
    (['get', 'shop/kettle', '--write-out=json'], ''),
    (['get', '--prefix', 'shop/', '--write-out=fields'], ''),
    (['get', 'shop/cup', '--rev=3'], ''),
    (['get', 'nothing', '--write-out=json'], ''),
    (['get', 'shop/cup', '--rev=9999'], ''),  # an error: a future revision
    (['txn'], TRANSACTION),
    (['get', 'shop/kettle'], ''),
    (['put', 'empty', ''], ''),
    (['get', 'empty', '--write-out=json'], ''),
    (['put', 'large'], 'l' * (1 << 20)),
    (['get', 'large'], ''),
    (['del', '--prev-kv', 'shop/cup'], ''),
    (['get', '--prefix', '', '--keys-only'], ''),
    (['lock', 'a-lock', 'echo', 'locked'], ''),
    (['compaction', '3'], ''),
    (['get', 'shop/cup', '--rev=2'], ''),  # an error: compacted
    (['member', 'list'], ''),
    (['user', 'list'], ''),
    (['lease', 'timetolive', '1234'], ''),  # there is none
]


class Etcd:
    """An etcd of its own, on Unix sockets in a folder of its own; the same identity every time. `options` are more
    of its own."""

    def __init__(self, *options):
        self._folder = tempfile.TemporaryDirectory(prefix='interop-')
        self.socket = os.path.join(self._folder.name, 'client:1')
        self._log = open(os.path.join(self._folder.name, 'log'), 'w', encoding='utf-8')
        self._process = child(
            'etcd', '--name=only', '--data-dir=data', '--listen-client-urls=unix://client:1',
            '--advertise-client-urls=unix://client:1', '--listen-peer-urls=unix://peer:1',
            '--initial-advertise-peer-urls=unix://peer:1', '--initial-cluster=only=unix://peer:1', *options,
            cwd=self._folder.name, stdout=self._log, stderr=self._log)
        wait_until(lambda: self.ctl('get', 'x').returncode == 0, self._what_it_logged)

    def _what_it_logged(self):
        with open(self._log.name, encoding='utf-8') as log:
            return f'etcd; its log ends {log.read()[-2000:]}'

    def command(self, *arguments, endpoint=None):
        return ['etcdctl', f'--endpoints={endpoint or "unix://client:1"}', f'--command-timeout={PATIENCE}s', *arguments]

    def ctl(self, *arguments, endpoint=None, given=''):
        return subprocess.run(self.command(*arguments, endpoint=endpoint), cwd=self._folder.name, input=given,
                              capture_output=True, text=True, timeout=PATIENCE, check=False)

    def begin(self, *arguments, endpoint=None):
        return child(*self.command(*arguments, endpoint=endpoint), cwd=self._folder.name, stdout=subprocess.PIPE)

    def stop(self):
        self._process.terminate()
        self._process.wait()
        self._log.close()
        self._folder.cleanup()


def said(result):
    """Exit status, output, and the error without the client's own log, which names times and addresses."""
    errors = [line for line in result.stderr.splitlines() if not line.startswith('{"level"')]
    return result.returncode, re.sub(r'a-lock/[0-9a-f]+', 'a-lock/LEASE', result.stdout), errors


def skip_where_there_is_none():
    missing = [tool for tool in ('etcd', 'etcdctl') if shutil.which(tool) is None]
    if missing:
        print(f'skipped: {", ".join(missing)} missing (packages etcd-server, etcd-client)')
        sys.exit(77)
