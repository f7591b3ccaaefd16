"""A newcomer's path through an installed package: point a client at it, see what it saves, find which header keeps two
calls apart, let them meet, purge, and see the next call go upstream.
"""

import contextlib
import json
import os
import subprocess
import urllib.request

import grpc

import ready_line

CONFIGURATION = '''
listeners: [{address: 127.0.0.1:0}]
upstreams: [{name: catalog, target: "%s"}]
routes:
  - match: {method: /demo.v1.Catalog/Get*}
    upstream: catalog
    collapse: true
    cache: {ttl: 1h}
admin:
  grpc: unix:/run/singleflight/admin.sock
  http: 127.0.0.1:0
  token_file: /etc/singleflight/token
'''
METHOD = '/demo.v1.Catalog/GetItem'
ITEM = b'\x0a\x04id-7'  # demo.v1.GetItemRequest{id: "id-7"}
GET_STATS = '/demo.v1.Inspection/GetStats'
LOOK = os.path.join(os.path.dirname(__file__), '../dashboard/look.mjs')
NO_BROWSER = 77


def calls_of(stats):
    """The first field of a demo.v1.Stats, below 128."""
    assert stats[0] == 0x08 and stats[1] < 128, stats
    return stats[1]


@contextlib.contextmanager
def running(command):
    """Gives where it listens. Never outlives the block, however that ends."""
    process = subprocess.Popen(**command, stdout=subprocess.PIPE)
    try:
        yield ready_line.parse(process.stdout.readline())
        process.terminate()
        assert process.wait(30) == 0, process.returncode
    finally:
        process.kill()
        process.wait()


class Newcomer(contextlib.ExitStack):
    """With the package in `root`, before the program `backend`, which runs outside of it: the loopback is the same."""

    def __init__(self, root, backend):
        super().__init__()
        self.root = root
        self.config = root.path('/srv/newcomer.yaml')
        self.backend = backend

    def __enter__(self):
        behind = self.enter_context(running({'args': [self.backend, '--listen=127.0.0.1:0', '--delay=0ms'], 'text': True}))
        self.write(CONFIGURATION % behind.listeners[0])
        token = self.root.path('/etc/singleflight/token')
        with open(token, 'w', encoding='utf-8') as file:
            file.write('a-token-of-a-newcomer-in-a-bare-root\n')
        self.callback(os.remove, token)
        os.chmod(token, 0o600)
        ready = self.enter_context(running(self.root.command('singleflight-proxy', '--config', '/srv/newcomer.yaml')))
        self.client = self.enter_context(grpc.insecure_channel(ready.listeners[0]))
        self.direct = self.enter_context(grpc.insecure_channel(behind.listeners[0]))
        self.page = f'http://{ready.admin_http}'
        return self

    def write(self, text):
        self.text = text
        with open(self.config, 'w', encoding='utf-8') as file:
            file.write(text)

    def call(self, device):
        self.client.unary_unary(METHOD)(ITEM, metadata=[('x-device-id', device)], timeout=30)

    def ctl(self, *arguments):
        return self.root.run('singleflightctl', *arguments)

    def reached_the_backend(self):
        return calls_of(self.direct.unary_unary(GET_STATS)(b'', timeout=30))

    def sees_on_the_dashboard(self, calls, saved):
        with urllib.request.urlopen(f'{self.page}/api/stream', timeout=30) as feed:
            event = json.loads(feed.readline().removeprefix(b'data: '))
        (route,) = event['routes']
        assert (int(route['calls']), int(route['saved'])) == (calls, saved), route
        look = subprocess.run(['node', LOOK, self.page, str(calls), str(saved)], stdout=subprocess.PIPE, text=True, check=False)
        assert look.returncode in (0, NO_BROWSER), look.stdout
        print('the dashboard:', look.stdout.strip())

    def walk(self):
        self.call('phone')
        self.call('phone')
        self.sees_on_the_dashboard(calls=2, saved=1)

        self.call('tablet')
        assert self.reached_the_backend() == 2, 'they met although x-device-id differs'
        (split,) = json.loads(self.ctl('why', '--json'))['splits']
        assert split['name'] == 'x-device-id', split
        assert split['cure'] in self.ctl('why'), 'people are not shown the cure'

        self.write(self.text.replace('    cache:', f'    {split["cure"]}\n    cache:'))
        self.ctl('reload')
        self.call('phone')
        self.call('tablet')
        self.call('watch')
        assert self.reached_the_backend() == 3, 'x-device-id keeps them apart as before'

        self.ctl('purge', '--method', METHOD, '--yes')
        self.call('watch')
        assert self.reached_the_backend() == 4, 'what was purged was served'
