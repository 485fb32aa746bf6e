"""Which meters are under test or in maintenance: by hand, and by a calendar. Pure.

    set by hand     an entry of the calendar covers now     mode
    -----------     -----------------------------------     ------------------------------
    yes, not over   -                                       as set
    no, or over     yes                                     of the last such entry
    no, or over     no                                      normal

`normal` set by hand takes back what was set before; while an entry of the calendar covers now, it holds until that
entry is over. What happens meanwhile is kept, marked with the mode, and counts nowhere.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from agent.records import Mode

# What the journal keeps them under: no meter can have this name.
KEPT = ":modes"


@dataclass(frozen=True, slots=True)
class Planned:
    """One entry of the calendar, UTC microseconds: from_us belongs to it, until_us does not."""

    meters: tuple[str, ...]
    mode: Mode
    from_us: int
    until_us: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """How a meter stands. until_us: when that is over, None where it is not known; by_hand: not by the calendar."""

    mode: Mode
    until_us: int | None = None
    reason: str = ""
    by_hand: bool = False


NORMAL = Standing("normal")


class Modes:
    """Of all meters of a site."""

    def __init__(self, meters: Collection[str], calendar: Sequence[Planned] = ()) -> None:
        self._meters = tuple(meters)
        self._calendar = tuple(calendar)
        self._by_hand: dict[str, Standing] = {}
        self._told: dict[str, Mode] = dict.fromkeys(self._meters, "normal")

    def plan(self, calendar: Sequence[Planned]) -> None:
        """Another calendar takes the place of the one before."""
        self._calendar = tuple(calendar)

    def standing(self, meter: str, now_us: int) -> Standing:
        by_hand = self._by_hand.get(meter)
        if by_hand is not None and (by_hand.until_us is None or now_us < by_hand.until_us):
            return by_hand
        return self._planned(meter, now_us)

    def set(self, meter: str, mode: Mode, now_us: int, until_us: int | None = None) -> Standing:
        """By hand. KeyError: no such meter."""
        if meter not in self._told:
            raise KeyError(meter)
        planned = self._planned(meter, now_us)
        if mode == "normal" and until_us is None:
            until_us = planned.until_us  # None where there is nothing to hold against
        if mode == "normal" and planned.mode == "normal" and until_us is None:
            self._by_hand.pop(meter, None)
        else:
            self._by_hand[meter] = Standing(mode, until_us, by_hand=True)
        return self.standing(meter, now_us)

    def changed(self, now_us: int) -> Mapping[str, Mode]:
        """The mode of each meter whose mode is not what it was when this was asked last."""
        now: dict[str, Mode] = {meter: self.standing(meter, now_us).mode for meter in self._meters}
        changed = {meter: mode for meter, mode in now.items() if mode != self._told[meter]}
        self._told = now
        return changed

    def to_keep(self, now_us: int) -> str:
        """What is set by hand and not over, for the next run."""
        rows = {
            meter: [one.mode, one.until_us]
            for meter, one in self._by_hand.items()
            if one.until_us is None or now_us < one.until_us
        }
        return json.dumps(rows, separators=(",", ":"))

    def resume(self, kept: str | None) -> None:
        """Go on from what another run kept. Of meters that are gone, or in words of another version, nothing."""
        try:
            rows = dict(json.loads(kept or "{}")).items()
            found = {meter: Standing(_mode(mode), _instant(until), by_hand=True) for meter, (mode, until) in rows}
        except (ValueError, TypeError):
            return
        self._by_hand |= {meter: one for meter, one in found.items() if meter in self._told}

    def _planned(self, meter: str, now_us: int) -> Standing:
        covering = (one for one in reversed(self._calendar) if one.from_us <= now_us < one.until_us)
        entry = next((one for one in covering if meter in one.meters), None)
        return NORMAL if entry is None else Standing(entry.mode, entry.until_us, entry.reason)


def _mode(word: object) -> Mode:
    for mode in get_args(Mode):
        if word == mode:
            return mode  # type: ignore[no-any-return]
    raise ValueError(word)


def _instant(at: object) -> int | None:
    if at is None or isinstance(at, int):
        return at
    raise TypeError(at)
