"""Which faults happen when: a function of the seed and the time that there is."""

import heapq
import random
from typing import NamedTuple

ENDPOINTS = 4  # of which the name has NAMED at a time
NAMED = 3
WARM = 1.5  # seconds at the beginning without a fault

# What the byte relay before a backend does; relay.py says what each is.
STAGES = ['before-settings', 'after-headers', 'in-body', 'before-trailers']
AT_STAGES = [f'{action}-{stage}' for stage in STAGES for action in ('reset', 'stall', 'half-close')]
GARBAGE = [f'garbage-{stage}' for stage in STAGES if stage != 'in-body']  # there it would be a body like any other
BYTES = ['delay', 'split', 'trickle']
RELAY = [*AT_STAGES, *GARBAGE, *BYTES, 'http1', 'black-hole', 'refuse', 'goaway']

# SIGSTOP and SIGCONT; SIGKILL and a new one, every second; a new one that answers UNAVAILABLE.
BACKEND = ['stopped', 'killed', 'unavailable']
NAMES = ['no-address', 'replaced', 'silent-name']


class Step(NamedTuple):
    at: float  # seconds from the start
    seconds: float
    endpoint: int  # -1: the name
    kind: str
    seed: int  # of what the step itself draws

    def __str__(self):
        where = 'name' if self.endpoint < 0 else f'endpoint {self.endpoint}'
        return f'{self.at:7.2f} s  {where:10}  {self.kind} for {self.seconds:.2f} s'


class _Deck:
    """Every kind once, in any order, then again."""

    def __init__(self, dice, kinds):
        self._dice, self._kinds, self._left = dice, kinds, []

    def draw(self):
        if not self._left:
            self._left = self._dice.sample(self._kinds, len(self._kinds))
        return self._left.pop()


def steps(seed, seconds):
    """One fault at a time at each endpoint, and one of the name; the last ends before the time is over."""
    dice = random.Random(f'faults {seed}')
    longest = 4 if seconds >= 60 else 1.5
    everywhere, of_names = _Deck(dice, RELAY + BACKEND), _Deck(dice, NAMES)
    lanes = [(WARM + dice.random(), endpoint) for endpoint in range(-1, ENDPOINTS)]
    heapq.heapify(lanes)
    found = []
    while lanes:
        at, endpoint = heapq.heappop(lanes)
        lasts = dice.uniform(0.4, longest)
        if at + lasts > seconds - 0.5:
            continue
        kind = (of_names if endpoint < 0 else everywhere).draw()
        found.append(Step(at, lasts, endpoint, kind, dice.randrange(1 << 32)))
        heapq.heappush(lanes, (at + lasts + dice.uniform(0.2, longest / 2), endpoint))
    return found
