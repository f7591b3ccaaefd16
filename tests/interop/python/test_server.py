"""The server of gRPC's interoperability cases (C++), a proxy before it, and a wire between whose bytes are counted."""

import contextlib
import os
import socket
import subprocess
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from proxy import PATIENCE, Proxy, child  # noqa: E402  pylint: disable=wrong-import-position

try:
    import grpc
except ImportError:
    sys.exit('the Python module grpc is missing: install python3-grpcio (./dev test does)')

HOST = 'interop.example'  # what the certificates of both are for


class TestServer:
    """interop-server in a process of its own; `ca`, `certificate` and `private_key` are paths."""

    def __init__(self, tls):
        path = os.environ.get('SINGLEFLIGHT_INTEROP_SERVER', '')
        if not os.access(path, os.X_OK):
            sys.exit(f'no server at "{path}": run this by ctest (./dev test -R interop)')
        self._process = child(path, *(['tls'] if tls else []), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.address, self.ca, self.certificate, self.private_key = self._process.stdout.readline().split()

    def stop(self):
        self._process.communicate(timeout=PATIENCE)  # it ends with its standard input
        if self._process.returncode != 0:
            raise AssertionError(f'the server ended with {self._process.returncode}')


class World:
    """A server and a proxy before it, with TLS on both connections or on none. `route` is more YAML of the route."""

    def __init__(self, tls, route):
        self.server = TestServer(tls)
        own = f'certificate: {self.server.certificate}, private_key: {self.server.private_key}'
        self.proxy = Proxy(f'''
listeners: [{{address: "127.0.0.1:0"{f", tls: {{{own}}}" if tls else ""}}}]
upstreams:
  - name: backend
    target: {self.server.address}
    {f"tls: {{ca: {self.server.ca}, server_name: {HOST}}}" if tls else ""}
routes:
  - match: {{method: /*}}
    upstream: backend
    {route}
health: {{address: 127.0.0.1:0}}
''')
        self._credentials = None
        if tls:
            with open(self.server.ca, 'rb') as ca:
                self._credentials = grpc.ssl_channel_credentials(ca.read())

    def channel(self, address=None):
        """A connection of its own to the proxy, or to where else it is reached."""
        address = address or self.proxy.address
        options = [('grpc.use_local_subchannel_pool', 1), ('grpc.enable_http_proxy', 0)]
        if self._credentials is None:
            return grpc.insecure_channel(address, options)
        return grpc.secure_channel(address, self._credentials, [*options, ('grpc.ssl_target_name_override', HOST)])

    def stop(self):
        self.proxy.stop()
        self.server.stop()


class Wire:
    """A way to `address` that counts the bytes that come from there: no API in Python shows how a message came. Use as
    a context; one connection."""

    def __init__(self, address):
        self._target = address
        self._listener = socket.create_server(('127.0.0.1', 0))
        self._listener.settimeout(PATIENCE)
        self.address = f'127.0.0.1:{self._listener.getsockname()[1]}'
        self._received = 0
        self._threads = [threading.Thread(target=self._carry)]

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        for thread in self._threads:
            thread.join(PATIENCE)
        self._listener.close()

    def take_received(self):
        """Bytes since this was asked last. What a caller has got has been counted."""
        received, self._received = self._received, 0
        return received

    def _carry(self):
        client, _ = self._listener.accept()
        host, port = self._target.rsplit(':', 1)
        proxy = socket.create_connection((host, int(port)))
        self._threads.append(threading.Thread(target=self._copy, args=(client, proxy, lambda _: None)))
        self._threads[-1].start()
        self._copy(proxy, client, self._count)
        self._threads[-1].join(PATIENCE)
        client.close()
        proxy.close()

    def _count(self, size):
        self._received += size

    @staticmethod
    def _copy(source, sink, count):
        with contextlib.suppress(OSError):
            while piece := source.recv(1 << 16):
                count(len(piece))
                sink.sendall(piece)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
