"""Inputs that nearly are what they should be: cut, spliced, bent, and with what parsers choke on put in."""

import random
from collections.abc import Sequence


def mutated(dice: random.Random, corpus: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    """One of the corpus after one to four changes."""
    data = dice.choice(corpus)
    for _ in range(dice.randrange(1, 5)):
        data = _changed(dice, data, corpus, tokens)
    return data


def _changed(dice: random.Random, data: bytes, corpus: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    kind, at = dice.randrange(8), dice.randrange(len(data) + 1)
    to = min(len(data), at + dice.choice((1, 1, 2, 4, 16, 64)))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + data[to:]
    if kind == 2:
        return data[:to] + data[at:]
    if kind == 3:
        other = dice.choice(corpus)
        return data[:at] + other[dice.randrange(len(other) + 1) :]
    if kind == 4:
        return data[:at] + dice.randbytes(to - at) + data[to:]
    if kind == 5 and at < len(data):
        return data[:at] + bytes((data[at] ^ 1 << dice.randrange(8),)) + data[at + 1 :]
    return data[:at] + dice.choice(tokens) + data[at if kind == 6 else to :]


def changed_value(dice: random.Random, data: bytes, tokens: Sequence[bytes]) -> bytes:
    """A TOML file with a line's value, or its key, exchanged; or a line doubled, left out or put elsewhere."""
    lines = data.split(b"\n")
    at = dice.randrange(len(lines))
    kind = dice.randrange(5)
    key, sign, _ = lines[at].partition(b"=")
    if kind <= 1 and sign:
        lines[at] = key + b"= " + dice.choice(tokens)
    elif kind == 2 and sign:
        lines[at] = dice.choice(tokens) + b" " + lines[at][len(key) :]
    elif kind == 3:
        lines.insert(dice.randrange(len(lines) + 1), lines[at])
    else:
        del lines[at]
    return b"\n".join(lines)
