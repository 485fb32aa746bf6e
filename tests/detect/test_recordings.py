"""Recordings of real faults, at full rate and as a poller sees them. Origin and licence: tests/cases/*.LICENSE.txt."""

import csv
import json
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from looks import rules, run, s

from agent.detect.changes import Change
from agent.detect.voltage import Look

_CASES = Path(__file__).parents[1] / "cases"
_OURS = {"dip": "sag", "interruption": "supply_loss", "swell": "swell"}
_CYCLE_S, _PU = 0.020, 0.005
_C60 = "c60_330kV_1ph_fault_then_deenergise"

Row = tuple[float, tuple[float, ...]]


def _expected() -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((_CASES / "expected_events.json").read_text(encoding="utf-8"))
    return cases


def _rows(case: str) -> list[Row]:
    """(window end in s, pu per phase) for each half cycle."""
    with (_CASES / f"{case}.csv").open(encoding="utf-8") as file:
        return [
            (float(row["t_window_end_s"]), tuple(float(row[f"u{i}_pu"]) for i in (1, 2, 3)))
            for row in csv.DictReader(file)
        ]


def _changes(rows: list[Row], udin_v: float, window_s: float, profile: str = "iec") -> list[Change]:
    """A reply per row, at the end of its window: no age, no latency."""
    by = rules(profile, window_s=window_s, age_s=0.0, reference_v=udin_v)
    looks = [Look(s(end_s), s(end_s), tuple(value * udin_v for value in pu)) for end_s, pu in rows]
    return run(looks, by)[1]


def _blocks(rows: list[Row], window_s: float, first: int) -> list[Row]:
    """Block RMS: every second row is one cycle, and none overlaps the next."""
    cycles, count = rows[first::2], round(window_s / _CYCLE_S)
    whole = [cycles[i : i + count] for i in range(0, len(cycles) - count + 1, count)]
    return [
        (block[-1][0], tuple(sqrt(sum(pu[i] ** 2 for _, pu in block) / count) for i in range(3))) for block in whole
    ]


def _last_words(changes: list[Change]) -> dict[int, Change]:
    """By key, in the order the events began, each as last told."""
    return {change.key: change for change in changes}


@pytest.mark.parametrize("case", _expected(), ids=lambda case: case["case"])
def test_a_recording_at_full_rate_gives_its_events(case: dict[str, Any]) -> None:
    rows = _rows(case["case"])
    changes = _changes(rows, case["udin"], _CYCLE_S)
    begun = [change for change in changes if change.action == "open"]
    wanted = sorted(case["events"], key=lambda event: event["start_alt_windowend_s"])
    assert [change.kind for change in begun] == [_OURS[event["kind"]] for event in wanted]
    for change, event in zip(begun, wanted, strict=True):
        assert change.span.start_boot_us / 1e6 == pytest.approx(event["start_alt_windowend_s"], abs=_CYCLE_S)
        ended = [last for last in changes if last.key == change.key and last.action == "close"]
        assert len(ended) == (0 if event["truncated"] else 1)
        for last in ended:
            end_us = last.span.end_boot_us
            assert end_us is not None
            assert end_us / 1e6 == pytest.approx(event["end_alt_windowend_s"], abs=_CYCLE_S)
            _same_extremes(last, event, case["udin"])


def _same_extremes(change: Change, event: dict[str, Any], udin_v: float) -> None:
    pu = [volts / udin_v for volts in change.extremes if volts is not None]
    assert pu == pytest.approx(event["extreme_pu"], abs=_PU)
    worst = max if event["kind"] == "swell" else min
    assert worst(pu) == pytest.approx(event["residual_pu"], abs=_PU)


def test_events_open_at_the_end_carry_the_extremes_once_supply_is_back() -> None:
    case = next(case for case in _expected() if case["case"] == _C60)
    rows = [*_rows(_C60), (1.71, (1.0, 1.0, 1.0))]
    last: dict[str, Change] = {change.kind: change for change in _changes(rows, case["udin"], _CYCLE_S)}
    assert [last[kind].action for kind in ("sag", "supply_loss")] == ["close", "close"]
    for event in case["events"]:
        _same_extremes(last[_OURS[event["kind"]]], event, case["udin"])
    assert last["supply_loss"].parent == last["sag"].key


@pytest.mark.parametrize(("profile", "window_end_s"), [("iec", 1.19), ("gb", 1.13), ("ieee", 1.13)])
def test_the_profile_decides_when_the_line_counts_as_dead(profile: str, window_end_s: float) -> None:
    changes = _changes(_rows(_C60), 57.735, _CYCLE_S, profile)
    begun = [change for change in changes if (change.action, change.kind) == ("open", "supply_loss")]
    assert [change.span.start_boot_us for change in begun] == [s(window_end_s)]


@pytest.mark.parametrize("window_s", [0.1, 0.2])
@pytest.mark.parametrize("first", range(20))
def test_polled_views_at_every_alignment_bound_the_sag_of_the_line(window_s: float, first: int) -> None:
    """The sag begins between 0.45 s (last good cycle's window begins) and 0.48 s (first bad one ends)."""
    rows = _rows(_C60)
    changes = _changes(_blocks(rows, window_s, first), 57.735, window_s)
    sag = next(change for change in changes if change.kind == "sag")
    assert sag.span.start_earliest_boot_us <= s(0.48)
    assert sag.span.start_boot_us >= s(0.45)
    told = _last_words(changes)[sag.key]
    truth = [min(pu[i] for _, pu in rows) * 57.735 for i in range(3)]
    for seen, least in zip(told.extremes, truth, strict=True):
        assert seen is not None
        assert seen >= least


def test_a_poller_with_200_ms_blocks_never_sees_the_30_ms_swell() -> None:
    blocks = _blocks(_rows(_C60), 0.2, 0)
    assert max(max(pu) for _, pu in blocks) == pytest.approx(1.028, abs=0.001)
    kinds = [change.kind for change in _changes(blocks, 57.735, 0.2) if change.action == "open"]
    assert kinds == ["sag", "supply_loss"]
