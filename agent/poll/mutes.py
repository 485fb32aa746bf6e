"""Reads that a meter does not answer although its map has them, and although it answers others. Pure."""

from dataclasses import dataclass, field

from drivers.modbus.pdu import Read

# A read that stays unanswered so often while the meter answers others is left out for so long.
MISSES_TO_MUTE = 3
_MUTE_US = 300_000_000


@dataclass(frozen=True, slots=True)
class _Mute:
    """until_us: when it is asked again, 0 while it is asked as usual."""

    misses: int = 0
    until_us: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Mutes:
    """By meter and read."""

    by_read: dict[tuple[str, Read], _Mute] = field(default_factory=dict)

    def left_out(self, meter: str, read: Read, now_us: int) -> bool:
        mute = self.by_read.get((meter, read))
        return mute is not None and now_us < mute.until_us

    def missed(self, meter: str, read: Read, why: str, now_us: int, misses: int = 1) -> bool:
        """So many more misses. True when it is left out from now on."""
        before = self.by_read.get((meter, read), _Mute())
        misses += before.misses
        until_us = now_us + _MUTE_US if misses >= MISSES_TO_MUTE else 0
        self.by_read[meter, read] = _Mute(misses, until_us, why)
        return before.misses < MISSES_TO_MUTE <= misses

    def answered(self, meter: str, read: Read) -> None:
        self.by_read.pop((meter, read), None)

    def words(self, meter: str) -> tuple[str, ...]:
        """What this meter does not give."""
        return tuple(
            f"{read.count} words at {read.address}: {mute.why}"
            for (name, read), mute in self.by_read.items()
            if name == meter and mute.until_us
        )
