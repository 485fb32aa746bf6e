import pytest
from samples import MIDNIGHT_US, entries, event, incident, reading, status, trace

from agent.publish.forwarder import ACCEPT
from agent.publish.mqtt_rules import encode, essence, judge
from agent.publish.topics import Message
from agent.records import Gap

MESSAGE = Message("lamplighter/dashi/gw-01/tx1/event", b"{}")


def test_readings_and_events_become_messages_and_a_gap_is_passed_over() -> None:
    encoded = [encode("p", entry) for entry in entries(reading(), event(), trace(), incident(), Gap(1, 2, "full", 0))]
    topics = ["p/tx1/reading", "p/tx1/event", "p/tx1/trace", "p/incident"]
    assert [one.topic for one in encoded if isinstance(one, Message)] == topics
    assert encoded[4] == ACCEPT


def test_what_cannot_be_written_as_json_is_rejected_with_the_reason() -> None:
    (bad,) = entries(reading(values={"voltage_l1": float("inf")}))
    verdict = encode("p", bad)
    assert not isinstance(verdict, Message)
    assert (verdict.action, "JSON" in verdict.reason) == ("reject", True)


@pytest.mark.parametrize(
    ("code", "action"),
    [
        (0x00, "accept"),  # also what 3.1.1 always says
        (0x10, "accept"),  # nobody listens
        (0x80, "keep"),
        (0x87, "keep"),
        (0x90, "reject"),
        (0x97, "keep"),
        (0x99, "reject"),
        (None, "keep"),
    ],
)
def test_only_an_acknowledgement_of_success_accepts(code: int | None, action: str) -> None:
    assert judge(MESSAGE, code).action == action


def test_a_refused_right_names_the_topic() -> None:
    assert "lamplighter/dashi/gw-01/tx1/event" in judge(MESSAGE, 0x87).reason


def test_a_later_good_reply_is_no_change_of_status() -> None:
    assert essence(status()) == essence(status(last_good_us=MIDNIGHT_US + 1))
    assert essence(status()) != essence(status(supply="dead"))
