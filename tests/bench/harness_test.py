"""The parts of the bench that need no servers: what rounds add up to, what programs' reports say, what is refused."""

import collections
import contextlib
import io
import json
import os
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest
from unittest import mock

import bench
import tls_client
from harness import callgrind, costs, cpu, figures, h2load, locks, machine, processes, raw_call, report, servers, tls
from harness.errors import BenchError, NotApplicable
from harness.figures import Target
from harness.rows import eviction, library
from harness.session import Session

H2LOAD = '''
starting benchmark...
finished in 1.02s, 98039.22 req/s, 12.30MB/s
requests: 100000 total, 100000 started, 100000 done, {succeeded} succeeded, 0 failed, 0 errored, 0 timeout
status codes: {succeeded} 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 15.26MB (16000000) total, 3.91MB (4100000) headers (space savings 94.19%), 10.01MB ({data}) data
                     min         max         mean         sd        +/- sd
time for request:       88us      2.10ms       511us       120us    71.02%
'''


HANDSHAKE = '''
TLS Protocol: TLSv1.3
Cipher: TLS_AES_128_GCM_SHA256
Server Temp Key: X25519 253 bits
Application protocol: h2
'''


class Figures(unittest.TestCase):
    def test_a_multiple_is_the_median_of_ratios_paired_by_round(self):
        figure = figures.times('r', 'w', [2, 30, 4], [1, 10, 4], None, 'µs')
        self.assertEqual(figure.values, [2, 3, 1])
        self.assertEqual(figure.median, 2)

    def test_a_gain_is_how_many_times_less_we_take(self):
        self.assertEqual(figures.gain('r', 'w', [1, 2, 4], [5, 12, 16], None, 'µs').median, 5)

    def test_a_difference_is_paired_as_well(self):
        self.assertEqual(figures.difference('r', 'w', [3, 9, 5], [5, 9, 2], 'µs').values, [-2, 0, 3])

    def test_rounds_that_do_not_pair_are_an_error(self):
        for measure in (figures.times, figures.gain):
            with self.assertRaises(ValueError):
                measure('r', 'w', [1, 2], [1], None, 'µs')
        with self.assertRaises(ValueError):
            figures.plain('r', 'w', [], 'µs')

    def test_verdicts(self):
        def verdict(target, values):
            return figures.plain('r', 'w', values, '×', target).verdict
        self.assertEqual(verdict(Target('≤', 1.6), [1.5, 1.6, 9]), 'holds')
        self.assertEqual(verdict(Target('≤', 1.6), [1.5, 1.61, 9]), 'misses')
        self.assertEqual(verdict(Target('≥', 3), [2, 3, 4]), 'holds')
        self.assertEqual(verdict(Target('<', 1), [1]), 'misses')
        self.assertEqual(verdict(Target('=', 1), [1, 1, 1]), 'holds')
        self.assertEqual(verdict(None, [1]), '–')

    def test_where_each_counts_one_bad_round_misses(self):
        target = Target('<', 1, each=True)
        self.assertEqual(figures.plain('r', 'w', [0.8, 0.9, 0.99], '×', target).verdict, 'holds')
        self.assertEqual(figures.plain('r', 'w', [0.8, 0.9, 1.01], '×', target).verdict, 'misses')

    def test_what_is_missing_says_why(self):
        self.assertEqual(figures.missing('r', 'w', 'perf is missing').verdict, 'n/a because perf is missing')

    def test_percentiles_are_values_that_occurred(self):
        values = list(range(100, 0, -1))
        self.assertEqual([figures.percentile(values, at) for at in (1, 50, 99, 100)], [1, 50, 99, 100])
        self.assertEqual(figures.percentile([7], 50), 7)

    def test_numbers_have_three_digits_that_matter(self):
        self.assertEqual([figures.number(value) for value in (1234567.8, 156.3, 12.345, 0.5, 0.01234, 3, -2.5)],
                         ['1,234,568', '156', '12.35', '0.50', '0.012', '3', '-2.50'])


class H2load(unittest.TestCase):
    def test_its_report_is_read(self):
        read = h2load.parse(H2LOAD.format(succeeded=100000, data=10500000))
        self.assertEqual(read, h2load.Report(1.02, 100000, 100000, 100000, 100000, 10500000))
        h2load.check(read, 105, 'server')

    def test_short_runs_are_in_other_units(self):
        self.assertAlmostEqual(h2load.parse(H2LOAD.format(succeeded=1, data=1).replace('1.02s', '20.5ms')).seconds,
                               0.0205)

    def test_a_report_that_is_none_is_an_error(self):
        with self.assertRaisesRegex(BenchError, 'no seconds'):
            h2load.parse('connect failed')

    def test_calls_that_fail_are_noticed(self):
        with self.assertRaisesRegex(BenchError, '99,999 succeeded'):
            h2load.check(h2load.parse(H2LOAD.format(succeeded=99999, data=10500000)), 105, 'server')

    # PITFALLS 47
    def test_calls_that_fail_with_a_grpc_status_only_are_noticed(self):
        with self.assertRaisesRegex(BenchError, 'some calls failed'):
            h2load.check(h2load.parse(H2LOAD.format(succeeded=100000, data=10499895)), 105, 'server')

    def test_a_rate_is_shared_by_the_connections(self):
        command = h2load.command('http://127.0.0.1:1/s/m', 'body', h2load.Load(4, 50, rate=4000), 100)
        self.assertIn('--rps=1000.0', command)
        self.assertEqual(command[-1], 'http://127.0.0.1:1/s/m')

    def test_over_tls_it_offers_nothing_but_what_all_agree_on(self):
        command = h2load.command('https://127.0.0.1:1/s/m', 'body', h2load.Load(4, 50), 100)
        self.assertIn('--tls13-ciphers=TLS_AES_128_GCM_SHA256', command)
        self.assertIn('--groups=X25519', command)
        self.assertIn('--npn-list=h2', command)

    def test_what_it_agreed_on_is_checked(self):
        said = H2LOAD.format(succeeded=1, data=1)
        agreed = HANDSHAKE + said
        h2load.check_tls(h2load.parse(agreed), 'server')
        for other in (agreed.replace('AES_128', 'AES_256'), agreed.replace('X25519', 'P-256'),
                      agreed.replace('h2', 'h1'), agreed.replace('Server Temp Key', 'Key'), said):
            with self.assertRaisesRegex(BenchError, 'not on TLSv1.3, TLS_AES_128_GCM_SHA256, X25519, h2'):
                h2load.check_tls(h2load.parse(other), 'server')

    def test_its_log_gives_durations(self):
        self.assertEqual(h2load.parse_log('1700000000000000\t200\t512\n1700000000000009\t200\t88\n'), [512, 88])

    def test_a_request_is_framed(self):
        self.assertEqual(h2load.frame(b'abc'), b'\0\0\0\0\x03abc')


class Cpu(unittest.TestCase):
    # PITFALLS 46
    def test_a_cost_that_cannot_be_true_stops_the_bench(self):
        with self.assertRaisesRegex(BenchError, 'some other process did the work'):
            cpu.per_call('nginx', 0.00001, 100000)

    def test_a_cost_is_microseconds_a_call(self):
        self.assertAlmostEqual(cpu.per_call('nginx', 2.5, 100000), 25)

    # PITFALLS 46
    def test_the_work_of_a_child_counts(self):
        script = 'sh -c \'i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; echo done; read x\'; true'
        with subprocess.Popen(['sh', '-c', script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
            parent.stdout.readline()
            self.assertEqual(len(cpu.family(parent.pid)), 2)
            self.assertGreater(cpu.seconds(parent.pid), 2 * cpu.process_seconds(parent.pid))
            parent.stdin.close()

    def test_a_program_that_is_gone_costs_nothing_more(self):
        with subprocess.Popen(['true']) as process:
            process.wait()
            self.assertEqual(cpu.seconds(process.pid), 0)

    def test_memory_is_in_bytes(self):
        self.assertEqual(cpu.parse_status('Name:\tx\nVmHWM:\t    2048 kB\nRssAnon:\t       8 kB\nThreads:\t1\n'),
                         {'VmHWM': 2 << 20, 'RssAnon': 8192})


class Locks(unittest.TestCase):
    FREE = 'proxy \n\t 1 pthread_mutex_lock\n\t 2 main\n'
    WAITING = 'proxy \n\t 1 futex_wait\n\t 2 __x64_sys_futex\n\t 3 __lll_lock_wait\n\t 4 main\n'

    def test_samples_within_contended_locks_count(self):
        self.assertEqual(locks.share_of('\n'.join([self.FREE] * 90 + [self.WAITING] * 10)), 10)

    def test_too_few_samples_tell_nothing(self):
        with self.assertRaisesRegex(BenchError, 'too few'):
            locks.share_of('\n'.join([self.FREE] * 5))


class Callgrind(unittest.TestCase):
    COUNTS = '''version: 1
positions: line
events: Ir
summary: 1180

ob=(1) /build/server/singleflight-proxy
fl=(1) call.cc
fn=(1) Serve
7 100
+2 50
cob=(2) /lib/libnghttp2.so.14
cfn=(2) nghttp2_session_mem_send
calls=1 30
* 1000
-1 10

ob=(2)
fn=(2)
30 1000
ob=(1)
fn=(3) Leave
* 20
'''

    def test_each_file_has_what_its_own_code_took(self):
        self.assertEqual(callgrind.parse(self.COUNTS), {'singleflight-proxy': 180, 'libnghttp2.so.14': 1000})

    def test_other_counts_are_an_error(self):
        with self.assertRaisesRegex(BenchError, 'something else'):
            callgrind.parse(self.COUNTS.replace('events: Ir', 'events: Ir Dr'))

    def test_a_machine_without_valgrind_says_so(self):
        with mock.patch('shutil.which', return_value=None), self.assertRaisesRegex(NotApplicable, 'valgrind'):
            callgrind.needed()

    def test_what_connections_cost_is_not_in_a_call(self):
        counter = callgrind.Callgrind('.')
        dumps = iter([collections.Counter(a=900 + 100 * 7), collections.Counter(a=900 + 200 * 7, b=200)])
        with mock.patch.object(counter, '_tell'), mock.patch.object(counter, '_dumped', lambda _: next(dumps)):
            self.assertEqual(counter.per_call(1, 100, run=lambda calls: None), {'a': 7, 'b': 2})


class RawCall(unittest.TestCase):
    SETTINGS = raw_call.frame(raw_call.SETTINGS, 0, 0, b'')
    HEAD = raw_call.frame(raw_call.HEADERS, raw_call.END_HEADERS, 1, b'...')
    BODY = raw_call.frame(raw_call.DATA, 0, 1, b'five!')
    TRAILERS = raw_call.frame(raw_call.HEADERS, raw_call.END_HEADERS | raw_call.END_STREAM, 1, b'...')

    def test_a_reply_is_whole_when_its_stream_ends(self):
        whole = self.SETTINGS + self.HEAD + self.BODY + self.TRAILERS
        for end in range(len(whole)):
            self.assertIsNone(raw_call.reply_bytes(whole[:end]))
        self.assertEqual((raw_call.reply_bytes(whole), raw_call.reply(whole)), (5, b'five!'))

    def test_a_reset_or_a_goaway_is_no_reply(self):
        self.assertEqual(raw_call.reply_bytes(raw_call.frame(raw_call.RST_STREAM, 0, 1, b'\0\0\0\2')), 0)
        self.assertEqual(raw_call.reply_bytes(raw_call.frame(raw_call.GOAWAY, 0, 0, b'\0' * 8)), 0)


class TlsServer:
    """Settles with as many clients as it has contexts."""

    SETTLED = (raw_call.frame(raw_call.SETTINGS, 0, 0, b'') + raw_call.frame(raw_call.SETTINGS, raw_call.ACK, 0, b''))

    def __init__(self, contexts):
        self._socket = socket.create_server(('127.0.0.1', 0))
        self._socket.settimeout(30)
        self._threads = [threading.Thread(target=self._serve, args=[context]) for context in contexts]
        self.address = '127.0.0.1:%d' % self._socket.getsockname()[1]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def _serve(self, context):
        with contextlib.suppress(OSError), self._socket.accept()[0] as plain:
            with context.wrap_socket(plain, server_side=True) as secure:
                secure.sendall(self.SETTLED)
                while secure.recv(65536):
                    pass


class TlsClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.session = cls.new_session()

    @classmethod
    def new_session(cls):
        return Session('.', cls.enterClassContext(tempfile.TemporaryDirectory()), processes=None, rounds=1)

    def context(self, alpn=tls.ALPN, tickets=1):
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.session.tls.certificate, self.session.tls.private_key)
        made.set_alpn_protocols([alpn])
        made.num_tickets = tickets
        return made

    def connect(self, contexts, **options):
        with TlsServer(contexts) as server:
            self.session.tls_client(server, **options)

    def refused(self, why, contexts, **options):
        with self.assertRaisesRegex(BenchError, why):
            self.connect(contexts, **options)

    def test_connections_come_and_go(self):
        self.connect([self.context()] * 3, connections=3)

    def test_connections_are_resumed_by_the_ticket_of_one_more(self):
        self.connect([self.context()] * 4, connections=3, resume=True)

    def test_a_full_handshake_does_not_pass_for_a_resumed_one(self):
        self.refused('a full handshake in place', [self.context(), self.context()], resume=True)

    def test_a_server_without_tickets_is_noticed(self):
        self.refused('gives no tickets', [self.context(tickets=0)], resume=True)

    def test_another_protocol_is_noticed(self):
        self.refused('agreed on', [self.context(alpn='http/1.1')])

    def test_another_certificate_is_noticed(self):
        with TlsServer([self.context()]) as server, self.assertRaisesRegex(BenchError, 'CERTIFICATE_VERIFY_FAILED'):
            self.new_session().tls_client(server)

    def test_a_reply_of_other_bytes_is_noticed(self):
        class Connection:
            def sendall(self, data):
                pass

            def recv(self, _):
                return (TlsServer.SETTLED + raw_call.frame(raw_call.DATA, 0, 1, h2load.frame(b'abc'))
                        + raw_call.frame(raw_call.HEADERS, raw_call.END_HEADERS | raw_call.END_STREAM, 1, b'...'))
        with self.assertRaisesRegex(tls_client.Wrong, 'not the backend'):
            tls_client.call(Connection(), 3)
        self.assertEqual(tls_client.pattern(3), bytes([7, 38, 69]))


class Turns(unittest.TestCase):
    def test_each_round_begins_with_another_program(self):
        self.assertEqual([costs.rotated(['a', 'b', 'c'], by) for by in (1, 2, 3, 4)],
                         [['b', 'c', 'a'], ['c', 'a', 'b'], ['a', 'b', 'c'], ['b', 'c', 'a']])


class Servers(unittest.TestCase):
    def test_a_ready_line_has_the_address(self):
        said = 'a warning\nsingleflight-proxy ready: listening on 127.0.0.1:4711; health on 127.0.0.1:4712\n'
        self.assertEqual(processes.parse_ready(said)[1], '127.0.0.1:4711')
        self.assertIsNone(processes.parse_ready('bench-responder is getting ready\n'))

    def test_samples_of_a_metric_are_summed(self):
        text = ('# TYPE singleflight_calls_total counter\nsingleflight_calls_total{route="a"} 3\n'
                'singleflight_calls_total{route="b"} 4\nsingleflight_calls_total_other 9\n')
        self.assertEqual(servers.sum_of_samples(text, 'calls_total'), 7)
        self.assertIsNone(servers.sum_of_samples(text, 'hits_total'))

    def test_what_was_started_ends_with_the_bench(self):
        with tempfile.TemporaryDirectory() as folder, processes.Processes(folder) as started:
            cores = sorted(os.sched_getaffinity(0))[:1]
            running = started.start_ready('fake', cores,
                                          ['sh', '-c', 'echo x ready: listening on h:1; tail -f /dev/null'])
            self.assertEqual(running.address, 'h:1')
        self.assertIsNotNone(running.process.returncode)

    def test_a_program_that_ends_before_it_is_ready_is_an_error(self):
        with tempfile.TemporaryDirectory() as folder, processes.Processes(folder) as started:
            cores = sorted(os.sched_getaffinity(0))[:1]
            with self.assertRaisesRegex(BenchError, '(?s)fake ended with status 3.*no such option'):
                started.start_ready('fake', cores, ['sh', '-c', 'echo no such option; exit 3'])


class Report(unittest.TestCase):
    FIGURES = [figures.times('relay', '4×50', [8, 9, 10], [10, 10, 10], Target('<', 1), 'µs'),
               figures.missing('scaling', 'locks', 'perf is missing', target=Target('<', 2), unit='%')]

    def test_the_table_is_aligned(self):
        self.assertEqual(report.text_table(self.FIGURES).splitlines(), [
            'row      what   median  spread  ours  peer   target  verdict',
            'relay    4×50   0.90 ×  0.80–1  9 µs  10 µs  < 1 ×   holds',
            'scaling  locks                               < 2 %   n/a because perf is missing'])

    def test_the_filed_table_is_markdown(self):
        self.assertIn('| relay | 4×50 | 0.90 × | 0.80–1 | 9 µs | 10 µs | < 1 × | holds |',
                      report.markdown('t', {'commit': 'abc'}, self.FIGURES, {}).splitlines())

    def test_json_has_each(self):
        read = json.loads(report.as_json({'commit': 'abc'}, self.FIGURES, {'herd': 'no client'}))
        self.assertEqual(read['figures'][0]['ours'], [8, 9, 10])
        self.assertEqual(read['figures'][0]['rounds'], [0.8, 0.9, 1.0])
        self.assertEqual(read['figures'][1]['median'], None)
        self.assertEqual(read['failures'], {'herd': 'no client'})

    def test_the_machine_is_described(self):
        self.assertTrue(machine.cpu_model())
        self.assertIn('h2load', machine.describe('.', '.')['peers'])


class Bench(unittest.TestCase):
    def refused(self, *arguments):
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit):
            bench.parse(arguments)
        return said.getvalue()

    def test_an_unknown_row_is_refused_with_the_list(self):
        self.assertRegex(self.refused('relya'), 'no row relya; there are .*relay.*latency')

    def test_no_rounds_are_refused(self):
        self.assertIn('--rounds', self.refused('--rounds=0'))

    def test_quick_is_one_round(self):
        self.assertEqual(bench.parse(['--quick']).rounds, 1)

    def test_the_list_has_every_row(self):
        for name in bench.ROWS:
            self.assertRegex(bench.listing(), rf'(?m)^{name} ')

    def test_fewer_rounds_are_not_filed(self):
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            bench.file_results(bench.parse(['--rounds=2']), {}, [], {})
        self.assertIn('Not filed', said.getvalue())


class Eviction(unittest.TestCase):
    @staticmethod
    def cells(policy, *hits):
        return [{'trace': 't', 'size_percent': size, 'policy': policy, 'request_hit_percent': hit,
                 'byte_hit_percent': hit} for size, hit in enumerate(hits)]

    def test_ours_has_to_be_above_lru_at_each_size(self):
        others = self.cells('w-tinylfu', 6, 6) + self.cells('s3-fifo', 5, 5)
        for ours, verdict in ((7, 'holds'), (4, 'misses')):
            found = eviction.figures(self.cells('product', 6, ours) + self.cells('lru', 5, 4) + others)
            self.assertEqual(found[0].verdict, verdict)

    def test_ours_has_to_be_no_worse_than_the_best_on_average(self):
        found = eviction.figures(self.cells('product', 6, 4) + self.cells('lru', 5, 4)
                                 + self.cells('w-tinylfu', 6, 5) + self.cells('s3-fifo', 5, 5))
        judged = {figure.what.split()[-1]: figure.verdict for figure in found[1:] if figure.target}
        self.assertEqual(judged, {'w-tinylfu': 'misses', 's3-fifo': 'holds'})

    def test_a_policy_that_is_missing_is_an_error(self):
        with self.assertRaisesRegex(BenchError, 'knows no w-tinylfu'):
            eviction.figures(self.cells('product', 1) + self.cells('lru', 1) + self.cells('s3-fifo', 1))

    def test_folders_without_traces_are_refused(self):
        with self.assertRaisesRegex(BenchError, 'is no folder'):
            eviction.traces('nowhere')


class Library(unittest.TestCase):
    GO = 'cpu: x\nBenchmarkLoneDo-2   \t  745678\t       173.6 ns/op\t 80 B/op\nBenchmarkOneKey \t 5\t 20 ns/op\nPASS\n'

    def test_go_says_nanoseconds_a_call(self):
        self.assertEqual(library.parse_go(self.GO), {'LoneDo': 173.6, 'OneKey': 20})

    def test_ours_come_in_their_own_unit(self):
        text = json.dumps({'benchmarks': [{'name': 'LoneDo', 'run_type': 'iteration', 'real_time': 0.05,
                                           'time_unit': 'us', 'allocations': 0.0}]})
        found = library.parse_ours(text)['LoneDo']
        self.assertEqual(library.nanoseconds(found), 50)
        self.assertEqual(library.allocations(found), 0)


class Rows(unittest.TestCase):
    class Session:
        row = ''

        def __init__(self):
            self.processes = self

        def progress(self, text):
            pass

        def stop_all(self):
            pass

    def measured(self, error):
        def measure(_):
            raise error
        return bench.measure(self.Session(), [bench.ROWS['relay']._replace(measure=measure)])

    def test_a_row_that_cannot_be_had_is_in_the_table(self):
        found, failures = self.measured(NotApplicable('nothing is built'))
        self.assertEqual(found[0].verdict, 'n/a because nothing is built')
        self.assertEqual(failures, {})

    def test_a_row_that_fails_is_a_failure(self):
        self.assertEqual(self.measured(BenchError('nobody answers')), ([], {'relay': 'nobody answers'}))


if __name__ == '__main__':
    sys.exit(unittest.main())
