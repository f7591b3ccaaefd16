"""A backend that never answers, and a client that sends many requests: HTTP/2 by hand, so that they take little themselves."""

import selectors
import socket
import struct
import threading
import time

DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 7, 8
MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 3, 4
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
LARGEST_FRAME = 16384
FIRST_WINDOW = 65535
PATIENCE = 120  # seconds


def frame(kind, flags, stream, payload=b''):
    return struct.pack('>I', len(payload))[1:] + bytes([kind, flags]) + struct.pack('>I', stream) + payload


def settings(**values):
    names = {'streams': MAX_CONCURRENT_STREAMS, 'window': INITIAL_WINDOW_SIZE}
    return frame(SETTINGS, 0, 0, b''.join(struct.pack('>HI', names[name], value) for name, value in values.items()))


def literal(name, value):
    return b'\x00' + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


def frames_in(received):
    """Takes whole frames off the front of a bytearray."""
    while len(received) >= 9:
        end = 9 + int.from_bytes(received[:3], 'big')
        if len(received) < end:
            return
        yield received[3], received[4], int.from_bytes(received[5:9], 'big'), bytes(received[9:end])
        del received[:end]


def wait_until(holds, what):
    end = time.monotonic() + PATIENCE
    pause = threading.Event()
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f'not within {PATIENCE} s: {what}')
        pause.wait(0.05)


class HungBackend:
    """Takes any number of calls and answers none. `reads`: it takes their bytes; otherwise nothing after its settings."""

    def __init__(self, reads=True):
        self.whole = 0  # requests that have come to their end
        self._reads = reads
        self._listener = socket.create_server(('127.0.0.1', 0), backlog=1000)
        self.address = '127.0.0.1:%d' % self._listener.getsockname()[1]
        self._peers = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._stop, self._stopped = socket.socketpair()
        self._selector.register(self._stopped, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self):
        self._stop.close()
        self._thread.join()
        for peer in [self._listener, self._stopped, *self._peers]:
            peer.close()

    def _run(self):
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._stopped:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._read(key.fileobj)

    def _accept(self):
        peer, _ = self._listener.accept()
        peer.sendall(settings(streams=1 << 20, window=1 << 24) +
                     frame(WINDOW_UPDATE, 0, 0, struct.pack('>I', (1 << 31) - 1 - FIRST_WINDOW)))
        self._peers[peer] = None
        if self._reads:
            self._selector.register(peer, selectors.EVENT_READ)

    def _read(self, peer):
        try:
            more = peer.recv(1 << 20)
        except OSError:
            more = b''
        if not more:
            self._selector.unregister(peer)
            return
        if self._peers[peer] is None:  # the preface
            self._peers[peer], more = bytearray(), more[len(PREFACE):]
        self._peers[peer] += more
        for kind, flags, _, _ in frames_in(self._peers[peer]):
            self.whole += kind in (DATA, HEADERS) and flags & END_STREAM


class Connection:
    """Sends requests, one after the other, as far as the windows of its peer allow."""

    def __init__(self, address, requests):
        host, _, port = address.rpartition(':')
        self.socket = socket.create_connection((host, int(port)))
        self.sent_all = False
        self.ended = False
        self.replies = 0
        self._requests = self._frames(requests)
        self._out = bytearray(PREFACE + settings(window=1 << 20))
        self._received = bytearray()
        self._window = self._first_window = FIRST_WINDOW
        self._windows = {}

    def _frames(self, requests):
        for number, (head, body) in enumerate(requests):
            stream = 2 * number + 1
            self._windows[stream] = self._first_window
            yield frame(HEADERS, END_HEADERS, stream, head)
            while body:
                size = min(LARGEST_FRAME, len(body), self._window, self._windows.get(stream, len(body)))
                if size <= 0:
                    yield None
                    continue
                self._window -= size
                if stream in self._windows:
                    self._windows[stream] -= size
                chunk, body = body[:size], body[size:]
                yield frame(DATA, 0 if body else END_STREAM, stream, chunk)
            self._windows.pop(stream, None)

    def write(self):
        while not self.sent_all and len(self._out) < 1 << 17:
            try:
                following = next(self._requests)
            except StopIteration:
                self.sent_all = True
                break
            if following is None:
                break
            self._out += following
        if self._out:
            del self._out[:self.socket.send(self._out)]

    @property
    def idle(self):
        return self.ended or (self.sent_all and not self._out)

    def read(self):
        try:
            more = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            more = b''
        self.ended = not more
        self._received += more
        for kind, flags, stream, payload in frames_in(self._received):
            self._take(kind, flags, stream, payload)

    def _take(self, kind, flags, stream, payload):
        if kind == WINDOW_UPDATE:
            opened = int.from_bytes(payload, 'big')
            if stream == 0:
                self._window += opened
            elif stream in self._windows:
                self._windows[stream] += opened
        elif kind == SETTINGS and not flags & ACK:
            self._out += frame(SETTINGS, ACK, 0)
            for at in range(0, len(payload), 6):
                name, value = struct.unpack_from('>HI', payload, at)
                if name == INITIAL_WINDOW_SIZE:
                    for each in self._windows:
                        self._windows[each] += value - self._first_window
                    self._first_window = value
        elif kind == HEADERS:
            self.replies += 1


class Client:
    """Many connections in a thread of their own."""

    def __init__(self, address, connections, requests_of):
        self.connections = [Connection(address, requests_of(i)) for i in range(connections)]
        self._selector = selectors.DefaultSelector()
        for connection in self.connections:
            connection.socket.setblocking(False)
            self._selector.register(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    @property
    def done(self):
        return all(connection.idle for connection in self.connections)

    @property
    def replies(self):
        return sum(connection.replies for connection in self.connections)

    def close(self):
        self._stop.set()
        self._thread.join()
        for connection in self.connections:
            connection.socket.close()

    def _run(self):
        while not self._stop.is_set():
            for key, events in self._selector.select(0.05):
                connection = key.data
                try:
                    if events & selectors.EVENT_READ:
                        connection.read()
                    if events & selectors.EVENT_WRITE and not connection.ended:
                        connection.write()
                except BlockingIOError:
                    pass
                except OSError:
                    connection.ended = True
                if connection.ended:
                    self._selector.unregister(connection.socket)
                elif connection.idle:
                    self._selector.modify(connection.socket, selectors.EVENT_READ, connection)
                elif key.events == selectors.EVENT_READ:
                    self._selector.modify(connection.socket, selectors.EVENT_READ | selectors.EVENT_WRITE, connection)


def requests(path, size, numbers, more=()):
    """Requests of one message of `size` bytes that differ from each other by their number."""
    fields = [(':method', 'POST'), (':scheme', 'http'), (':path', path), (':authority', 'proxy.example'),
              ('te', 'trailers'), ('content-type', 'application/grpc'), ('user-agent', 'grpc-go/1.60.0'), *more]
    head = b''.join(literal(name, value) for name, value in fields)
    for number in numbers:
        message = struct.pack('>I', number).ljust(size, b'x')
        yield head, b'\0' + struct.pack('>I', len(message)) + message
