"""One gRPC call on a bare socket, for timing a server's first answer: no client library has to start."""

import socket

from harness import h2load

DATA, HEADERS, SETTINGS, RST_STREAM, GOAWAY = 0, 1, 4, 3, 7
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def frame(kind, flags, stream, payload):
    return (len(payload).to_bytes(3, 'big') + bytes([kind, flags]) + stream.to_bytes(4, 'big') + payload)


def field(name, value):
    """A header field as a literal that nobody remembers (RFC 7541, 6.2.2); both shorter than 127 bytes."""
    return b'\0' + bytes([len(name)]) + name.encode() + bytes([len(value)]) + value.encode()


BEGINNING = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n' + frame(SETTINGS, 0, 0, b'')


def call(path, message, scheme='http'):
    """A connection's first bytes and a whole call."""
    fields = {':method': 'POST', ':scheme': scheme, ':path': path, ':authority': 'bench',
              'content-type': 'application/grpc', 'te': 'trailers'}
    return (BEGINNING + frame(HEADERS, END_HEADERS, 1, b''.join(field(*pair) for pair in fields.items()))
            + frame(DATA, END_STREAM, 1, h2load.frame(message)))


def frames(data):
    """The whole frames at the beginning of `data`: kind, flags, stream, payload."""
    while len(data) >= 9 and len(data) >= 9 + int.from_bytes(data[:3], 'big'):
        end = 9 + int.from_bytes(data[:3], 'big')
        yield data[3], data[4], int.from_bytes(data[5:9], 'big'), data[9:end]
        data = data[end:]


def reply(data):
    """The reply's DATA once its stream has ended; None before. A reset counts as an end without any."""
    body = b''
    for kind, flags, stream, payload in frames(data):
        if kind == GOAWAY or stream == 1 and kind == RST_STREAM:
            return b''
        if stream == 1 and kind == DATA:
            body += payload
        if stream == 1 and flags & END_STREAM:
            return body
    return None


def reply_bytes(data):
    """How many it has; None before its end."""
    whole = reply(data)
    return None if whole is None else len(whole)


def connect(port):
    """A socket, or None where nobody listens yet."""
    client = socket.socket()
    client.settimeout(10)
    if client.connect_ex(('127.0.0.1', port)) == 0:
        return client
    client.close()
    return None


def answer(client, path, message):
    """Calls and waits; the reply's bytes, 0 if there was none."""
    client.sendall(call(path, message))
    received = b''
    while (size := reply_bytes(received)) is None:
        part = client.recv(65536)
        if not part:
            return 0
        received += part
    return size
