"""On which side of the meter is the cause of a sag or loss? From currents before and during, as a table.

    asked in this order                                      direction   because
    -------------------------------------------------------  ----------  -------------------------------------------
    a current was not read before, or not during             unknown     nothing to compare
    both below 0.1 A times the ct ratio                      unknown     2 % of a 5 A secondary: noise
    power flowed back before, P < 0                          unknown     a generator below the meter also feeds a
                                                                         fault above it
    current during > 1.1 x before / voltage left (at least   downstream  more than loads of constant power draw by
    two thirds of it)                                                    themselves when the voltage falls
    current during < 0.95 x before                           upstream    what is wrong below the meter draws current
    anything else                                            unknown     loads alone may do this

Loads answer a sag between constant impedance (current falls with the voltage) and constant power (it rises as the
voltage falls); below two thirds of the voltage such supplies drop out, so more than half on top is no load's answer.
The sign of P is that of the site file's `direction`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from agent.detect.changes import Side
from agent.records import Direction

_RISE, _FALL = 1.10, 0.95
_LEAST_LEFT = 2 / 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """before_a, during_a: mean over the phases concerned; left: voltage during, of the reference;
    power_w: before, None if not read; floor_a: below it a current is noise"""

    before_a: float | None
    during_a: float | None
    left: float
    power_w: float | None
    floor_a: float

    @property
    def read(self) -> tuple[float, float]:
        return self.before_a or 0.0, self.during_a or 0.0


@dataclass(frozen=True, slots=True)
class SideRow:
    holds: Callable[[Evidence], bool]
    direction: Direction
    reason: Callable[[Evidence], str]


def _rises(seen: Evidence) -> bool:
    before_a, during_a = seen.read
    return during_a > _RISE * before_a / max(seen.left, _LEAST_LEFT)


def _falls(seen: Evidence) -> bool:
    before_a, during_a = seen.read
    return during_a < _FALL * before_a


def _moved(seen: Evidence) -> str:
    return f"current {seen.read[0]:.4g} A before, {seen.read[1]:.4g} A during"


SIDES = (
    SideRow(
        lambda seen: seen.before_a is None or seen.during_a is None,
        "unknown",
        lambda seen: "no current was read before and during",
    ),
    SideRow(
        lambda seen: max(seen.read) < seen.floor_a,
        "unknown",
        lambda seen: f"{_moved(seen)}: too small to tell, below {seen.floor_a:.3g} A",
    ),
    SideRow(
        lambda seen: seen.power_w is not None and seen.power_w < 0,
        "unknown",
        lambda seen: f"{_moved(seen)}; power flowed back before ({seen.power_w:.4g} W): a generator feeds faults too",
    ),
    SideRow(_rises, "downstream", lambda seen: f"{_moved(seen)}: it rose, the cause is below the meter"),
    SideRow(_falls, "upstream", lambda seen: f"{_moved(seen)}: it did not rise but fell, the cause is above the meter"),
    SideRow(lambda seen: True, "unknown", lambda seen: f"{_moved(seen)}: no more than loads do by themselves"),
)


def side_of(seen: Evidence) -> Side:
    row = next(row for row in SIDES if row.holds(seen))
    return Side(seen.before_a, seen.during_a, row.direction, row.reason(seen))


def is_reason(words: str) -> bool:
    """These are the words of a `Side`."""
    return words.startswith(("current ", "no current was read"))
