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

# A room includes itself and the rooms of lower rank; rooms of equal rank would not know each other.
RANKS = {room: rank for rank, rooms in enumerate([
    ['base', 'host', 'version'], ['metrics'], ['wire'], ['memory'], ['model'], ['cache'], ['core'], ['net'], ['tls'], ['http2'],
    ['upstream', 'proxy'], ['admin'], ['config'], ['app'], ['main'],
]) for room in rooms}


def room_of(path):
    """server/core/flight.h → core; server/app.h → app; None outside server/."""
    parts = path.split('/')
    if parts[0] != 'server' or len(parts) < 2:
        return None
    return parts[1] if len(parts) > 2 else parts[1].partition('.')[0]


def layers(sources) -> Iterator[str]:
    """Includes go one way through the house."""
    for source in filter(Source.is_cpp, sources):
        here = room_of(source.path)
        for number, include in source.includes():
            there = room_of(include)
            if source.path.startswith('lib/') and there:
                yield finding(source, number, f'the library knows nothing of server/{there}')
            if source.path.startswith('demo/') and there:
                yield finding(source, number, 'the demo talks to the proxy over the wire only')
            if here is None or there is None or here == there:
                continue
            for room in (here, there):
                if room not in RANKS:
                    yield finding(source, number, f'{room} is no room of the house; RANKS in tests/lint/check.py')
                    break
            else:
                if RANKS[there] >= RANKS[here]:
                    yield finding(source, number, f'{here} may not include from {there}')


# --- foreign headers ------------------------------------------------------------------------------------------------

# Header, where it may be included, what it is about.
HOMES = [
    (r'nghttp2/', r'server/http2/', 'HTTP/2 framing is the business of server/http2'),
    (r'yaml-cpp/', r'server/config/', 'YAML is the business of server/config'),
    (r'boost/beast', r'server/admin/[^/]*\.cc$', 'Beast is behind one .cc of server/admin'),
    (r'openssl/', r'server/tls/[^/]*\.cc$', 'TLS is the business of server/tls'),
    (r'boost/asio/ssl', r'nowhere', 'TLS is server/tls/stream; an Asio stream takes 79 KB a connection'),
    (r'boost/asio/(?!ssl)',
     r'server/(admin|app)/|server/upstream/(?!link|pool)|server/net/(?!worker|poller|byte_stream|listener)|server/host/process',
     'Asio is for the control thread; workers have net/poller.h'),
    (r'sys/epoll', r'server/net/poller\.cc$', 'epoll is the business of server/net/poller.cc'),
    (r'(grpc|grpcpp|grpc\+\+)/|.*\.grpc\.pb\.h$', r'server/admin/|server/upstream/grpc|demo/',
     'gRPC C++ is for the control plane'),
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
REAL_TIME_HOMES = re.compile(r'server/main\.cc$|server/net/([^/]*loop|worker)[^/]*$|demo/|tests/(testing|e2e|regress|bench|soak)/')


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
        if not re.match(r'tests/(?!bench/|fuzz/|soak/|lint/)', source.path):
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

RULES = [layers, foreign_headers, emptied_strings, real_time, sleeps, wide_rows, unregistered_tests, disabled_tests, *documents.RULES]


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
