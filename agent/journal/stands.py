"""How far each sink is: what it has dealt with, and what of that may be stored.

What went out before it was durable, or waits for that while later entries went out, is owed. A sink's lanes are past
it; the stored position stays before it, so that a life that ends meanwhile leaves it to the next one. Pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.journal.lanes import Position, before, unsent


@dataclass(frozen=True, slots=True)
class Owed:
    """seqs, in order; marked: the sink has them all the same, as what may still be lost."""

    seqs: tuple[int, ...] = ()
    marked: bool = False

    @property
    def lacking(self) -> tuple[int, ...]:
        """What the sink has not got at all."""
        return () if self.marked else self.seqs


class Stands:
    """storable: a view of what may be stored, by sink"""

    def __init__(self, positions: Mapping[str, Position]) -> None:
        self._now = dict(positions)
        self._owed: dict[str, Owed] = {}
        self.storable = dict(positions)

    def __getitem__(self, sink: str) -> Position:
        return self._now[sink]

    def items(self) -> tuple[tuple[str, Position], ...]:
        return tuple(self._now.items())

    def owed(self, sink: str) -> Owed:
        return self._owed.get(sink, Owed())

    def move(self, sink: str, position: Position) -> bool:
        """Whether what may be stored is another now."""
        self._now[sink] = position
        return self._settled(sink)

    def owe(self, sink: str, owed: Owed) -> bool:
        """Likewise."""
        self._owed[sink] = owed
        return self._settled(sink)

    def _settled(self, sink: str) -> bool:
        seqs, was = self.owed(sink).seqs, self.storable[sink]
        now = before(self._now[sink], seqs[0]) if seqs else self._now[sink]
        self.storable[sink] = now
        return now != was

    def behind(self, sink: str, head: int) -> int:
        """How many seqs the sink has not acknowledged, those among them that it is owed."""
        return sum(hi - lo for lo, hi in unsent(self._now[sink], head)) + len(self.owed(sink).seqs)
