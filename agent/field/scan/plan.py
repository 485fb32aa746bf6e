"""In which order a serial line is asked, and how long what is left takes at most. Pure.

    settings, likeliest first      units 1 to 32 each, until somebody answers
    the settings that answer       all other units
    if nobody answers              all other units at each of the settings

A line has one baud rate and one parity: what was not tried when somebody answers need not be.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from drivers.modbus.pdu import Read
from drivers.modbus.rtu import char_s, silence_s

# Most meters leave the factory with one of these; slower and faster ones, and two stop bits, come last.
USUAL = (
    (9600, "N", 1), (9600, "E", 1), (19200, "E", 1), (19200, "N", 1), (38400, "N", 1), (115200, "N", 1),
    (38400, "E", 1), (57600, "N", 1), (4800, "N", 1), (2400, "N", 1), (9600, "N", 2), (9600, "O", 1),
)  # fmt: skip
# Addresses are given from 1 on.
_LIKELY = 32
# MODBUS over Serial Line V1.02, 2.2: 0 is broadcast, 248 to 255 are reserved.
UNITS = tuple(range(1, 248))
# What any slave answers, if only with an exception: two words, as many maps refuse to cut a float.
QUESTION = Read(3, 0, 2)
# Nearly all meters begin to answer within this; what comes later is heard while the next unit is asked.
WAIT_S = 0.1
_REQUEST_BYTES = 8


@dataclass(frozen=True, slots=True)
class Settings:
    """Of a serial line."""

    baud: int
    parity: str
    stop_bits: int

    def __str__(self) -> str:
        return f"{self.baud} 8{self.parity}{self.stop_bits}"

    @property
    def bits_per_char(self) -> int:
        return 1 + 8 + (self.parity != "N") + self.stop_bits


def settings_for(bauds: Sequence[int], parities: Sequence[str], stop_bits: int | None) -> tuple[Settings, ...]:
    """The usual ones of these, then all that are named. Empty or None: whatever is usual."""
    usual = [
        each
        for each in (Settings(*usual) for usual in USUAL)
        if each.baud in (bauds or [each.baud])
        and each.parity in (parities or [each.parity])
        and stop_bits in (None, each.stop_bits)
    ]
    if not (bauds or parities or stop_bits):
        return tuple(usual)
    named = product(bauds or (9600,), parities or "NEO", (stop_bits or 1,))
    return tuple(dict.fromkeys((*usual, *(Settings(*each) for each in named))))


@dataclass(frozen=True, slots=True)
class Round:
    """These units, one after the other, at these settings."""

    settings: Settings
    units: tuple[int, ...]

    @property
    def longest_s(self) -> float:
        return len(self.units) * silent_s(self.settings)


def silent_s(settings: Settings) -> float:
    """What a unit that is not there costs."""
    on_wire_s = _REQUEST_BYTES * char_s(settings.baud, settings.bits_per_char)
    return on_wire_s + WAIT_S + silence_s(settings.baud, settings.bits_per_char)


def rounds(tried: Sequence[Settings], units: Sequence[int]) -> tuple[Round, ...]:
    """All that is asked if nobody answers, in this order."""
    likely = tuple(unit for unit in units if unit <= _LIKELY)
    others = tuple(unit for unit in units if unit > _LIKELY)
    every = [Round(each, some) for some in (likely, others) for each in tried]
    return tuple(each for each in every if each.units)


def after(done: Round, rest: Iterable[Round], *, found: bool) -> tuple[Round, ...]:
    """What is left. found: somebody answered in that round."""
    return tuple(each for each in rest if not found or each.settings == done.settings)


def left_s(rest: Iterable[Round]) -> float:
    """At most: nobody answers."""
    return sum(each.longest_s for each in rest)


def units_of(text: str) -> tuple[int, ...]:
    """``1-32,100`` as units, each once and in order. ValueError for what is none."""
    return tuple(sorted({unit for part in text.split(",") for unit in _span(part)}))


def _span(part: str) -> Iterator[int]:
    first, dash, last = part.strip().partition("-")
    ends = (first, last if dash else first)
    if not all(end.isdecimal() and int(end) in UNITS for end in ends) or int(ends[0]) > int(ends[1]):
        raise ValueError(f"no units: {part!r}")
    yield from range(int(ends[0]), int(ends[1]) + 1)
