"""Files as a bad card, a bad copy or a cosmic ray leaves them. Pure."""

import random
from collections.abc import Callable, Mapping

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
