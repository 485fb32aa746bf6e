import random
from dataclasses import replace
from math import nan
from pathlib import Path

import pytest
import servers
from samples import MIDNIGHT_US, event, health, incident, interval, reading, trace

from agent.publish.line_protocol import LineEncoder
from agent.records import ClockState, Event, Gap, HealthOf, Reading
from agent.trace_rows import GOOD, LOST, QUESTIONABLE, TraceSample, pack

MIDNIGHT_NS = MIDNIGHT_US * 1000
ENCODER = LineEncoder("dashi", "gw-01", {"tx1": "F12", "tx2": None})


def test_a_reading_is_one_line_of_floats() -> None:
    line = ENCODER.reading(reading(values={"voltage_l1": 230, "active_energy_import": 12345678.9}), seq=7)
    assert line == (
        b"reading,feeder=F12,gateway=gw-01,meter=tx1,site=dashi "
        b"voltage_l1=230.0,active_energy_import=12345678.9,voltage_l1_min=229.5,voltage_l1_max=231.25,"
        b'window_s=10.0,quality="good",flags="" 1795392000000000007'
    )


def test_what_is_no_number_is_left_out() -> None:
    values = {"voltage_l1": 99.73, "voltage_l2": float("nan"), "voltage_l3": float("inf")}
    line = ENCODER.reading(reading(values=values, min={}, max={}), seq=0)
    assert b" voltage_l1=99.73,window_s=" in line


def test_a_meter_without_feeder_says_none() -> None:
    assert ENCODER.reading(reading(meter="tx2"), 0).startswith(
        b"reading,feeder=none,gateway=gw-01,meter=tx2,site=dashi "
    )


def test_an_interval_is_a_point_at_its_start_in_a_measurement_of_its_kind() -> None:
    assert ENCODER.interval(interval(values={"voltage_l1": 230})) == (
        b"interval_1min,feeder=F12,gateway=gw-01,meter=tx1,site=dashi "
        b"voltage_l1=230.0,voltage_l1_min=229.5,voltage_l1_max=231.25,coverage=0.9833,flagged=0.0 1795392000000000000"
    )


def test_intervals_of_all_kinds_come_to_rest_in_a_database_and_sent_twice_they_are_there_once(tmp_path: Path) -> None:
    block = interval(kind="demand_15min", values={"active_power_demand": 1e4}, min={}, max={}, coverage=1.0)
    lines = [ENCODER.interval(one) for one in (interval(), interval(1), interval(kind="interval_10min"), block)]
    with servers.influxd(tmp_path) as influx:
        for _ in range(2):
            assert influx.write(b"\n".join(lines)) == (204, "")
        minutes = influx.query("SELECT * FROM interval_1min")
        (ten,), (demand,) = influx.query("SELECT * FROM interval_10min"), influx.query("SELECT * FROM demand_15min")
    assert [(row["meter"], row["voltage_l1"], row["coverage"]) for row in minutes] == [
        ("tx1", 230.0, 0.9833), ("tx1", 231.0, 0.9833)
    ]  # fmt: skip
    assert (ten["voltage_l1_max"], demand["active_power_demand"], demand["flagged"]) == (231.25, 1e4, 0.0)


def test_a_meters_status_is_a_point_with_texts_that_are_written_also_when_empty() -> None:
    assert ENCODER.health(health(texts={"supply": "live", "open_events": ""}), seq=7) == (
        b"status,feeder=F12,gateway=gw-01,meter=tx1,site=dashi "
        b'live=1.0,dead=0.0,watch_hz=4.983,last_good_us=1795391999999999i,supply="live",open_events="" '
        b"1795392000000000007"
    )


@pytest.mark.parametrize(
    ("of", "series"),
    [
        ("gateway", b"gateway,feeder=none,gateway=gw-01,meter=none,site=dashi "),
        ("line", b"gateway,feeder=none,gateway=gw-01,line=room,meter=none,site=dashi "),
        ("sink", b"gateway,feeder=none,gateway=gw-01,meter=none,sink=room,site=dashi "),
    ],
)
def test_a_line_and_a_sink_are_tags_of_the_gateways_points(of: HealthOf, series: bytes) -> None:
    assert ENCODER.health(health(of=of, name="room"), 0).startswith(series)


def test_an_event_has_its_kind_as_a_tag_and_stands_at_its_start() -> None:
    line = ENCODER.event(event())
    assert line.startswith(b"event,feeder=F12,gateway=gw-01,kind=sag,meter=tx1,site=dashi ")
    assert int(line.rsplit(b" ", 1)[1]) // 1000 == MIDNIGHT_US
    for field in (
        b'id="ev-1"', b"revision=1.0", b'state="open"', b"start_earliest_us=1795391999900000i",
        b"residual_pct=40.1", b'path="tx0,tx1"', b"extreme_voltage_l1=92.25", b"customers_min=180.0",
        b"customers_max=182.0", b"clock_synced=true", b'parent=""',
    ):  # fmt: skip
        assert field in line


def test_an_event_carries_its_side_its_energy_and_its_classes() -> None:
    whole = event(
        i_before=100.0,
        i_during=950.5,
        direction="downstream",
        sag_energy_s=0.25,
        classes={"en50160": "between C2 and C3"},
    )
    line = ENCODER.event(whole)
    for field in (
        b"i_before=100.0", b"i_during=950.5", b'direction="downstream"', b"sag_energy_s=0.25",
        b'class_en50160="between C2 and C3"',
    ):  # fmt: skip
        assert field in line
    assert b"unbalance_pct=" not in line


def test_a_class_that_a_later_revision_takes_back_is_overwritten() -> None:
    given = ENCODER.event(event(state="closed", revision=2, classes={"en50160": "C3", "itic": "undecided"}))
    taken = ENCODER.event(event(state="closed", revision=3, classes={"itic": "violates"}))
    assert b'class_en50160="C3"' in given
    assert b'class_en50160=""' in taken
    assert {field.split(b"=")[0] for field in given.split(b",") if field.startswith(b"class_")} == {
        field.split(b"=")[0] for field in taken.split(b",") if field.startswith(b"class_")
    }


def test_a_revision_names_the_numbers_it_has_not() -> None:
    told = event(state="closed", revision=2, voltage_basis="ln", duration_min_s=1.0, duration_max_s=1.1, customers=None)
    line = ENCODER.event(replace(told, extreme_by_channel={"voltage_l1": 90.0}, residual_v=90.0, peak_v=nan)).decode()
    absent = line.split('absent="')[1].split('"')[0].split(",")
    assert {"peak_v", "extreme_voltage_l2", "extreme_voltage_l3", "customers_min", "i_before"} <= set(absent)
    assert not any(f",{name}=" in line or f" {name}=" in line for name in absent)
    for name in ("duration_s", "residual_v", "extreme_voltage_l1", "revision"):
        assert f"{name}=" in line
        assert name not in absent


def test_an_incident_names_the_numbers_it_has_not() -> None:
    line = ENCODER.incident(incident(customers=None, by_phase={})).decode()
    absent = line.split('absent="')[1].split('"')[0].split(",")
    assert {"customers_min", "customers_max", "customers_l1_min", "customers_l3_max"} <= set(absent)
    assert not any(f",{name}=" in line or f" {name}=" in line for name in absent)


def test_an_event_without_meter_and_feeder_says_none() -> None:
    line = ENCODER.event(event(scope="line", meter=None, feeder=None))
    assert line.startswith(b"event,feeder=none,gateway=gw-01,kind=sag,meter=none,site=dashi ")


def test_revisions_share_the_event_point_and_differ_in_the_log() -> None:
    first, second = event(), event(revision=2, state="closed")
    assert _time(ENCODER.event(first)) == _time(ENCODER.event(second))
    assert _time(ENCODER.event_log(first)) != _time(ENCODER.event_log(second))
    assert _time(ENCODER.event_log(first)) // 1000 == first.reported_us


def test_two_events_at_the_same_microsecond_stay_two_points() -> None:
    assert _time(ENCODER.event(event(id="ev-1"))) != _time(ENCODER.event(event(id="ev-2")))


def test_the_nanosecond_of_an_event_is_the_same_in_every_process() -> None:
    assert _time(ENCODER.event(event(id="ev-1"))) == MIDNIGHT_NS + 890


def test_readings_with_one_timestamp_stay_two_points_and_a_repeated_one_stays_one() -> None:
    times = [_time(ENCODER.reading(reading(), seq)) for seq in (1, 2, 1)]
    assert times[0] != times[1]
    assert times[0] == times[2]


def test_a_gap_is_told() -> None:
    line = ENCODER.gap(Gap(10, 19, 'evicted: "full"', MIDNIGHT_US))
    assert line == (
        b"gateway,feeder=none,gateway=gw-01,meter=none,site=dashi "
        b'dropped=10.0,dropped_reason="evicted: \\"full\\"" 1795392000000000010'
    )


def test_an_incident_is_one_point_at_its_start_that_revisions_share() -> None:
    line = ENCODER.incident(incident())
    assert line.startswith(b"incident,feeder=F12,gateway=gw-01,meter=none,site=dashi ")
    assert _time(line) // 1000 == MIDNIGHT_US
    for field in (
        b'id="in-1"', b"revision=1.0", b'state="open"', b'cause="supply_loss"', b'node="tx-17"', b"confidence=0.75",
        b'dead="tx1,tx2"', b'alive="tx0"', b'unknown="tx3"', b"customers_min=180.0", b"customers_max=240.0",
        b"most_max=240.0", b"customers_l1_min=60.0", b"start_earliest_us=1795391999900000i", b"locked_out=false",
        b'device="transformer fuse"', b'nested=""', b"reclosed=0.0", b"clock_uncertainty_s=0.5",
    ):  # fmt: skip
        assert field in line
    over = incident(revision=4, state="closed", customers=(0, 0), end_us=MIDNIGHT_US + 7, dead=(), nested=("tx-18",))
    last = ENCODER.incident(over)
    assert _time(last) == _time(line)
    assert all(
        field in last for field in (b'dead=""', b"customers_max=0.0", b'nested="tx-18"', b"end_us=1795392000000007i")
    )
    assert _time(ENCODER.incident(incident(id="in-2"))) != _time(line)


def test_each_sample_of_a_trace_is_a_point_at_its_own_instant_and_a_lost_one_is_none() -> None:
    rows = [
        TraceSample(0, GOOD, (230.0, 1.5)),
        TraceSample(50_000, LOST, (None, None)),
        TraceSample(100_000, QUESTIONABLE, (92.25, None)),
    ]
    first, last = ENCODER.trace(trace(rows=pack(rows, 2), offset_us=MIDNIGHT_US))
    assert first == (
        b"trace,feeder=F12,gateway=gw-01,meter=tx1,site=dashi "
        b'voltage_l1=230,current_l1=1.5,event="ev-1",quality="good" 1795392000000000890'
    )
    assert last.endswith(b'voltage_l1=92.25,event="ev-1",quality="questionable" 1795392000100000890')


def test_numbers_of_a_trace_have_the_digits_of_a_float32() -> None:
    rows = [TraceSample(0, GOOD, (99.73, 1234567.8)), TraceSample(1, GOOD, (1e-7, 3e12))]
    first, second = ENCODER.trace(trace(rows=pack(rows, 2)))
    assert b" voltage_l1=99.73,current_l1=1234568," in first
    assert b" voltage_l1=1e-07,current_l1=3e+12," in second


def test_traces_of_two_events_that_share_a_sample_stay_apart() -> None:
    times = [_time(ENCODER.trace(trace(event=id_))[0]) for id_ in ("ev-1", "ev-2", "ev-1")]
    assert times[0] != times[1]
    assert times[0] == times[2]


@pytest.mark.parametrize("feeder", ["two\nlines", "back\\slash", "nul\0"])
def test_a_name_that_influxdb_cannot_hold_is_refused(feeder: str) -> None:
    with pytest.raises(ValueError, match="cannot be a tag"):
        ENCODER.event(event(feeder=feeder))


@pytest.mark.e2e
def test_the_real_parser_gives_back_what_was_encoded(tmp_path: Path) -> None:
    """1000 points with names and texts made of what hurts, read back and compared."""
    dice = random.Random(20261123)  # noqa: S311
    sent = [_random_event(dice, number) for number in range(500)]
    readings = [_random_reading(dice, number) for number in range(500)]
    feeders = {one.meter: _text(dice, 1, NASTY_NAME) for one in readings}
    encoder = LineEncoder('si te,="x', "gw", feeders)
    lines = [encoder.event(one) for one in sent]
    lines += [encoder.reading(one, seq) for seq, one in enumerate(readings)]
    with servers.influxd(tmp_path) as influx:
        assert influx.write(b"\n".join(lines)) == (204, "")
        stored = {row["id"]: row for row in influx.query("SELECT * FROM event")}
        rows = {row["meter"]: row for row in influx.query("SELECT * FROM reading")}
    for one in sent:
        row = stored[one.id.replace("\n", " ")]
        assert (row["site"], row["meter"], row["feeder"]) == (encoder.site, one.meter, one.feeder)
        texts = (",".join(one.evidence).replace("\n", " "), (one.parent or "").replace("\n", " "))
        assert (row["evidence"], row["parent"]) == texts
        assert (float(row["duration_min_s"]), row["end_us"]) == (one.duration_min_s, one.end_us)
    for told in readings:
        assert float(rows[told.meter]["active_energy_import"]) == told.values["active_energy_import"]
        assert rows[told.meter]["feeder"] == feeders[told.meter]


NASTY_NAME = "aB9_-. ,=\"'ü电"
NASTY_TEXT = NASTY_NAME + "\\\n\t#/"


def _text(dice: random.Random, least: int, letters: str) -> str:
    return "".join(dice.choices(letters, k=dice.randint(least, 12))) + "." * least


def _random_event(dice: random.Random, number: int) -> Event:
    return event(
        id=f"{_text(dice, 0, NASTY_TEXT)}{number}",
        start_us=MIDNIGHT_US + number,
        meter=_text(dice, 1, NASTY_NAME),
        feeder=_text(dice, 1, NASTY_NAME),
        evidence=(_text(dice, 0, NASTY_TEXT), _text(dice, 0, NASTY_TEXT)),
        parent=_text(dice, 0, NASTY_TEXT),
        duration_min_s=dice.uniform(-1, 1) * 10 ** dice.randint(-30, 30),
        end_us=dice.randint(-(2**50), 2**50),
        clock=ClockState(None, None),
    )


def _random_reading(dice: random.Random, number: int) -> Reading:
    value = dice.choice((0.0, -0.0, 5.0, 1e22, 1e-300, dice.uniform(0, 1e9)))
    return reading(number, meter=f"m{number}", values={"active_energy_import": value}, min={}, max={})


def _time(line: bytes) -> int:
    return int(line.rsplit(b" ", 1)[1])
