import json

import pytest
from samples import MIDNIGHT_US, event, incident, reading, status, trace

from agent.detect.ring import ROWS
from agent.publish.topics import (
    Session,
    event_message,
    gap_message,
    incident_message,
    reading_message,
    state_message,
    status_message,
    topic_prefix,
    trace_message,
)
from agent.records import Gap
from agent.trace_rows import GOOD, TraceSample, pack

PREFIX = topic_prefix("dashi", "gw-01")


def test_the_prefix_names_site_and_gateway() -> None:
    assert PREFIX == "lamplighter/dashi/gw-01"


def test_the_state_is_retained_and_names_its_session() -> None:
    message = state_message(PREFIX, "online", Session("s-1", MIDNIGHT_US, "0.1.0"))
    assert message.topic == "lamplighter/dashi/gw-01/state"
    assert message.retain
    assert message.payload == (
        b'{"state":"online","session":"s-1","session_start":"2026-11-23T00:00:00.000000Z","version":"0.1.0"}'
    )


def test_a_reading_goes_to_its_meter_and_is_not_retained() -> None:
    message = reading_message(PREFIX, reading())
    assert (message.topic, message.retain) == ("lamplighter/dashi/gw-01/tx1/reading", False)
    body = json.loads(message.payload)
    assert body["time"] == "2026-11-23T00:00:00.000000Z"
    assert body["min"] == {"voltage_l1": 229.5}


def test_an_event_speaks_utf8() -> None:
    message = event_message(PREFIX, event(evidence=("Phase L1 – 40 % während",)))
    assert "– 40 % während".encode() in message.payload


def test_an_incident_stands_under_the_gateway_and_is_said_once() -> None:
    message = incident_message(PREFIX, incident())
    assert (message.topic, message.retain) == ("lamplighter/dashi/gw-01/incident", False)
    body = json.loads(message.payload)
    named = ("id", "revision", "state", "cause", "node", "confidence", "dead", "alive", "unknown", "customers")
    assert [body[key] for key in named] == [
        "in-1", 1, "open", "supply_loss", "tx-17", 0.75, ["tx1", "tx2"], ["tx0"], ["tx3"], [180, 240],
    ]  # fmt: skip


def test_a_status_is_retained() -> None:
    message = status_message(PREFIX, status(supply="dead", open_events=("ev-1",)))
    assert (message.topic, message.retain) == ("lamplighter/dashi/gw-01/tx1/status", True)
    body = json.loads(message.payload)
    assert (body["supply"], body["open_events"]) == ("dead", ["ev-1"])


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        reading_message(PREFIX, reading(values={"voltage_l1": float("nan")}))


def test_a_part_of_a_trace_goes_to_its_meter_and_says_where_it_belongs() -> None:
    message = trace_message(PREFIX, trace(part=2, closing="complete"))
    assert (message.topic, message.retain) == ("lamplighter/dashi/gw-01/tx1/trace", False)
    body = json.loads(message.payload)
    assert (body["event"], body["part"], body["of"]) == ("ev-1", 2, 2)
    assert body["values"] == {"voltage_l1": [92.25, 93.25, 94.25], "current_l1": [1.5, 1.5, 1.5]}


def test_a_gap_says_how_much_was_dropped_unsent_and_why() -> None:
    message = gap_message(PREFIX, Gap(10, 19, "evicted", MIDNIGHT_US), "s-1")
    assert (message.topic, message.retain) == ("lamplighter/dashi/gw-01/gap", False)
    assert json.loads(message.payload) == {
        "seq_lo": 10,
        "seq_hi": 19,
        "dropped": 10,
        "reason": "evicted",
        "time": "2026-11-23T00:00:00.000000Z",
        "session": "s-1",
    }


def test_no_message_is_longer_than_what_brokers_take() -> None:
    """Numbers as long as they get; AWS takes 128 KiB, Azure 256."""
    names = ("voltage_l1_l2", "voltage_l2_l3", "voltage_l3_l1", "current_l1", "current_l2", "current_l3")
    rows = [TraceSample(-(10**11) + n * 20_001, GOOD, (-1.234567e-12,) * 6) for n in range(ROWS)]
    message = trace_message(PREFIX, trace(columns=names, rows=pack(rows, 6), offset_us=MIDNIGHT_US))
    assert len(message.payload) < 36_000
    usual = [TraceSample(n * 50_123, GOOD, (229.8762,) * 3 + (104.3345,) * 3) for n in range(ROWS)]
    message = trace_message(PREFIX, trace(columns=names, rows=pack(usual, 6), offset_us=MIDNIGHT_US))
    assert len(message.payload) < 20_480
