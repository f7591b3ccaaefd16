"""What the figures of a run say: which ends of calls are right, what is left, and how much the backends were asked."""

import collections
import re

MOST_GROWTH = 24 << 20  # bytes of memory, from before the faults to when nobody calls any more
SLACK = 1.0  # seconds beyond its deadline until a call counts as hung: load, proxy and backends share two cores

OK, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE = 0, 4, 8, 13, 14
NAMES = {-1: 'none', 1: 'CANCELLED', 2: 'UNKNOWN', DEADLINE_EXCEEDED: 'DEADLINE_EXCEEDED',
         RESOURCE_EXHAUSTED: 'RESOURCE_EXHAUSTED', INTERNAL: 'INTERNAL', UNAVAILABLE: 'UNAVAILABLE'}

# What is zero when nobody calls.
GAUGES = ['waiters', 'flights', 'held_bytes', 'buffered_bytes', 'release_queue', 'release_active', 'streams', 'calls_in_progress',
          'upstream_calls_active', 'upstream_calls_pending', 'upstream_concurrency_in_flight',
          'upstream_concurrency_queued', 'connections']
BOUND = re.compile(r'\b(max_[a-z_]+|release_concurrency|concurrency|budget)\b')
BACKEND_RESET = re.compile(r'\breset (the stream )?with INTERNAL_ERROR')


def is_right(code, said):
    """Whether a call may have ended so. The backends themselves reset some with INTERNAL_ERROR, which callers are told."""
    if code == RESOURCE_EXHAUSTED:
        return BOUND.search(said) is not None
    if code == INTERNAL:
        return BACKEND_RESET.search(said) is not None
    return code in (UNAVAILABLE, DEADLINE_EXCEEDED)


def complaints_of(route, report, deadline, starved=0.0):
    found = []
    if not report['calls']:
        found.append(f'{route}: no calls')
    if report['mismatched']:
        found.append(f'{route}: {report["mismatched"]} replies with other bytes')
    found += [f'{route}: {count} × {NAMES.get(code, code)}: {said}' for code, said, count in report['ends']
              if not is_right(code, said)]
    longest = report['longest_us'] / 1e6
    if longest > deadline + SLACK + starved:
        found.append(f'{route}: a call took {longest:.2f} s, and its deadline was {deadline} s')
    return found


# --- the proxy's metrics ----------------------------------------------------------------------------------------------

def by_label(page, name, label):
    """{value of the label: sum of the samples that are not zero}."""
    found = collections.Counter()
    for labels, value in re.findall(rf'^singleflight_{name}{{([^}}\n]*)}} (\S+)$', page, re.MULTILINE):
        match = re.search(rf'\b{label}="([^"]*)"', labels)
        if match and float(value):
            found[match[1]] += float(value)
    return dict(found)


def total(page, name):
    found = re.findall(rf'^singleflight_{name}(?:{{[^\n]*}})? (\S+)$', page, re.MULTILINE)
    return sum(map(float, found))


def in_the_air(page):
    """What is not zero and ought to be when nobody calls. A breaker counts the connections that there are, and no others."""
    values = {name: total(page, name) for name in GAUGES}
    used = by_label(page, 'upstream_breaker_used', 'bound')
    values.update({f'breaker.{bound}': count for bound, count in used.items() if bound != 'connections'})
    if 'connections' in used:  # there is a breaker, and there are connections
        values['breaker.connections too many'] = used['connections'] - total(page, 'upstream_connections')
    return {name: value for name, value in values.items() if value}


def books(page):
    calls, roles = total(page, 'calls_total'), total(page, 'calls_by_role_total')
    return [f'{calls:,.0f} calls, and {roles:,.0f} by role'] if calls != roles else []


def upstream_figures(page, sent):
    """What the backends were asked for, against what callers wanted of them. `sent`: streams that the proxy opened."""
    roles = by_label(page, 'calls_by_role_total', 'role')
    wanted = sum(roles.get(role, 0) for role in ('leader', 'relay', 'bypass')) + total(page, 'waiters_released_total')
    return {
        'wanted': int(wanted), 'sent': int(sent), 'sent_again': int(total(page, 'upstream_calls_resent_total')),
        'retries': int(total(page, 'retries_total')), 'hedges': int(total(page, 'hedges_total')),
        'amplification': sent / wanted if wanted else 0.0,
        'saved': int(roles.get('hit', 0) + roles.get('follower', 0)),
    }


# --- the result -------------------------------------------------------------------------------------------------------

def statuses(report):
    found = collections.Counter({'OK': report['calls'] - report['failed'] - report['mismatched']})
    for code, _, count in report['ends']:
        found[NAMES.get(code, str(code))] += count
    return {name: count for name, count in found.items() if count}


def judged(run, routes, reports, upstream, injected, left):
    complaints = list(left)
    for route, report in reports.items():
        complaints += complaints_of(route, report, routes[route][2], run.starved)
    return {
        'seed': run.seed, 'seconds': run.seconds, 'rate': run.rate,
        'calls': {route: report['calls'] for route, report in reports.items()},
        'statuses': {route: statuses(report) for route, report in reports.items()},
        'ends': {route: report['ends'] for route, report in reports.items()},
        'longest_seconds': {route: report['longest_us'] / 1e6 for route, report in reports.items()},
        'upstream': upstream,
        'starved_seconds': run.starved,
        'unanswered': run.unanswered,
        'faults': dict(sorted(injected.items())), 'most_memory': max(run.memory), 'complaints': complaints,
    }


def summary(result):
    upstream = result['upstream']
    lines = [f'{sum(result["calls"].values()):,} calls in {result["seconds"]:.0f} s, seed {result["seed"]}']
    for route, found in result['statuses'].items():
        codes = ', '.join(f'{count:,} {code}' for code, count in found.items())
        lines.append(f'{route}: {codes}; longest {result["longest_seconds"][route]:.2f} s')
    lines += [
        f'upstream: {upstream["sent"]:,} calls sent for {upstream["wanted"]:,} that needed one; {upstream["sent_again"]:,} sent again, '
        f'{upstream["retries"]:,} retries, {upstream["hedges"]:,} hedges: amplification {upstream["amplification"]:.3f}; '
        f'{upstream["saved"]:,} saved',
        'faults: ' + ', '.join(f'{count} {kind}' for kind, count in result['faults'].items()),
        f'memory: at most {result["most_memory"] / (1 << 20):.1f} MiB; proxy and callers waited for a processor for up to '
        f'{result["starved_seconds"]:.2f} s within 10 s',
    ]
    return '\n'.join(lines + [f'FAILED: {complaint}' for complaint in result['complaints']])
