"""What a dark time has still to tell, as text and back."""

import pytest

from agent.dark_state import Awaited, Before, Collected, Past, awaited_of, collected_of, collected_text
from agent.outage import Counters, Dark, Sign, Steps
from agent.records import ClockState

STEPS = {"tx1": Steps(10.0), "tx2": Steps(1.0, 0.01)}
BEFORE = {
    "tx1": Before(Counters(5, 10.0, 1e6, None, 4000.0), STEPS["tx1"], ("silence-7",)),
    "tx2": Before(Counters(6, 1.0, None, 7.5), STEPS["tx2"], (), ("outage-0",), 60_000_000, 1.5),
}
SIGN = Sign(100, 65, "b1", ClockState(True, 0.5))
FOUND = Dark(100, 165, 400_000_165, 460_000_000, 1.0)


@pytest.mark.parametrize("found", [FOUND, None])
def test_what_is_awaited_comes_back_as_it_was(found: Dark | None) -> None:
    awaited = Awaited("b2", SIGN, False, "outage-1", found, 3_600, BEFORE)
    assert awaited_of(awaited.text(), STEPS) == awaited


def test_a_meter_that_the_site_has_no_longer_is_not_awaited() -> None:
    awaited = Awaited("b2", SIGN, False, "outage-1", FOUND, 3_600, BEFORE)
    again = awaited_of(awaited.text(), {"tx2": STEPS["tx2"]})
    assert again is not None
    assert set(again.before) == {"tx2"}


@pytest.mark.parametrize("text", [None, "", "nonsense", "[]", "{}", "5", '{"sign":[1,2]}', '{"sign":null}'])
def test_a_text_that_is_none_awaits_nothing(text: str | None) -> None:
    assert awaited_of(text, STEPS) is None


@pytest.mark.parametrize("text", [None, "", "nonsense", "{}", "[]", "5", "[[1],[]]", "[[],[[1]]]"])
def test_a_text_that_is_none_has_collected_nothing(text: str | None) -> None:
    assert collected_of(text) == ((), ())


def test_the_next_dark_time_takes_over_who_is_awaited_with_the_time_between() -> None:
    carried = Awaited("b2", SIGN, False, "outage-1", FOUND, 3_600, BEFORE).carried()
    assert (carried["tx1"].outages, carried["tx1"].dark_us, carried["tx1"].slack_s) == (("outage-1",), 400_000_000, 1.0)
    assert (carried["tx2"].outages, carried["tx2"].dark_us) == (("outage-0", "outage-1"), 460_000_000)
    assert carried["tx2"].slack_s == 2.5
    unplaced = Awaited("b2", SIGN, False, "", None, 3_600, BEFORE).carried()
    assert unplaced == BEFORE


def test_what_was_collected_comes_back_as_it_was() -> None:
    collected = (Collected("outage-1", {"tx1": "loss-1"}, ("tx2",), 1.0, True, ("loss-1",)), Collected("outage-2"))
    past = (Past("incident-1", "outage-1"),)
    assert collected_of(collected_text(collected, past)) == (collected, past)
    assert collected_text((), ()) == ""
