"""Looks that wait for their block's mean, packed: as objects those of a minute took 5 MB with 200 meters, each minute
anew. Pure.

Eight at a time, so that most looks cost an append and no more; none of a meter that is looked at often: it would cost
half as much again as the whole quiet path, and who looks at 200 meters has no time to do so often. Marshal keeps each
number to the bit and tells None from it, whatever channels a meter has; what it makes never leaves the process.
"""

import marshal
from collections.abc import Sequence

from agent.detect.voltage import Look

TOGETHER = 8
# Looks that are further apart than this are packed.
_APART_US = 500_000
# Without references from one object to another, which later formats look for.
_FORMAT = 2
_new = tuple.__new__


class Looks:
    """In the order in which they were appended. fresh: those that are not packed; append to it, and `pack` once there
    are as many as `together`."""

    __slots__ = ("_packed", "fresh", "together")

    def __init__(self, looks: Sequence[Look] = (), together: int = TOGETHER) -> None:
        """together: TOGETHER, or more if they are not to be packed."""
        self.fresh = list(looks)
        self.together = together
        self._packed: list[bytes] = []

    def __len__(self) -> int:
        return len(self.fresh) + TOGETHER * len(self._packed)

    def add(self, look: Look) -> None:
        self.fresh.append(look)
        self.pack()

    def pack(self) -> int:
        """How many there are. Fewer than TOGETHER stay as they are."""
        while self.together == TOGETHER and len(self.fresh) >= TOGETHER:
            eight = list(map(tuple, self.fresh[:TOGETHER]))
            self._packed.append(marshal.dumps(eight, _FORMAT))
            del self.fresh[:TOGETHER]
        return len(self)

    def all(self) -> list[Look]:
        """Each one, as objects."""
        packed = map(marshal.loads, self._packed)  # our own, from this process's memory
        # What Look(...) does, without its Python-level constructor: a quarter of what it takes to unpack one.
        return [_new(Look, fields) for eight in packed for fields in eight] + self.fresh


def together(looks: Sequence[Look], most: int) -> int:
    """For the looks that follow these: of a meter that is looked at as often as it was; most: that are not packed."""
    spent_us = looks[-1].received_boot_us - looks[0].received_boot_us
    return TOGETHER if spent_us > _APART_US * (len(looks) - 1) else most
