import json
from dataclasses import replace

import pytest
from samples import MIDNIGHT_US, incident, trace

from agent.records import ClockState, Event, MeterStatus, Reading
from agent.trace_rows import GOOD, LOST, QUESTIONABLE, TraceSample, pack
from agent.wire import (
    compact,
    event_from_json,
    event_to_json,
    incident_from_json,
    incident_to_json,
    reading_from_json,
    reading_text,
    reading_to_json,
    status_to_json,
    trace_to_json,
)

EVENT = Event(
    id="gw-01-1f-7", kind="sag", revision=2, state="closed", scope="meter", basis="measured",
    reported_us=1_700_000_003_000_000, start_us=1_700_000_000_250_000, start_earliest_us=1_700_000_000_000_000,
    end_us=1_700_000_001_500_000, end_earliest_us=1_700_000_001_250_000, duration_min_s=1.0, duration_max_s=1.5,
    meter="tx1", feeder="F12", path=("bus", "tx1"), evidence=("voltage_l1 88.1 V",), voltage_basis="ln",
    reference_v=220.0, reference="declared", residual_v=88.1, residual_pct=40.05,
    extreme_by_channel={"voltage_l1": 88.1}, channels=("voltage_l1",), phases=("l1",), window_s=0.2, watch_s=0.25,
    clock=ClockState(True, 0.01), profile="gb", config="ab12", customers=(182, 182),
)  # fmt: skip


def test_an_event_says_what_the_contract_names():
    body = event_to_json(EVENT)
    assert body["start"] == "2023-11-14T22:13:20.250000Z"
    assert body["customers"] == [182, 182]
    assert body["clock"] == {"synced": True, "uncertainty_s": 0.01}
    assert "parent" not in body
    assert "peak_v" not in body
    assert json.loads(json.dumps(body)) == body


def test_the_middle_is_given_only_when_the_bounds_are_close():
    assert "duration_s" not in event_to_json(EVENT)
    close = replace(EVENT, duration_min_s=1.3, duration_max_s=1.5)
    assert event_to_json(close)["duration_s"] == pytest.approx(1.4)
    assert "duration_s" not in event_to_json(replace(EVENT, duration_min_s=0.0, duration_max_s=0.0))


def test_events_survive_the_round_trip():
    open_event = replace(EVENT, state="open", end_us=None, end_earliest_us=None, open_at_start=True, parent="p")
    whole = replace(
        EVENT, i_before=100.5, i_during=950.0, direction="downstream", sag_energy_s=0.25, unbalance_pct=2.6,
        unbalance_method="iec_u2", unbalance_nema_pct=2.5, change_pct=-6.1, reference="sliding",
        classes={"en50160": "C3", "itic": "violates"},
    )  # fmt: skip
    assert event_to_json(whole)["class"] == {"en50160": "C3", "itic": "violates"}
    assert event_to_json(EVENT).keys().isdisjoint({"class", "direction", "i_before", "sag_energy_s"})
    for event in (EVENT, open_event, whole):
        assert event_from_json(json.loads(json.dumps(event_to_json(event)))) == event


def test_an_incident_says_what_the_contract_names():
    body = incident_to_json(incident())
    named = ("id", "revision", "state", "cause", "node", "confidence", "dead", "alive", "unknown", "customers", "start")
    assert set(named) <= body.keys()
    assert (body["start"], body["start_earliest"]) == ("2026-11-23T00:00:00.000000Z", "2026-11-22T23:59:59.900000Z")
    assert (body["customers"], body["by_phase"]["l1"]) == ([180, 240], [60, 80])
    assert body.keys().isdisjoint({"end", "duration_min_s", "reclosed", "locked_out", "restored", "alarms", "nested"})
    nobody = incident_to_json(incident(dead=(), alive=(), unknown=(), customers=None))
    assert [nobody[side] for side in ("dead", "alive", "unknown")] == [[], [], []]
    assert "customers" not in nobody


def test_incidents_survive_the_round_trip():
    closed = incident(
        revision=7, state="closed", end_us=MIDNIGHT_US + 5, end_earliest_us=MIDNIGHT_US + 4, duration_min_s=0.0,
        duration_max_s=1.5, restored=("tx1",), nested=("tx-18",), reclosed=3, locked_out=True, alarms=("voltage!",),
        phases=("l2",), customers=(0, 0),
    )  # fmt: skip
    bare = incident(device="", path=(), feeder=None, by_phase={}, events=(), critical=(), words=(), most=None)
    assert incident_to_json(closed)["customers"] == [0, 0]
    for one in (incident(), closed, bare):
        assert incident_from_json(json.loads(json.dumps(incident_to_json(one)))) == one


def test_readings_survive_the_round_trip():
    reading = Reading("tx1", 1_700_000_000_000_001, 10.0, "good", (), {"voltage_l1": 220.1}, {"voltage_l1": 219.0})
    body = reading_to_json(reading)
    assert body["time"] == "2023-11-14T22:13:20.000001Z"
    assert reading_from_json(json.loads(json.dumps(body))) == reading


def test_a_status_leaves_out_what_is_not_known():
    status = MeterStatus("tx1", "unknown", {}, "lost", last_good_us=None, open_events=("x",))
    assert status_to_json(status) == {
        "meter": "tx1", "supply": "unknown", "supply_by_phase": {}, "comms": "lost", "open_events": ["x"],
        "mode": "normal",
    }  # fmt: skip


def test_a_part_of_a_trace_counts_from_the_start_of_its_event():
    rows = [
        TraceSample(-5_000_000, GOOD, (230.0000305, 1.5)),
        TraceSample(-4_900_000, LOST, (None, None)),
        TraceSample(1, QUESTIONABLE, (92.25, None)),
    ]
    part = trace(rows=pack(rows, 2), offset_us=MIDNIGHT_US, also=("ev-2",), follows="restart")
    assert trace_to_json(part) == {
        "event": "ev-1", "also": ["ev-2"], "meter": "tx1", "kind": "sag", "start": "2026-11-23T00:00:00.000000Z",
        "part": 1, "gap_before": "restart", "t_s": [-5.0, 0.000001], "questionable": [1], "lost_s": [-4.9],
        "values": {"voltage_l1": [230.0, 92.25], "current_l1": [1.5, None]},
    }  # fmt: skip


def test_the_last_part_says_how_many_there_are_and_whether_the_end_is_missing():
    assert "of" not in trace_to_json(trace(3))
    assert trace_to_json(trace(3, closing="complete"))["of"] == 3
    assert "cut" not in trace_to_json(trace(3, closing="complete"))
    cut = trace_to_json(trace(3, closing="cut"))
    assert (cut["of"], cut["cut"]) == (3, True)


def test_a_reading_of_one_look_is_written_as_any_other():
    row = {"voltage_l1": 230.1, "current_l1": -0.0, "active_power_total": 1e-07, "frequency": 50}
    one = Reading('tx "ä"', MIDNIGHT_US, 0.1, "questionable", ("clock", "stale"), row, row, row)
    same = replace(one, min=dict(row), max=dict(row))
    assert reading_text(one) == compact(reading_to_json(one)) == reading_text(same)
    other = replace(one, max=row | {"voltage_l1": 231.0})
    assert json.loads(reading_text(other))["max"]["voltage_l1"] == 231.0
    broken = {"voltage_l1": float("nan")}
    with pytest.raises(ValueError, match="JSON"):
        reading_text(replace(one, values=broken, min=broken, max=broken))
