"""What callers and backend of the soak have agreed on: methods, and the one right reply to each request."""

import hashlib

SERVICE = 'soak.Work'
KEPT, SHARED, SLOW, RELAYED, DOWN, UP, CHAT = (
    f'/{SERVICE}/{name}' for name in ('Kept', 'Shared', 'Slow', 'Relayed', 'Down', 'Up', 'Chat'))
SILENT = '/soak.Silent/Get'  # of an upstream whose name no name server answers for
SILENT_NAME = 'silent.test'
SHARED_SECONDS = 0.02  # that the backend takes for a call that is to be shared
SLOW_SECONDS = 0.3


def reply_to(request: bytes) -> bytes:
    """64 B to 256 KiB, by the request, and easy to compress."""
    digest = hashlib.sha256(request).hexdigest().encode()
    return digest * (4096 if digest[0:1] == b'0' else 1 + int(digest[:2], 16) % 32)


def part_of(request: bytes, number: int) -> bytes:
    return reply_to(request + b'#%d' % number)


def sum_of(messages) -> bytes:
    whole = hashlib.sha256()
    for message in messages:
        whole.update(len(message).to_bytes(4, 'big') + message)
    return whole.hexdigest().encode()
