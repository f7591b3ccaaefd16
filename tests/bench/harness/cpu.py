"""What a program has cost so far: CPU time and memory of all its threads and children."""

import os
import re
import time

from harness.errors import BenchError

LEAST_MICROSECONDS_PER_CALL = 0.1


def children_of(pid):
    """Children of every thread of `pid`; none if it has ended."""
    found = []
    try:
        for thread in os.listdir(f'/proc/{pid}/task'):
            with open(f'/proc/{pid}/task/{thread}/children', encoding='ascii') as file:
                found += [int(child) for child in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def family(pid):
    """`pid` and all its descendants. Servers fork: the process that was started may do nothing itself."""
    members = [pid]
    for member in members:
        members += children_of(member)
    return members


def process_seconds(pid):
    """CPU seconds of all threads of one process, ended ones included, in nanosecond steps; 0 once it is gone."""
    posix_clock_of_pid = (~pid << 3) | 2  # what clock_getcpuclockid() returns
    try:
        return time.clock_gettime(posix_clock_of_pid)
    except OSError:
        return 0.0


def seconds(pid):
    return sum(process_seconds(member) for member in family(pid))


def per_call(name, used_seconds, calls):
    """Microseconds a call. A cost that cannot be true stops the bench: the CPU time of the wrong process was read."""
    cost = used_seconds * 1e6 / calls
    if cost < LEAST_MICROSECONDS_PER_CALL:
        raise BenchError(f'{name} served {calls:,} calls with {cost:.3f} µs of CPU each: that is not what it costs, '
                         'some other process did the work')
    return cost


def parse_status(text):
    """The memory lines of /proc/PID/status, in bytes: {'VmRSS': …, 'VmHWM': …, 'RssAnon': …}."""
    return {name: int(kib) * 1024 for name, kib in re.findall(r'^(\w+):\s+(\d+) kB$', text, re.MULTILINE)}


def memory(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as file:
        return parse_status(file.read())


def resident(pid):
    """Of `pid` and all its descendants."""
    return sum(memory(member)['VmRSS'] for member in family(pid))


def forget_peak(pid):
    """VmHWM begins anew from what is resident now."""
    with open(f'/proc/{pid}/clear_refs', 'w', encoding='ascii') as file:
        file.write('5')
