"""Part (a) of the detection campaign: every alignment of window, poll and sag in a cell, against theory one by one."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor

from looks import U, rules
from waveform import HALF_CYCLE_US, SaggingWave, sagging_wave

from agent.detect.changes import Change
from agent.detect.floor import Watching, detection_probability, shortest_visible_s, visible_span_s
from agent.detect.thresholds import Rules
from agent.detect.voltage import INITIAL, Look, step

# No depth at which a whole number of half cycles reaches 90 % exactly: which side that is, is rounding.
DEPTHS = (0.02, 0.3, 0.5, 0.7, 0.8, 0.85)
HALVES = (2, 6, 10, 20, 50, 100, 250)
# Window and renewal of the register in half cycles: blocks of 200 ms and 1 s, and overlapping windows.
REGISTERS = ((20, 20), (20, 1), (100, 100), (100, 20))
PERIODS_US = (100_000, 200_000, 500_000, 1_000_000, 2_000_000, 5_000_000)
FEWEST = 400
# The register is read somewhere between request and reply.
_BEFORE_US, _AFTER_US = 8_000, 12_000
_ROUNDING_US = 2


@dataclass(frozen=True)
class Cell:
    """depth: residual in pu; halves: duration in half cycles; phases: how many sag; window, refresh: in half cycles."""

    depth: float
    halves: int
    phases: int
    window: int
    refresh: int
    period_us: int

    @property
    def duration_s(self) -> float:
        return self.halves * HALF_CYCLE_US / 1e6

    @property
    def watching(self) -> Watching:
        return Watching(self.window * HALF_CYCLE_US / 1e6, self.refresh * HALF_CYCLE_US / 1e6, self.period_us / 1e6)


@dataclass
class Tally:
    """What came of a cell, or of many."""

    cells: int = 0
    alignments: int = 0
    detected: int = 0
    looks: int = 0


def cells() -> Iterator[Cell]:
    """Ordered so that cells of one waveform follow each other."""
    for depth in DEPTHS:
        for halves in HALVES:
            for phases in (1, 2, 3):
                for window, refresh in REGISTERS:
                    for period_us in PERIODS_US:
                        yield Cell(depth, halves, phases, window, refresh, period_us)


def wave_of(cell: Cell) -> SaggingWave:
    """Long enough for every register and pace: polls begin two periods before the sag, and end two behind."""
    room = max(window + refresh for window, refresh in REGISTERS) + 2 * max(PERIODS_US) // HALF_CYCLE_US + 4
    residuals = tuple(cell.depth if phase < cell.phases else 1.0 for phase in range(3))
    return sagging_wave(residuals, cell.halves, room, room)


def enumerate_cell(cell: Cell, wave: SaggingWave, tally: Tally) -> None:
    """AssertionError at the first alignment that theory and detector do not agree on, or whose bounds are wrong.

    Window phases: all there are, on the grid of half cycles. Poll phases: evenly spaced, as many as it takes.
    """
    by = rules(window_s=cell.watching.window_s, age_s=cell.watching.refresh_s)
    polls, met, total = ceil(FEWEST / cell.refresh), 0, 0
    for phase in range(cell.refresh):
        shown: dict[int, tuple[float, ...]] = {}
        for poll in range(polls):
            # Off the grid of half cycles, so that no poll falls on a renewal.
            first_us = round((poll + 0.37) / polls * cell.period_us)
            looks = _looks(cell, wave, phase, first_us, shown)
            found = _run(looks, by)
            detected = any(change.action == "open" for change in found)
            where = f"{cell}, window phase {phase}, first poll {first_us} us"
            assert detected == _theory(cell, phase, first_us), f"{where}: detected {detected}, theory says otherwise"
            _assert_bounds(found, cell, where)
            met, total, tally.looks = met + detected, total + 1, tally.looks + len(looks)
    chance = detection_probability(cell.duration_s, cell.depth, cell.watching)
    # The share of alignments is the probability but for the two grids.
    assert abs(met / total - chance) <= 1 / polls + 1 / cell.refresh, f"{cell}: {met} of {total}, theory {chance}"
    tally.cells, tally.alignments, tally.detected = tally.cells + 1, tally.alignments + total, tally.detected + met


def _looks(cell: Cell, wave: SaggingWave, phase: int, first_us: int, shown: dict[int, tuple[float, ...]]) -> list[Look]:
    """shown: volts by renewal, kept between polls of one window phase. Renewal k ends at (phase + k refresh) half
    cycles and stands until the next one does."""
    refresh_us, phase_us, looks = cell.refresh * HALF_CYCLE_US, phase * HALF_CYCLE_US, []
    at_us = first_us - (2 + first_us // cell.period_us) * cell.period_us
    until_us = (cell.halves + cell.window + cell.refresh) * HALF_CYCLE_US + cell.period_us
    while at_us < until_us:
        renewal = (at_us - phase_us) // refresh_us
        volts = shown.get(renewal)
        if volts is None:
            volts = tuple(pu * U for pu in wave.rms(phase + renewal * cell.refresh, cell.window))
            shown[renewal] = volts
        looks.append(Look(at_us - _BEFORE_US, at_us + _AFTER_US, volts))
        at_us += cell.period_us
    return looks


def _run(looks: list[Look], by: Rules) -> list[Change]:
    state, found = INITIAL, []
    for look in looks:
        state, changes = step(state, look, by)
        found += changes
    return found


def _theory(cell: Cell, phase: int, first_us: int) -> bool:
    """Sections 9.1, 9.2 for one alignment: which renewals show the sag, how long they stand, does a poll meet one."""
    window_us = cell.window * HALF_CYCLE_US
    needed_us = shortest_visible_s(window_us / 1e6, cell.depth) * 1e6
    span_us = visible_span_s(cell.duration_s, window_us / 1e6, cell.depth) * 1e6
    if not span_us:
        return False
    refresh_us, phase_us = cell.refresh * HALF_CYCLE_US, phase * HALF_CYCLE_US
    first = floor((needed_us - phase_us) / refresh_us) + 1
    beyond = ceil((needed_us + span_us - phase_us) / refresh_us)
    begin_us, end_us = phase_us + first * refresh_us, phase_us + beyond * refresh_us
    poll_us = first_us + ceil((begin_us - first_us) / cell.period_us) * cell.period_us
    return poll_us < end_us


def _assert_bounds(found: list[Change], cell: Cell, where: str) -> None:
    """The truth: from 0 to the duration. What the window makes of a loss on its way up began with the loss's end."""
    end_us = cell.halves * HALF_CYCLE_US
    losses = [change.key for change in found if change.kind == "supply_loss"]
    for change in found:
        for seen in change.extremes[: cell.phases]:
            assert seen is None or seen >= cell.depth * U - 1e-6, f"{where}: {change}"
        if change.action == "close":
            after_loss = change.kind == "sag" and bool(losses) and change.key > losses[0]
            assert (change.proven_us or 0) <= end_us, f"{where}: {change}"
            assert holds(change, end_us if after_loss else 0, end_us), f"{where}: {change}"


def holds(change: Change, start_us: float, end_us: float) -> bool:
    """The truth lies inside the bounds of a closed event; each bound is rounded once."""
    span = change.span
    if span.end_boot_us is None or span.end_earliest_boot_us is None or span.duration_us is None:
        return False
    shortest_us, longest_us = span.duration_us
    return (
        (change.open_at_start or span.start_earliest_boot_us <= start_us + _ROUNDING_US)
        and start_us - _ROUNDING_US <= span.start_boot_us
        and span.end_earliest_boot_us <= end_us + _ROUNDING_US
        and end_us - _ROUNDING_US <= span.end_boot_us
        and shortest_us <= end_us - start_us + _ROUNDING_US
        and (change.open_at_start or end_us - start_us - _ROUNDING_US <= longest_us)
    )
