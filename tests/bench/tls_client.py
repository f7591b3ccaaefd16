"""Connections over TLS, one after another, each checked: what `./dev bench` costs handshakes with and holds idle.

tls_client.py HOST:PORT --certificate=PEM [--connections=N] [--resume] [--call=REPLY_BYTES] [--hold]

Each connection has verified the server, has agreed on what harness/tls.py says, was resumed if and only if that was
asked for, and has the server's HTTP/2 settings and its acknowledgement of ours before it counts. TLS 1.3 brings
tickets after the handshake: by then they have been read. Exit status 1 and a line on stderr for anything else.
"""

import argparse
import socket
import ssl
import sys

from harness import h2load, raw_call, tls
from harness.session import REQUEST

PATIENCE = 30
PATH = '/bench.Bench/Get'


class Wrong(Exception):
    """A connection that is not what was asked for; the message says why."""


def context(certificate):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.load_verify_locations(certificate)
    made.set_alpn_protocols([tls.ALPN])
    return made


def connect(address, using, session=None):
    """A connection after its handshake."""
    host, _, port = address.rpartition(':')
    plain = socket.create_connection((host, int(port)), PATIENCE)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    secure = using.wrap_socket(plain, server_hostname=tls.HOST, session=session)
    agreed = (secure.version(), secure.cipher()[0], secure.selected_alpn_protocol())
    if agreed != (tls.PROTOCOL, tls.CIPHER, tls.ALPN):
        raise Wrong(f'agreed on {agreed}, not on {(tls.PROTOCOL, tls.CIPHER, tls.ALPN)}')
    if secure.session_reused != (session is not None):
        raise Wrong('a full handshake in place of a resumed one' if session else 'resumed without a session')
    return secure


def receive(secure, enough):
    """What comes until enough(what came)."""
    received = b''
    while not enough(received):
        part = secure.recv(65536)
        if not part:
            raise Wrong('the server closed the connection')
        received += part
    return received


def settled(received):
    """Both sides have the other's settings, as far as the server goes."""
    settings = {flags & raw_call.ACK for kind, flags, _, _ in raw_call.frames(received) if kind == raw_call.SETTINGS}
    return settings == {0, raw_call.ACK}


def settle(secure):
    secure.sendall(raw_call.BEGINNING)
    receive(secure, settled)


def pattern(size):
    """The message that bench-responder sends."""
    return bytes((i * 31 + 7) % 256 for i in range(size))


def call(secure, reply_bytes):
    """A connection's first and only call, its reply checked byte by byte."""
    secure.sendall(raw_call.call(PATH, REQUEST, scheme='https'))
    received = receive(secure, lambda so_far: raw_call.reply_bytes(so_far) is not None and settled(so_far))
    if raw_call.reply(received) != h2load.frame(pattern(reply_bytes)):
        raise Wrong(f'a reply of {raw_call.reply_bytes(received)} bytes that is not the backend\'s')


def close(secure):
    """Says goodbye and does not wait for an answer; without it OpenSSL would give the session up."""
    secure.settimeout(0)
    try:
        secure.unwrap()
    except (ssl.SSLWantReadError, ssl.SSLEOFError):
        pass  # the server says nothing yet, or closes without a word
    secure.close()


def opened(options, using, session=None):
    secure = connect(options.address, using, session)
    if options.call:
        call(secure, options.call)
    else:
        settle(secure)
    return secure


def run(options):
    using = context(options.certificate)
    donor = opened(options, using) if options.resume else None
    if donor and not donor.session.has_ticket:
        raise Wrong('the server gives no tickets')
    held = []
    for _ in range(options.connections):
        secure = opened(options, using, donor.session if donor else None)
        if options.hold:
            held.append(secure)
        else:
            close(secure)
    print(f'ready: {options.connections} connections', flush=True)
    if options.hold:
        sys.stdin.read()


def parse(arguments):
    parser = argparse.ArgumentParser(prog='tls_client.py')
    parser.add_argument('address')
    parser.add_argument('--certificate', required=True, help='of the CA that signed the server\'s')
    parser.add_argument('--connections', type=int, default=1)
    parser.add_argument('--resume', action='store_true', help='by the ticket of one more connection, made first')
    parser.add_argument('--call', type=int, default=0, metavar='BYTES', help='one call each; its message has BYTES')
    parser.add_argument('--hold', action='store_true', help='until stdin closes')
    return parser.parse_args(arguments)


def main():
    try:
        run(parse(sys.argv[1:]))
    except (Wrong, OSError) as why:
        print(f'tls_client: {why}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
