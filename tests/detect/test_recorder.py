"""When a trace begins, what it takes, how it ends; in instants of our own."""

from dataclasses import replace
from itertools import pairwise

import pytest
from drawn import drawn
from hypothesis import given
from hypothesis import strategies as st
from samples import event

from agent.detect.recorder import ALLOWANCE_ROWS, Recorder
from agent.detect.ring import ROWS
from agent.records import Event, Trace
from agent.trace_rows import GOOD, LOST, count, samples

SECOND = 1_000_000
OFFSET = 1_700_000_000 * SECOND


class Wall:
    def wall_us(self, at_boot_us: int) -> int:
        return at_boot_us + OFFSET


class Meter:
    """One meter read every `every_s`; says what its recorder keeps."""

    def __init__(self, every_s: float = 0.1, now_s: float = 1000.0) -> None:
        self.recorder = Recorder("m", ("voltage_l1",), Wall())
        self.every_us = round(every_s * SECOND)
        self.now_us = round(now_s * SECOND)
        self.parts: list[Trace] = []
        self.given: list[int] = []

    def run(self, seconds: float, volts: float | None = 230.0) -> None:
        until_us = self.now_us + round(seconds * SECOND)
        while self.now_us + self.every_us <= until_us:
            self.look(volts)

    def look(self, volts: float | None, *events: Event) -> None:
        self.now_us += self.every_us
        self.given.append(self.now_us)
        if volts is None:
            self.recorder.lost(self.now_us)
        else:
            self.recorder.add(self.now_us, GOOD, (volts,))
        self.parts += self.recorder.told(events, self.now_us)
        self.parts += self.recorder.due(self.now_us)

    def opens(self, id_: str = "e1", volts: float = 92.0, kind: str = "sag") -> Event:
        opened = event(id=id_, kind=kind, state="open", start_us=self.now_us + self.every_us + OFFSET)
        self.look(volts, opened)
        return opened

    def closes(self, opened: Event, volts: float = 230.0, state: str = "closed") -> None:
        self.look(volts, replace(opened, state=state))

    def instants(self) -> list[float]:
        """Of every row kept, seconds of the boot clock."""
        return [(sample.at_us - OFFSET) / SECOND for part in self.parts for sample in samples(part)]


def test_a_sag_is_shown_from_5_s_before_it_to_10_s_after() -> None:
    meter = Meter()
    meter.run(60)
    begin_s = meter.now_us / SECOND + 0.1
    sag = meter.opens()
    meter.run(1.0, 92.0)
    meter.closes(sag)
    end_s = meter.now_us / SECOND
    meter.run(30)
    wanted = [us / SECOND for us in meter.given if begin_s - 5 <= us / SECOND <= end_s + 10]
    assert meter.instants() == pytest.approx(wanted)
    assert not meter.recorder.recording
    assert [part.part for part in meter.parts] == list(range(1, len(meter.parts) + 1))
    assert [part.closing for part in meter.parts] == [""] * (len(meter.parts) - 1) + ["complete"]
    assert {(part.event, part.kind, part.start_us) for part in meter.parts} == {("e1", "sag", sag.start_us)}


def test_a_meter_whose_trace_is_over_needs_no_more_memory_than_before() -> None:
    meter = Meter(every_s=1.0)
    meter.run(100)
    before = meter.recorder.size_bytes
    sag = meter.opens()
    meter.run(3, 92.0)
    assert meter.recorder.size_bytes > 4 * before
    meter.closes(sag)
    meter.run(30)
    assert meter.parts[-1].closing == "complete"
    assert meter.recorder.size_bytes == before


def test_a_meter_that_may_make_no_more_traces_takes_no_memory_for_one() -> None:
    meter = Meter(every_s=1.0)
    meter.run(100)
    before = meter.recorder.size_bytes
    meter.recorder._allowance = 0.0
    meter.recorder._allowed_us = meter.now_us
    meter.opens()
    assert not meter.parts
    assert meter.recorder.size_bytes == before


def test_what_was_before_leaves_at_once() -> None:
    meter = Meter()
    meter.run(60)
    meter.opens()
    (part,) = meter.parts
    assert count(part) == 51
    last = list(samples(part))[-1]
    assert (last.at_us, last.values) == (part.start_us, (92.0,))


def test_at_any_rate_the_sample_that_began_it_is_in_it() -> None:
    meter = Meter(0.001)
    meter.run(0.5)
    for _ in range(3):
        meter.closes(meter.opens(f"e{meter.now_us}"))
        meter.run(0.007)
    meter.run(17)
    begun = [sample for part in meter.parts for sample in samples(part) if sample.values == (92.0,)]
    assert len(begun) == 3


def test_then_a_part_leaves_every_10_s_so_that_a_kill_takes_no_more() -> None:
    meter = Meter()
    meter.run(10)
    meter.opens()
    begin = len(meter.instants())
    for _ in range(40):
        meter.run(1.0, 92.0)
        assert len(meter.given) - 100 + 51 - 1 - len(meter.instants()) <= 100
    assert len(meter.parts) == 5
    assert len(meter.instants()) == begin + 400


def test_events_inside_an_event_share_its_trace() -> None:
    meter = Meter()
    meter.run(10)
    sag = meter.opens()
    loss = meter.opens("e2", 0.0, "supply_loss")
    meter.run(2, 0.0)
    meter.closes(loss, 100.0)
    meter.run(2, 100.0)
    meter.closes(sag)
    meter.run(15)
    assert {part.event for part in meter.parts} == {"e1"}
    assert [id_ for part in meter.parts for id_ in part.also] == ["e2"]
    assert meter.parts[-1].closing == "complete"


def test_an_event_that_begins_before_the_10_s_are_over_goes_on_in_the_same_trace() -> None:
    meter = Meter()
    meter.run(10)
    meter.closes(meter.opens())
    meter.run(8)
    second = meter.opens("e2")
    meter.closes(second)
    end_s = meter.now_us / SECOND
    meter.run(15)
    assert {part.event for part in meter.parts} == {"e1"}
    assert meter.instants()[-1] == pytest.approx(end_s + 10)
    assert meter.instants() == sorted(set(meter.instants()))


def test_one_that_turns_out_to_be_another_kind_keeps_the_trace_going() -> None:
    meter = Meter()
    meter.run(10)
    sag = meter.opens()
    meter.run(5, 92.0)
    lost = event(id="e2", kind="phase_loss", state="open", start_us=sag.start_us)
    meter.look(92.0, lost, replace(sag, state="retracted"))
    meter.run(12, 92.0)
    assert meter.recorder.recording
    meter.closes(lost)
    meter.run(17)
    assert [id_ for part in meter.parts for id_ in part.also] == ["e2"]
    assert (meter.parts[-1].event, meter.parts[-1].closing) == ("e1", "complete")


def test_of_a_long_event_the_first_minute_and_the_end_are_kept_and_the_rest_is_said_to_be_missing() -> None:
    meter = Meter()
    meter.run(10)
    begin_s = meter.now_us / SECOND + 0.1
    loss = meter.opens(kind="supply_loss", volts=0.0)
    meter.run(3600, 0.0)
    meter.closes(loss)
    end_s = meter.now_us / SECOND
    meter.run(17)
    wanted = [
        us / SECOND
        for us in meter.given
        if begin_s - 5 <= us / SECOND <= begin_s + 60 or end_s - 5 <= us / SECOND <= end_s + 10
    ]
    assert meter.instants() == pytest.approx(wanted)
    assert [part.follows for part in meter.parts if part.follows] == ["omission"]
    assert sum(map(count, meter.parts)) < 850


def test_the_trace_of_a_sag_that_an_undervoltage_took_over_has_its_end() -> None:
    """It once stopped 10 s after the minute in which the sag became an undervoltage, 80 s before the end."""
    meter = Meter()
    meter.run(10)
    begin_s = meter.now_us / SECOND + 0.1
    sag = meter.opens(volts=176.0)
    meter.run(59, 176.0)
    under = event(id="e2", kind="undervoltage", state="open", start_us=sag.start_us, supersedes=(sag.id,))
    meter.look(176.0, under, replace(sag, state="retracted"))
    meter.run(90, 176.0)
    assert not meter.recorder.recording, "in the silent middle nothing has to be asked at every sample"
    meter.closes(under)
    end_s = meter.now_us / SECOND
    meter.run(17)
    instants = meter.instants()
    assert instants[-1] == pytest.approx(end_s + 10, abs=0.11)
    middle = [at_s for at_s in instants if begin_s + 60 < at_s < end_s - 5.05]
    assert middle == [], "its first minute is that of the sag"
    assert [part.closing for part in meter.parts if part.closing] == ["complete"]
    assert {part.event for part in meter.parts} == {sag.id}


@pytest.mark.parametrize("kind", ["undervoltage", "overvoltage"])
def test_what_is_told_by_the_minute_has_a_trace_too(kind: str) -> None:
    meter = Meter()
    meter.run(100)
    slow = meter.opens(kind=kind)
    meter.run(600)
    meter.closes(slow)
    meter.run(17)
    assert meter.parts[0].event == slow.id
    assert meter.parts[-1].closing == "complete"


@pytest.mark.parametrize("lasts_s", [58, 59.9, 60, 60.5, 63, 64.9, 65.5, 69, 70.5, 75])
def test_an_event_of_about_a_minute_is_kept_whole_or_has_a_gap_that_is_said(lasts_s: float) -> None:
    meter = Meter()
    meter.run(10)
    sag = meter.opens()
    meter.run(lasts_s, 92.0)
    meter.closes(sag)
    meter.run(17)
    instants = meter.instants()
    holes = [b - a for a, b in pairwise(instants) if b - a > 0.15]
    omitted = [part for part in meter.parts if part.follows == "omission"]
    assert len(holes) == len(omitted) <= (0 if lasts_s < 60 else 1)
    assert instants == sorted(set(instants))


def test_lost_replies_are_rows_without_values() -> None:
    meter = Meter()
    meter.run(10)
    sag = meter.opens()
    meter.run(0.3, None)
    meter.closes(sag)
    meter.run(17)
    lost = [sample for part in meter.parts for sample in samples(part) if sample.mark == LOST]
    assert [sample.values for sample in lost] == [(None,)] * 3


def test_a_kind_that_is_not_about_the_voltage_of_now_begins_none() -> None:
    meter = Meter()
    meter.run(10)
    meter.look(230.0, event(kind="comms_loss", state="open"))
    meter.look(230.0, event(id="e3", kind="sag", state="closed", basis="meter_log"))
    assert not meter.recorder.recording
    assert meter.parts == []


def test_a_contact_that_chatters_for_hours_is_cut_and_comes_again() -> None:
    meter = Meter(0.05)
    meter.run(10)
    number = 0
    while not any(part.closing == "cut" for part in meter.parts):
        number += 1
        meter.closes(meter.opens(f"e{number}"))
        meter.run(3)
        assert number < 500
    assert sum(map(count, meter.parts)) <= ALLOWANCE_ROWS * 1.3
    so_far = len(meter.parts)
    for _ in range(10):
        number += 1
        meter.closes(meter.opens(f"e{number}"))
        meter.run(3)
    assert len(meter.parts) == so_far
    lasting = meter.opens("lasting")
    meter.run(600)
    meter.look(90.0, replace(lasting, revision=2))  # news of an event that has no trace begins none
    assert len(meter.parts) == so_far
    meter.closes(lasting)
    meter.closes(meter.opens("later"))
    assert [part.event for part in meter.parts[so_far:]] == ["later"]


def test_a_meter_that_is_hardly_read_ends_with_the_sample_after() -> None:
    meter = Meter(20.0)
    meter.run(100)
    meter.closes(meter.opens())
    meter.run(60)
    assert [count(part) for part in meter.parts] == [1, 1, 1]
    assert [part.closing for part in meter.parts] == ["", "", "complete"]


@pytest.mark.parametrize("every_s", [0.02, 0.1, 1.0])
@pytest.mark.parametrize("apart_s", [9.0, 10.0, 12.0, 14.0])
def test_an_event_whose_5_s_before_lie_in_a_trace_shares_it(every_s: float, apart_s: float) -> None:
    meter = Meter(every_s)
    meter.run(8)
    meter.closes(meter.opens())
    meter.run(apart_s)
    meter.closes(meter.opens("e2"))
    meter.run(40)
    instants = [round(instant * SECOND) for instant in meter.instants()]
    assert instants == [us for us in meter.given if instants[0] <= us <= instants[-1]], "each once, without a gap"
    assert {part.event for part in meter.parts} == {"e1"}
    assert [id_ for part in meter.parts for id_ in part.also] == ["e2"]
    assert [part.closing for part in meter.parts].index("complete") == len(meter.parts) - 1


def test_an_event_that_begins_later_has_a_trace_of_its_own() -> None:
    meter = Meter()
    meter.run(8)
    meter.closes(meter.opens())
    meter.run(15)
    meter.closes(meter.opens("e2"))
    meter.run(40)
    assert [(part.event, part.closing) for part in meter.parts if part.closing] == [
        ("e1", "complete"), ("e2", "complete")
    ]  # fmt: skip
    instants = meter.instants()
    assert instants == sorted(set(instants))


def test_a_stop_when_all_of_a_trace_is_there_completes_it() -> None:
    meter = Meter()
    meter.run(8)
    meter.closes(meter.opens())
    meter.run(12)
    (last,) = meter.recorder.stop(meter.now_us)
    assert (last.closing, count(last)) == ("complete", 10)


def test_a_stop_inside_an_event_keeps_what_there_is_and_the_next_run_goes_on() -> None:
    meter = Meter()
    meter.run(10)
    sag = meter.opens()
    meter.run(4, 92.0)
    meter.parts += meter.recorder.stop(meter.now_us)
    assert meter.parts[-1].closing == ""
    again = Meter(now_s=7.0)  # after a reboot
    again.recorder.resume([sag], meter.parts, again.now_us)
    again.run(4, 92.0)
    again.closes(sag)
    again.run(17)
    parts = meter.parts + again.parts
    assert {part.event for part in parts} == {"e1"}
    assert [part.part for part in parts] == list(range(1, len(parts) + 1))
    assert [part.follows for part in parts if part.follows] == ["restart"]
    assert again.parts[-1].closing == "complete"
    assert len(again.instants()) == 40 + 1 + 100


def test_a_restart_inside_an_event_inside_another_goes_on_with_the_trace_of_the_first() -> None:
    meter = Meter()
    meter.run(10)
    sag = meter.opens()
    meter.run(1, 92.0)
    loss = meter.opens("e2", 0.0, "supply_loss")
    meter.run(25, 0.0)
    again = Meter(now_s=7.0)
    again.recorder.resume([loss, replace(sag, id="e0", kind="comms_loss")], meter.parts, again.now_us)
    again.closes(loss)
    again.run(17)
    assert (again.parts[0].event, again.parts[0].part) == ("e1", meter.parts[-1].part + 1)


def test_a_stop_after_an_event_says_that_it_was_cut() -> None:
    meter = Meter()
    meter.run(10)
    meter.closes(meter.opens())
    meter.run(4)
    (last,) = meter.recorder.stop(meter.now_us)
    assert (last.closing, count(last)) == ("cut", 41)
    assert meter.recorder.stop(meter.now_us) == ()


def test_a_restart_long_after_the_first_minute_waits_for_the_end() -> None:
    meter = Meter(now_s=5000.0)
    sag = event(state="open", start_us=meter.now_us + OFFSET - 600 * SECOND)
    meter.recorder.resume([sag], (), meter.now_us)
    meter.run(300, 92.0)
    assert meter.parts == []
    meter.closes(sag)
    meter.run(17)
    assert meter.instants()[0] == pytest.approx(5300.1 - 5)
    assert meter.parts[0].follows == "restart"


STEPS = st.lists(
    st.tuples(st.sampled_from(["open", "close", "calm", "lose"]), st.floats(min_value=0, max_value=90)),
    min_size=1,
    max_size=12,
)


@drawn(60)
@given(STEPS, st.sampled_from([0.02, 0.05, 0.3, 1.0, 7.0]))
def test_whatever_happens_parts_are_bounded_ordered_and_hold_only_what_was_given(
    steps: list[tuple[str, float]], every_s: float
) -> None:
    meter, opened, number = Meter(every_s), [], 0
    begins: list[int] = []
    meter.run(8)
    for what, seconds in steps:
        if what == "open":
            number += 1
            # A trace that has used up what is allowed is cut, wherever that is.
            whole = not meter.recorder.recording and meter.recorder._allowed(meter.now_us) >= 2 * ROWS
            begins += [meter.now_us + meter.every_us] if whole else []
            opened.append(meter.opens(f"e{number}"))
        elif what == "close" and opened:
            meter.closes(opened.pop())
        meter.run(seconds, None if what == "lose" else 200.0)
    for last in opened:
        meter.closes(last)
    meter.run(40)
    assert not meter.recorder.recording
    instants = [round(instant * SECOND) for instant in meter.instants()]
    assert instants == sorted(set(instants))
    assert set(instants) <= set(meter.given)
    assert all(0 < count(part) <= ROWS for part in meter.parts)
    for begin_us in begins:  # each trace has everything from 5 s before it to the first minute's end, or its own
        before = {us for us in meter.given if begin_us - 5 * SECOND <= us <= begin_us + 5 * SECOND}
        assert before <= set(instants)
