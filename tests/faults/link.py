"""One connection through a relay: it knows where frames begin, and spoils what comes back as its endpoint's fault says."""

import asyncio
import collections
import socket
import struct

PREFACE = 24  # bytes of a client before its first frame
FRAME_HEADER = 9
DATA, HEADERS, GOAWAY = 0, 1, 7
END_STREAM = 1


class Frames:
    """Cuts a stream of bytes where frames begin; a header is held back until it is whole."""

    def __init__(self, skip=0):
        self._rest = b''
        self._left = skip  # bytes of what has begun

    def cut(self, data):
        """Yields (header or None, bytes): what belongs to the frame before, or begins the next."""
        data = self._rest + data
        at = 0
        while at < len(data):
            if self._left:
                size = min(self._left, len(data) - at)
                self._left -= size
                yield None, data[at:at + size]
                at += size
            elif len(data) - at < FRAME_HEADER:
                break
            else:
                self._left = int.from_bytes(data[at:at + 3], 'big')
                yield data[at:at + FRAME_HEADER], data[at:at + FRAME_HEADER]
                at += FRAME_HEADER
        self._rest = data[at:]


def stream_of(header):
    return int.from_bytes(header[5:9], 'big') & 0x7fffffff


class Side(asyncio.Protocol):
    """One socket of a link."""

    def __init__(self, on_data, on_end):
        self._on_data, self._on_end = on_data, on_end
        self.transport = None

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self._on_data(data)

    def eof_received(self):
        return False  # closes

    def connection_lost(self, _):
        self._on_end()

    def reset(self):
        if self.transport is not None and not self.transport.is_closing():
            reset(self.transport)


def reset(transport):
    sock = transport.get_extra_info('socket')
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    transport.abort()


class Link:
    """One connection of the proxy, and the relay's own to the backend."""

    def __init__(self, endpoint):
        self._endpoint = endpoint
        self.down = Side(self._from_proxy, self.end)
        self._up = Side(self._from_backend, self.end)
        self._waiting = []  # for the connection to the backend
        self._requests, self._replies = Frames(PREFACE), Frames()
        self._late = collections.deque()  # bytes that go down later
        self._pumping = False
        self._over = False
        self._silent = False  # nothing of the backend's goes down any more
        self._held = False    # until the fault is over
        self._in_body = False  # of a frame that comes down
        self._passes = True    # the frame that goes up
        self._last_stream = 0
        self._goaway = None   # the last stream that it takes
        self._met = ''
        self.arm()

    async def connect(self):
        host, _, port = self._endpoint.backend.rpartition(':')
        try:
            await asyncio.get_running_loop().create_connection(lambda: self._up, host, int(port))
        except OSError:
            self.end()
            return
        for data in self._waiting:
            self._up.transport.write(data)
        self._waiting = []
        if self._over:
            self._up.reset()

    def end(self):
        if self._over:
            return
        self._over = True
        self._endpoint.links.discard(self)
        self.down.reset()
        self._up.reset()

    def arm(self):
        """The fault at this endpoint has changed."""
        self._countdown = self._endpoint.dice.randrange(1, 20)  # that many frames of its stage pass

    def heal(self):
        if self._silent:
            self.end()
        self._held = False
        self._met = ''
        self._pump()

    def _meet(self):
        """Counts a fault once for each connection that it meets."""
        if self._met != self._endpoint.kind:
            self._met = self._endpoint.kind
            self._endpoint.count()

    # --- towards the backend ------------------------------------------------------------------------------------------

    def _from_proxy(self, data):
        if self._endpoint.kind == 'black-hole':
            self._meet()
            self._silent = True
        kept = []
        for header, piece in self._requests.cut(data):
            if header:
                stream = stream_of(header)
                self._passes = self._goaway is None or stream <= self._goaway
                if header[3] == HEADERS:
                    self._endpoint.count_call()
                    self._last_stream = stream if self._passes else self._last_stream
            if self._passes and not self._silent:
                kept.append(piece)
        self._send_up(b''.join(kept))

    def _send_up(self, data):
        if not data:
            return
        if self._up.transport is None:
            self._waiting.append(data)
        elif not self._up.transport.is_closing():
            self._up.transport.write(data)

    # --- towards the proxy --------------------------------------------------------------------------------------------

    def _from_backend(self, data):
        kind = self._endpoint.kind
        if kind == 'black-hole':
            self._meet()
            self._silent = True
        out = []
        for header, piece in self._replies.cut(data):
            if self._silent:
                break
            if header and self._strikes_before(header):
                self._emit(b''.join(out))
                out = []
                self._act()
            elif not header and self._in_body and self._strikes_in_body():
                out.append(piece[:len(piece) // 2])
                self._emit(b''.join(out))
                out = []
                self._act()
                piece = piece[len(piece) // 2:]
            if header:
                self._in_body = header[3] == DATA
            if not self._silent:
                out.append(piece)
        self._emit(b''.join(out))

    def _strikes_before(self, header):
        action, _, stage = self._endpoint.kind.partition('-')
        if self._endpoint.kind.startswith('half-close-'):
            stage = self._endpoint.kind.removeprefix('half-close-')
        reached = {
            'after-headers': header[3] == DATA,
            'before-trailers': header[3] == HEADERS and header[4] & END_STREAM,
        }.get(stage, action == 'goaway' and self._last_stream > 0)
        return self._counted_down() if reached else False

    def _strikes_in_body(self):
        return self._endpoint.kind.endswith('-in-body') and self._counted_down()

    def _counted_down(self):
        if self._met == self._endpoint.kind:
            return False
        self._countdown -= 1
        return self._countdown <= 0

    def _act(self):
        kind = self._endpoint.kind
        self._meet()
        if kind.startswith('reset'):
            self._silent = True
            self.end()
        elif kind.startswith('stall'):
            self._held = True
        elif kind.startswith('half-close'):
            self._silent = True
            self.down.transport.write_eof()
        elif kind.startswith('garbage'):
            self._silent = True
            self.down.transport.write(self._endpoint.garbage())
        elif kind == 'goaway':
            self._goaway = self._last_stream
            frame = (8).to_bytes(3, 'big') + bytes([GOAWAY, 0]) + bytes(4) + struct.pack('>II', self._goaway, 0)
            self._emit(frame)

    def _emit(self, data):
        """In order, whatever the fault does with it."""
        if not data or self._over:
            return
        kind, dice = self._endpoint.kind, self._endpoint.dice
        if kind == 'delay':
            self._meet()
            self._late.append((now() + dice.uniform(0.02, 0.3), data))
        elif kind == 'trickle':
            self._meet()
            begins = max(now(), self._late[-1][0] if self._late else 0)
            self._late.extend((begins + number * 0.01, piece) for number, piece in enumerate(pieces(data, dice, 64)))
        elif self._held or self._late:
            self._late.append((0, data))
        elif kind == 'split':
            self._meet()
            for piece in pieces(data, dice, 40):
                self.down.transport.write(piece)
        else:
            self.down.transport.write(data)
        self._pump()

    def _pump(self):
        if self._late and not self._pumping and not self._held:
            self._pumping = True
            slow = self._endpoint.kind in ('delay', 'trickle')
            asyncio.get_running_loop().call_later(max(0, self._late[0][0] - now()) if slow else 0, self._pump_one)

    def _pump_one(self):
        self._pumping = False
        if self._held or self._over or not self._late:
            return
        self.down.transport.write(self._late.popleft()[1])
        self._pump()


def now():
    return asyncio.get_running_loop().time()


def pieces(data, dice, most):
    """Some tiny ones, and the rest."""
    at = 0
    for _ in range(20):
        size = dice.randrange(1, most)
        yield data[at:at + size]
        at += size
        if at >= len(data):
            return
    yield data[at:]
