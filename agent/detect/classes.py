"""What an event would be called in the style of EN 50160 and IEEE 1159, and how it stands to ride-through curves. Pure.

A class is a word for all that can truly have happened: one cell where the bounds lie in one, "between A and B" where
they span several. A is the mildest of them, B the most severe, by depth first and duration second. A poller is no
IEC 61000-4-30 instrument: these words describe, they do not certify.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from math import inf

from agent.detect.curves import (
    HIGHEST_OUTSIDE,
    ITIC_LOWER,
    ITIC_UPPER,
    LOWEST_OUTSIDE,
    Locus,
    iec_class_3,
    pieces,
    semi_f47,
    verdict,
)
from agent.records import Kind

NOT_APPLICABLE = "not applicable"
_DEEP: frozenset[Kind] = frozenset({"sag", "supply_loss", "phase_loss"})

# A cell of a table: its word by row (mild to severe) and column (short to long). Rows: voltage from, in pu.
Cells = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Classified:
    """The facts of a closed event that its classes follow from.

    residual_pct, peak_pct: of the declared voltage, whatever it was judged by; a swell has the second
    spared_pct:             the residual of the wired channel that fell least; None: not known
    duration_max_s:         None: how long it lasted at most is not known (its start or its end was not seen)
    duration_min_s:         so much of it no other story explains (`Change.proven_us`)
    watched_s:              it lasted no less, if it was one event of one level: cells and classes take that for
                            granted, verdicts on curves never do; None: duration_min_s
    window_s:               averaging window of the meter's RMS value
    residual_is_bound:      residual and peak are what a window showed; False: a half-cycle value, the extreme itself
    phases, wired:          the phases that went beyond the threshold, and how many there are
    gap_s:                  the longest time between the ends of two windows that were read while it lasted (pace of
                            the looks plus register age). Given, an event that must have filled a whole window is
                            classed by what that showed; None: its depth stays open to one side. Verdicts on curves
                            never rest on it.
    accuracy_pct:           of meter and voltage transformer together, of the declared voltage
    outside:                lowest and highest the voltage can have been before and after, in pu
    """

    kind: Kind
    residual_pct: float | None = None
    peak_pct: float | None = None
    spared_pct: float | None = None
    duration_min_s: float
    duration_max_s: float | None
    watched_s: float | None = None
    frequency_hz: float = 50.0
    window_s: float = 0.0
    residual_is_bound: bool = True
    phases: tuple[str, ...] = ()
    wired: int = 3
    gap_s: float | None = None
    accuracy_pct: float = 0.0
    outside: tuple[float, float] = (LOWEST_OUTSIDE, HIGHEST_OUTSIDE)


def classes(facts: Classified) -> Mapping[str, str]:
    """By table or curve: `CLASSES`.

    Empty for what is no sag, swell or loss that was measured.
    """
    locus = locus_of(facts)
    if locus is None:
        return {}
    level = locus if facts.watched_s is None else replace(locus, shortest_s=min(facts.watched_s, locus.longest_s))
    words = {"en50160": _spoken(en50160(facts, level)), "ieee1159": _spoken(ieee1159(facts, level))}
    return {**words, **_verdicts(facts.frequency_hz, replace(locus, gap_s=None))}


def locus_of(facts: Classified) -> Locus | None:
    """None where nothing was measured that a voltage table could speak of."""
    swell = facts.kind == "swell"
    extreme_pct = facts.peak_pct if swell else facts.residual_pct
    if extreme_pct is None or not (swell or facts.kind in _DEEP):
        return None
    longest_s = inf if facts.duration_max_s is None else facts.duration_max_s
    return Locus(
        swell=swell,
        shortest_s=min(facts.duration_min_s, longest_s),
        longest_s=longest_s,
        seen=_within(extreme_pct, facts.accuracy_pct),
        window_s=facts.window_s if facts.residual_is_bound else 0.0,
        gap_s=facts.gap_s,
        outside=facts.outside,
    )


def _within(extreme_pct: float, accuracy_pct: float) -> tuple[float, float]:
    return max(0.0, extreme_pct - accuracy_pct) / 100, (extreme_pct + accuracy_pct) / 100


def _verdicts(frequency_hz: float, locus: Locus) -> Mapping[str, str]:
    if locus.swell:
        no_curve = dict.fromkeys(("semi_f47", "iec61000_4_11", "iec61000_4_34"), NOT_APPLICABLE)
        return {"itic": verdict(ITIC_UPPER, locus), **no_curve}
    class_3 = verdict(iec_class_3(frequency_hz), locus)
    return {
        "itic": verdict(ITIC_LOWER, locus),
        "semi_f47": verdict(semi_f47(frequency_hz), locus),
        "iec61000_4_11": class_3,
        "iec61000_4_34": class_3,
    }


# EN 50160:2010 sag cells: u in % from 90 80 70 40 5, t in s to 0.2 0.5 1 5 60 (Schneider PM8000 note).
_EN_SAG_ROWS = (0.80, 0.70, 0.40, 0.05, 0.0)
_EN_SAG_COLUMNS = (0.2, 0.5, 1.0, 5.0, 60.0, 180.0, inf)
# EN 50160 interruptions: short to 3 min, long beyond; general knowledge.
_EN_LONGER = ("over 60 s", "over 60 s")
_EN_INTERRUPTIONS = ("short interruption", "long interruption")
# EN 50160 swell cells: from 110 and 120 %, to 0.5, 5, 60 s; general knowledge.
_EN_SWELL_ROWS = (1.10, 1.20)
_EN_SWELL_COLUMNS = (0.5, 5.0, 60.0, inf)


def en50160(facts: Classified, locus: Locus) -> tuple[str, ...]:
    """Every cell that the locus touches, mild to severe."""
    if locus.swell:
        rises: Cells = tuple((*(f"{row}{n}" for n in (1, 2, 3)), "over 60 s") for row in "TS")
        return _touched(rises, _EN_SWELL_ROWS, _EN_SWELL_COLUMNS, locus)
    dead = {False: _EN_LONGER, True: _EN_INTERRUPTIONS}
    return _of_dead(lambda complete: _en_sags(dead[complete]), _EN_SAG_ROWS, _EN_SAG_COLUMNS, facts, locus)


def _en_sags(longest: tuple[str, ...]) -> Cells:
    ends = (*(_EN_LONGER,) * 4, longest)
    return tuple((*(f"{row}{n}" for n in range(1, 6)), *end) for row, end in zip("ABCDX", ends, strict=True))


# IEEE 1159-2009 table 2 (Rockwell 1426-UM001 p81): to 30 cycles, 3 s, 1 min; the gaps of the table are other_...
_IEEE_SAG_ROWS = (0.80, 0.10, 0.0)
_IEEE_SAGS: Cells = (
    ("instantaneous sag", "momentary sag", "temporary sag", "undervoltage"),
    ("instantaneous sag", "momentary sag", "temporary sag", "other_undervoltage"),
)
# The table has 0.0 pu for the sustained one; what a meter shows of a dead line is never exactly that.
_IEEE_INTERRUPTIONS = (
    "momentary interruption", "momentary interruption", "temporary interruption", "sustained interruption",
)  # fmt: skip
_IEEE_OTHERS = ("other_sag", "other_sag", "other_sag", "other_undervoltage")
_IEEE_SWELL_ROWS = (1.10, 1.20, 1.40, 1.80)
_IEEE_SWELLS: Cells = (
    ("instantaneous swell", "momentary swell", "temporary swell", "overvoltage"),
    ("instantaneous swell", "momentary swell", "other_swell", "other_overvoltage"),
    ("instantaneous swell", "other_swell", "other_swell", "other_overvoltage"),
    ("other_swell", "other_swell", "other_swell", "other_overvoltage"),
)


def ieee1159(facts: Classified, locus: Locus) -> tuple[str, ...]:
    """Every class that the locus touches, mild to severe."""
    columns = (30 / facts.frequency_hz, 3.0, 60.0, inf)
    if locus.swell:
        return _touched(_IEEE_SWELLS, _IEEE_SWELL_ROWS, columns, locus)
    dead = {False: _IEEE_OTHERS, True: _IEEE_INTERRUPTIONS}
    return _of_dead(lambda complete: (*_IEEE_SAGS, dead[complete]), _IEEE_SAG_ROWS, columns, facts, locus)


def _of_dead(
    table: Callable[[bool], Cells], rows: tuple[float, ...], columns: tuple[float, ...], facts: Classified, locus: Locus
) -> tuple[str, ...]:
    """Without voltage on one phase of three is a sag, never an interruption (IEC 61000-4-30: all channels). Where it
    may have been either, the cells of both. table: what it is called if it was (not) one."""
    cells = (_touched(table(complete), rows, columns, locus) for complete in _complete(facts, locus, rows[-2]))
    return tuple(dict.fromkeys(cell for each in cells for cell in each))


def _complete(facts: Classified, locus: Locus, dead: float) -> tuple[bool, ...]:
    """Whether the voltage was below `dead` (pu) on every wired channel: one answer, or both."""
    spared_pct = facts.residual_pct if facts.wired == 1 else facts.spared_pct
    if spared_pct is None:
        return (True,) if facts.kind == "supply_loss" else (False, True)[: 1 + (len(facts.phases) >= facts.wired)]
    spared = replace(locus, seen=_within(spared_pct, facts.accuracy_pct))
    if spared.seen[1] < dead or (facts.kind == "supply_loss" and spared_pct < 100 * dead):
        return (True,)
    return (False, True) if spared.harshest(locus.shortest_possible_s) < dead else (False,)


def _touched(cells: Cells, rows: tuple[float, ...], columns: tuple[float, ...], locus: Locus) -> tuple[str, ...]:
    """rows: voltage from which each begins; of sags falling, of swells rising."""
    found: dict[tuple[int, int], None] = {}
    for column, from_s, to_s in pieces(columns, locus):
        first, last = _row(rows, locus.mildest(to_s), locus), _row(rows, locus.harshest(from_s), locus)
        found |= dict.fromkeys((row, column) for row in range(first, last + 1))
    return tuple(dict.fromkeys(cells[row][column] for row, column in sorted(found)))


def _row(rows: tuple[float, ...], extreme: float, locus: Locus) -> int:
    """A row holds its own edge. What a meter that is not exact shows before the first row counts as the first."""
    if locus.swell:
        return max(0, sum(extreme >= start for start in rows) - 1)
    return next(row for row, start in enumerate(rows) if extreme >= start)


def _spoken(cells: tuple[str, ...]) -> str:
    return cells[0] if len(cells) == 1 else f"between {cells[0]} and {cells[-1]}"
