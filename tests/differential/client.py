"""client.py DIRECT PROXY WAY…: what differential-client (client.cc) does, with gRPC for Python."""

import collections
import concurrent.futures
import queue
import random
import sys
import threading
from typing import NamedTuple

import grpc

COMPRESSIONS = (None, grpc.Compression.Gzip, grpc.Compression.Deflate)
API = {'unary': 'unary_unary', 'server': 'unary_stream', 'client': 'stream_unary', 'bidi': 'stream_stream'}
PLANS_AT_A_TIME = 12
MARKS = ('age', 'cache-status')
OPTIONS = [('grpc.max_metadata_size', 64 << 10), ('grpc.use_local_subchannel_pool', 1), ('grpc.enable_http_proxy', 0)]


class Plan(NamedTuple):
    """See plan.h."""
    index: str
    kind: str
    compression: int
    deadline_ms: int
    in_turn: bool
    cancel_after: int
    code_only: bool
    messages: list
    metadata: list


def payload(text):
    """Of SIZE:SEED:COMPRESSED; even seeds compress well. Compression is of the whole call in Python."""
    size, seed, _ = map(int, text.split(':'))
    return random.Random(seed).randbytes(size) if seed % 2 else bytes([97 + seed % 26]) * size


def parse(line):
    index, kind, compression, deadline, in_turn, cancel, code_only, messages, metadata, script = line.split('\t')
    fields = [(name, bytes.fromhex(value)) for name, value in (part.split('=') for part in metadata.split(',') if part)]
    fields = [(name, value if name.endswith('-bin') else value.decode()) for name, value in fields]
    return Plan(index, kind, int(compression), int(deadline), in_turn == '1', int(cancel), code_only == '1',
                [payload(text) for text in messages.split(',') if text], [*fields, ('x-script', script)])


def shares(way):
    return way != 'direct' and not way.startswith('relay')


def compared(text, way):
    """The lines of an outcome that must be the same by that way. A shared call has a deadline of its own; one
    that is sent again says so; with transport: grpc, gRPC names itself and drops the message of an OK."""
    left_out = (('backend saw deadline',) * shares(way) +
                ('backend saw field grpc-previous-rpc-attempts=',) * way.endswith('_again') +
                ('backend saw field user-agent=', 'status StatusCode.OK ') * way.endswith('_by_grpc'))
    return [line for line in text.split('\n') if not line.startswith(left_out)]


def reported(way, report):
    for line in report.decode('latin1').splitlines():
        if not (shares(way) and line.startswith('field singleflight-chain=')):
            yield f'backend saw {line}'


def fields(block, way, metadata):
    """Sorted by name, as C++ does: only the order of the values of one name means something."""
    for name, value in sorted(metadata or (), key=lambda field: field[0]):
        if name == 'x-report-bin':
            yield from reported(way, value)
        elif not (shares(way) and name in MARKS):
            yield f'{block} {name}={(value if isinstance(value, bytes) else value.encode()).hex()}'


class Outcome(NamedTuple):
    text: str
    status: str  # the field cache-status


def send(plan, replies):
    """The requests; in turn, each after the reply to the one before."""
    for number, message in enumerate(plan.messages):
        if plan.in_turn and number > 0:
            replies.get()
        yield message
    if plan.in_turn:
        replies.get()


def start(channel, plan, way, replies):
    options = {'metadata': plan.metadata, 'timeout': plan.deadline_ms / 1000 or None,
               'compression': COMPRESSIONS[plan.compression]}
    api = getattr(channel, API[plan.kind])(f'/{way}/differential.Echo/{plan.kind}')
    request = send(plan, replies) if API[plan.kind].startswith('stream') else plan.messages[0]
    return (api.future if API[plan.kind].endswith('_unary') else api)(request, **options)


def read(plan, call, replies):
    """The messages that come."""
    messages = []
    try:
        if API[plan.kind].endswith('_unary'):
            return [call.result()]
        while len(messages) != plan.cancel_after:
            messages.append(next(call))
            replies.put(True)
        call.cancel()
    except (grpc.RpcError, grpc.FutureCancelledError, StopIteration):
        pass
    finally:
        for _ in range(len(plan.messages) + 1):
            replies.put(True)  # who waits for one waits in vain
    return messages


def call(channel, plan, way):
    replies = queue.Queue()
    running = start(channel, plan, way, replies)
    messages = read(plan, running, replies)
    lines = [f'status {running.code()}']
    if not plan.code_only:
        lines[0] += f' {running.details()!r}'
        lines += fields('initial', way, running.initial_metadata())
        lines += [f'message {len(message)}:{hash(message)}' for message in messages]
        if plan.cancel_after < 0:
            lines += fields('trailing', way, running.trailing_metadata())
    blocks = [*(running.initial_metadata() or ()), *(running.trailing_metadata() or ())]
    return Outcome('\n'.join(lines), ' '.join(value for name, value in blocks if name == 'cache-status'))


class Client:
    """Makes the plans' calls and counts."""

    def __init__(self, direct, proxy, ways):
        self._direct, self._proxy = (grpc.insecure_channel(address, OPTIONS) for address in (direct, proxy))
        self._ways = ways
        self._calls = concurrent.futures.ThreadPoolExecutor(PLANS_AT_A_TIME * 8)
        self._lock = threading.Lock()
        self.counts = collections.Counter(direct=0, compared=0, hits=0, collapsed=0, different=0)

    def run(self, plan):
        """One plan by all ways: twice at the same time by those named collapse…, twice in turn by those named cache…"""
        begun = [(way, self._calls.submit(call, self._proxy, plan, way))
                 for way in self._ways for _ in range(2 if way.startswith('collapse') else 1)]
        expected = call(self._direct, plan, 'direct')
        outcomes = [(way, future.result()) for way, future in begun]
        outcomes += [(way, call(self._proxy, plan, way)) for way in self._ways if way.startswith('cache')]
        different = ''.join(f'DIFFERENT plan {plan.index} by {way}\n--- directly\n{expected.text}\n--- by {way}\n'
                            f'{outcome.text}\n' for way, outcome in outcomes 
                            if compared(outcome.text, way) != compared(expected.text, way))
        with self._lock:
            print(different, end='')
            self.counts.update(direct=1, compared=len(outcomes), different=int(different != ''),
                               hits=sum('; hit' in outcome.status for _, outcome in outcomes),
                               collapsed=sum('; collapsed' in outcome.status for _, outcome in outcomes))


def main():
    client = Client(sys.argv[1], sys.argv[2], sys.argv[3:])
    with concurrent.futures.ThreadPoolExecutor(PLANS_AT_A_TIME) as plans:
        for done in concurrent.futures.as_completed([plans.submit(client.run, parse(line.rstrip('\n')))
                                                     for line in sys.stdin]):
            done.result()
    print(' '.join(f'{name} {number}' for name, number in client.counts.items()))


if __name__ == '__main__':
    main()
