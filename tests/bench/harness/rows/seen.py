"""What it adds to a hit that operators see it: /metrics scraped and the dashboard open; an access log of every call."""

import contextlib
import functools
import os
import shutil
import tempfile
import threading
import urllib.request

from harness import costs, servers
from harness.costs import DENSE, LOADS
from harness.errors import BenchError, NotApplicable
from harness.figures import Target, times
from harness.rows import Row

MEMORY = '/dev/shm'
WATCHED = 'watched'
WAYS = {
    WATCHED: ('scraped every second and the dashboard open', Target('≤', 1.05)),
    'text': ('with an access log in text', Target('≤', 1.15)),
    'json': ('with an access log in json', Target('≤', 1.15)),
}
# As the page asks when it is opened, and every 3 s from then on (server/admin/page/app.js).
QUESTIONS = ('info', 'routes', 'upstreams', 'top?by=BY_CALLS&limit=10', 'why', 'events?limit=50')
TICKS_OF_A_QUESTION = 3


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
            WATCHED: lambda: _with(session, backend, servers.ADMIN),
            **{form: functools.partial(_logging, session, backend, folder, form) for form in WAYS if form != WATCHED},
        }, functools.partial(_costs, traffic))
    finally:
        shutil.rmtree(folder)
    return [times('seen', f'{load}: CPU per hit {what}, as a multiple of one without', measured[way][load],
                  measured['without'][load], target if load == DENSE else None, 'µs')
            for load in LOADS for way, (what, target) in WAYS.items()]


def _costs(traffic, server):
    with _watching(server) if server.admin_http else contextlib.nullcontext():
        return {load: traffic.unrelayed_cost(server, load) for load in LOADS}


def _with(session, backend, more):
    options = dict(servers.CACHE)
    options['top'] += '\n' + more
    return servers.singleflight(session, backend, **options)


def _logging(session, backend, folder, form):
    """Each round begins with an empty file, so that memory does not fill."""
    path = os.path.join(folder, 'access.log')
    with open(path, 'wb'):
        pass
    return _with(session, backend, f'access_log: {{to: {path}, format: {form}}}')


@contextlib.contextmanager
def _watching(server):
    """A Prometheus that scrapes every second and a page that is open, while the context lasts."""
    over = threading.Event()
    errors = []
    threads = [threading.Thread(target=_watch, args=(how, server, over, errors)) for how in (_scrape, _look)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()
    if errors:
        raise BenchError(f'{server.name}, watched: {errors[0]}')


def _watch(how, server, over, errors):
    try:
        how(server, over)
    except OSError as error:
        errors.append(error)


def _scrape(server, over):
    while not over.wait(1):
        servers.ask(f'{server.health}/metrics')


def _look(server, over):
    """The stream has an event every second, which is the clock."""
    top = server.admin_http
    servers.ask(f'{top}/')
    with urllib.request.urlopen(f'http://{top}/api/stream', timeout=10) as stream:
        for tick, _ in enumerate(line for line in stream if line.startswith(b'data:')):
            if over.is_set():
                return
            if tick % TICKS_OF_A_QUESTION == 0:
                for question in QUESTIONS:
                    servers.ask(f'{top}/api/{question}')


ROW = Row('seen', 'what scrapes, an open dashboard and an access log of every call, to a file, add to a hit', 75, _measure)
