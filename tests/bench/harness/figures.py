"""What rounds add up to: medians of paired ratios, their spread, and what a target says of them."""

import statistics
from dataclasses import dataclass, field
from typing import List, NamedTuple, Optional

MEASURES = {
    '≤': lambda value, limit: value <= limit,
    '≥': lambda value, limit: value >= limit,
    '>': lambda value, limit: value > limit,
    '<': lambda value, limit: value < limit,
    '=': lambda value, limit: value == limit,
}


class Target(NamedTuple):
    """`Target('≤', 1.6)`: holds for a median of 1.6 and below; `each`: for each value, not for the median."""
    sign: str
    limit: float
    each: bool = False

    def holds(self, values):
        judged = values if self.each else [statistics.median(values)]
        return all(MEASURES[self.sign](value, self.limit) for value in judged)

    def text(self, unit):
        return f'{self.sign} {number(self.limit)} {unit}'.rstrip() + (', each' if self.each else '')


def number(value):
    """Three digits that matter, never an exponent; thousands keep all of theirs."""
    if abs(value) >= 100 or value == int(value):
        return f'{value:,.0f}'
    return f'{value:.2f}' if abs(value) >= 0.1 else f'{value:.2g}'


@dataclass
class Figure:
    """One line of the table. `ours` and `peers` have one value a round; `values` are what the target is about."""
    row: str
    what: str
    values: List[float]
    unit: str = '×'
    target: Optional[Target] = None
    ours: List[float] = field(default_factory=list)
    peers: List[float] = field(default_factory=list)
    absolute: str = ''  # unit of ours and peers
    missing: str = ''  # why there are no values

    @property
    def median(self):
        return statistics.median(self.values)

    @property
    def verdict(self):
        if self.missing:
            return f'n/a because {self.missing}'
        if self.target is None:
            return '–'
        return 'holds' if self.target.holds(self.values) else 'misses'


def _paired(numerators, denominators, what):
    if not numerators or len(numerators) != len(denominators):
        raise ValueError(f'{what}: {len(numerators)} rounds against {len(denominators)}')
    return [above / below for above, below in zip(numerators, denominators)]


def times(row, what, ours, peers, target, absolute):
    """Ours as a multiple of the peer's, round by round."""
    return Figure(row, what, _paired(ours, peers, what), '×', target, list(ours), list(peers), absolute)


def gain(row, what, ours, peers, target, absolute):
    """How many times less we take than the peer, round by round."""
    return Figure(row, what, _paired(peers, ours, what), '×', target, list(ours), list(peers), absolute)


def difference(row, what, ours, peers, unit, target=None):
    """How much more than the peer we take, round by round; negative is better."""
    if not ours or len(ours) != len(peers):
        raise ValueError(f'{what}: {len(ours)} rounds against {len(peers)}')
    return Figure(row, what, [mine - theirs for mine, theirs in zip(ours, peers)], unit, target, list(ours),
                  list(peers), unit)


def plain(row, what, values, unit, target=None):
    """A figure that stands alone."""
    if not values:
        raise ValueError(f'{what}: no rounds')
    return Figure(row, what, list(values), unit, target)


def missing(row, what, why, unit='', target=None):
    return Figure(row, what, [], unit, target, missing=why)


def percentile(values, percent):
    """The smallest value that `percent` of them do not exceed."""
    ranked = sorted(values)
    rank = -(-len(ranked) * percent // 100)  # rounded up
    return ranked[max(0, int(rank) - 1)]
