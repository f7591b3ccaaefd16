"""Draws calls: what a client sends, and a script that says what the backend does (script.h). A plan is a line
(plan.h); a seed and a number make the same plan again."""

import random

KINDS = (('unary', 50), ('server', 18), ('client', 16), ('bidi', 16))
SIZES = ((0, 0, 8), (1, 100, 50), (100, 4000, 28), (4000, 20000, 10), (64 << 10, 200 << 10, 4))
ASKED = ('x-a', 'x-b', 'x-c', 'x-tenant', 'x-d-bin', 'x-e-bin', 'baggage', 'authorization')
TOLD = ('y-a', 'y-b', 'y-c', 'y-d-bin', 'y-e-bin', 'warning')
TEXTS = ('', 'no such id: ', '100% wrong', 'two\nlines\tand more', 'ünïcödé ☺ 😈', ' spaces ', '%41%', 'x' * 300)


def some(rng, weighted):
    """One of (value…, weight) by weight."""
    return rng.choices([entry[:-1] for entry in weighted], [entry[-1] for entry in weighted])[0]


def drawn(rng, share):
    return rng.random() < share


def message(rng):
    low, high = some(rng, SIZES)
    return f'{rng.randint(low, high)}:{rng.randrange(1 << 30)}:{int(drawn(rng, 0.7))}'


def fields(rng, names):
    """Up to six, some of one name; text with spaces anywhere, bytes for those that end in -bin."""
    for _ in range(rng.choice((0, 0, 0, 1, 2, 3, 6))):
        name, size = rng.choice(names), rng.choice((0, 1, 8, 20, 40))
        value = rng.randbytes(size) if name.endswith('-bin') else bytes(rng.choices(range(0x20, 0x7f), k=size))
        yield f'{name}={value.hex()}'


def status(rng, ok):
    """OK rarely has a message, and never details."""
    text = rng.choice(TEXTS) if not ok or drawn(rng, 0.05) else ''
    details = rng.randbytes(rng.choice((1, 20, 200))) if not ok and drawn(rng, 0.3) else b''
    return f's{0 if ok else rng.randint(1, 16)}:{text.encode().hex()}:{details.hex()}'


def steps(rng, kind, requests, in_turn):
    """The script's reads and writes, and its end."""
    def send(least, most):
        for _ in range(rng.randint(least, most)):
            if drawn(rng, 0.02):
                yield f'w{rng.randint(1, 10)}'
            yield 'm' + message(rng)
    one_reply = kind in ('unary', 'client')
    ok = drawn(rng, 0.65)
    if in_turn:
        yield from ['r', 'e'] * requests
        yield 'R'
        yield from send(0, 2)
    elif drawn(rng, 0.08):  # ends early: what it has not read stays unread
        yield from ['r'] * rng.randint(0, requests)
        if ok or drawn(rng, 0.3):
            yield from send(1, 1 if one_reply else 3)
    elif one_reply:
        yield 'R'
        if drawn(rng, 0.2):
            yield 'i'
        if ok or drawn(rng, 0.1):
            yield from send(1, 1)
    else:
        if drawn(rng, 0.3):
            yield 'i'
        if kind == 'bidi' and drawn(rng, 0.5):
            for _ in range(requests):
                yield 'r'
                yield from send(0, 2)
        yield 'R'
        yield from send(0, 6)
    yield status(rng, ok)


def ending(rng, kind):
    """The script of a call that its caller ends: it answers a little, and then waits. Also how often it answers."""
    replies = rng.randint(1, 3) if kind in ('server', 'bidi') else 0
    return ['i', *('m' + message(rng) for _ in range(replies)), 'h', 's0::'], replies


def plan(seed, number):
    """The line of this number."""
    rng = random.Random(f'{seed}/{number}')
    kind, = some(rng, KINDS)
    requests = 1 if kind in ('unary', 'server') else rng.choice((0, 1, 1, 2, 3, 6))
    in_turn = kind == 'bidi' and requests > 0 and drawn(rng, 0.3)
    deadline, cancel_after, code_only = rng.randint(30000, 60000) if drawn(rng, 0.3) else 0, -1, False
    script = list(steps(rng, kind, requests, in_turn))
    if drawn(rng, 0.01):
        script, _ = ending(rng, kind)
        in_turn, deadline, code_only = False, rng.randint(20, 100), True
    elif kind in ('server', 'bidi') and drawn(rng, 0.03):
        script, cancel_after = ending(rng, kind)
        in_turn = False
    script = [*('n' + field for field in fields(rng, TOLD)), *('t' + field for field in fields(rng, TOLD)), *script]
    if drawn(rng, 0.4):
        script.insert(0, f'z{rng.randint(1, 2)}')
    return '\t'.join((str(number), kind, str(rng.choice((0, 0, 0, 1, 2))), str(deadline), str(int(in_turn)),
                      str(cancel_after), str(int(code_only)), ','.join(message(rng) for _ in range(requests)),
                      ','.join(fields(rng, ASKED)), ' '.join(script)))
