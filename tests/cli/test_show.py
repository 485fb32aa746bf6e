"""How events and readings are put before people."""

import pytest

from agent.cli import show
from agent.cli.demo_view import news

SAG = {
    "kind": "sag", "state": "closed", "scope": "meter", "meter": "tx1", "start": "2026-11-22T23:53:55.000001Z",
    "duration_min_s": 0.8, "duration_max_s": 1.6, "residual_pct": 61.96, "phases": ["l1", "l2"],
}  # fmt: skip


def test_an_event_in_a_row_has_bounds_and_no_false_single_number() -> None:
    assert show.event_row(SAG) == (
        "2026-11-22 23:53:55.000", "tx1", "sag", "closed", "0.80 to 1.60 s", "at most 62.0 %", "l1 l2", "",
    )  # fmt: skip


def test_a_swell_shows_its_peak_as_a_lower_bound() -> None:
    row = show.event_row({**SAG, "kind": "swell", "peak_pct": 118.2})
    assert row[5] == "at least 118.2 %"


def test_an_open_event_goes_on_and_silence_has_no_voltage() -> None:
    row = show.event_row(
        {"kind": "comms_loss", "state": "open", "scope": "line", "line": "room", "start": SAG["start"]}
    )
    assert row[1:] == ("room", "comms_loss", "open", "goes on", "-", "", "")


def test_one_revision_in_a_line() -> None:
    assert news(SAG) == (
        "closed sag, at tx1, since 2026-11-22 23:53:55.000, lasted 0.80 to 1.60 s, voltage at most 62.0 %, l1 l2"
    )


@pytest.mark.parametrize(
    ("values", "dead"),
    [
        ({"voltage_l1": 229.0, "voltage_l2": 230.0, "voltage_l3": 231.0}, False),
        ({"voltage_l1": 2.0, "voltage_l2": 230.0, "voltage_l3": 231.0}, True),
        ({"voltage_l1": 0.0}, True),
        ({"current_l1": 0.0}, False),
        ({"voltage_l1": 229.0, "voltage_thd_l1": 1.2}, False),
    ],
)
def test_a_reading_that_shows_a_dead_phase(values: dict[str, float], dead: bool) -> None:
    assert show.looks_dead(values) is dead


def test_a_table_in_a_pipe_is_plain_and_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    show.table("meters", ("meter", "V"), [("a", "1.0"), ("longer", "2")])
    assert capsys.readouterr().out == "meters\nmeter   V\na       1.0\nlonger  2\n\n"


def test_no_rows_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    show.table("events", ("a",), [])
    assert capsys.readouterr().out == "events: none\n"
