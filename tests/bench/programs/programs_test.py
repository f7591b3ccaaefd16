"""What `./dev bench` measures with: the client against the responder in every mode, and that it notices wrong replies."""

import json
import os
import re
import subprocess
import sys
import unittest

PROGRAMS = ''  # the folder of the programs, set from the command line
PATIENCE = 60  # seconds until what a test waits for counts as missing; sanitizers and busy machines are slow


class Server:
    """A running program; `address` is where it listens. Its end asserts a clean exit."""

    def __init__(self, name, *flags):
        self._process = subprocess.Popen(['setpriv', '--pdeathsig', 'KILL', os.path.join(PROGRAMS, name), *flags],
                                         stdout=subprocess.PIPE, text=True,
                                         env={**os.environ, 'ASAN_OPTIONS': 'quarantine_size_mb=1'})
        said = self._process.stdout.readline()
        match = re.fullmatch(rf'{name} ready: listening on (\S+)\n', said)
        if match is None:
            self._process.kill()
            self._process.wait()
            raise AssertionError(f'{name} is not ready; it said "{said}"')
        self.address = match[1]

    def maps(self):
        with open(f'/proc/{self._process.pid}/maps', encoding='utf-8') as maps:
            return maps.read()

    def peak_bytes(self):
        with open(f'/proc/{self._process.pid}/status', encoding='utf-8') as status:
            return int(re.search(r'VmHWM:\s+(\d+) kB', status.read())[1]) << 10

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        status = self._process.wait(PATIENCE)
        self._process.stdout.close()
        if status != 0:
            raise AssertionError(f'ended with {status}')


def responder(*flags):
    return Server('bench-responder', *flags)


def client_command(address, *flags):
    return [os.path.join(PROGRAMS, 'bench-client'), f'--target={address}', '--json', *flags]


def run_client(address, *flags):
    """Exit status and report."""
    ended = subprocess.run(client_command(address, *flags), capture_output=True, text=True, timeout=PATIENCE, check=False)
    return ended.returncode, json.loads(ended.stdout) if ended.stdout else ended.stderr


def calls_begun(address):
    """The responder's own count, from the digits that end its reply."""
    body = os.path.join(PROGRAMS, 'empty-message')
    with open(body, 'wb') as out:
        out.write(b'\0' * 5)
    said = subprocess.run(['nghttp', f'-d{body}', '-Hcontent-type: application/grpc', f'http://{address}/bench.Stats/Calls'],
                          capture_output=True, timeout=PATIENCE, check=True).stdout
    return int(re.search(rb'\d+$', said)[0])


class RightReplies(unittest.TestCase):
    def all_right(self, server, calls, *flags):
        status, report = run_client(server.address, *flags)
        self.assertEqual((status, report['calls'], report['failed'], report['mismatched']), (0, calls, 0, 0), report)
        return report

    def test_every_caller_of_a_herd_is_answered_and_counted(self):
        with responder('--delay=5ms') as server:
            report = self.all_right(server, 200, '--mode=herd', '--connections=10', '--streams=20', '--key=kettle')
            self.assertGreaterEqual(report['first_reply_ms'], 5)
            self.assertGreaterEqual(report['max_us'], report['p50_us'])
            self.assertEqual(calls_begun(server.address), 200)

    def test_large_replies_are_checked_byte_by_byte(self):
        with responder('--reply-bytes=100000') as server:
            report = self.all_right(server, 40, '--mode=fanout', '--connections=4', '--streams=10', '--reply-bytes=100000')
            self.assertEqual(report['bytes'], 40 * 100005)

    def test_each_wave_of_a_flight_waits_for_the_last(self):
        with responder('--delay=5ms') as server:
            report = self.all_right(server, 60, '--mode=flight', '--connections=2', '--streams=10', '--waves=3')
            self.assertGreaterEqual(report['seconds'], 0.015)

    def test_closed_loops_count_calls_or_seconds_after_the_warmup(self):
        with responder() as server:
            self.all_right(server, 500, '--mode=load', '--connections=3', '--streams=7', '--calls=500', '--distinct=9')
            self.all_right(server, 300, '--mode=latency', '--calls=300', '--warmup=50')
            status, report = run_client(server.address, '--mode=many', '--connections=20', '--streams=5', '--seconds=0.1',
                                        '--request-bytes=9')
            self.assertEqual((status, report['failed']), (0, 0))
            self.assertEqual(calls_begun(server.address), 500 + 350 + report['calls'])

    def test_an_open_loop_makes_as_many_calls_as_its_rate_says(self):
        with responder() as server:
            report = self.all_right(server, 100, '--mode=latency', '--rate=1000', '--seconds=0.1', '--connections=2')
            self.assertGreaterEqual(report['seconds'], 0.098)

    def test_streams_flow_both_ways_and_end_in_order(self):
        with responder('--stream-messages=30') as server:
            for direction in ([], ['--upload']):
                report = self.all_right(server, 1, '--mode=stream', '--messages=30', *direction)
                self.assertEqual((report['messages'], report['bytes']), (30, 30 * 65541))
            self.assertGreater(self.all_right(server, 1, '--mode=stream', '--seconds=0.1', '--upload')['messages'], 0)

    def test_a_download_without_end_is_cut_off(self):
        with responder() as server:
            for length in ('--messages=30', '--seconds=0.1'):
                self.assertGreater(self.all_right(server, 1, '--mode=stream', length)['messages'], 0)

    def test_idle_connections_are_held_until_stdin_closes(self):
        with responder('--delay=1h') as server:
            with subprocess.Popen(client_command(server.address, '--mode=idle', '--connections=5', '--streams=3', '--waiting'),
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
                self.assertEqual(client.stdout.readline(), 'ready: 5 connections, 15 calls waiting\n')
                self.assertEqual(calls_begun(server.address), 15)
                client.stdin.close()
                report = json.loads(client.stdout.read())
            self.assertEqual((client.returncode, report['waiting'], report['failed']), (0, 15, 0))

    def test_the_grpc_proxy_carries_calls_and_streams_both_ways(self):
        with responder() as server, Server('bench-grpc-proxy', f'--backend={server.address}') as proxy:
            self.all_right(proxy, 500, '--mode=load', '--connections=4', '--streams=10', '--calls=500')
            for direction in ([], ['--upload']):
                self.all_right(proxy, 1, '--mode=stream', '--messages=30', *direction)
            self.assertEqual(calls_begun(server.address), 500)


class BadDays(unittest.TestCase):
    """What `./dev faults` has backends do, and what it has callers notice."""

    RATE = ['--mode=latency', '--rate=2000', '--calls=400', '--connections=2', '--deadline=2s']

    def ask(self, server, *flags):
        _, report = run_client(server.address, *self.RATE, *flags)
        self.assertEqual((report['calls'], report['mismatched']), (400, 0), report)
        return report, {(code, said): count for code, said, count in report['ends']}

    def test_an_echo_is_the_request_and_nothing_else_will_do(self):
        asked = ['--echo', '--distinct=20', '--key=some', '--request-bytes=3000']
        with responder('--echo', '--delay=1ms') as server:
            self.assertEqual(self.ask(server, *asked)[1], {})
        with responder() as server:
            self.assertEqual(run_client(server.address, *self.RATE, *asked)[1]['mismatched'], 400)

    def test_bad_calls_end_in_all_ways_and_the_same_seed_repeats_them(self):
        with responder('--bad-percent=50', '--seed=7', '--echo') as server:
            one = self.ask(server, '--timeout=3s', '--echo')[1]
        with responder('--bad-percent=50', '--seed=7', '--echo') as server:
            self.assertEqual(self.ask(server, '--timeout=3s', '--echo')[1], one)
        self.assertEqual(set(one), {(14, 'the backend has a bad day'), (14, 'grpc-status 14'), (14, 'reset with REFUSED_STREAM'),
                                    (13, 'reset with INTERNAL_ERROR'), (-1, 'not ended in time')})

    def test_some_calls_are_slow(self):
        with responder('--slow-percent=10', '--slow-delay=100ms', '--delay=1ms') as server:
            report, ends = self.ask(server)
            self.assertEqual(ends, {})
            self.assertGreaterEqual(report['longest_us'], 100_000)
            self.assertLess(report['p50_us'], 100_000)

    def test_what_is_beyond_its_capacity_is_refused(self):
        with responder('--capacity=1', '--delay=20ms') as server:
            ends = self.ask(server)[1]
            self.assertEqual(list(ends), [(14, 'the backend has a bad day')])
            self.assertGreater(ends[14, 'the backend has a bad day'], 300)

    def test_it_can_be_unavailable_for_a_while(self):
        with responder('--unavailable-after=0s', '--unavailable-for=1h') as server:
            self.assertEqual(self.ask(server)[1], {(14, 'the backend has a bad day'): 400})
        with responder('--unavailable-after=1h') as server:
            self.assertEqual(self.ask(server)[1], {})

    def test_goaway_comes_behind_so_many_calls(self):
        with responder('--goaway-every=100') as server:
            self.assertLess(run_client(server.address, *self.RATE)[1]['calls'], 400)  # the client stops there


class Yardstick(unittest.TestCase):
    """What the proxy is compared with has what the proxy has, or the comparison flatters it."""

    def test_it_keeps_nothing_of_calls_that_have_ended(self):
        with responder() as server:
            def peak_after(calls):
                status, report = run_client(server.address, '--mode=load', '--streams=50', f'--calls={calls}')
                self.assertEqual(status, 0, report)
                return server.peak_bytes()
            before = peak_after(5000)
            self.assertLess(peak_after(40000) - before, 4 << 20)

    def test_it_has_the_allocator_of_the_proxy(self):
        with responder() as server:
            self.assertTrue('jemalloc' in server.maps() or 'libasan' in server.maps())


class WrongReplies(unittest.TestCase):
    def complaint(self, server, *flags):
        status, report = run_client(server.address, *flags)
        self.assertEqual(status, 1, report)
        return report['failed'], report['mismatched'], report['first_complaint']

    def test_one_wrong_byte_is_noticed_in_every_mode(self):
        modes = [['--mode=herd', '--streams=10'], ['--mode=fanout', '--streams=10'], ['--mode=flight', '--streams=10'],
                 ['--mode=load', '--calls=10'], ['--mode=many', '--calls=10'], ['--mode=latency', '--calls=10'],
                 ['--mode=latency', '--calls=10', '--rate=1000'], ['--mode=idle', '--connections=10', '--calls=1']]
        with responder('--wrong-every=10') as server:
            for flags in modes:
                with self.subTest(flags):
                    self.assertEqual(self.complaint(server, *flags), (0, 1, 'wrong bytes among the first 105'))

    def test_a_reply_that_is_too_short_or_too_long_is_noticed(self):
        with responder() as server:
            for size in (99, 101):
                self.assertEqual(self.complaint(server, '--mode=load', '--calls=5', f'--reply-bytes={size}')[:2], (0, 5))

    def test_a_stream_of_other_messages_is_noticed(self):
        with responder('--stream-message-bytes=1000') as server:
            self.assertEqual(self.complaint(server, '--mode=stream', '--seconds=0.1')[:2], (0, 1))

    def test_a_stream_that_ends_too_soon_is_noticed(self):
        with responder('--stream-messages=29') as server:
            self.assertEqual(self.complaint(server, '--mode=stream', '--messages=30'), (0, 1, '1 messages too few'))

    # PITFALLS 47
    def test_a_grpc_status_is_a_failure_whatever_the_bytes(self):
        with responder('--status=14') as server:
            self.assertEqual(self.complaint(server, '--mode=load', '--calls=5'), (5, 0, 'grpc-status 14'))
            self.assertEqual(self.complaint(server, '--mode=stream', '--messages=3', '--upload'), (1, 0, 'grpc-status 14'))

    def test_a_call_that_does_not_end_is_a_failure(self):
        with responder('--delay=1h') as server:
            self.assertEqual(self.complaint(server, '--mode=herd', '--streams=3', '--timeout=100ms'),
                             (3, 0, 'not ended in time'))

    def test_a_server_that_goes_away_is_a_failure(self):
        with responder() as server:
            address = server.address
        self.assertEqual(run_client(address, '--mode=load', '--calls=1')[0], 1)


class Mistakes(unittest.TestCase):
    def refused(self, program, *flags):
        ended = subprocess.run([os.path.join(PROGRAMS, program), *flags], capture_output=True, text=True,
                               timeout=PATIENCE, check=False)
        self.assertEqual(ended.returncode, 2, ended)
        return ended.stderr

    def test_unknown_flags_and_words_are_refused(self):
        for program in ('bench-responder', 'bench-client', 'bench-grpc-proxy'):
            self.assertIn('no_such', self.refused(program, '--no-such=1'))
            self.assertIn('"word" is no flag', self.refused(program, 'word'))

    def test_a_flag_that_the_mode_would_ignore_is_refused(self):
        self.assertIn('--waves does not go with --mode=load',
                      self.refused('bench-client', '--mode=load', '--calls=1', '--waves=2'))
        self.assertIn('--streams', self.refused('bench-client', '--mode=idle', '--streams=2'))

    def test_what_cannot_be_is_refused_with_what_can(self):
        self.assertIn('herd, fanout', self.refused('bench-client', '--mode=stampede'))
        self.assertIn('either --calls or --seconds', self.refused('bench-client', '--mode=load'))
        self.assertIn('the longest key has 7', self.refused('bench-client', '--mode=herd', '--key=1234567',
                                                            '--request-bytes=6'))
        self.assertIn('try 127.0.0.1:8080', self.refused('bench-client', '--mode=herd', '--target=localhost:80'))
        self.assertIn('try 127.0.0.1:8080', self.refused('bench-responder', '--listen=nowhere'))


if __name__ == '__main__':
    PROGRAMS = sys.argv.pop(1)
    unittest.main()
