"""Pictures of events: what is drawn, and what is not."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import MIDNIGHT_US, event, trace

from agent.plot import Axis, Pause, Picture, picture, why_none
from agent.plot_svg import svg
from agent.plot_terminal import WIDTH, terminal
from agent.records import Event, Follows, Trace
from agent.trace_rows import GOOD, LOST, QUESTIONABLE, TraceSample, pack
from agent.wire import event_to_json, trace_to_json

SAG = event(
    state="closed", end_us=MIDNIGHT_US + 1_000_000, end_earliest_us=MIDNIGHT_US + 700_000, duration_min_s=0.7,
    duration_max_s=1.1, profile="iec", reference_v=230.0,
)  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"


def part(
    number: int, *rows: tuple[float, float | None, int], follows: Follows = "", start_us: int = MIDNIGHT_US
) -> Trace:
    """rows: seconds from MIDNIGHT, volts, mark."""
    samples = [TraceSample(round(at_s * 1e6), mark, (volts,)) for at_s, volts, mark in rows]
    packed = pack(samples, 1)
    return trace(
        number, columns=("voltage_l1",), rows=packed, offset_us=MIDNIGHT_US, follows=follows, start_us=start_us
    )


def steady(from_s: float, to_s: float, volts: float = 230.0) -> list[tuple[float, float | None, int]]:
    return [(from_s + n * 0.1, volts, GOOD) for n in range(round((to_s - from_s) / 0.1))]


def drawn(*parts: Trace, of: Event = SAG) -> Picture:
    return picture(event_to_json(of), [trace_to_json(one) for one in parts])


WHOLE = drawn(part(1, *steady(-5, 0)), part(2, *steady(0, 1, 92.0), *steady(1, 11)))


def test_voltages_are_in_percent_of_the_reference_and_seconds_from_the_start() -> None:
    (curve,) = WHOLE.voltages
    assert (curve.name, len(curve.runs)) == ("voltage_l1", 1)
    points = list(curve.points)
    assert (points[0].t_s, points[0].value) == (-5, 100)
    assert {round(point.value, 3) for point in points} == {40, 100}
    assert WHOLE.span_s == pytest.approx((-5, 10.9))
    assert [(b.words, b.earliest_s, b.latest_s) for b in WHOLE.bounds] == [("start", -0.1, 0), ("end", 0.7, 1)]
    assert (90, "sag") in WHOLE.levels


def test_nothing_joins_what_a_lost_reply_parts() -> None:
    rows = [*steady(-1, 0), (0.05, None, LOST), *steady(0.1, 1)]
    (curve,) = drawn(part(1, *rows)).voltages
    assert [len(run) for run in curve.runs] == [10, 9]


def test_nothing_joins_across_a_hole_whatever_made_it() -> None:
    (curve,) = drawn(part(1, *steady(-1, 0), *steady(2, 3))).voltages
    assert [len(run) for run in curve.runs] == [10, 10]


def test_a_value_that_is_not_there_parts_its_own_curve() -> None:
    (curve,) = drawn(part(1, *steady(-1, 0), (0.0, None, GOOD), *steady(0.1, 1))).voltages
    assert [len(run) for run in curve.runs] == [10, 9]


@pytest.mark.parametrize(("follows", "words"), [("omission", "not recorded"), ("restart", "away")])
def test_a_gap_that_is_known_is_said(follows: Follows, words: str) -> None:
    found = drawn(part(1, *steady(-5, 60)), part(2, *steady(3600, 3615), follows=follows))
    (pause,) = found.pauses
    assert (pause.from_s, pause.to_s, words in pause.words) == (pytest.approx(59.9), pytest.approx(3600), True)
    assert words in terminal(found)
    assert words in svg(found)


def test_an_event_inside_another_is_drawn_from_its_own_start() -> None:
    inner = replace(SAG, id="ev-2", start_us=MIDNIGHT_US + 500_000)
    found = drawn(part(1, *steady(-5, 5)), of=inner)
    assert found.span_s[0] == -5.5


def test_the_axis_gives_a_long_pause_little_room() -> None:
    axis = Axis((0.0, 3700.0), [Pause(60.0, 3660.0, "x")], share=0.05)
    assert axis.at(0) == 0
    assert axis.at(60) == pytest.approx(0.57)
    assert axis.at(3660) == pytest.approx(0.62)
    assert axis.at(3700) == axis.at(9999) == pytest.approx(1)
    ticks = axis.ticks(0.1)
    assert ticks == sorted(ticks)
    assert not any(60 < t < 3660 for t in ticks)


def test_the_terminal_shows_edges_levels_and_what_is_missing() -> None:
    text = terminal(drawn(part(1, *steady(-5, 0), *steady(0, 1, 92.0), (1.05, None, LOST), *steady(1.1, 11))))
    lines = text.splitlines()
    assert lines[0] == "sag ev-1"
    assert any(line.startswith("    90 ┤") and "┈" in line for line in lines)
    assert "×" in text
    assert "▲ start lies in (-0.100, 0.000] s" in lines
    assert "△ end lies in (0.700, 1.000] s" in lines
    assert "× a reply was lost (1)" in lines


def test_a_questionable_reply_is_marked() -> None:
    found = drawn(part(1, *steady(-1, 0), (0.0, 92.0, QUESTIONABLE), *steady(0.1, 1)))
    assert "? a reply is questionable (1)" in terminal(found)
    circles = ET.fromstring(svg(found)).findall(f".//{SVG}circle")  # noqa: S314 - our own
    assert [circle.get("r") for circle in circles].count("4") == 1


def test_the_svg_is_sound_and_has_a_dot_for_every_sample() -> None:
    root = ET.fromstring(svg(WHOLE, "No voltage measured is not proof of isolation."))  # noqa: S314 - our own
    assert len(root.findall(f".//{SVG}circle")) == 160
    assert len(root.findall(f".//{SVG}polyline")) == 1
    words = " ".join(text.text or "" for text in root.iter(f"{SVG}text"))
    for told in ("sag ev-1", "sag 90 %", "start lies in (-0.10, 0.00] s", "proof of isolation"):
        assert told in words


def test_a_name_with_markup_in_it_stays_a_name() -> None:
    root = ET.fromstring(svg(drawn(part(1, *steady(-1, 1)), of=replace(SAG, meter="<m&m>"))))  # noqa: S314 - our own
    assert any("<m&m>" in (text.text or "") for text in root.iter(f"{SVG}text"))


def test_currents_have_a_panel_of_their_own() -> None:
    found = drawn(trace(1, count=40))
    assert [curve.name for curve in found.currents] == ["current_l1"]
    assert ">A</text>" in svg(found)
    assert "current" not in terminal(found)


ROWS = st.lists(
    st.tuples(
        st.floats(min_value=-5, max_value=4000),
        st.none() | st.floats(min_value=0, max_value=2000, width=32),
        st.sampled_from([GOOD, QUESTIONABLE, LOST]),
    ),
    min_size=1,
    max_size=40,
)


@given(st.lists(ROWS, min_size=1, max_size=4))
def test_whatever_a_trace_holds_it_can_be_drawn_within_80_columns(parts: list[Any]) -> None:
    told = [part(n, (0.0, 230.0, GOOD), *sorted(rows, key=lambda row: row[0])) for n, rows in enumerate(parts, 1)]
    gaps: list[Follows] = ["", "omission", "restart", "omission"]
    found = drawn(*(replace(one, follows=gap) for one, gap in zip(told, gaps, strict=False)))
    assert max(map(len, terminal(found).splitlines())) <= WIDTH
    ET.fromstring(svg(found))  # noqa: S314 - our own


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"kind": "comms_loss"}, "a comms_loss gets none; overvoltage, phase_loss, sag, supply_loss, swell, "),
        ({"basis": "meter_log"}, "not measured by polling"),
        ({}, "made room for younger ones (7 parts did so far)"),
    ],
)
def test_why_there_is_no_trace(changes: dict[str, Any], words: str) -> None:
    assert words in why_none(event_to_json(event(**changes)), evicted=7)
