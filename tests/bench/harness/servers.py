"""The programs under test and their peers, each on a backend: how they are configured and started.

With `tls` clients speak TLS to them (harness/tls.py); the backend's side is in plaintext.
"""

import os
import re
import subprocess
import sys
import urllib.request

from harness import tls as tls_of_all
from harness.errors import BenchError, NotApplicable
from harness.processes import free_port

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../testing'))

import ready_line  # noqa: E402

PATH = '/bench.Bench/Get'
REPLY_BYTES = 105  # a message of 100 and its prefix


ADMIN = 'admin: {grpc: "127.0.0.1:0", http: "127.0.0.1:0"}'
CACHE = {'route': 'collapse: true, cache: {ttl: 1h}', 'top': 'cache: {max_bytes: 256MiB}'}


def configuration(backend_address, route='', top='', threads=1, port=0, listener='', transport='native'):
    """One route; `route`, `top` and `listener` are more YAML of that route, the file and the listener."""
    backend = f'endpoints: ["{backend_address}"]'
    if transport == 'grpc':
        backend = f'transport: grpc, target: "ipv4:{backend_address}"'
    return f'''
listeners: [{{address: "127.0.0.1:{port}"{', ' + listener if listener else ''}}}]
upstreams: [{{name: backend, {backend}}}]
routes: [{{match: {{method: /*}}, upstream: backend{', ' + route if route else ''}}}]
health: {{address: "127.0.0.1:0"}}
threads: {threads}
log: {{level: warning}}
{top}
'''


def singleflight(session, backend, route='', cores=None, tls=False, under=list, **options):
    """The proxy; options as for configuration(). `under`: from its command to the one that runs it."""
    if tls:
        options['listener'] = (f'tls: {{certificate: "{session.tls.certificate}", '
                               f'private_key: "{session.tls.private_key}"}}')
    config = session.file('proxy.yaml', configuration(backend.address, route, **options))
    proxy = session.processes.start_ready('singleflight', cores or session.test_cores,
                                          under([session.program('singleflight-proxy'), '--config', config]))
    ready = ready_line.parse(proxy.said)
    proxy.health, proxy.admin_http = ready.health, ready.admin_http
    return _speaking(tls, proxy)


def _speaking(tls, server):
    server.scheme = 'https' if tls else 'http'
    return server


def relay(session, backend, tls=False):
    return singleflight(session, backend, tls=tls)


def relay_over_grpc(session, backend):
    return singleflight(session, backend, transport='grpc')


def cached(session, backend, **options):
    return singleflight(session, backend, **CACHE, **options)


def needs_cache(session):
    """Ends the row where the proxy does not know the options of the cache."""
    config = session.file('cache.yaml', configuration('127.0.0.1:1', **CACHE))
    check = subprocess.run([session.program('singleflight-proxy'), '--check', '--config', config],
                           capture_output=True, text=True, check=False)
    if check.returncode != 0:
        complaint = check.stderr.partition('\n')[0].removeprefix(f'{config}:')
        raise NotApplicable(f'this proxy has no cache ({complaint})')


# As large as the proxy's own.
NGHTTPX_WINDOWS = [f'--{side}-http2-{kind}window-size={size}' for side in ('frontend', 'backend')
                   for kind, size in (('', '256K'), ('connection-', '16M'))]


# All records as large as they may be, from the first.
NGHTTPX_TLS = [f'--tls13-ciphers={tls_of_all.CIPHER}', '--tls-dyn-rec-warmup-threshold=0']


def nghttpx(session, backend, tls=False, threads=1):
    port = free_port()
    host, _, backend_port = backend.address.rpartition(':')
    listener, files = f'--frontend=127.0.0.1,{port}', []
    if tls:
        files = [*NGHTTPX_TLS, session.tls.private_key, session.tls.certificate]
    else:
        listener += ';no-tls'
    return _speaking(tls, session.processes.start_listening('nghttpx', session.test_cores, [
        'nghttpx', '--conf=/dev/null', '--single-process', f'--workers={threads}', '--no-ocsp', '--log-level=ERROR',
        '--accesslog-file=/dev/null', '--frontend-http2-max-concurrent-streams=1000', *NGHTTPX_WINDOWS,
        listener, f'--backend={host},{backend_port};/;proto=h2', *files], port))


def haproxy(session, backend, tls=False, threads=1):
    port = free_port()
    # Tickets hold the sessions; a cache of them besides would only take memory.
    bind = f'ssl crt {session.tls.both} alpn h2 ciphersuites {tls_of_all.CIPHER}' if tls else 'proto h2'
    config = session.file('haproxy.cfg', f'''
global
  nbthread {threads}
  maxconn 4096
  tune.h2.initial-window-size 262144
  tune.ssl.cachesize 0
defaults
  mode http
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend clients
  bind 127.0.0.1:{port} {bind}
  default_backend backends
backend backends
  server backend {backend.address} proto h2
''')
    return _speaking(tls, session.processes.start_listening('haproxy', session.test_cores,
                                                            ['haproxy', '-q', '-db', '-f', config], port))


def nginx(session, backend, tls=False, workers=1):
    """Workers are processes: with more than one, a master is their parent. Started by root, they stay that."""
    port = free_port()
    user = 'user root;' if workers > 1 and os.geteuid() == 0 else ''
    folder = session.folder_of_its_own('nginx')
    spools = '\n'.join(f'  {kind}_temp_path {folder}/{kind};'
                       for kind in ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
    certificate = (f'ssl_certificate {session.tls.certificate}; ssl_certificate_key {session.tls.private_key}; '
                   f'ssl_protocols {tls_of_all.PROTOCOL};') if tls else ''
    config = session.file('nginx.conf', f'''
daemon off;
master_process {'on' if workers > 1 else 'off'};
worker_processes {workers};
{user}
pid {folder}/pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
  access_log off;
{spools}
  upstream backend {{
    server {backend.address};
    keepalive 256;
    keepalive_requests 1000000000;
  }}
  server {{
    listen 127.0.0.1:{port} {'ssl ' if tls else ''}http2;
    {certificate}
    keepalive_requests 1000000000;
    http2_max_concurrent_streams 1000;
    client_max_body_size 0;
    location / {{ grpc_pass grpc://backend; }}
  }}
}}
''')
    return _speaking(tls, session.processes.start_listening('nginx', session.test_cores,
                                                            ['nginx', '-p', folder, '-c', config], port))


def grpc_proxy(session, backend):
    """A proxy on gRPC C++'s generic service and stub, as one would write it without this project."""
    return session.processes.start_ready('bench-grpc-proxy', session.test_cores, [
        session.program('bench-grpc-proxy'), '--listen=127.0.0.1:0', f'--backend={backend.address}'])


def responder(session, *flags, cores=None):
    """Answers from memory; on the core of the load unless `cores` says otherwise."""
    return session.processes.start_ready('bench-responder', cores or session.load_cores, [
        session.program('bench-responder'), '--listen=127.0.0.1:0', *flags])


def responder_under_test(session, *flags):
    return responder(session, *flags, cores=session.test_cores)


def ask(address_and_path):
    """What a page of the proxy says."""
    with urllib.request.urlopen(f'http://{address_and_path}', timeout=10) as page:
        return page.read()


def metric(proxy, name):
    """The sum of all samples of singleflight_NAME that the proxy exports."""
    return sum_of_samples(ask(f'{proxy.health}/metrics').decode(), name)


def sum_of_samples(text, name):
    samples = re.findall(rf'^singleflight_{re.escape(name)}(?:{{[^\n]*}})? (\S+)$', text, re.MULTILINE)
    return sum(map(float, samples)) if samples else None


def calls_begun(session, responder_running):
    """How many unary calls the responder has seen, by its own count."""
    body = session.file('empty', b'\0' * 5)
    said = session.run('nghttp', ['nghttp', f'-d{body}', '-Hcontent-type: application/grpc', '-Hte: trailers',
                                  f'http://{responder_running.address}/bench.Stats/Calls'])
    digits = re.search(r'\d+$', said.strip('\0'))
    if digits is None:
        raise BenchError(f'bench-responder does not tell its count; it said {said!r}')
    return int(digits[0])
