"""What an access log of every call, to a file, adds to a hit: CPU per call, the thread that writes included."""

import os
import shutil
import tempfile

from harness import costs, servers
from harness.costs import DENSE, LOADS
from harness.errors import NotApplicable
from harness.figures import Target, times
from harness.rows import Row

MEMORY = '/dev/shm'
FORMATS = ('text', 'json')
TARGETS = {DENSE: Target('≤', 1.15)}


def _measure(session):
    session.needs('bench-responder', 'bench-client')
    servers.needs_cache(session)
    if not os.access(MEMORY, os.W_OK):
        raise NotApplicable(f'there is no {MEMORY}')
    backend = servers.responder(session)
    traffic = costs.Traffic(session, backend)
    folder = tempfile.mkdtemp(dir=MEMORY)
    try:
        measured = costs.in_turn(session, {
            'without': lambda: servers.cached(session, backend),
            **{form: lambda form=form: _logging(session, backend, folder, form) for form in FORMATS},
        }, lambda server: {load: traffic.unrelayed_cost(server, load) for load in LOADS})
    finally:
        shutil.rmtree(folder)
    return [times('access-log', f'{load}: CPU per hit with an access log in {form}, as a multiple of one without',
                  measured[form][load], measured['without'][load], TARGETS.get(load), 'µs')
            for load in LOADS for form in FORMATS]


def _logging(session, backend, folder, form):
    """Each round begins with an empty file, so that memory does not fill."""
    path = os.path.join(folder, 'access.log')
    with open(path, 'wb'):
        pass
    options = dict(servers.CACHE)
    options['top'] += f'\naccess_log: {{to: {path}, format: {form}}}'
    return servers.singleflight(session, backend, **options)


ROW = Row('access-log', 'what an access log of every call, to a file, adds to a hit', 60, _measure)
