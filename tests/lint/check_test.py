"""Every rule of check.py finds what it forbids and lets pass what it allows."""

import graphlib
import os
import unittest

import check
from check import Source


def found(rule, *sources):
    return [line.partition(': ')[0] for line in rule([Source(path, text) for path, text in sources])]


def include(header):
    return f'#include "{header}"\n'


class Layers(unittest.TestCase):
    def test_a_room_may_use_those_that_stand_beside_it(self):
        self.assertEqual(found(check.layers, ('server/proxy/call.cc', include('server/core/route.h')),
                               ('server/core/flight.cc', include('singleflight/mutex.h')),
                               ('server/http2/session.cc', include('server/net/socket.h'))), [])

    def test_it_may_use_no_other_wherever_that_stands(self):
        for path, header in (('core/route.cc', 'proxy/call.h'), ('net/loop.cc', 'http2/session.h'),
                             ('proxy/call.cc', 'upstream/pool.h'), ('upstream/pool.cc', 'proxy/call.h'),
                             ('wire/message.cc', 'metrics/cell.h')):
            with self.subTest(path):
                self.assertEqual(found(check.layers, ('server/' + path, '\n' + include('server/' + header))),
                                 [f'server/{path}:2'])

    def test_nobody_but_the_app_knows_config(self):
        text = include('server/config/config.h')
        self.assertEqual(found(check.layers, ('server/app/app.cc', text), ('server/main.cc', text)), [])
        self.assertEqual(found(check.layers, ('server/admin/http.cc', text)), ['server/admin/http.cc:1'])

    def test_a_room_without_a_place_is_a_finding(self):
        self.assertEqual(found(check.layers, ('server/attic/box.h', include('server/base/check.h'))),
                         ['server/attic/box.h:1'])
        self.assertEqual(found(check.layers, ('server/base/box.h', include('server/attic/box.h'))), ['server/base/box.h:1'])

    def test_the_library_and_the_demo_know_no_room(self):
        text = include('server/base/check.h')
        self.assertEqual(found(check.layers, ('lib/singleflight/group.h', text), ('demo/herd.cc', text)),
                         ['lib/singleflight/group.h:1', 'demo/herd.cc:1'])

    def test_there_is_no_circle(self):
        graphlib.TopologicalSorter(check.USES).prepare()

    def test_what_is_allowed_and_not_used_is_a_finding(self):
        def unused(rooms):
            return list(check.unused_arrows([Source('server/core/a.h', include('server/base/b.h'))], {'core': rooms}))
        self.assertEqual(unused({'base'}), [])
        self.assertEqual(len(unused({'base', 'wire'})), 1)
        self.assertEqual(found(check.unused_arrows, *[
            (f'server/{here}/a.h', include('singleflight/a.h' if there == 'lib' else f'server/{there}/a.h'))
            for here, rooms in check.USES.items() for there in rooms]), [])


class ForeignHeaders(unittest.TestCase):
    def test_each_has_its_home(self):
        self.assertEqual(found(check.foreign_headers,
                               ('server/http2/session.cc', '#include <nghttp2/nghttp2.h>\n'),
                               ('server/config/load.cc', '#include <yaml-cpp/yaml.h>\n'),
                               ('server/admin/http.cc', '#include <boost/beast/http.hpp>\n'),
                               ('server/upstream/resolver.h', '#include <boost/asio/ip/tcp.hpp>\n'),
                               ('server/net/poller.cc', '#include <sys/epoll.h>\n'),
                               ('server/stub/stub.cc', '#include <grpcpp/grpcpp.h>\n'),
                               ('tests/e2e/raw.cc', '#include <nghttp2/nghttp2.h>\n')), [])

    def test_elsewhere_they_are_findings(self):
        for header in ('nghttp2/nghttp2.h', 'yaml-cpp/yaml.h', 'boost/beast/http.hpp', 'boost/asio/ssl.hpp',
                       'boost/asio/io_context.hpp', 'sys/epoll.h', 'openssl/ssl.h', 'grpcpp/grpcpp.h',
                       'demo/v1/catalog.grpc.pb.h'):
            with self.subTest(header):
                self.assertEqual(found(check.foreign_headers, ('server/core/route.h', include(header))),
                                 ['server/core/route.h:1'])

    def test_workers_do_without_asio(self):
        self.assertEqual(found(check.foreign_headers, ('server/net/worker.h', include('boost/asio/post.hpp')),
                               ('server/upstream/link.h', include('boost/asio/ip/tcp.hpp'))),
                         ['server/net/worker.h:1', 'server/upstream/link.h:1'])

    def test_beast_is_in_one_file_only(self):
        text = '#include <boost/beast/http.hpp>\n'
        self.assertEqual(found(check.foreign_headers, ('server/admin/a.cc', text), ('server/admin/b.cc', text)),
                         ['server/admin/b.cc:1'])

    def test_the_library_stands_on_the_standard_and_abseil(self):
        allowed = include('absl/base/thread_annotations.h') + include('singleflight/mutex.h') + '#include <mutex>\n'
        self.assertEqual(found(check.foreign_headers, ('lib/singleflight/a.h', allowed)), [])
        self.assertEqual(found(check.foreign_headers, ('lib/singleflight/a.h', '#include <boost/asio.hpp>\n')),
                         ['lib/singleflight/a.h:1'])


class RealTime(unittest.TestCase):
    def test_every_clock_is_found(self):
        for call in ('std::chrono::steady_clock::now()', 'absl::Now()', 'gettimeofday(&t, nullptr)', 'time(nullptr)',
                     'clock_gettime(CLOCK_MONOTONIC, &t)', 'std::time(0)'):
            with self.subTest(call):
                self.assertEqual(found(check.real_time, ('server/core/a.cc', call)), ['server/core/a.cc:1'])

    def test_main_and_the_loop_may(self):
        text = 'absl::Now();'
        self.assertEqual(found(check.real_time, ('server/main.cc', text), ('server/net/worker.cc', text),
                               ('demo/herd.cc', text), ('tests/e2e/drain_test.cc', text)), [])

    def test_talking_about_it_is_no_reading(self):
        self.assertEqual(found(check.real_time, ('lib/a.h', '// not absl::Now()\nreturn loop.time();')), [])


class EmptiedStrings(unittest.TestCase):
    def test_an_empty_string_that_is_assigned_is_found(self):
        for line in ('  text_ = std::string();', '  if (large) text_ = std::string();', '  out->body = std::string("");'):
            self.assertEqual(found(check.emptied_strings, ('server/core/a.cc', line)), ['server/core/a.cc:1'])

    def test_declarations_and_tests_are_not(self):
        self.assertEqual(found(check.emptied_strings, ('server/core/a.cc', '  std::string text = std::string();'),
                               ('tests/core/a.cc', '  text_ = std::string();')), [])


class Sleeps(unittest.TestCase):
    def test_every_language_is_found(self):
        for path, line in (('a.cc', 'std::this_thread::sleep_for(1s);'), ('a.h', 'absl::SleepFor(d);'),
                           ('a.cc', 'usleep(5);'), ('a.py', 'time.sleep(1)'), ('a.sh', '  sleep 1'),
                           ('a.js', 'await new Promise(r => setTimeout(r, 5))')):
            with self.subTest(line):
                self.assertEqual(found(check.sleeps, ('tests/core/' + path, line)), [f'tests/core/{path}:1'])

    def test_benchmarks_and_the_product_are_not_asked(self):
        self.assertEqual(found(check.sleeps, ('tests/bench/a.cc', 'usleep(5)'), ('dev', 'sleep 1')), [])


class WideRows(unittest.TestCase):
    def test_a_row_beyond_the_page_is_found(self):
        row = '//   ' + 95 * 'a'
        self.assertEqual(found(check.wide_rows, ('server/core/a.h', f'{row}\n  {row}b\n')), ['server/core/a.h:2'])


class Tests(unittest.TestCase):
    def test_a_test_that_no_list_names_is_found(self):
        self.assertEqual(found(check.unregistered_tests, ('tests/core/CMakeLists.txt', 'a_test.cc'),
                               ('tests/core/a_test.cc', ''), ('tests/core/b_test.cc', ''), ('tests/x/c_test.py', '')),
                         ['tests/core/b_test.cc:1', 'tests/x/c_test.py:1'])

    def test_another_name_that_ends_alike_does_not_count(self):
        self.assertEqual(found(check.unregistered_tests, ('tests/core/CMakeLists.txt', 'read_path_test.cc'),
                               ('tests/core/path_test.cc', '')), ['tests/core/path_test.cc:1'])

    def test_a_loop_over_stems_counts(self):
        text = 'foreach(test path route)\n  singleflight_test(core_${test}_test SRCS ${test}_test.cc)\nendforeach()'
        self.assertEqual(found(check.unregistered_tests, ('tests/core/CMakeLists.txt', text),
                               ('tests/core/path_test.cc', ''), ('tests/core/pat_test.cc', '')),
                         ['tests/core/pat_test.cc:1'])

    def test_a_test_that_is_switched_off_is_found(self):
        for line in ('TEST(A, ' + 'DISABLED_B)', 'GTEST_' + 'SKIP() << "later";'):
            with self.subTest(line):
                self.assertEqual(found(check.disabled_tests, ('tests/core/a_test.cc', line)),
                                 ['tests/core/a_test.cc:1'])


class Headlines(unittest.TestCase):
    LONG = 'int a;\n' * 101

    def test_a_long_file_and_every_header_begin_with_a_comment(self):
        guard = '#ifndef A_H_\n#define A_H_\n\n#include <a>\n\nnamespace a {\nclass B;\ntemplate <typename T>\nstruct C;\n\n'
        for path, text in (('server/core/a.cc', '// What.\n\n' + self.LONG), ('server/core/a.cc', 'int a;\n' * 100),
                           ('server/core/a.h', '// What.\n' + guard + 'int b;'), ('server/core/a.h', guard + '// What.\nint b;'),
                           ('server/core/a.h', guard), ('tests/core/a_test.cc', self.LONG)):
            with self.subTest(text[:20]):
                self.assertEqual(found(check.headlines, (path, text)), [])

    def test_others_are_found(self):
        for path, text in (('server/core/a.cc', '#include <a>\n// Late.\n' + self.LONG), ('lib/a.h', 'int a;\n// Late.'),
                           ('server/core/a.h', '#include <a>\nnamespace a {\nenum class B { kC };\n// Late.')):
            with self.subTest(text[:20]):
                self.assertEqual(found(check.headlines, (path, text)), [f'{path}:1'])


class LongFiles(unittest.TestCase):
    def test_a_file_of_the_product_has_no_more_than_400_lines(self):
        self.assertEqual(found(check.long_files, ('server/core/a.cc', 'int a;\n' * 400), ('lib/a.h', 'int a;\n' * 400),
                               ('tests/core/a_test.cc', 'int a;\n' * 401), ('server/core/README.md', 'A.\n' * 401)), [])
        for path in ('server/core/a.cc', 'server/core/a.h', 'lib/singleflight/a.h'):
            with self.subTest(path):
                self.assertEqual(found(check.long_files, (path, 'int a;\n' * 401)), [f'{path}:401'])


class MachinePaths(unittest.TestCase):
    @staticmethod
    def found(text, top):
        return list(check.machine_paths([Source('README.md', text)], top))

    def test_homes_and_the_checkout_are_found(self):
        for top, text in (('/anywhere/x', 'see ' + '/home/' + 'ann/notes'), ('/anywhere/x', '/root' + '/.cache'),
                          ('/anywhere/x', 'in /anywhere' + '/x/build')):
            with self.subTest(text):
                self.assertEqual(len(self.found(text, top)), 1)

    def test_folders_that_every_machine_has_pass(self):
        self.assertEqual(self.found('/usr/bin/python3 /etc/singleflight/proxy.yaml /tmp/x', '/tmp/x'), [])


class Everything(unittest.TestCase):
    def test_no_rule_is_without_a_test(self):
        folder = os.path.dirname(os.path.abspath(__file__))
        tests = ''
        for name in filter(lambda name: name.endswith('_test.py'), os.listdir(folder)):
            with open(os.path.join(folder, name), encoding='utf-8') as file:
                tests += file.read()
        for rule in check.RULES:
            self.assertIn(f'{rule.__module__}.{rule.__name__},', tests)


if __name__ == '__main__':
    unittest.main()
