"""What a field engineer finds in the CSV files of an export."""

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from samples import MIDNIGHT_US, event, health, incident, interval, reading, trace

from agent.journal.csv_files import csv_folder
from agent.journal.csv_rows import Row, RowMaker, header, text
from agent.trace_rows import GOOD, LOST, QUESTIONABLE, TraceSample, pack
from agent.wire import (
    event_to_json,
    health_to_json,
    incident_to_json,
    interval_to_json,
    reading_to_json,
    trace_to_json,
)

BERLIN = RowMaker(ZoneInfo("Europe/Berlin"), "Europe/Berlin")
UTC_ONLY = RowMaker(UTC, "UTC")
S = 1_000_000


def told(record: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"seq": 1, "record": record, **body}


def of_event(**changes: Any) -> dict[str, Any]:
    return told("event", event_to_json(event(**changes)))


def the_row(maker: RowMaker, body: dict[str, Any]) -> dict[str, str]:
    (row,) = maker.rows(body)
    return dict(row.cells)


def test_a_reading_has_utc_and_local_time_units_and_extremes() -> None:
    (row,) = BERLIN.rows(told("reading", reading_to_json(reading(flags=("clock", "partial")))))
    assert row.file == "readings-tx1"
    assert row.cells == {
        "time (UTC)": "2026-11-23 00:00:00.000",
        "time (Europe/Berlin)": "2026-11-23 01:00:00.000",
        "window [s]": "10.0",
        "quality": "good",
        "flags": "clock partial",
        "voltage_l1 [V]": "230.0",
        "voltage_l1 min [V]": "229.5",
        "voltage_l1 max [V]": "231.25",
        "active_energy_import [Wh]": "12345678.9",
    }


def test_an_interval_has_its_coverage_and_a_file_for_its_kind() -> None:
    values = {"voltage_l1": 230.0, "active_power_demand": 5}
    (row,) = BERLIN.rows(told("interval", interval_to_json(interval(values=values))))
    assert row.file == "interval_1min-tx1"
    assert row.cells == {
        "begins (UTC)": "2026-11-23 00:00:00.000",
        "begins (Europe/Berlin)": "2026-11-23 01:00:00.000",
        "coverage, 0 to 1": "0.9833",
        "flagged, 0 to 1": "0.0",
        "voltage_l1 [V]": "230.0",
        "voltage_l1 min [V]": "229.5",
        "voltage_l1 max [V]": "231.25",
        "active_power_demand [W]": "5",
    }


def test_how_a_meter_stood_has_its_words_its_instants_and_its_numbers() -> None:
    (row,) = UTC_ONLY.rows(told("health", health_to_json(health())))
    assert row.file == "status-tx1"
    assert row.cells == {
        "time (UTC)": "2026-11-23 00:00:00.000",
        "supply": "live",
        "open_events": "ev-1,ev-2",
        "comms": "ok",
        "last_good (UTC)": "2026-11-22 23:59:59.999",
        "live": "1.0",
        "dead": "0.0",
        "watch_hz": "4.983",
    }


@pytest.mark.parametrize(
    ("of", "name", "file"), [("gateway", "", "gateway"), ("line", "room", "line-room"), ("sink", "mqtt", "sink-mqtt")]
)
def test_the_gateway_each_line_and_each_sink_have_a_file(of: str, name: str, file: str) -> None:
    (row,) = UTC_ONLY.rows(told("health", health_to_json(health(of=of, name=name, instants={}))))
    assert row.file == file


def test_a_site_on_utc_has_one_column_of_time() -> None:
    assert "time (UTC)" in the_row(UTC_ONLY, told("reading", reading_to_json(reading())))
    assert sum("time" in name for name in the_row(UTC_ONLY, told("reading", reading_to_json(reading())))) == 1


def test_an_event_has_its_bounds_and_what_is_not_known_is_empty() -> None:
    cells = the_row(BERLIN, of_event())
    assert (cells["began after (UTC)"], cells["began by (UTC)"]) == (
        "2026-11-22 23:59:59.900",
        "2026-11-23 00:00:00.000",
    )
    assert cells["began by (Europe/Berlin)"] == "2026-11-23 01:00:00.000"
    assert (cells["ended by (UTC)"], cells["lasted, at most [s]"]) == ("", "")
    assert (cells["residual, at most [V]"], cells["customers, fewest"], cells["customers, at most"]) == (
        "92.25", "180", "182",
    )  # fmt: skip
    assert (cells["clock"], cells["clock within [s]"], cells["evidence"]) == ("synchronised", "0.5", "L1 at 40 %")


def test_an_incident_names_who_is_concerned_and_repeats_its_words() -> None:
    cells = the_row(UTC_ONLY, told("incident", incident_to_json(incident())))
    assert (cells["dead"], cells["customers, most, at most"]) == ("tx1 tx2", "240")
    assert cells["in words"].endswith("No voltage measured is not proof of isolation.")


def test_a_trace_is_a_row_for_each_sample_and_each_reply_that_did_not_come() -> None:
    samples = [
        TraceSample(1_000_000, GOOD, (92.25, 1.5)),
        TraceSample(1_050_000, LOST, (None, None)),
        TraceSample(1_100_000, QUESTIONABLE, (None, 1.75)),
    ]
    rows = list(UTC_ONLY.rows(told("trace", trace_to_json(trace(rows=pack(samples, 2))))))
    assert {row.file for row in rows} == {"traces-tx1"}
    assert [row.cells["quality"] for row in rows] == ["good", "no reply", "questionable"]
    assert [row.cells["since it began [s]"] for row in rows] == ["0.0", "0.05", "0.1"]
    assert [row.cells["voltage_l1 [V]"] for row in rows] == ["92.25", "", ""]
    assert rows[2].cells["time (UTC)"] == "2026-11-23 00:00:00.100"


def test_a_gap_says_what_is_missing_and_why() -> None:
    body = {"gap": [7, 9], "reason": "evicted", "time": "2026-11-23T00:00:00.000000Z"}
    cells = the_row(UTC_ONLY, told("gap", body))
    assert (cells["from entry"], cells["to entry"], cells["entries"], cells["why"]) == ("7", "9", "3", "evicted")


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (-3.5, "-3.5"),
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("@x", "'@x"),
        ("-1 s", "'-1 s"),
        (" two\r\nlines ", "two lines"),
    ],
)
def test_words_are_one_line_and_no_formula(value: object, cell: str) -> None:
    assert text(value) == cell


def test_a_quantity_without_a_unit_has_none_and_one_that_is_unknown_does_not_fail() -> None:
    assert [header(name) for name in ("power_factor_l1", "frequency", "of_another_version")] == [
        "power_factor_l1", "frequency [Hz]", "of_another_version",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("since_s", "until_s", "wanted"),
    [
        (None, None, True),
        (61, None, False),
        (59, None, True),
        (None, -1, False),
        (None, 0, False),
        (None, 1, True),
        (10, 20, True),
    ],
)
def test_an_event_is_wanted_where_any_of_it_lies_in_the_time_asked_for(
    since_s: int | None, until_s: int | None, wanted: bool
) -> None:
    start = datetime(2026, 11, 23, tzinfo=UTC)
    since, until = (None if s is None else start + timedelta(seconds=s) for s in (since_s, until_s))
    maker = RowMaker(UTC, "UTC", since, until)
    (row,) = maker.rows(of_event(state="closed", end_us=MIDNIGHT_US + 60 * S))
    assert row.wanted is wanted


def test_an_event_that_goes_on_is_wanted_whenever_it_began_before() -> None:
    maker = RowMaker(UTC, "UTC", since=datetime(2027, 1, 1, tzinfo=UTC))
    assert [row.wanted for row in maker.rows(of_event())] == [True]


def written(folder: Path, *batches: Iterable[Row]) -> dict[str, list[dict[str, str]]]:
    with csv_folder(folder) as files:
        for batch in batches:
            files.add(batch)
        counts = files.finish()
    found = {}
    for file in folder.iterdir():
        body = file.read_bytes()
        assert body.startswith(b"\xef\xbb\xbf"), "a spreadsheet is to know that it is UTF-8"
        rows = list(csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")))
        assert len({len(row) for row in rows}) == 1, "each row has all cells"
        assert counts[file.name] == len(rows) - 1
        found[file.name] = [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]
    assert found.keys() == counts.keys()
    return found


def test_columns_that_come_late_are_empty_before(tmp_path: Path) -> None:
    rows = [{"a": "1"}, {"a": "2", "b": "x,y"}, {"b": "3"}, {"c": 'say "4"', "a": "5"}, {"d": "6"}]
    for cut in range(len(rows)):
        batches = [[Row("f", cells) for cells in part] for part in (rows[:cut], rows[cut:])]
        found = written(tmp_path / str(cut), *batches)
        assert found == {"f.csv": [{name: cells.get(name, "") for name in "abcd"} for cells in rows]}


def test_of_revisions_the_highest_stays_in_whatever_order_they_come(tmp_path: Path) -> None:
    def row(key: str, revision: int, *, wanted: bool = True) -> Row:
        return Row("events", {"id": key, "revision": str(revision)}, key, revision, wanted)

    found = written(
        tmp_path / "csv",
        [row("a", 1), row("b", 1), row("c", 2, wanted=False), row("d", 1, wanted=False)],
        [row("a", 3), row("a", 2), row("c", 1), row("d", 2)],
    )
    assert found["events.csv"] == [
        {"id": "b", "revision": "1"}, {"id": "a", "revision": "3"}, {"id": "d", "revision": "2"},
    ]  # fmt: skip


def test_of_an_export_that_fails_nothing_is_left(tmp_path: Path) -> None:
    def rows() -> Iterator[Row]:
        yield Row("f", {"a": "1"})
        raise OSError("the journal fails")

    with pytest.raises(OSError, match="the journal fails"), csv_folder(tmp_path / "csv") as files:
        _ = [files.add([row]) for row in rows()]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(FileExistsError), csv_folder(tmp_path):
        raise AssertionError("it was taken")
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]
