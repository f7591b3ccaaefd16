"""What ends a row without a figure."""


class BenchError(Exception):
    """The row could not be measured; the message says why and, where known, what to do."""


class NotApplicable(Exception):
    """The row, or a part of it, cannot be had on this machine or with this build; the message says why."""
