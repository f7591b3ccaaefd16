"""Callers of every kind on gRPC's own client, until SIGTERM. Every reply is checked.

callers.py --plain=HOST:PORT --tls=HOST:PORT --ca=FILE

Prints JSON, a line each: {"calls": {kind: how many so far}} every second, and for every call that did not end as it
should {"kind", "began", "ended" (seconds of the monotonic clock), "code", "details"}.
"""

import argparse
import itertools
import json
import random
import signal
import sys
import threading
import time
import zlib

import grpc
import work

TIMEOUT = 20  # seconds that an honest call may take
KEYS = 200


class Callers:
    def __init__(self, plain, tls, authority_file):
        self._targets = {'plain': plain, 'tls': tls}
        with open(authority_file, 'rb') as file:
            self._credentials = grpc.ssl_channel_credentials(file.read())
        self.over = threading.Event()
        self._lock = threading.Lock()  # of standard output and the counts
        self._counts = {}
        self._numbers = itertools.count()

    # --- what callers do ----------------------------------------------------------------------------------------------

    def read(self, door, method, compression=grpc.Compression.NoCompression):
        """Calls for a key that others ask for as well."""
        def once(channel, dice):
            request = b'key %d' % dice.randrange(KEYS)
            expect(work.reply_to(request), unary(channel, method)(request, timeout=TIMEOUT, compression=compression))
        return self._again_and_again(door, once)

    def write(self, door):
        def once(channel, dice):
            request = b'write %d' % next(self._numbers) + b'x' * dice.choice([0, 100, 70_000])
            expect(work.reply_to(request), unary(channel, work.RELAYED)(request, timeout=TIMEOUT))
        return self._again_and_again(door, once)

    def download(self, door):
        def once(channel, dice):
            request = b'%d messages' % dice.randrange(1, 40)
            parts = channel.unary_stream(work.DOWN)(request, timeout=TIMEOUT)
            count = 0
            for part in parts:
                expect(work.part_of(request, count), part)
                count += 1
            expect(int(request.split(b' ')[0]), count)
        return self._again_and_again(door, once)

    def upload(self, door):
        def once(channel, dice):
            messages = [work.reply_to(b'up %d' % number) for number in range(dice.randrange(1, 30))]
            expect(work.sum_of(messages), channel.stream_unary(work.UP)(iter(messages), timeout=TIMEOUT))
        return self._again_and_again(door, once)

    def chat(self, door):
        def once(channel, dice):
            requests = [b'chat %d' % number for number in range(dice.randrange(1, 20))]
            replies = list(channel.stream_stream(work.CHAT)(iter(requests), timeout=TIMEOUT))
            expect([work.reply_to(request) for request in requests], replies)
        return self._again_and_again(door, once)

    def cancel(self, door, method):
        """Leaves flights and relays while they are in the air."""
        def once(channel, dice):
            call = unary(channel, method).future(b'cancelled %d' % dice.randrange(3), timeout=TIMEOUT)
            self.over.wait(dice.random() * 1.2 * work.SLOW_SECONDS)
            if call.cancel() or call.cancelled():
                return
            expect_code(call, grpc.StatusCode.OK)
        return self._again_and_again(door, once)

    def cancel_at_once(self, door):
        """Before anything has been sent, while another call is made on the same connection."""
        def once(channel, dice):
            for _ in range(dice.randrange(1, 5)):
                unary(channel, work.RELAYED).future(b'x' * dice.choice([1, 70_000]), timeout=TIMEOUT).cancel()
            request = b'beside %d' % next(self._numbers)
            expect(work.reply_to(request), unary(channel, work.RELAYED)(request, timeout=TIMEOUT))
        return self._again_and_again(door, once)

    def abandon_download(self, door):
        """Reads the beginning of a stream."""
        def once(channel, _):
            parts = channel.unary_stream(work.DOWN)(b'1000 messages', timeout=TIMEOUT)
            expect(work.part_of(b'1000 messages', 0), next(parts))
            parts.cancel()
        return self._again_and_again(door, once)

    def run_out_of_time(self, door):
        def once(channel, dice):
            call = unary(channel, work.SLOW).future(b'late %d' % dice.randrange(3),
                                                    timeout=work.SLOW_SECONDS * dice.uniform(0.1, 0.9))
            expect_code(call, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.OK)  # another may have begun it
        return self._again_and_again(door, once)

    def ask_nobody(self, door):
        """Calls an upstream whose name server says nothing."""
        def once(channel, _):
            call = unary(channel, work.SILENT).future(b'who', timeout=TIMEOUT)
            expect_code(call, grpc.StatusCode.UNAVAILABLE)
            if work.SILENT_NAME not in call.details():
                raise Unexpected(call.details())
        return self._again_and_again(door, once)

    def hang_up(self, door, method):
        """Closes the connection under its calls."""
        def once(_, dice):
            with self._channel(door) as channel:
                calls = [unary(channel, method).future(b'hung up on %d' % dice.randrange(5), timeout=TIMEOUT)
                         for _ in range(5)]
                self.over.wait(dice.random() * work.SLOW_SECONDS)
            for call in calls:
                expect_code(call, grpc.StatusCode.OK, grpc.StatusCode.CANCELLED)
        return self._again_and_again(door, once)

    # --- how ----------------------------------------------------------------------------------------------------------

    def _channel(self, door):
        options = [('grpc.use_local_subchannel_pool', 1), ('grpc.enable_retries', 0), ('grpc.max_reconnect_backoff_ms', 500)]
        if door == 'plain':
            return grpc.insecure_channel(self._targets[door], options)
        return grpc.secure_channel(self._targets[door], self._credentials, options)

    def _again_and_again(self, door, once):
        """A caller as a function of its name. It makes its connection anew now and then."""
        def run(name):
            dice = random.Random(zlib.crc32(name.encode()))
            while not self.over.is_set():
                with self._channel(door) as channel:
                    for _ in range(dice.randrange(20, 200)):
                        if self.over.is_set():
                            break
                        self._judge(name, lambda: once(channel, dice))
                        self.over.wait(dice.random() * 0.04)
        return run

    def _judge(self, name, call):
        began = time.monotonic()
        try:
            call()
        except Unexpected as error:
            self._complain(name, began, 'MISMATCH', str(error))
        except grpc.FutureCancelledError:
            self._complain(name, began, 'CANCELLED', 'and not by its caller')
        except grpc.RpcError as error:
            self._complain(name, began, error.code().name, error.details())
        with self._lock:
            self._counts[name] = self._counts.get(name, 0) + 1

    def _complain(self, name, began, code, details):
        self._say({'kind': name, 'began': began, 'ended': time.monotonic(), 'code': code, 'details': details})

    def _say(self, what):
        with self._lock:
            print(json.dumps(what), flush=True)

    def report(self):
        with self._lock:
            counts = dict(self._counts)
        self._say({'calls': counts})


class Unexpected(Exception):
    """Wrong bytes, or a status that this call cannot have."""


def unary(channel, method):
    return channel.unary_unary(method)


def expect(right, got):
    if got != right:
        raise Unexpected(f'{str(got)[:80]} instead of {str(right)[:80]}')


def expect_code(call, *codes):
    if call.code() not in codes:
        call.result()  # raises what it ended with
        raise Unexpected(f'{call.code()} instead of {codes}')


def kinds(callers):
    gzip = grpc.Compression.Gzip
    return {
        'kept, plain': callers.read('plain', work.KEPT),
        'kept, TLS': callers.read('tls', work.KEPT),
        'kept, gzip': callers.read('plain', work.KEPT, gzip),
        'shared, plain': callers.read('plain', work.SHARED),
        'shared, gzip': callers.read('plain', work.SHARED, gzip),
        'shared, TLS': callers.read('tls', work.SHARED),
        'shared, TLS, deflate': callers.read('tls', work.SHARED, grpc.Compression.Deflate),
        'write, plain': callers.write('plain'),
        'write, TLS': callers.write('tls'),
        'download, plain': callers.download('plain'),
        'download, TLS': callers.download('tls'),
        'upload, plain': callers.upload('plain'),
        'upload, TLS': callers.upload('tls'),
        'chat, plain': callers.chat('plain'),
        'chat, TLS': callers.chat('tls'),
        'cancels shared': callers.cancel('plain', work.SLOW),
        'cancels relayed': callers.cancel('tls', work.RELAYED),
        'cancels at once, plain': callers.cancel_at_once('plain'),
        'cancels at once, TLS': callers.cancel_at_once('tls'),
        'abandons a download': callers.abandon_download('plain'),
        'runs out of time': callers.run_out_of_time('tls'),
        'asks a silent name': callers.ask_nobody('plain'),
        'hangs up on shared': callers.hang_up('tls', work.SLOW),
        'hangs up on relayed': callers.hang_up('plain', work.RELAYED),
    }


def main():
    parser = argparse.ArgumentParser()
    for name in ('plain', 'tls', 'ca'):
        parser.add_argument(f'--{name}', required=True)
    options = parser.parse_args()
    callers = Callers(options.plain, options.tls, options.ca)
    signal.signal(signal.SIGTERM, lambda *_: callers.over.set())
    threads = [threading.Thread(target=run, args=[name]) for name, run in kinds(callers).items()]
    for thread in threads:
        thread.start()
    while not callers.over.wait(1):
        callers.report()
    for thread in threads:
        thread.join()
    callers.report()
    return 0


if __name__ == '__main__':
    sys.exit(main())
