"""Byte relays in front of real backends, which spoil HTTP/2 on its way back.

relay.py BACKEND…

Relay i listens on 127.0.0.(1+i), all at the same port, and knows where frames begin. The ready line names the port. Lines
on standard input tell what is wrong from now on: "ENDPOINT KIND SEED", and "ENDPOINT well 0" to end it. At the end of the
input it prints JSON: how often each kind met a connection, and how many calls the proxy sent. The kinds:

  STAGE is before-settings, after-headers, in-body or before-trailers
  reset-STAGE        the connection ends with a TCP reset there
  stall-STAGE        nothing more comes until the fault is over
  half-close-STAGE   FIN there; what comes from the proxy is still taken
  garbage-STAGE      bytes that are no frame, then nothing
  http1              a connection is answered in HTTP/1.1
  black-hole         connections are accepted; whatever is sent vanishes
  refuse             nobody listens
  goaway             GOAWAY, and what is begun after it is not answered
  delay, split, trickle   bytes come late, in tiny pieces, or a few at a time
"""

import asyncio
import collections
import json
import random
import sys

import link

AT_ACCEPT = ('before-settings', 'http1')
ANSWER_OF_HTTP1 = b'HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n'


class Endpoint:
    """A listening relay, and what is wrong with it."""

    def __init__(self, host, backend, injected):
        self.host, self.backend = host, backend
        self.kind, self.dice = 'well', random.Random(0)
        self.links = set()
        self._injected = injected
        self._server = None

    async def listen(self, port):
        self._server = await asyncio.get_running_loop().create_server(self._accept, self.host, port, reuse_address=True)
        return self._server.sockets[0].getsockname()[1]

    def close(self):
        if self._server is not None:
            self._server.close()

    def count(self):
        self._injected[self.kind] += 1

    def count_call(self):
        """A stream that the proxy has opened here, whatever becomes of it."""
        self._injected['calls'] += 1

    def garbage(self):
        """No frame may be as long as this says to be."""
        return bytes([255]) + self.dice.randbytes(self.dice.randrange(20, 2000))

    async def spoil(self, kind, seed, port):
        was, self.kind = self.kind, kind
        self.dice = random.Random(seed)
        if was == 'refuse':
            await self.listen(port)
        for through in list(self.links):
            through.heal() if kind == 'well' else through.arm()
        if kind == 'refuse':
            self.close()
            self.count()
        if kind == 'refuse' or kind.endswith(AT_ACCEPT):
            for through in list(self.links):  # so that the proxy connects again
                through.end()

    def _accept(self):
        stage_of_accept = self.kind.endswith(AT_ACCEPT)
        if not stage_of_accept:
            through = link.Link(self)
            self.links.add(through)
            asyncio.get_running_loop().create_task(through.connect())
            return through.down
        self.count()
        return Spoiled(self)


class Spoiled(asyncio.Protocol):
    """A connection that comes to nothing before the backend's SETTINGS."""

    def __init__(self, endpoint):
        self._endpoint = endpoint

    def connection_made(self, transport):
        kind = self._endpoint.kind
        self._transport = transport
        if kind == 'http1':
            transport.write(ANSWER_OF_HTTP1)
            transport.close()
        elif kind.startswith('garbage'):
            transport.write(self._endpoint.garbage())
        elif kind.startswith('half-close'):
            transport.write_eof()
        elif kind.startswith('reset'):
            link.reset(transport)
        else:  # it stalls, and is never answered
            self._endpoint.links.add(self)

    def connection_lost(self, _):
        self._endpoint.links.discard(self)

    def arm(self):
        pass

    def heal(self):
        self.end()

    def end(self):
        self._transport.abort()


async def listen_on_one_port(endpoints):
    """The port that all of them have."""
    for _ in range(50):
        port = await endpoints[0].listen(0)
        try:
            for endpoint in endpoints[1:]:
                await endpoint.listen(port)
            return port
        except OSError:  # somebody else has it at another address
            for endpoint in endpoints:
                endpoint.close()
    raise OSError('no port is free at all addresses')


async def main(backends):
    injected = collections.Counter()
    endpoints = [Endpoint(f'127.0.0.{1 + number}', backend, injected) for number, backend in enumerate(backends)]
    port = await listen_on_one_port(endpoints)
    print(f'relay ready: listening on 127.0.0.1:{port}', flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        number, kind, seed = line.decode().split()
        await endpoints[int(number)].spoil(kind, int(seed), port)
    print(json.dumps(injected), flush=True)


if __name__ == '__main__':
    asyncio.run(main(sys.argv[1:]))
