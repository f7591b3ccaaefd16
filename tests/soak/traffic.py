"""Load by bench-client: programs that come, call, check every reply, and go; and some that are killed meanwhile."""

import json
import signal
import subprocess

LARGE = 16384  # bytes of a message of a stream
TURN_SECONDS = 4


def kinds(number):
    """Arguments of each kind's next program; `number` makes keys that nobody has asked for."""
    return {
        'hits': ['--mode=latency', '--rate=400', '--connections=4', '--path=/bench.Kept/Get', '--distinct=50',
                 f'--seconds={TURN_SECONDS}'],
        'herds': ['--mode=flight', '--waves=40', '--connections=4', '--streams=50', '--path=/bench.Shared/Get',
                  f'--key=herd-{number}-'],
        'relays': ['--mode=latency', '--rate=200', '--connections=4', f'--seconds={TURN_SECONDS}'],
        'downloads': ['--mode=stream', '--messages=300', f'--message-bytes={LARGE}', '--connections=2'],
        'uploads': ['--mode=stream', '--messages=300', f'--message-bytes={LARGE}', '--connections=2', '--upload'],
    }


class Steady:
    """One program of each kind at a time, then the next."""

    def __init__(self, program, target):
        self._command = [program, f'--target={target}', '--json']
        self._running = {}
        self._number = 0
        self.calls = {}
        self.failures = []

    def attend(self):
        """Takes the results of those that have ended and begins anew."""
        for kind, process in list(self._running.items()):
            if process.poll() is not None:
                self._take(kind, process)
        for kind in kinds(0):
            if kind not in self._running:
                self._number += 1
                self._running[kind] = subprocess.Popen([*self._command, *kinds(self._number)[kind]],
                                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def _take(self, kind, process):
        del self._running[kind]
        said, complaint = process.communicate(timeout=60)
        report = json.loads(said) if said else {'calls': 0, 'failed': 1, 'mismatched': 0, 'first_complaint': complaint}
        self.calls[kind] = self.calls.get(kind, 0) + report['calls']
        wrong = report['failed'] + report['mismatched']
        if wrong or process.returncode != 0:
            self.failures.append({'kind': kind, 'code': f'{wrong} calls', 'details': report.get('first_complaint', ''),
                                  'began': 0, 'ended': 0})

    def end(self):
        """What still runs is waited for: its replies count."""
        for kind, process in list(self._running.items()):
            self._take(kind, process)

    def kill(self):
        for process in self._running.values():
            process.kill()


class Vanishing:
    """Programs with calls in the air that are killed, whose connections the kernel then closes without a word."""

    def __init__(self, program, target):
        self._command = [program, f'--target={target}', '--mode=idle', '--waiting', '--connections=3', '--streams=20']
        self._running = None
        self.killed = 0

    def attend(self):
        self.end()
        path = ['/bench.Held/Get', '/bench.HeldAlone/Get'][self.killed % 2]
        self._running = subprocess.Popen([*self._command, f'--path={path}'], stdin=subprocess.PIPE,
                                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def end(self):
        if self._running is None:
            return
        self._running.send_signal(signal.SIGKILL)
        self._running.wait()
        self._running.stdin.close()
        self._running = None
        self.killed += 1
