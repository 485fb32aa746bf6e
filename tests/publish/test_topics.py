import json

import pytest
from samples import MIDNIGHT_US, event, reading, status

from agent.publish.topics import (
    Session,
    event_message,
    reading_message,
    state_message,
    status_message,
    topic_prefix,
)

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


def test_a_status_is_retained() -> None:
    message = status_message(PREFIX, status(supply="dead", open_events=("ev-1",)))
    assert (message.topic, message.retain) == ("lamplighter/dashi/gw-01/tx1/status", True)
    body = json.loads(message.payload)
    assert (body["supply"], body["open_events"]) == ("dead", ["ev-1"])


def test_a_value_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        reading_message(PREFIX, reading(values={"voltage_l1": float("nan")}))
