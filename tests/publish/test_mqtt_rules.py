import json
from dataclasses import replace

import pytest
from samples import MIDNIGHT_US, entries, event, health, incident, interval, reading, status, trace

from agent.publish.forwarder import ACCEPT
from agent.publish.mqtt_rules import encode, essence, judge, ping_s
from agent.publish.topics import Message
from agent.records import Gap

MESSAGE = Message("lamplighter/dashi/gw-01/tx1/event", b"{}")


def test_whatever_the_journal_holds_becomes_a_message_of_its_topic() -> None:
    encoded = [encode("p", entry) for entry in entries(reading(), event(), trace(), incident(), Gap(1, 2, "full", 0))]
    topics = ["p/tx1/reading", "p/tx1/event", "p/tx1/trace", "p/incident", "p/gap"]
    assert [one.topic for one in encoded if isinstance(one, Message)] == topics


def test_what_is_for_databases_alone_is_passed_over() -> None:
    assert [encode("p", entry) for entry in entries(interval(), health())] == [ACCEPT, ACCEPT]


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


def test_what_fails_for_no_clear_reason_is_refused_for_good_after_five_times() -> None:
    for code in (0x80, 0x83):
        assert [judge(MESSAGE, code, tries).action for tries in (1, 4, 5)] == ["keep", "keep", "reject"]
    assert [judge(MESSAGE, code, 100).action for code in (0x87, 0x91, 0x97)] == ["keep"] * 3


def test_a_silent_broker_is_noticed_within_one_and_a_half_keep_alives() -> None:
    paho_looks_every_s = 1.0
    for alive_s in (4, 10, 60):
        assert 2 * (ping_s(alive_s) + paho_looks_every_s) <= 1.5 * alive_s


def test_what_is_not_stored_yet_says_so_and_whose_word_it_is() -> None:
    unstored = replace(entries(event())[0], durable=False)
    told = [json.loads(one.payload) for one in (encode("p", unstored, "s-2"), encode("p", *entries(event()), "s-2"))]
    assert [(one.get("durable"), one["session"]) for one in told] == [(False, "s-2"), (None, "s-2")]
