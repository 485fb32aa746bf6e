"""What is known of the wall clock beyond one run of the agent, as text that the journal keeps; and where the rows of
boots that were never set belong. Pure.

    last row that is sure     never set        never set       this boot, anchored
    ---------------------|      [-----]          [--]          |-----*------>
                     true_us    earlier          earlier       its boot zero
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from agent.clock_discipline import BUILT_US, Anchor
from agent.journal.shifts import Shift

KEPT = ":clock"


@dataclass(frozen=True, slots=True)
class Block:
    """Rows of a boot that was never set, from seq_lo on. from_us: its boot zero by its guess; to_us: its last row."""

    seq_lo: int
    from_us: int
    to_us: int


@dataclass(frozen=True, slots=True)
class Memory:
    """boot: id of the boot; turn: how often wall times came again.

    guess_us, seq_lo, since_us: its guess of the offset, the first row told by it, since when on the boot clock
    frozen:  rows told by guesses went out as they are
    anchor:  its youngest
    earlier: boots before it that were never set; true_us: UTC of the last row before them, None where there is none
    """

    boot: str = ""
    guess_us: int | None = None
    seq_lo: int = 0
    since_us: int = 0
    frozen: bool = False
    anchor: Anchor | None = None
    earlier: tuple[Block, ...] = ()
    true_us: int | None = None
    turn: int = 0

    def text(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    def after_boot(self, boot: str, last_us: int | None) -> "Memory":
        """As another boot begins. last_us: of the youngest row, as it was told."""
        if self.guess_us is None or last_us is None:
            sure_us = self.true_us if self.earlier else last_us
            return Memory(boot=boot, earlier=self.earlier, true_us=sure_us, turn=self.turn)
        if self.frozen:
            return Memory(boot=boot, true_us=self.true_us, turn=self.turn)
        block = Block(self.seq_lo, self.guess_us, max(self.guess_us, last_us))
        return Memory(boot=boot, earlier=(*self.earlier, block), true_us=self.true_us, turn=self.turn)

    def held_us(self, age_us: int) -> int:
        """How long rows have been told by guesses. age_us: of this boot's."""
        return sum(block.to_us - block.from_us for block in self.earlier) + age_us

    def set_free(self) -> "Memory":
        return replace(self, frozen=True, earlier=())


def understood(text: str | None) -> Memory:
    """A text that is no such text tells nothing."""
    try:
        body = json.loads(text or "{}")
        anchor = body.get("anchor")
        known = {"earlier": tuple(Block(**block) for block in body.get("earlier", ()))}
        return Memory(**(body | known | {"anchor": anchor and Anchor(**anchor)}))
    except (ValueError, TypeError, AttributeError):
        return Memory()


def shifts_of(memory: Memory, anchor: Anchor, seq_hi: int) -> tuple[Shift, ...]:
    """At the first anchor of a boot. seq_hi: the last row before it."""
    at_us = anchor.boot_us + anchor.offset_us
    found = _placed(memory, anchor.offset_us, seq_hi)
    if memory.guess_us is None:
        return found
    by_us = anchor.offset_us - memory.guess_us
    return (*found, Shift(memory.seq_lo, seq_hi, memory.guess_us, by_us, anchor.err_us, at_us))


def _placed(memory: Memory, until_us: int, seq_hi: int) -> tuple[Shift, ...]:
    """Boots that were never set lie, in order, between the last sure row and the zero of this boot; the time they leave
    is shared out evenly between them. Without a sure row before them they lie as late as they can: a gateway that is
    switched off comes back soon more often than late."""
    lasted = [block.to_us - block.from_us for block in memory.earlier]
    since_us = BUILT_US if memory.true_us is None else memory.true_us
    spare_us = until_us - since_us - sum(lasted)
    if spare_us < 0:  # one of the clocks was wrong all along: nothing is known but the order
        since_us, spare_us = until_us - sum(lasted), 0
    return tuple(
        _shift(block, *_place(memory, n, spare_us), since_us + sum(lasted[:n]), seq_hi)
        for n, block in enumerate(memory.earlier)
    )


def _place(memory: Memory, number: int, spare_us: int) -> tuple[int, int]:
    """How much of the spare time lies before it, and by how much that may be wrong."""
    if memory.true_us is None:
        return spare_us, spare_us
    before, gaps = number + 1, len(memory.earlier) + 1
    return spare_us * before // gaps, spare_us * max(before, gaps - before) // gaps


def _shift(block: Block, after_us: int, err_us: int, earliest_us: int, seq_hi: int) -> Shift:
    start_us = earliest_us + after_us
    end_us = start_us + block.to_us - block.from_us
    return Shift(block.seq_lo, seq_hi, block.from_us, start_us - block.from_us, err_us, end_us)


def describes(shifts: Sequence[Shift]) -> str:
    """For people: what became of what was told."""
    last = shifts[-1]
    return (
        f"its times were told before the clock was set and are corrected: by {signed(last.shift_us)} "
        f"in the boot in which it was set, give or take {last.err_us / 1e6:.3g} s"
    )


def signed(us: int) -> str:
    """+1 h 3 min 5 s"""
    rest, sign = abs(us) / 1e6, "-" if us < 0 else "+"
    days, rest = divmod(rest, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = [f"{number:.0f} {unit}" for number, unit in ((days, "d"), (hours, "h"), (minutes, "min")) if number]
    return f"{sign}{' '.join([*parts, f'{seconds:.3g} s'])}"
