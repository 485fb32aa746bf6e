"""Inputs that nearly are what they should be: cut, spliced, bent, and with what parsers choke on put in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fuzz_dice import Dice

_LENGTHS = (1, 1, 2, 4, 16, 64)


@dataclass(frozen=True, slots=True)
class Tokens:
    """What parsers choke on. long: of thousands of bytes, one in so many; where the usual input is short these would be
    most of a campaign's time"""

    short: tuple[bytes, ...]
    long: tuple[bytes, ...]
    long_one_in: int

    def one(self, dice: Dice) -> bytes:
        return dice.one_of(self.short if dice.below(self.long_one_in) else self.long)


def mutated(dice: Dice, corpus: Sequence[bytes], tokens: Tokens) -> bytes:
    """One of the corpus after one to four changes."""
    data = dice.one_of(corpus)
    for _ in range(1 + dice.below(4)):
        data = _changed(dice, data, corpus, tokens)
    return data


def _changed(dice: Dice, data: bytes, corpus: Sequence[bytes], tokens: Tokens) -> bytes:
    kind, at = dice.below(8), dice.below(len(data) + 1)
    to = min(len(data), at + dice.one_of(_LENGTHS))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[:at] + data[to:]
    if kind == 2:
        return data[:to] + data[at:]
    if kind == 3:
        other = dice.one_of(corpus)
        return data[:at] + other[dice.below(len(other) + 1) :]
    if kind == 4:
        return data[:at] + dice.some(to - at) + data[to:]
    if kind == 5 and at < len(data):
        return data[:at] + bytes((data[at] ^ 1 << dice.below(8),)) + data[at + 1 :]
    return data[:at] + tokens.one(dice) + data[at if kind == 6 else to :]


@dataclass(frozen=True, slots=True)
class Tomls:
    """TOML files by their lines; all the lines of them that are anything; and what stands behind each key."""

    files: tuple[tuple[bytes, ...], ...]
    lines: tuple[bytes, ...]
    values: Mapping[bytes, tuple[bytes, ...]]


def by_lines(files: Sequence[bytes]) -> Tomls:
    split = tuple(tuple(file.split(b"\n")) for file in files)
    seen = tuple(dict.fromkeys(line for lines in split for line in lines if line.strip()))
    values: dict[bytes, tuple[bytes, ...]] = {}
    for key, sign, value in (line.partition(b"=") for line in seen):
        values[key] = (*values.get(key, ()), sign + value)
    return Tomls(split, seen, values)


def changed_lines(dice: Dice, tomls: Tomls, tokens: Tokens) -> bytes:
    """One of the files after one to three changes of whole lines, keys or values."""
    lines = list(dice.one_of(tomls.files))
    for _ in range(1 + dice.below(3)):
        _change_line(dice, lines, tomls, tokens)
    return b"\n".join(lines)


def _change_line(dice: Dice, lines: list[bytes], tomls: Tomls, tokens: Tokens) -> None:
    """A line's value exchanged for what stands nowhere, or behind this key, or any, elsewhere; its key exchanged; or a
    line doubled, left out, or one of another file put in."""
    kind, at = dice.below(9), dice.below(len(lines) or 1)
    key, sign, _ = lines[at].partition(b"=") if lines else (b"", b"", b"")
    if kind <= 1 and sign:
        lines[at] = key + b"= " + tokens.one(dice)
    elif kind <= 3 and sign:
        lines[at] = key + dice.one_of(tomls.values.get(key, (b"",)))
    elif kind == 4 and sign:
        lines[at] = key + sign + dice.one_of(tomls.lines).partition(b"=")[2]
    elif kind == 5 and sign:
        lines[at] = tokens.one(dice) + b" " + lines[at][len(key) :]
    elif kind == 6 and lines:
        lines.insert(dice.below(len(lines) + 1), lines[at])
    elif kind == 7 or not lines:
        lines.insert(at, dice.one_of(tomls.lines))
    else:
        del lines[at]
