"""Where and with what a result was measured."""

import os
import platform
import re
import subprocess

PEERS = {
    'nghttpx': (['nghttpx', '--version'], r'nghttp2/(\S+)'),
    'h2load': (['h2load', '--version'], r'nghttp2/(\S+)'),
    'nginx': (['nginx', '-v'], r'nginx/(\S+)'),
    'haproxy': (['haproxy', '-v'], r'version (\S+)'),
    'openssl': (['openssl', 'version'], r'OpenSSL (\S+)'),
    'go': (['go', 'version'], r'go version go(\S+)'),
}


def _said(command):
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return ''
    return result.stdout + result.stderr


def version(name):
    command, pattern = PEERS[name]
    match = re.search(pattern, _said(command))
    return match[1] if match else 'not installed'


def cpu_model():
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        match = re.search(r'^model name\s*: (.*)$', file.read(), re.MULTILINE)
    return match[1] if match else platform.machine()


def cached(build, variable):
    """A variable of the build's CMake cache."""
    try:
        with open(os.path.join(build, 'CMakeCache.txt'), encoding='utf-8') as file:
            match = re.search(rf'^{variable}:\w+=(.*)$', file.read(), re.MULTILINE)
    except FileNotFoundError:
        return ''
    return match[1] if match else ''


def compiler(build):
    program = cached(build, 'CMAKE_CXX_COMPILER') or 'c++'
    said = _said([program, '--version']).splitlines()
    return f'{said[0] if said else program}, {cached(build, "CMAKE_BUILD_TYPE") or "no build type"}'


def commit(repository):
    """The short commit, with + where files differ from it."""
    head = _said(['git', '-C', repository, 'rev-parse', '--short=10', 'HEAD']).strip()
    if not re.fullmatch(r'[0-9a-f]+', head):
        return 'unknown'
    return head + ('+' if _said(['git', '-C', repository, 'status', '--porcelain', '-uno']).strip() else '')


def describe(repository, build):
    """Lines of the header, in order."""
    facts = {
        'commit': commit(repository),
        'processor': f'{cpu_model()}, {len(os.sched_getaffinity(0))} cores for the bench of {os.cpu_count()}',
        'system': f'{platform.system()} {platform.release()}, {platform.freedesktop_os_release()["PRETTY_NAME"]}',
        'compiler': compiler(build),
        'peers': ', '.join(f'{name} {version(name)}' for name in PEERS),
        'load': '%.1f before the first round' % os.getloadavg()[0],
    }
    return facts
