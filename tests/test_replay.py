"""Recordings of RMS voltages: the real one at full rate and polled at every alignment, and unusable files."""

import json
from itertools import pairwise
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
from recording_views import bounded_views

from agent.replay import Recording, RecordingError, View, looks, parse_recording, replay, rules_for

_CASES = Path(__file__).parent / "cases"
_C60 = "c60_330kV_1ph_fault_then_deenergise"
_OURS = {"dip": "sag", "interruption": "supply_loss", "swell": "swell"}
_CYCLE_S, _PCT = 0.020, 0.5
_FULL = View()
_HEAD = "t_window_start_s,t_window_end_s,u1_pu,u2_pu,u3_pu"


def _recording(name: str = _C60) -> Recording:
    return parse_recording((_CASES / f"{name}.csv").read_text(encoding="utf-8"), name)


def _events(recording: Recording, view: View = _FULL, profile: str = "iec", **more: float) -> list[dict[str, Any]]:
    return replay(recording, view, rules_for(recording, view, profile, **more))


def _expected() -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((_CASES / "expected_events.json").read_text(encoding="utf-8"))
    return cases


def _written(*levels: tuple[int, float], phases: int = 1) -> str:
    """Half cycles at each level, as a CSV: RMS over one cycle, so that a step takes one row at the mean square."""
    halves = [pu for count, pu in levels for _ in range(count)]
    rows = [sqrt((one**2 + two**2) / 2) for one, two in pairwise(halves)]
    lines = [
        ",".join([f"{i / 100:.5f}", f"{i / 100 + 0.02:.5f}", *[f"{pu:.6f}"] * phases]) for i, pu in enumerate(rows)
    ]
    return "\n".join([",".join(_HEAD.split(",")[: 2 + phases]), *lines])


@pytest.mark.parametrize("case", _expected(), ids=lambda case: case["case"])
def test_a_recording_at_full_rate_gives_its_events_within_a_cycle(case: dict[str, Any]) -> None:
    found = _events(_recording(case["case"]))
    wanted = sorted(case["events"], key=lambda event: event["start_alt_windowend_s"])
    assert [event["kind"] for event in found] == [_OURS[event["kind"]] for event in wanted]
    for event, truth in zip(found, wanted, strict=True):
        assert event["start_s"] == pytest.approx(truth["start_alt_windowend_s"], abs=_CYCLE_S)
        assert event["start_earliest_s"] <= truth["start_s"] <= event["start_s"]
        assert event["open_at_end"] is truth["truncated"]
        if not truth["truncated"]:
            assert event["end_s"] == pytest.approx(truth["end_alt_windowend_s"], abs=_CYCLE_S)
            assert list(event["extreme_pct"].values()) == pytest.approx(
                [100 * u for u in truth["extreme_pu"]], abs=_PCT
            )
        extreme = event.get("peak_pct", event.get("residual_pct"))
        assert extreme == pytest.approx(100 * truth["residual_pu"], abs=_PCT)


@pytest.mark.parametrize(("profile", "more", "begin_s"), [
    ("iec", {}, 1.19), ("gb", {}, 1.13), ("ieee", {}, 1.13), ("iec", {"interruption": 0.10}, 1.13),
    ("gb", {"interruption": 0.01}, None),
])  # fmt: skip
def test_the_interruption_threshold_decides(profile: str, more: dict[str, float], begin_s: float | None) -> None:
    found = [
        event["start_s"] for event in _events(_recording(), profile=profile, **more) if event["kind"] == "supply_loss"
    ]
    assert found == ([] if begin_s is None else [pytest.approx(begin_s)])


@pytest.mark.slow
@pytest.mark.parametrize("window_s", [0.1, 0.2, 0.4])
@pytest.mark.parametrize("every_s", [0.1, 0.3])
def test_at_every_alignment_the_bounds_of_a_polled_view_contain_the_truth(window_s: float, every_s: float) -> None:
    assert bounded_views(_recording(), window_s, every_s) == round(window_s * 100) * round(every_s * 100)


def test_a_poller_never_sees_the_30_ms_swell() -> None:
    for shift in range(20):
        kinds = [event["kind"] for event in _events(_recording(), View(0.2, 0.2, shift / 100))]
        assert kinds == ["sag", "supply_loss"]


def test_a_fault_that_protection_clears_is_seen_at_full_rate_and_by_no_poller() -> None:
    """60 ms to 0.695, from 1.042 pu: the shape of a 220 kV line fault. 200 ms windows read 0.94 and more throughout."""
    recording = parse_recording(_written((40, 1.042), (6, 0.695), (60, 1.042)), "fault")
    (sag,) = _events(recording)
    assert (sag["kind"], sag["residual_pct"]) == ("sag", pytest.approx(69.5, abs=0.1))
    assert sag["duration_min_s"] <= 0.06 <= sag["duration_max_s"]
    assert sag["class"]["en50160"] == "C1"
    for shift in range(20):
        view = View(0.2, 0.05, shift / 100)
        assert min(look.volts[0] or 0.0 for look in looks(recording, view)) > 0.94
        assert _events(recording, view) == []


def test_squares_of_contiguous_windows_add_up_to_those_of_the_rows_they_cover() -> None:
    recording = _recording()
    for shift in range(20):
        seen = [look.volts[1] for look in looks(recording, View(0.2, 0.2, shift / 100))]
        rows = recording.rows[shift::2][: 10 * len(seen)]
        assert sum(10 * (volts or 0.0) ** 2 for volts in seen) == pytest.approx(sum(row.pu[1] ** 2 for row in rows))


def test_a_phase_less_is_a_phase_less() -> None:
    recording = parse_recording(_written((100, 1.0), (20, 0.5), (100, 1.0)), "one")
    assert recording.phases == ("l1",)
    (sag,) = _events(recording)
    assert (sag["phases"], sag["open_at_start"], sag["open_at_end"]) == (["l1"], False, False)
    assert sag["class"]["itic"] == "violates"


def test_what_turned_out_to_be_another_kind_is_told_once() -> None:
    lines = _written((100, 1.0), (700, 0.2), (100, 1.0)).splitlines()
    text = "\n".join([f"{lines[0]},u2_pu", *(f"{line},1.0" for line in lines[1:])])
    events = _events(parse_recording(text, "two"))
    assert [(event["kind"], event["phases"]) for event in events] == [("phase_loss", ["l1"])]
    assert events[0]["duration_min_s"] <= 7.0 <= events[0]["duration_max_s"]


_GOOD = _written((6, 1.0), phases=3).splitlines()


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "row 1: found nothing; allowed: t_window_start_s,t_window_end_s,u1_pu,u2_pu,u3_pu"),
        (["t,u", *_GOOD[1:]], "row 1: found t,u; allowed: t_window_start_s"),
        (_GOOD[:2], "found 1 rows below the header; allowed: 2 or more"),
        ([*_GOOD[:3], "0.02,0.04,1.0,1.0", *_GOOD[4:]], "row 4: found 4 values; allowed: 5"),
        ([*_GOOD[:3], "0.02,0.04,1.0,x,1.0"], "row 4, column u2_pu: found x; allowed: a finite number"),
        ([*_GOOD[:3], "0.02,0.04,1.0,,1.0"], "row 4, column u2_pu: found nothing; allowed: a finite number"),
        ([*_GOOD[:3], "0.02,0.04,nan,1.0,1.0"], "row 4, column u1_pu: found nan; allowed: a finite number"),
        ([*_GOOD[:3], "0.02,0.04,1.0,1.0,231.2"], "row 4, column u3_pu: found 231.2; allowed: 0 to 10 pu"),
        ([*_GOOD[:3], "0.02,0.04,-1.0,1.0,1.0"], "row 4, column u1_pu: found -1; allowed: 0 to 10 pu"),
        (
            [*_GOOD[:3], "0.02,0.02,1,1,1"],
            "row 4, column t_window_end_s: found 0.02 after a start of 0.02; allowed: a later",
        ),
        (
            [*_GOOD[:3], *_GOOD[4:]],
            "row 4, column t_window_start_s: found a step of 0.02 s; allowed: the step of the first",
        ),
        (
            [_GOOD[0], _GOOD[1], _GOOD[1]],
            "row 3, column t_window_start_s: found a step of 0 s; allowed: rows in the order",
        ),
        ([*_GOOD[:3], "0.02,0.06,1,1,1"], "row 4, column t_window_end_s: found a window of 0.04 s; allowed: 0.02 s"),
        (
            [_GOOD[0], "0,0.02,1,1,1", "0.03,0.05,1,1,1"],
            "found a step of 0.03 s with windows of 0.02 s; allowed: windows",
        ),
        ([*_GOOD[:3], '0.02,"0.04,1,1,1'], "row 4: found unexpected end of data; allowed: plain CSV"),
        ([*_GOOD[:3], "0.02,0.04,1,1_0,1"], "row 4, column u2_pu: found 1_0; allowed: a finite number"),
        ([*_GOOD[:3], "0.02,0.04,1,\u0661,1"], "row 4, column u2_pu: found \u0661; allowed: a finite number"),
        ([_GOOD[0], "1e300,2e300,1,1,1", _GOOD[2]], "row 2, column t_window_start_s: found 1e+300; allowed: -4e+09 to"),
        (
            [_GOOD[0], "0,1795000000000,1,1,1"],
            "row 2, column t_window_end_s: found 1.795e+12; allowed: -4e+09 to 4e+09",
        ),
    ],
)
def test_a_broken_file_is_refused_with_its_row_and_column(lines: list[str], words: str) -> None:
    with pytest.raises(RecordingError) as refused:
        parse_recording("\n".join(lines), "broken.csv")
    assert str(refused.value).startswith("broken.csv: ")
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("width_s", "step_s"), [(1.0, 1.0), (0.2, 0.2), (0.2, 0.1), (60.0, 60.0), (0.04, 0.02), (0.01, 0.01), (1e-7, 1e-7)]
)
def test_rows_that_are_not_over_one_cycle_are_refused(width_s: float, step_s: float) -> None:
    """A sag to 0 V for 0.3 s reads 84 % over a second: no curve may be said to allow it."""
    rows = [f"{i * step_s:.9g},{i * step_s + width_s:.9g},{0.8367 if i == 20 else 1}" for i in range(50)]
    with pytest.raises(RecordingError) as refused:
        parse_recording("\n".join(("t_window_start_s,t_window_end_s,u1_pu", *rows)), "wide.csv")
    assert f"row 2, column t_window_end_s: found a window of {width_s:g} s; allowed: 0.0145 to 0.0235 s" in str(
        refused.value
    )
    assert "RMS over one cycle" in str(refused.value)


@pytest.mark.parametrize(("hertz", "frequency"), [(42.5, 50.0), (52.0, 50.0), (57.0, 60.0), (69.0, 60.0)])
def test_the_nominal_frequency_is_the_nearer_one(hertz: float, frequency: float) -> None:
    step_s = 0.5 / hertz
    rows = [f"{i * step_s:.6f},{(i + 2) * step_s:.6f},1" for i in range(9)]
    text = "\n".join(("t_window_start_s,t_window_end_s,u1_pu", *rows))
    assert parse_recording(text, "x.csv").frequency_hz == frequency


@pytest.mark.parametrize("window_s", [0.03, 0.001, 60.0])
def test_a_window_that_does_not_fit_the_recording_is_refused(window_s: float) -> None:
    with pytest.raises(ValueError, match="allowed: "):
        looks(_recording(), View(window_s))


def test_a_byte_order_mark_and_empty_lines_do_no_harm() -> None:
    assert len(parse_recording("\ufeff" + "\r\n".join([*_GOOD, "", ""]), "dos.csv").rows) == 5


@pytest.mark.parametrize("hertz", [60.0, 49.98, 50.03])
@pytest.mark.parametrize("window_s", [0.2, 1.0])
def test_any_frequency_has_windows_of_whole_cycles(hertz: float, window_s: float) -> None:
    """Times with six decimals: 1/60 s is no number of them."""
    step_s = 0.5 / hertz
    rows = [f"{i * step_s:.6f},{(i + 2) * step_s:.6f},{0.3 if 600 <= i < 900 else 1.0}" for i in range(1500)]
    recording = parse_recording("\n".join(("t_window_start_s,t_window_end_s,u1_pu", *rows)), "x.csv")
    view = View(window_s)
    rules = rules_for(recording, view, "iec")
    assert rules.window_us == pytest.approx(window_s * 1e6, abs=0.5e6 * step_s)
    (sag,) = replay(recording, view, rules)
    assert sag["start_earliest_s"] < 600 * step_s <= sag["start_s"]
    assert sag["end_earliest_s"] < 900 * step_s <= sag["end_s"]
