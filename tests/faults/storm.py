"""Everything goes wrong behind one proxy, as plan.py says, under load (README.md has what is checked)."""

import collections
import os
import random
import signal
import subprocess
import time

import judge
import plan
import stage
import starvation
from harness import cpu, servers
from harness.errors import BenchError
from harness.processes import until

NAME = 'backends.test'
REQUEST_BYTES = 2000
DELAY_MS = 5  # that a backend takes
PROGRESS_SECONDS, SAMPLE_SECONDS = 10, 0.5

# Each kind of route: its path, how many different requests, and the callers' deadline in seconds.
ROUTES = {
    'relay': ('/bench.Relayed/Get', 1000, 2.0),
    'collapse': ('/bench.Shared/Get', 4, 1.5),
    'cache': ('/bench.Kept/Get', 100, 1.0),
}

CONFIGURATION = '''
listeners: [{{address: "127.0.0.1:0"}}]
upstreams:
  - name: backend
    target: dns:///{name}:{port}
    dns_refresh: 250ms
    connect_timeout: 1s
    max_reconnect_backoff: 500ms
    ping_after: 1s
    ping_timeout: 1s
    breaker: {{calls: 3000, pending: 2000, connections: 12}}
    concurrency: {{limit: adaptive, min: 50, max: 1000, max_wait: 500ms}}
routes:
  - {{match: {{method: /bench.Shared/*}}, upstream: backend, collapse: {{hedge: {{after: 50ms, budget: 5%}}}}, retry: {{attempts: 3}}}}
  - {{match: {{method: /bench.Kept/*}}, upstream: backend, collapse: {{hedge: {{after: 50ms, budget: 5%}}}}, retry: {{attempts: 3}}, cache: {{ttl: 1s}}}}
  - {{match: {{method: /*}}, upstream: backend, retry: {{attempts: 3}}}}
health: {{address: "127.0.0.1:0"}}
threads: 2
log: {{level: warning}}
'''


class Backends:
    """Behind a relay each. Some of their calls end badly, and they say GOAWAY, whatever else happens."""

    def __init__(self, on, seed):
        self._stage = on
        self._seed = seed
        self._running = [self._start(number, '127.0.0.1:0') for number in range(plan.ENDPOINTS)]
        self.addresses = [one.address for one in self._running]

    def _start(self, number, listen, *flags):
        return self._stage.start('bench-responder', self._stage.tool('bench-responder'), f'--listen={listen}', '--echo',
                                 f'--delay={DELAY_MS}ms', f'--seed={self._seed + number}', '--bad-percent=0.5',
                                 '--slow-percent=1', '--slow-delay=200ms', '--goaway-every=3000', *flags)

    def replace(self, number, *flags):
        process = self._running[number].process
        process.kill()
        process.wait()
        self._stage.processes.stop(self._running[number])
        self._running[number] = self._start(number, self.addresses[number], *flags)

    def signal(self, number, which):
        self._running[number].process.send_signal(which)


class Names:
    """What the resolver of the proxy says of the one name."""

    def __init__(self, path):
        self.path = path
        self._out = plan.ENDPOINTS - 1  # the endpoint that the name does not have
        self.set([self._address(number) for number in self._named()])

    def _named(self):
        return [number for number in range(plan.ENDPOINTS) if number != self._out]

    @staticmethod
    def _address(number):
        return f'127.0.0.{1 + number}'

    def set(self, addresses):
        with open(f'{self.path}.new', 'w', encoding='ascii') as out:
            out.write(''.join(f'{NAME} {address}\n' for address in addresses))
        os.rename(f'{self.path}.new', self.path)

    def begin(self, step):
        if step.kind == 'no-address':
            self.set(['nothing'])
        elif step.kind == 'silent-name':
            self.set(['silent'])
        else:
            self._out = random.Random(step.seed).choice(self._named())
            self.heal()

    def heal(self):
        self.set([self._address(number) for number in self._named()])


class Storm:
    def __init__(self, on, seed, seconds, rate):
        self._stage = on
        self.seconds, self.seed, self.rate = seconds, seed, rate
        self._steps = plan.steps(seed, seconds)
        self.injected = collections.Counter()
        self.memory = []
        self._killing = {}  # endpoint: (step, when next)

    # --- what runs ----------------------------------------------------------------------------------------------------

    def _start(self):
        self._backends = Backends(self._stage, self.seed)
        self._relay = stage.Relay(self._stage, self._backends.addresses)
        self._names = Names(self._stage.path('names'))
        text = CONFIGURATION.format(name=NAME, port=self._relay.port)
        self._proxy = self._stage.proxy(text, self._names.path)

    def _load(self, seconds):
        return {route: self._stage.call(self._proxy, path, self.rate / len(ROUTES), seconds, deadline, '--echo',
                                        f'--key={route}', f'--distinct={distinct}', f'--request-bytes={REQUEST_BYTES}')
                for route, (path, distinct, deadline) in ROUTES.items()}

    def _begin(self, step):
        if step.endpoint < 0:
            self._names.begin(step)
        elif step.kind == 'stopped':
            self._backends.signal(step.endpoint, signal.SIGSTOP)
        elif step.kind == 'killed':
            self._killing[step.endpoint] = 0
            return
        elif step.kind == 'unavailable':
            self._backends.replace(step.endpoint, '--unavailable-after=0s', f'--unavailable-for={step.seconds}s')
        else:
            self._relay.spoil(step.endpoint, step.kind, step.seed)
            return  # which counts it
        self.injected[step.kind] += 1

    def _end(self, step):
        if step.endpoint < 0:
            self._names.heal()
        elif step.kind == 'stopped':
            self._backends.signal(step.endpoint, signal.SIGCONT)
        elif step.kind == 'killed':
            del self._killing[step.endpoint]
        elif step.kind != 'unavailable':  # that ends by itself
            self._relay.spoil(step.endpoint, 'well', 0)

    def _kill(self, now):
        for endpoint, due in self._killing.items():
            if due <= now:
                self._killing[endpoint] = now + 1
                self._backends.replace(endpoint)
                self.injected['killed'] += 1

    # --- the run ------------------------------------------------------------------------------------------------------

    def run(self):
        self._start()
        for caller in self._load(1.5).values():  # everything is used once
            self._stage.report(caller)
        self._settle('before the faults')
        idle = self._held()
        reports = self._storm()
        after = stage.page(self._proxy)
        self.unanswered = judge.by_label(after, 'upstream_unanswered_total', 'reason')
        left = self._left_over(idle)
        met, sent = self._relay.end()
        return judge.judged(self, ROUTES, reports, judge.upstream_figures(after, sent), {**met, **self.injected}, left)

    def _storm(self):
        began = time.monotonic()
        callers = self._load(self.seconds)
        starving = [starvation.Starvation(self._proxy.pid), *(starvation.Starvation(one.pid) for one in callers.values())]
        events = sorted([(step.at, 1, step) for step in self._steps] +
                        [(step.at + step.seconds, 0, step) for step in self._steps], key=lambda event: event[:2])
        sampled, told = 0, 0
        while (now := time.monotonic() - began) < self.seconds or events:
            while events and events[0][0] <= now:
                _, begins, step = events.pop(0)
                (self._begin if begins else self._end)(step)
            self._kill(now)
            self._proxy.check_alive()
            if now >= sampled + SAMPLE_SECONDS:
                sampled = now
                self.memory.append(cpu.memory(self._proxy.pid)['VmRSS'])
                for one in starving:
                    one.sample()
            if now >= told + PROGRESS_SECONDS:
                told = now
                self._tell(now)
            time.sleep(0.01)
        self.starved = starving[0].most + max(one.most for one in starving[1:])
        return {route: self._stage.report(caller) for route, caller in callers.items()}

    def _tell(self, now):
        text = stage.page(self._proxy)
        calls, resent = (servers.sum_of_samples(text, name) or 0 for name in ('calls_total', 'upstream_calls_resent_total'))
        codes = ', '.join(f'{count:,.0f} {code}' for code, count in judge.by_label(text, 'replies_total', 'code').items())
        wrong = ', '.join(str(step.kind) for step in self._steps if step.at <= now < step.at + step.seconds) or 'nothing'
        stage.say(f'{now:4.0f} s: {calls:,.0f} calls ({codes}), {resent:,.0f} sent again; {self.memory[-1] / (1 << 20):.1f} MiB; '
            f'now: {wrong}')

    # --- what is left -------------------------------------------------------------------------------------------------

    def _in_the_air(self):
        return judge.in_the_air(stage.page(self._proxy))

    def _settle(self, when):
        """Nobody calls, so nothing may be in the air; the names of what is left."""
        try:
            until(lambda: not self._in_the_air(), 'gauges', 20)
        except BenchError:
            return [f'{value:,.0f} {name} are left {when}' for name, value in self._in_the_air().items()]
        return []

    def _held(self):
        """Memory and descriptors when nobody calls; connections to backends may or may not be there."""
        links = int(servers.sum_of_samples(stage.page(self._proxy), 'upstream_connections'))
        return {'memory': cpu.memory(self._proxy.pid)['VmRSS'],
                'descriptors': len(os.listdir(f'/proc/{self._proxy.pid}/fd')) - links}

    def _left_over(self, idle):
        complaints = self._settle('when nobody calls')
        try:  # a connection attempt may be under way
            until(lambda: self._held()['descriptors'] <= idle['descriptors'], 'descriptors', 10)
        except BenchError:
            complaints.append(f'{self._held()["descriptors"]} descriptors are left; {idle["descriptors"]} were open before')
        grown = self._held()['memory'] - idle['memory']
        watched = 'SINGLEFLIGHT_PROXY_IS' in os.environ  # by a sanitizer, which keeps memory
        if grown > judge.MOST_GROWTH and not watched:
            complaints.append(f'memory is {grown >> 20} MiB more than before; at most {judge.MOST_GROWTH >> 20} MiB is flat')
        complaints += judge.books(stage.page(self._proxy))
        self._proxy.process.terminate()
        try:
            status = self._proxy.process.wait(30)
        except subprocess.TimeoutExpired:
            return [*complaints, 'the proxy does not end within 30 s of SIGTERM']
        return complaints + ([f'the proxy ended with status {status}: {self._proxy.last_words()}'] if status else [])

    def stop(self):
        """However it ended."""
        if hasattr(self, '_relay'):
            self._relay.kill()
