"""What the figures of a soak say: which failures a fault explains, and whether memory and descriptors stay flat."""

from typing import NamedTuple

MOST_GROWTH = {'memory': 12 << 20, 'descriptors': 20}  # over the whole time that is measured, by the slope


class Fault(NamedTuple):
    """A backend that is gone, in seconds of the monotonic clock."""
    names: tuple  # what statuses call it: its address, the upstream
    began: float
    ended: float  # it has been back for longer than the proxy waits between two attempts

    def explains(self, failure):
        return (failure['code'] == 'UNAVAILABLE' and any(name in (failure['details'] or '') for name in self.names)
                and failure['began'] <= self.ended and failure['ended'] >= self.began)


def unexplained(failures, faults):
    return [failure for failure in failures if not any(fault.explains(failure) for fault in faults)]


def slope(samples):
    """Least squares of (time, value) pairs: how much a second."""
    count = len(samples)
    if count < 2:
        return 0.0
    middle = sum(time for time, _ in samples) / count
    mean = sum(value for _, value in samples) / count
    spread = sum((time - middle) ** 2 for time, _ in samples)
    return sum((time - middle) * (value - mean) for time, value in samples) / spread if spread else 0.0


class Trend(NamedTuple):
    a_minute: float
    growth: float  # over the time that was measured
    most: float    # the largest sample


def trend(samples):
    rate = slope(samples)
    seconds = samples[-1][0] - samples[0][0] if samples else 0
    return Trend(rate * 60, rate * seconds, max((value for _, value in samples), default=0))


def growth_complaints(trends):
    """trends: {'memory': Trend, 'descriptors': Trend}."""
    return [f'{what} grow by {found.growth:,.0f} while measured; at most {MOST_GROWTH[what]:,} is flat'
            for what, found in trends.items() if found.growth > MOST_GROWTH[what]]


def failure_complaints(failures):
    """One line for each kind, with its first failure."""
    first, count = {}, {}
    for failure in failures:
        what = failure['kind'], failure['code']
        first.setdefault(what, failure['details'])
        count[what] = count.get(what, 0) + 1
    return [f'{count[what]} × {what[0]}: {what[1]} {details}' for what, details in first.items()]
