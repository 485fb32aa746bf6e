"""Files as a bad card, a bad copy or a cosmic ray leaves them. Pure, but for what asks SQLite to do the damage."""

import random
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path

from agent.journal.file import FILE_NAME

PAGE_BYTES = 4096


def flipped(content: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice((1, 1, 3, 30))):
        content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)


def cut_short(content: bytearray, dice: random.Random) -> None:
    del content[dice.randrange(len(content)) :]


def junk_pages(content: bytearray, dice: random.Random) -> None:
    for _ in range(dice.choice((1, 1, 2, 5))):
        start = dice.randrange(0, len(content), PAGE_BYTES)
        content[start : start + PAGE_BYTES] = dice.randbytes(len(content[start : start + PAGE_BYTES]))


def empty_pages(content: bytearray, dice: random.Random) -> None:
    start = dice.randrange(0, len(content), PAGE_BYTES)
    content[start : start + PAGE_BYTES] = bytes(len(content[start : start + PAGE_BYTES]))


def pages_misplaced(content: bytearray, dice: random.Random) -> None:
    """One page where another one belongs: each is sound."""
    if len(content) >= 2 * PAGE_BYTES:
        here, there = (dice.randrange(0, len(content) - PAGE_BYTES + 1, PAGE_BYTES) for _ in range(2))
        content[here : here + PAGE_BYTES] = content[there : there + PAGE_BYTES]


def junk_behind(content: bytearray, dice: random.Random) -> None:
    content += dice.randbytes(dice.randrange(1, 20_000))


def junk_all(content: bytearray, dice: random.Random) -> None:
    content[:] = dice.randbytes(dice.randrange(1, 20_000))


MUTATIONS: tuple[Callable[[bytearray, random.Random], None], ...] = (
    flipped, flipped, cut_short, junk_pages, empty_pages, pages_misplaced, junk_behind, junk_all,
)  # fmt: skip


def mutated(files: Mapping[str, bytes], dice: random.Random) -> tuple[dict[str, bytes], str]:
    """One to three mutations of the file or its log, and what was done in words."""
    contents = {name: bytearray(content) for name, content in files.items()}
    said = []
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        name = dice.choice(sorted(name for name, content in contents.items() if content) or [""])
        if name:
            how = dice.choice(MUTATIONS)
            how(contents[name], dice)
            said.append(f"{how.__name__} in {name}")
    return {name: bytes(content) for name, content in contents.items()}, ", ".join(said)


_KEYS = {"event": "seq", "incident": "seq", "gap": "seq", "trace": "seq", "chunk": "seq_lo"}


def displaced(files: Mapping[str, bytes], dice: random.Random, place: Path) -> tuple[dict[str, bytes], str]:
    """A file without a log, sound but for a page or a key in the place of another, and what was done in words. In half
    of all cases it was left in order, so that a start does not check it. place: an empty directory."""
    for name, content in files.items():
        (place / name).write_bytes(content)
    with closing(sqlite3.connect(place / FILE_NAME, isolation_level=None)) as db:
        db.execute("UPDATE meta SET v = ? WHERE k = 'clean'", (dice.randrange(2),))
        how = _key_moved(db, dice) if dice.random() < 0.3 else ""
    content = bytearray((place / FILE_NAME).read_bytes())
    return {FILE_NAME: bytes(content)}, how or _page_moved(content, dice)


def _key_moved(db: sqlite3.Connection, dice: random.Random) -> str:
    """One bit of a key is another: the row stands where another table, or none, has one."""
    table, key = dice.choice(sorted(_KEYS.items()))
    keys = [seq for (seq,) in db.execute(f"SELECT {key} FROM {table}")]  # noqa: S608 - names of ours
    column = "seq_hi" if table == "chunk" and dice.random() < 0.4 else key
    bit = 1 << dice.choice((0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 8, 10, 16))
    own = dice.choice(keys) if keys else 0
    if not own or own ^ bit < 1 or own ^ bit in keys:
        return ""
    flipped_bit = f"UPDATE {table} SET {column} = ({column} | ?1) - ({column} & ?1) WHERE {key} = ?2"  # noqa: S608
    db.execute(flipped_bit, (bit, own))
    return f"bit {bit} of {column} in row {own} of {table}"


def _page_moved(content: bytearray, dice: random.Random) -> str:
    here, there = dice.sample(range(len(content) // PAGE_BYTES), 2)
    content[there * PAGE_BYTES : (there + 1) * PAGE_BYTES] = content[here * PAGE_BYTES : (here + 1) * PAGE_BYTES]
    return f"page {here + 1} in the place of page {there + 1}"
