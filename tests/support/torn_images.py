"""What a power cut may leave of a recording: everything up to each file's last sync, and of what was written later any
512-byte sector, or junk in its place. Pure. Harsher than ext4, softer than a card that damages what it was not asked
to write. Names of files are taken to be durable at once."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torn_vfs import Op

SECTOR_BYTES = 512


@dataclass(frozen=True, slots=True)
class Tear:
    """How often a sector that was not synced is there, and how often it is junk."""

    kept: float
    junk: float


# Nothing, a little, half of it, nearly all of it, all: each has its own way to go wrong.
TEARS = tuple(Tear(kept, junk) for kept in (0.0, 0.1, 0.5, 0.9, 1.0) for junk in (0.0, 0.05))


def image(
    before: Mapping[str, bytes], ops: Sequence[Op], dice: random.Random, tear: Tear, lies: int = 0
) -> dict[str, bytes]:
    """The files after a cut in the middle of the last of `ops`. lies: so many of the last syncs did nothing."""
    files = {name: bytearray(content) for name, content in before.items()}
    synced = _last_syncs(ops, lies)
    for n, op in enumerate(ops):
        if op.what == "delete":
            files.pop(op.file, None)
        elif op.what != "sync":
            content = files.setdefault(op.file, bytearray())
            _apply(content, op, None if n < synced.get(op.file, 0) else tear, dice)
    return {name: bytes(content) for name, content in files.items()}


def _last_syncs(ops: Sequence[Op], lies: int) -> dict[str, int]:
    syncs = [(op.file, n) for n, op in enumerate(ops) if op.what == "sync"]
    return dict(syncs[: len(syncs) - lies] if lies else syncs)


def _apply(content: bytearray, op: Op, tear: Tear | None, dice: random.Random) -> None:
    if op.what == "truncate":
        if tear is None or dice.random() < tear.kept:
            _resize(content, op.offset)
    elif tear is None:
        _put(content, op.offset, op.data)
    else:
        for start in range(0, len(op.data), SECTOR_BYTES):
            if dice.random() < tear.kept:
                part = op.data[start : start + SECTOR_BYTES]
                _put(content, op.offset + start, dice.randbytes(len(part)) if dice.random() < tear.junk else part)


def _put(content: bytearray, offset: int, data: bytes) -> None:
    if offset > len(content):
        _resize(content, offset)
    content[offset : offset + len(data)] = data


def _resize(content: bytearray, size: int) -> None:
    if size < len(content):
        del content[size:]
    else:
        content.extend(bytes(size - len(content)))
