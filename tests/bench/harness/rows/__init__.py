"""The rows of the table. A row measures itself: measure(session) → figures."""

from typing import Callable, NamedTuple


class Row(NamedTuple):
    name: str
    what: str
    seconds: int  # about, at five rounds on a quiet machine
    measure: Callable
