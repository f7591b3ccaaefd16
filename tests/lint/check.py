"""Rules that the sources obey and no compiler checks. Prints what breaks them; status 1 if anything does.

Each rule is a function from sources to findings; the tests beside this show each of them failing.
"""

import os
import re
import sys
from typing import Iterator

import documents
from sources import Source, finding, read_sources


# --- layers ---------------------------------------------------------------------------------------------------------

# The rooms that each room uses, itself aside: what the code needs and no more (unused_arrows). A new arrow is a decision about
# the house, which ARCHITECTURE.md draws; there is no circle among them.
USES = {
    'lib': set(),
    'proto': set(),
    'base': {'lib'},
    'host': set(),
    'metrics': set(),
    'wire': {'base'},
    'memory': {'base', 'lib', 'metrics'},
    'model': {'base', 'wire'},
    'schema': {'base', 'model', 'tls', 'wire'},
    'cache': {'base', 'lib', 'metrics', 'model'},
    'survey': {'base', 'lib', 'metrics', 'model', 'wire'},
    'trace': {'base', 'lib', 'metrics', 'model', 'wire'},
    'core': {'base', 'cache', 'lib', 'memory', 'metrics', 'model', 'survey', 'trace', 'wire'},
    'net': {'base', 'lib', 'memory'},
    'tls': {'base', 'net'},
    'otlp': {'base', 'lib', 'metrics', 'proto', 'tls', 'trace', 'wire'},
    'http2': {'base', 'memory', 'model', 'net', 'wire'},
    'upstream': {'base', 'core', 'http2', 'lib', 'memory', 'metrics', 'model', 'net', 'tls', 'trace', 'wire'},
    'stub': {'base', 'core', 'lib', 'memory', 'model', 'proto', 'tls', 'upstream', 'wire'},
    'proxy': {'base', 'core', 'http2', 'lib', 'memory', 'metrics', 'model', 'net', 'tls', 'trace', 'wire'},
    'admin': {'base', 'metrics', 'net', 'proto', 'tls'},
    'config': {'admin', 'base', 'cache', 'core', 'host', 'metrics', 'model', 'net', 'otlp', 'proxy', 'schema', 'tls', 'trace', 'upstream'},
    'ctl': {'config', 'proto', 'version'},
    'version': set(),
    'app': {'admin', 'base', 'config', 'core', 'host', 'lib', 'memory', 'metrics', 'model', 'net', 'otlp', 'proto', 'proxy', 'schema', 'stub', 'survey', 'trace', 'upstream', 'version'},
    'main': {'app', 'config', 'host'},
}


def room_of(path):
    """server/core/flight.h → core; server/main.cc → main; what is in lib/ → lib; None elsewhere."""
    parts = path.split('/')
    if parts[0] in ('singleflight', 'grpc', 'opentelemetry') and path.endswith('.pb.h'):
        return 'proto'
    if parts[0] in ('lib', 'singleflight'):
        return 'lib'
    if parts[0] != 'server' or len(parts) < 2:
        return None
    return parts[1] if len(parts) > 2 else parts[1].partition('.')[0]


def arrows(sources):
    """Source, line, room and other room of every include that leaves a room."""
    for source in filter(Source.is_cpp, sources):
        here = 'demo' if source.path.startswith('demo/') else room_of(source.path)
        for number, include in source.includes():
            there = room_of(include)
            if here and there and here != there:
                yield source, number, here, there


def layers(sources) -> Iterator[str]:
    """A room includes from the rooms that USES names, and from no other."""
    for source, number, here, there in arrows(sources):
        unknown = [room for room in (here, there) if room not in USES and room != 'demo']
        if unknown:
            yield finding(source, number, f'{unknown[0]} is no room of the house; USES in tests/lint/check.py')
        elif here == 'demo':
            if there != 'lib':
                yield finding(source, number, 'the demo talks to the proxy over the wire only')
        elif there not in USES[here]:
            yield finding(source, number, f'{here} does not use {there}; USES in tests/lint/check.py')


def unused_arrows(sources, uses=None) -> Iterator[str]:
    """USES allows nothing that no include needs."""
    sources = list(sources)
    used = {(here, there) for _, _, here, there in arrows(sources)}
    for here, rooms in (USES if uses is None else uses).items():
        for there in sorted(rooms):
            if (here, there) not in used:
                yield f'tests/lint/check.py:1: USES allows {here} to use {there}, which it does not'


# --- foreign headers ------------------------------------------------------------------------------------------------

# Header, where it may be included, what it is about.
HOMES = [
    (r'nghttp2/', r'server/http2/', 'HTTP/2 framing is the business of server/http2'),
    (r'yaml-cpp/', r'server/config/', 'YAML is the business of server/config'),
    (r'google/protobuf/(descriptor|dynamic_message)', r'server/schema/|server/stub/reflected_files\.cc$',
     "Protobuf's descriptors are the business of server/schema"),
    (r'boost/beast', r'server/admin/[^/]*\.cc$', 'Beast is behind one .cc of server/admin'),
    (r'openssl/', r'server/tls/([^/]*\.cc|pem\.h)$', 'TLS is the business of server/tls'),
    (r'boost/asio/ssl', r'server/admin/http_server\.cc$', 'TLS is server/tls/stream; an Asio stream takes 79 KB a connection'),
    (r'boost/asio/(?!ssl)',
     r'server/(admin|app)/|server/upstream/(?!link|pool)|server/net/(?!worker|poller|byte_stream|listener)|server/host/process',
     'Asio is for the control thread; workers have net/poller.h'),
    (r'sys/epoll', r'server/net/poller\.cc$', 'epoll is the business of server/net/poller.cc'),
    (r'(grpc|grpcpp|grpc\+\+)/|.*\.grpc\.pb\.h$', r'server/(admin|ctl|stub)/|server/otlp/exporter\.cc$|demo/',
     'gRPC C++ is for the control plane, and for upstreams with transport: grpc'),
]
ONE_FILE_ONLY = ['boost/beast']
STANDARD_OR_ABSEIL = re.compile(r'[a-z_0-9]+$|absl/|singleflight/')


def foreign_headers(sources) -> Iterator[str]:
    """A library that the product stands on is known in one place."""
    product = [s for s in sources if s.is_cpp() and s.path.startswith(('lib/', 'server/', 'demo/'))]
    for source in product:
        for number, include in source.includes():
            for header, home, why in HOMES:
                if re.match(header, include) and not re.match(home, source.path):
                    yield finding(source, number, f'{include}: {why}')
            if source.path.startswith('lib/') and not STANDARD_OR_ABSEIL.match(include):
                yield finding(source, number, f'{include}: the library is standard C++ and Abseil only')
    for header in ONE_FILE_ONLY:
        users = [s for s in product if any(include.startswith(header) for _, include in s.includes())]
        for source in users[1:]:
            yield finding(source, 1, f'{header} is heavy to compile and already in {users[0].path}: one .cc only')


# --- memory ---------------------------------------------------------------------------------------------------------

EMPTIED = re.compile(r'^\s*(?:if \(.*\) )?[\w.>-]+ = std::string\((?:"")?\);')


def emptied_strings(sources) -> Iterator[str]:
    """A string keeps its memory when an empty one is assigned to it."""
    for source in sources:
        if not source.is_cpp() or not source.path.startswith(('server/', 'lib/')):
            continue
        for number, line in source.code():
            if EMPTIED.match(line):
                yield finding(source, number, 'keeps the memory; base::LetGo gives it back, clear() says that it stays')


# --- time -----------------------------------------------------------------------------------------------------------

REAL_TIME = re.compile(r'_clock::now\b|\babsl::Now\b|\bGetCurrentTimeNanos\b|\bgettimeofday\b|\bclock_gettime\b'
                       r'|(?<![\w.>])time\(\s*(nullptr|NULL|0|&)')
REAL_TIME_HOMES = re.compile(r'server/(ctl/)?main\.cc$|server/net/([^/]*loop|worker)[^/]*$|demo/|tests/(testing|ctl|differential|e2e|interop|regress|bench|soak)/')


def real_time(sources) -> Iterator[str]:
    """Time is an argument; only main, the event loop and what runs in processes of its own read a clock."""
    for source in filter(Source.is_cpp, sources):
        if REAL_TIME_HOMES.match(source.path):
            continue
        for number, line in source.code():
            if REAL_TIME.search(line):
                yield finding(source, number, 'reads the real clock; take the time as an argument')


SLEEPS = {
    '.cc': r'\bsleep_(for|until)\b|\bSleepFor\b|\bu?sleep\(|\bnanosleep\(',
    '.h': r'\bsleep_(for|until)\b|\bSleepFor\b|\bu?sleep\(|\bnanosleep\(',
    '.py': r'\b(time|asyncio)\.sleep\(',
    '.sh': r'^\s*sleep\s',
    '.js': r'setTimeout\(\s*(resolve|done|next|r)\b|timers/promises',
    '.mjs': r'setTimeout\(\s*(resolve|done|next|r)\b|timers/promises',
}


def sleeps(sources) -> Iterator[str]:
    """Tests wait on state, never on time."""
    for source in sources:
        if not re.match(r'tests/(?!bench/|faults/|fuzz/|soak/|lint/)', source.path):
            continue
        pattern = SLEEPS.get(os.path.splitext(source.path)[1])
        for number, line in source.code() if pattern else ():
            if re.search(pattern, line):
                yield finding(source, number, 'a test that sleeps; wait on state that the product exports')


# --- comments -------------------------------------------------------------------------------------------------------

MOST_COLUMNS = 100


def wide_rows(sources) -> Iterator[str]:
    """The formatter leaves lists and tables in comments alone, so their width is looked at here."""
    for source in filter(Source.is_cpp, sources):
        for number, line in source.lines():
            if len(line) > MOST_COLUMNS and re.match(r'\s*//   ', line):
                yield finding(source, number, f'a row of a comment has more than {MOST_COLUMNS} columns')


# --- tests ----------------------------------------------------------------------------------------------------------

def names(cmake_list, test):
    """By its file name, or by its stem where a foreach() appends _test.cc."""
    if re.search(rf'(?<![\w-]){re.escape(test)}\b', cmake_list):
        return True
    stem = re.escape(test.removesuffix('_test.cc'))
    return '}_test.cc' in cmake_list and re.search(rf'(?<![\w-]){stem}(?![\w-])', cmake_list)


def unregistered_tests(sources) -> Iterator[str]:
    """Every test is named by a CMakeLists.txt of its folder or one above."""
    lists = {os.path.dirname(s.path): s.text for s in sources if s.path.endswith('CMakeLists.txt')}
    for source in sources:
        if not re.match(r'tests/.*_test\.(cc|py|sh|js|mjs)$', source.path):
            continue
        folder, name = os.path.split(source.path)
        above = [folder]
        while '/' in above[-1]:
            above.append(os.path.dirname(above[-1]))
        if not any(names(lists.get(place, ''), name) for place in above):
            yield finding(source, 1, 'no CMakeLists.txt names this test')


def disabled_tests(sources) -> Iterator[str]:
    """Nothing is switched off."""
    for source in sources:
        if not source.is_cpp() or not source.path.startswith(('tests/', 'lib/', 'server/')):
            continue
        for number, line in source.code():
            if re.search(r'\bDISABLED_|\bGTEST_SKIP\(', line):
                yield finding(source, number, 'a test that is switched off')


# --- first comments -------------------------------------------------------------------------------------------------

LONG = 100  # lines of a .cc
HEADLINED = ('demo/', 'lib/', 'server/', 'tests/')
# What may stand before the first comment of a header: it is about what comes after.
BEFORE_DECLARATIONS = re.compile(r'$|#|(?:inline )?namespace\b|extern "C"|(?:template <.*>)?$|(?:template <.*> )?(?:class|struct|enum class) [\w:]+;')


def headlines(sources) -> Iterator[str]:
    """A header, and a .cc over 100 lines, begins with a comment that says what it is for."""
    for source in sources:
        if not source.is_cpp() or not source.path.startswith(HEADLINED) or source.path.endswith('_test.cc'):
            continue  # a test's name and its sentences say it
        lines = [line.strip() for _, line in source.lines()]
        if source.path.endswith('.h'):
            lines = [line for line in lines if not BEFORE_DECLARATIONS.match(line)]
        elif len(lines) <= LONG:
            continue
        first = next(filter(None, lines), '//')
        if not first.startswith('//'):
            yield finding(source, 1, 'does not begin with a comment that says what the file is for')


# --- size -----------------------------------------------------------------------------------------------------------

MOST_LINES = 400


def long_files(sources) -> Iterator[str]:
    """A file of the product has one subject, and so an end."""
    for source in sources:
        lines = source.text.count('\n')
        if source.is_cpp() and source.path.startswith(('lib/', 'server/')) and lines > MOST_LINES:
            yield finding(source, MOST_LINES + 1, f'has {lines} lines, of at most {MOST_LINES}; split it by subject')


# --- paths ----------------------------------------------------------------------------------------------------------

ORDINARY_FOLDERS = {'bin', 'dev', 'etc', 'lib', 'mnt', 'opt', 'proc', 'run', 'srv', 'sys', 'tmp', 'usr', 'var'}


def machine_paths(sources, top) -> Iterator[str]:
    """Nothing names folders that one machine has."""
    patterns = [r'/(home|Users)/[\w-]+/', r'/(?:root)/']
    first = top.strip('/').split('/')[0]
    if '/' in top.strip('/') and first not in ORDINARY_FOLDERS:
        patterns.append(rf'/{re.escape(first)}/')
    pattern = re.compile(r'(?<![\w.*}$])(' + '|'.join(patterns) + ')')
    for source in sources:
        for number, line in source.lines():
            match = pattern.search(line)
            if match:
                yield finding(source, number, f'{match[0]} is a folder of one machine')


# --------------------------------------------------------------------------------------------------------------------

RULES = [layers, unused_arrows, foreign_headers, emptied_strings, real_time, sleeps, wide_rows, headlines, long_files, unregistered_tests, disabled_tests, *documents.RULES]


def main():
    top = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sources = list(read_sources(top))
    findings = [found for rule in RULES for found in rule(sources)]
    findings += machine_paths(sources, top)
    for found in findings:
        print(found)
    print(f'{len(sources)} files, {len(findings)} findings')
    return 1 if findings or not sources else 0


if __name__ == '__main__':
    sys.exit(main())
