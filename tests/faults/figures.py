"""Three figures, each a table: a slow tail with and without hedging, a backend at half capacity with and without retries, and
one of three backends that goes bad.

Each is a function of a Stage and seconds that returns (title, columns, rows).
"""

import json
import os
import signal
import time

import judge
import stage
from harness.errors import NotApplicable

CONFIGURATION = '''
listeners: [{{address: "127.0.0.1:0"}}]
upstreams: [{{name: backend, endpoints: [{endpoints}]{upstream}}}]
routes: [{{match: {{method: /*}}, upstream: backend{route}}}]
health: {{address: "127.0.0.1:0"}}
threads: 1
log: {{level: error}}
'''
KEYS = 5000  # so many different requests that hardly two meet


def proxy(on, endpoints, route='', upstream=''):
    text = CONFIGURATION.format(endpoints=', '.join(f'"{one}"' for one in endpoints), route=route, upstream=upstream)
    complaint = on.refuses(text)
    if complaint:
        raise NotApplicable(f'not with this proxy ({complaint.partition(";")[0]})')
    return on.proxy(text)


def row_of(name, columns, make):
    """A row; one that says so where the proxy does not know an option, as that of an older build."""
    try:
        return [name, *make()]
    except NotApplicable as reason:
        return [name, str(reason), *[''] * (len(columns) - 2)]


def responder(on, *flags, listen='127.0.0.1:0'):
    return on.start('bench-responder', on.tool('bench-responder'), f'--listen={listen}', '--echo', *flags)


def load(on, at, rate, seconds, deadline):
    return on.call(at, '/bench.Bench/Get', rate, seconds, deadline, '--echo', '--key=k', f'--distinct={KEYS}')


def asked(running):
    """What the one backend was asked."""
    page = stage.page(running)
    return judge.upstream_figures(page, judge.total(page, 'upstream_endpoint_calls_total'))


def percent(part, whole):
    return f'{100 * part / whole:.2f} %' if whole else '-'


# --- a slow tail ------------------------------------------------------------------------------------------------------

def tail(on, seconds):
    columns = ['hedge', 'calls', 'failed', 'p50', 'p99', 'p99.9', 'upstream calls a flight']
    kinds = {
        'off': ', collapse: true',
        'after: 30ms, budget: 5%': ', collapse: {hedge: {after: 30ms, budget: 5%}}',
        'after: p95, budget: 5%': ', collapse: {hedge: {after: p95, budget: 5%}}',
    }
    rows = [row_of(name, columns, lambda: _tail(on, seconds, route)) for name, route in kinds.items()]
    return 'A backend that takes 500 ms for 1.2 % of its calls', columns, rows


def _tail(on, seconds, route):
    backend = responder(on, '--delay=2ms', '--slow-percent=1.2', '--slow-delay=500ms')
    running = proxy(on, [backend.address], route)
    report = on.report(load(on, running, 500, seconds, 5))
    amplification = asked(running)['amplification']
    on.processes.stop_all()
    return [f'{report["calls"]:,}', str(report['failed'] + report['mismatched']),
            *(f'{report[at] / 1000:.1f} ms' for at in ('p50_us', 'p99_us', 'p999_us')), f'{amplification:.3f}']


# --- half the capacity ------------------------------------------------------------------------------------------------

CAPACITY, WORK_MS = 4, 20  # 200 calls a second


def half(on, seconds):
    columns = ['retry', 'calls', 'answered', 'UNAVAILABLE', 'failed otherwise', 'amplification']
    kinds = {'off': ''}
    for budget in ('10%', '20%', '100%'):
        kinds[f'attempts: 3, budget: {budget}'] = f', retry: {{codes: [UNAVAILABLE], attempts: 3, budget: {budget}}}'
    rows = [row_of(name, columns, lambda: _half(on, seconds, route)) for name, route in kinds.items()]
    return f'A backend that can do {CAPACITY * 1000 // WORK_MS} calls a second, and twice as many callers', columns, rows


def _half(on, seconds, route):
    backend = responder(on, f'--delay={WORK_MS}ms', f'--capacity={CAPACITY}')
    running = proxy(on, [backend.address], route)
    report = on.report(load(on, running, 2 * CAPACITY * 1000 / WORK_MS, seconds, 5))
    amplification = asked(running)['amplification']
    on.processes.stop_all()
    found = judge.statuses(report)
    told, right = found.get('UNAVAILABLE', 0), found.get('OK', 0)
    return [f'{report["calls"]:,}', percent(right, report['calls']), percent(told, report['calls']),
            str(report['calls'] - right - told), f'{amplification:.3f}']


# --- one of three -----------------------------------------------------------------------------------------------------

BEFORE = 2.0  # seconds
RATE, DEADLINE = 300, 2.0


def kill(on, seconds):
    columns = ['it is', 'calls', 'failed', 'the last one', 'it has calls again']
    ways = [(how, '') for how in ('killed', 'stopped', 'black-hole', 'errors')]
    ways += [(how, ', concurrency: {limit: adaptive}') for how in ('stopped', 'black-hole')]
    rows = [row_of(how + (', with concurrency' if bound else ''), columns, _OneOfThree(on, seconds, how, bound).row)
            for how, bound in ways]
    return (f'One of three backends goes bad for {seconds:.0f} s, at {RATE} calls a second with deadlines of {DEADLINE:.0f} s',
            columns, rows)


class _OneOfThree:
    def __init__(self, on, seconds, how, bound):
        self._on, self._bad, self._how, self._bound = on, seconds, how, bound

    def row(self):
        flags = [f'--unavailable-after={BEFORE + 1}s', f'--unavailable-for={self._bad}s'] if self._how == 'errors' else []
        self._backends = [responder(self._on, '--delay=5ms', *(flags if number == 0 else [])) for number in range(3)]
        self._born = time.monotonic()
        self._relay = stage.Relay(self._on, [one.address for one in self._backends])
        try:
            return self._measure()
        finally:
            self._relay.kill()
            self._on.processes.stop_all()

    def _measure(self):
        running = proxy(self._on, self._relay.addresses, upstream=', ejection: {failures: 5, time: 1s}' + self._bound)
        caller = load(self._on, running, RATE, BEFORE + self._bad + 15, DEADLINE)
        self._wait_until(self._born + BEFORE + 1)
        failed, last_failure, there_again = self._failed(running), None, None
        began = time.monotonic()
        self._begin()
        while time.monotonic() < began + self._bad:
            now_failed = self._failed(running)
            if now_failed > failed:
                failed, last_failure = now_failed, time.monotonic() - began
            time.sleep(0.05)
        self._end()
        healed, calls = time.monotonic(), self._calls_of_first(running)
        while there_again is None and time.monotonic() < healed + 14:
            if self._calls_of_first(running) >= calls + 20:
                there_again = time.monotonic() - healed
            time.sleep(0.05)
        return self._row(self._on.report(caller), last_failure, there_again)

    def _row(self, report, last_failure, there_again):
        def after(seconds, otherwise):
            return otherwise if seconds is None else f'after {seconds:.1f} s'
        return [f'{report["calls"]:,}', str(report['failed'] + report['mismatched']),
                after(last_failure, 'none'), after(there_again, 'NOT within 14 s')]

    @staticmethod
    def _wait_until(when):
        time.sleep(max(0, when - time.monotonic()))

    @staticmethod
    def _failed(running):
        ends = judge.by_label(stage.page(running), 'replies_total', 'code')
        return sum(count for code, count in ends.items() if code != 'OK')

    def _calls_of_first(self, running):
        ends = judge.by_label(stage.page(running), 'upstream_endpoint_calls_total', 'endpoint')
        return ends.get(self._relay.addresses[0], 0)

    def _begin(self):
        first = self._backends[0].process
        if self._how == 'killed':
            first.kill()
            first.wait()
        elif self._how == 'stopped':
            first.send_signal(signal.SIGSTOP)
        elif self._how == 'black-hole':
            self._relay.spoil(0, 'black-hole', 1)

    def _end(self):
        if self._how == 'killed':
            responder(self._on, '--delay=5ms', listen=self._backends[0].address)
        elif self._how == 'stopped':
            os.kill(self._backends[0].pid, signal.SIGCONT)
        elif self._how == 'black-hole':
            self._relay.spoil(0, 'well', 0)


def as_json(facts, figure):
    title, columns, rows = figure
    return json.dumps({'machine': facts, 'figure': title, 'rows': [dict(zip(columns, row)) for row in rows]}, indent=1,
                      ensure_ascii=False)


ALL = {'tail': tail, 'half': half, 'kill': kill}


def table(figure):
    title, columns, rows = figure
    lines = [columns, ['---'] * len(columns), *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(columns))]
    return f'{title}\n\n' + '\n'.join(
        '| ' + ' | '.join(cell.ljust(width) for cell, width in zip(line, widths)) + ' |' for line in lines)
