"""Random calls of all four kinds, directly and through the proxy: what a caller sees and what the backend sees must
be the same, but for the closed list of docs/semantics.md (§6). Prints a seed, which makes the same calls again, and
how many calls and differences there were."""

import argparse
import os
import random
import re
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILT = os.path.join(HERE, '../../build/release')  # unless ctest says where
os.environ.setdefault('SINGLEFLIGHT_BUILT_PROXY', BUILT + '/server/singleflight-proxy')
sys.path.insert(0, os.path.join(HERE, '../interop'))

import plans  # noqa: E402  pylint: disable=wrong-import-position
from proxy import PATIENCE, Proxy, child  # noqa: E402  pylint: disable=wrong-import-position

# How often a plan's call is made by each way: by two callers at the same time, or by one after the other.
WAYS = {'relay': 1, 'collapse': 2, 'cache': 2, 'relay_again': 1, 'relay_by_grpc': 1, 'collapse_by_grpc': 2}
WITHOUT_GRPC = os.environ.get('SINGLEFLIGHT_PROXY_IS') == 'thread'  # ThreadSanitizer cannot have it in a process
if WITHOUT_GRPC:
    WAYS = {way: calls for way, calls in WAYS.items() if not way.endswith('_by_grpc')}
CALLS_OF_A_PLAN = 1 + sum(WAYS.values())
RETRIED = 'UNAVAILABLE, ABORTED, INTERNAL, UNKNOWN, NOT_FOUND, DATA_LOSS, RESOURCE_EXHAUSTED'
MANY = 500  # plans: then some of them share a call, are kept, and are sent again
BACKEND = os.environ.get('SINGLEFLIGHT_DIFFERENTIAL_BACKEND', BUILT + '/tests/differential/differential-backend')
CLIENTS = {'cpp': [os.environ.get('SINGLEFLIGHT_DIFFERENTIAL_CLIENT', BUILT + '/tests/differential/differential-client')],
           'python': [sys.executable, os.path.join(HERE, 'client.py')],
           'javascript': ['node', os.path.join(HERE, 'client.mjs')]}
MOST_SHOWN = 20000  # characters of differences


def config(backend):
    text = f'''
listeners: [{{address: 127.0.0.1:0}}]
upstreams:
  - {{name: backend, target: {backend}}}
  - {{name: by_grpc, target: {backend}, transport: grpc}}
routes:
  - {{match: {{method: /relay/*}}, upstream: backend}}
  - {{match: {{method: /collapse/*}}, upstream: backend, collapse: true}}
  - {{match: {{method: /cache/*}}, upstream: backend, collapse: true, cache: {{ttl: 1h}}}}
  - {{match: {{method: /relay_again/*}}, upstream: backend, retry: {{codes: [{RETRIED}], budget: 100%}}}}
  - {{match: {{method: /relay_by_grpc/*}}, upstream: by_grpc}}
  - {{match: {{method: /collapse_by_grpc/*}}, upstream: by_grpc, collapse: true}}
cache: {{max_bytes: 64MiB}}
health: {{address: 127.0.0.1:0}}
'''
    return re.sub('.*by_grpc.*\n', '', text) if WITHOUT_GRPC else text


def run_client(options, backend, proxy):
    """What the client says of the plans."""
    client = child(*CLIENTS[options.language], backend, proxy, *WAYS, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def feed():
        with client.stdin:
            for number in options.numbers:
                client.stdin.write(plans.plan(options.seed, number) + '\n')
    feeder = threading.Thread(target=feed)
    feeder.start()
    said = client.stdout.read()
    feeder.join()
    if client.wait(PATIENCE) != 0:
        sys.exit(f'the client ended with {client.returncode}:\n{said[-MOST_SHOWN:]}')
    return said


def count(said):
    """Its last line: "direct 3 compared 15 …"."""
    return {name: int(number) for name, number in re.findall(r'(\w+) (\d+)', said.splitlines()[-1])}


def show(options, said):
    print(said[:MOST_SHOWN])
    for number in sorted({int(number) for number in re.findall(r'^DIFFERENT plan (\d+)', said, re.MULTILINE)})[:10]:
        print(f'again: differential.py {options.language} --seed {options.seed} --only {number}; its plan:')
        print(plans.plan(options.seed, number))


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('language', choices=CLIENTS)
    parser.add_argument('--calls', type=int, default=CALLS_OF_A_PLAN * 1000, help='directly and through the proxy together')
    parser.add_argument('--seed', type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument('--only', type=int, help='the number of one plan')
    options = parser.parse_args()
    if os.environ.get('SINGLEFLIGHT_PROXY_IS'):
        options.calls //= 10  # an instrumented proxy is slow
    options.numbers = [options.only] if options.only is not None else range(-(-options.calls // CALLS_OF_A_PLAN))
    return options


def main():
    options = parse()
    print(f'{options.language}: seed {options.seed}', flush=True)
    began = time.monotonic()
    backend = child(BACKEND, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    address = backend.stdout.readline().strip()
    with Proxy(config(address)) as proxy:
        said = run_client(options, address, proxy.address)
        proxy.settle()
        retries = int(proxy.metric('retries_total'))
    backend.communicate(timeout=PATIENCE)  # it ends with its standard input
    counts = count(said)
    if counts['different'] > 0:
        show(options, said)
    print(f'{options.language}: {counts["direct"] + counts["compared"]} calls ({counts["direct"]} directly, '
          f'{counts["compared"]} through the proxy, of which {counts["collapsed"]} shared a call, {counts["hits"]} '
          f'came from memory and {retries} were sent again) in {time.monotonic() - began:.1f} s; {counts["different"]} plans with differences')
    tried = counts['direct'] < MANY or min(counts['collapsed'], counts['hits'], retries) > 0
    sys.exit(0 if counts['different'] == 0 and backend.returncode == 0 and tried else 1)


if __name__ == '__main__':
    main()
