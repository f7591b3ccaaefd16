"""The line in which the proxy says that it serves. All tests and benchmarks in Python that start one read it here."""

import re
from typing import NamedTuple


class Ready(NamedTuple):
    """Addresses as bound; None: the proxy does not listen there."""
    listeners: list
    health: str
    admin_grpc: str
    admin_http: str


def parse(said):
    """What a proxy printed → what its ready line says; None: there is no such line."""
    line = re.search(r' ready: (listening on .+)$', said, re.MULTILINE)
    if line is None:
        return None
    there = dict(part.strip().rsplit(' on ', 1) for part in line[1].split(';'))
    return Ready(there['listening'].split(', '), there.get('health'), there.get('admin (grpc)'), there.get('admin (http)'))
