"""nghttp2's load generator: how it is called and what its report says.

It counts a failed gRPC call as a success. A call that failed has no message, so the bytes of all messages tell.
"""

import re
from typing import NamedTuple

from harness import tls
from harness.errors import BenchError

REPORT = {
    'seconds': r'finished in ([\d.]+)(us|ms|s|m|h)?',
    'total': r'requests: (\d+) total',
    'done': r'(\d+) done',
    'succeeded': r'(\d+) succeeded',
    'ok': r'status codes: (\d+) 2xx',
    'data': r'\((\d+)\) data',
}
# What it says of a handshake; nothing without TLS.
AGREED = [r'^TLS Protocol: (\S+)', r'^Cipher: (\S+)', r'^Server Temp Key: (\S+)', r'^Application protocol: (\S+)']
UNITS = {'us': 1e-6, 'ms': 1e-3, 's': 1.0, 'm': 60.0, 'h': 3600.0, None: 1.0}


class Load(NamedTuple):
    """Connections × streams each, as fast as it goes, or at `rate` calls a second altogether."""
    connections: int
    streams: int
    rate: int = 0

    def __str__(self):
        shape = f'{self.connections}×{self.streams}'
        return f'{shape} at {self.rate:,}/s' if self.rate else shape


class Report(NamedTuple):
    seconds: float
    total: int
    done: int
    succeeded: int
    ok: int
    data: int
    agreed: tuple = ()  # protocol, cipher, group, ALPN


def parse(text):
    found = {}
    for name, pattern in REPORT.items():
        match = re.search(pattern, text)
        if match is None:
            raise BenchError(f'h2load printed no {name}:\n{text}')
        found[name] = float(match[1]) * UNITS[match[2]] if name == 'seconds' else int(match[1])
    agreed = [re.search(pattern, text, re.MULTILINE) for pattern in AGREED[:4 if 'TLS Protocol' in text else 0]]
    return Report(**found, agreed=tuple(match[1] if match else '?' for match in agreed))


def check(report, reply_bytes, name):
    """Every call answered, with a message of `reply_bytes` (its five-byte prefix included)."""
    if not report.total == report.done == report.succeeded == report.ok:
        raise BenchError(f'{name}: of {report.total:,} calls {report.succeeded:,} succeeded, {report.ok:,} with 2xx')
    if report.data != report.total * reply_bytes:
        raise BenchError(f'{name}: {report.total:,} replies should have {report.total * reply_bytes:,} bytes of '
                         f'messages and had {report.data:,}: some calls failed')


def check_tls(report, name):
    wanted = (tls.PROTOCOL, tls.CIPHER, tls.GROUP, tls.ALPN)
    if report.agreed != wanted:
        raise BenchError(f'{name}: agreed on {", ".join(report.agreed) or "no TLS"} and not on {", ".join(wanted)}')


def command(url, body_file, load, calls, log_file=None):
    options = [f'-c{load.connections}', f'-m{load.streams}', '-t1', f'-n{calls}', f'-d{body_file}',
               '-Hcontent-type: application/grpc', '-Hte: trailers']
    if url.startswith('https:'):
        options += [f'--tls13-ciphers={tls.CIPHER}', f'--groups={tls.GROUP}', f'--npn-list={tls.ALPN}']
    if load.rate:
        options.append(f'--rps={load.rate / load.connections}')
    if log_file:
        options.append(f'--log-file={log_file}')
    return ['h2load', *options, url]


def parse_log(text):
    """Microseconds of each request, from lines of start time, status and duration."""
    return [int(line.split('\t')[2]) for line in text.splitlines() if line]


def frame(message):
    """The message as gRPC sends it."""
    return b'\0' + len(message).to_bytes(4, 'big') + message
