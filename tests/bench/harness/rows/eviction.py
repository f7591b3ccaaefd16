"""Hit ratios of the cache's eviction beside other policies, on the simulator's workloads and on traces."""

import collections
import json
import os
import statistics

from harness.errors import BenchError, NotApplicable
from harness.figures import Target, plain
from harness.rows import Row

OURS = 'product'
LRU = 'lru'
NOT_BELOW = ['w-tinylfu', 's3-fifo']
POINTS = 'points'  # differences of percentages


def _measure(session):
    session.needs('eviction-simulator')
    session.progress('the simulator, once: it gives the same on every run')
    arguments = ['--json', '--workload=all', f'--requests={session.scaled(500_000, 20_000)}', *traces(session.traces)]
    return figures(json.loads(session.run('eviction-simulator', [session.program('eviction-simulator'), *arguments],
                                          session.test_cores, patience=3600)))


def traces(folder):
    """The files in it, except documents."""
    if folder is None:
        return []
    if not os.path.isdir(folder):
        raise BenchError(f'--traces={folder} is no folder')
    found = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if not name.endswith('.md')]
    if not found:
        raise BenchError(f'--traces={folder} has no traces')
    return found


def figures(cells):
    """Cells of the simulator: trace, size_percent, policy, request_hit_percent, byte_hit_percent."""
    hits = collections.defaultdict(dict)
    for cell in cells:
        hits[cell['policy']][cell['trace'], cell['size_percent']] = cell
    missing = [policy for policy in [OURS, LRU, *NOT_BELOW] if policy not in hits]
    if missing:
        raise BenchError(f'eviction-simulator knows no {", ".join(missing)}; it has {", ".join(hits)}')
    return [*_above_lru(hits), *_means(hits)]


def _above_lru(hits):
    """One line a trace, with a value for each size."""
    by_trace = collections.defaultdict(list)
    for (trace, size), cell in hits[OURS].items():
        by_trace[trace].append(cell['request_hit_percent'] - hits[LRU][trace, size]['request_hit_percent'])
    for trace, leads in by_trace.items():
        yield plain('eviction', f'{trace}, {len(leads)} sizes: hits less LRU\'s', leads, POINTS,
                    Target('>', 0, each=True))


def _means(hits):
    def mean(policy, ratio):
        return statistics.mean(cell[ratio] for cell in hits[policy].values())
    for policy in hits:
        if policy == OURS:
            continue
        target = Target('≥', 0) if policy in NOT_BELOW else None
        for ratio, kind, judged in (('request_hit_percent', 'hits', target), ('byte_hit_percent', 'bytes hit', None)):
            yield plain('eviction', f'mean of all traces and sizes: {kind}, less those of {policy}',
                        [mean(OURS, ratio) - mean(policy, ratio)], POINTS, judged)


ROW = Row('eviction', 'hit ratios of the cache beside other policies, equal bytes, 0.1 to 10 % of all', 10, _measure)
