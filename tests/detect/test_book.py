"""Changes become revisions; a restart takes open events up again; a clock step changes no duration."""

from dataclasses import dataclass, replace

import pytest
from looks import L1, U, every, look, rules, run, s

from agent.clock import Clock
from agent.detect.book import Book, MeterFacts, id_maker, orphans
from agent.detect.changes import Change, Figure, Span
from agent.detect.comms import COMMS_INITIAL, answered, comms, missed
from agent.detect.opening import unheard
from agent.detect.resume import proven_until_us
from agent.detect.thresholds import Rules
from agent.detect.voltage import Look, open_kinds
from agent.records import ClockState, Event, Reading
from agent.wire import event_from_json, event_to_json

GOOD = (1.0, 1.0, 1.0)
IEC = rules()
NOON_US = 1_790_000_000_000_000
SURE = ClockState(True, 0.01)


@dataclass
class FakeClock:
    """Boot time plus an offset that a test may step."""

    offset_us: int = NOON_US
    state: ClockState = SURE

    def wall_us(self, at_boot_us: int) -> int:
        return at_boot_us + self.offset_us

    def from_wall_us(self, at_us: int) -> int:
        return at_us - self.offset_us


FACTS = MeterFacts(
    meter="tx1",
    rules=IEC,
    config="c0ffee",
    line="feeder-room",
    feeder="F12",
    path=("tx0",),
    customers=(182, 182),
    accuracy_pct=0.5,
    watch_s=0.1,
)


def _book(clock: FakeClock, epoch: str = "e1", facts: MeterFacts = FACTS) -> Book:
    return Book(facts, clock, id_maker("gw-01", epoch))


def _told(book: Book, changes: list[Change], at_s: float = 50.0) -> list[Event]:
    """Each revision reported on its own, at_s and every second after."""
    return [event for i, change in enumerate(changes) for event in book.revise((change,), s(at_s + i))]


def _events(*rows: tuple[float | None, ...], period_s: float = 0.1) -> list[Event]:
    return _told(_book(FakeClock()), run(every(period_s, *rows), IEC)[1])


def test_a_sag_in_full() -> None:
    opened, closed = _events(GOOD, (1, 0.5, 1), GOOD, period_s=1.0)
    assert closed == Event(
        id="gw-01-e1-1",
        kind="sag",
        revision=2,
        state="closed",
        scope="meter",
        basis="measured",
        reported_us=NOON_US + s(51.0),
        start_us=NOON_US + s(1.02),
        start_earliest_us=NOON_US + s(-0.3),
        end_us=NOON_US + s(2.02),
        end_earliest_us=NOON_US + s(0.7),
        duration_min_s=0.0,
        duration_max_s=2.32,
        meter="tx1",
        line="feeder-room",
        feeder="F12",
        path=("tx0",),
        evidence=("l2 down to 115.0 V: below 90% of 230 V",),
        voltage_basis="ln",
        reference_v=230.0,
        reference="declared",
        residual_v=115.0,
        residual_pct=50.0,
        extreme_by_channel={"voltage_l1": U, "voltage_l2": 115.0, "voltage_l3": U},
        channels=("voltage_l2",),
        phases=("l2",),
        accuracy_pct=0.5,
        window_s=0.2,
        watch_s=0.1,
        clock=ClockState(True, 0.01),
        profile="iec",
        config="c0ffee",
        customers=(182, 182),
        classes=closed.classes,
    )
    assert set(closed.classes) > {"en50160", "ieee1159", "itic", "semi_f47"}
    assert opened.classes == {}
    assert (opened.revision, opened.state, opened.end_us, opened.duration_max_s) == (1, "open", None, None)
    assert (opened.id, opened.start_us) == (closed.id, closed.start_us)


def test_the_clock_of_the_agent_is_one_the_book_can_use() -> None:
    clock = Clock(boot_us=lambda: s(60), wall_us=lambda: NOON_US + s(60))
    book = Book(FACTS, clock, id_maker("gw-01", "e1"))
    (opened,) = book.revise(run(every(1.0, GOOD, (1, 0.4, 1)), IEC)[1], s(2))
    assert (opened.start_us, opened.reported_us) == (NOON_US + s(1.02), NOON_US + s(2))


def test_revisions_survive_the_contract_json() -> None:
    for event in _events(GOOD, (1, 0.4, 1), (0, 0, 0), GOOD, (1.2, 1, 1), GOOD):
        assert event_from_json(event_to_json(event)) == event


def test_a_swell_has_a_peak_and_no_residual() -> None:
    _, closed = _events(GOOD, (1.2, 1, 1), GOOD)
    assert closed.peak_v == pytest.approx(276.0)
    assert closed.peak_pct == pytest.approx(120.0)
    assert (closed.residual_v, closed.residual_pct) == (None, None)


def test_ids_are_shared_out_over_all_meters_of_a_run() -> None:
    next_id = id_maker("gw-01", "e7")
    books = [Book(replace(FACTS, meter=name), FakeClock(), next_id) for name in ("a", "b")]
    changes = run(every(0.1, GOOD, (0.5, 1, 1)), IEC)[1]
    ids = [event.id for book in books for event in book.revise(changes, 0)]
    assert ids == ["gw-01-e7-1", "gw-01-e7-2"]


def test_parent_is_an_id() -> None:
    sag, loss, _, sag_closed = _events(GOOD, (0.5, 0.5, 0.5), (0, 0, 0), GOOD)
    assert (loss.kind, loss.parent) == ("supply_loss", sag.id)
    assert (sag_closed.id, sag_closed.state) == (sag.id, "closed")


def test_a_phase_loss_takes_over_the_start_of_the_sag_even_if_the_clock_was_set_since() -> None:
    clock = FakeClock(state=ClockState(False, None))
    book = _book(clock)
    looks = every(0.5, GOOD, *[(0.1, 1, 1)] * 12)
    state, first = run(looks[:5], IEC)
    (sag,) = book.revise(first, s(2))
    clock.offset_us, clock.state = NOON_US + s(3600), ClockState(True, 0.01)
    _, more = run(looks[5:], IEC, state)
    loss, retracted = book.revise(more, s(6))
    assert (loss.kind, loss.supersedes) == ("phase_loss", (sag.id,))
    assert (loss.start_us, loss.start_earliest_us) == (sag.start_us, sag.start_earliest_us)
    assert loss.clock.synced is False
    assert (retracted.id, retracted.state, retracted.revision) == (sag.id, "retracted", 2)
    assert (retracted.end_us, retracted.duration_max_s) == (None, None)
    assert "turned out to be a phase_loss" in retracted.evidence
    assert book.open_events == (loss,)


# Oracle j.
@pytest.mark.parametrize("step_s", [-3600, 3600])
def test_a_clock_step_changes_no_duration_and_no_start(step_s: int) -> None:
    clock = FakeClock()
    book = _book(clock)
    changes = run(every(1.0, GOOD, (1, 0.4, 1), (1, 0.4, 1), (1, 0.4, 1), (1, 0.4, 1), GOOD), IEC)[1]
    (opened,) = book.revise(changes[:1], s(1))
    clock.offset_us += s(step_s)
    (closed,) = book.revise(changes[1:], s(5))
    assert closed.start_us == opened.start_us
    assert (closed.duration_min_s, closed.duration_max_s) == pytest.approx((3 - 0.3 - 0.02, 5.02 + 0.3), abs=1e-5)
    assert closed.end_us == NOON_US + s(5.02 + step_s)


def test_the_clock_of_an_event_is_the_worst_it_was_told_by() -> None:
    clock = FakeClock(state=ClockState(None, None))
    book = _book(clock)
    changes = run(every(0.1, GOOD, (1, 0.4, 1), GOOD), IEC)[1]
    book.revise(changes[:1], 0)
    clock.state = ClockState(True, 0.01)
    assert book.revise(changes[1:], 0)[0].clock == ClockState(None, None)


def test_an_event_open_at_start_says_that_its_start_is_not_known() -> None:
    (opened,) = _events((1, 0.4, 1))
    assert opened.open_at_start
    assert opened.evidence[-1] == "already there at the first reading: the true start is earlier and not known"


def _silence(count: int) -> tuple[list[Change], object]:
    state, changes = answered(COMMS_INITIAL, 0, s(0.05))
    told = list(changes)
    for i in range(count):
        state, more = missed(state, s(1 + i), s(0.5 + i), "silent")
        told += more
    return told, state


def test_silence_has_no_voltage_and_concerns_nobody_for_sure() -> None:
    changes, _ = _silence(3)
    (lost,) = _told(_book(FakeClock()), changes)
    assert (lost.kind, lost.scope, lost.basis, lost.evidence) == ("comms_loss", "meter", "measured", ("silent x3",))
    assert (lost.start_us, lost.start_earliest_us) == (NOON_US + s(1), NOON_US + s(0.05))
    body = event_to_json(lost).keys()
    assert lost.customers == (0, 182)
    assert body.isdisjoint({"voltage_basis", "reference_v", "residual_v", "window_s", "channels"})
    assert (lost.profile, lost.config, lost.watch_s, lost.line) == ("iec", "c0ffee", 0.1, "feeder-room")


def test_whose_loss_was_measured_before_it_falls_silent_is_counted_there_alone() -> None:
    changes, _ = _silence(3)
    (lost,) = _told(_book(FakeClock()), changes)
    measured = replace(lost, id="loss", kind="supply_loss", customers=(182, 182))
    assert unheard(lost, FACTS, [measured]).customers == (0, 0)
    assert unheard(lost, FACTS, [replace(measured, kind="sag")]).customers == (0, 182)
    assert unheard(measured, FACTS, []) is measured


def _restart(events: tuple[Event, ...], facts: MeterFacts = FACTS, later_s: float = 100.0):  # type: ignore[no-untyped-def]
    """Another boot: its clock begins anew, the wall clock goes on."""
    clock = FakeClock(offset_us=NOON_US + s(later_s))
    book = _book(clock, "e2", facts)
    return book, book.resume(events)


def _open_now(*rows: tuple[float, ...]) -> tuple[Event, ...]:
    book = _book(FakeClock())
    _told(book, run(every(0.5, *rows), IEC)[1])
    return book.open_events


def test_after_a_restart_the_first_good_look_closes_the_sag() -> None:
    (sag,) = _open_now(GOOD, (1, 0.4, 1))
    book, again = _restart((sag,))
    state, changes = run([look(7.0, *GOOD)], IEC, again.voltage)
    (closed,) = book.revise(changes, s(7.1))
    assert (closed.id, closed.revision, closed.state) == (sag.id, sag.revision + 1, "closed")
    assert (closed.start_us, closed.start_earliest_us) == (sag.start_us, sag.start_earliest_us)
    assert closed.end_us == NOON_US + s(107.02)
    assert closed.end_earliest_us == sag.start_earliest_us
    assert closed.duration_min_s == 0.0
    # From the earliest start to the end, and the clock's uncertainty on both sides of the restart.
    assert closed.duration_max_s == pytest.approx(107.02 + 0.3 + 0.02)
    assert closed.evidence[-1].startswith("the agent restarted inside it")
    assert closed.residual_v == pytest.approx(92.0)
    assert open_kinds(state) == frozenset()


def test_after_a_restart_a_voltage_still_bad_goes_on_under_the_same_id() -> None:
    (sag,) = _open_now(GOOD, (1, 0.4, 1))
    book, again = _restart((sag,))
    state, changes = run([look(7.0, 1, 0.39, 1)], IEC, again.voltage)
    assert changes == []
    _, changes = run([look(8.0, *GOOD)], IEC, state)
    (closed,) = book.revise(changes, s(8.1))
    assert closed.id == sag.id
    assert closed.end_earliest_us == NOON_US + s(100 + 7.0 - 0.3)
    assert closed.residual_v == pytest.approx(0.39 * U)


@pytest.mark.parametrize(
    "volts", [(None, None, None), (U, None, U)], ids=["nothing read", "the sagging channel not read"]
)
def test_a_resumed_sag_waits_for_the_channel_that_sagged(volts: tuple[float | None, ...]) -> None:
    _, again = _restart(_open_now(GOOD, (1, 0.4, 1)))
    state, changes = run([Look(s(7), s(7.02), volts)], IEC, again.voltage)
    assert changes == []
    assert open_kinds(state) == {"sag"}


def test_after_a_restart_a_supply_loss_keeps_its_parent() -> None:
    sag, loss = _open_now(GOOD, (0.5, 0.5, 0.5), (0, 0, 0))
    book, again = _restart((sag, loss))
    state, _ = run([look(7.0, 0, 0, 0)], IEC, again.voltage)
    assert open_kinds(state) == {"sag", "supply_loss"}
    closed = book.revise(run([look(8.0, *GOOD)], IEC, state)[1], s(8))
    assert [(event.id, event.state, event.parent) for event in closed] == [
        (loss.id, "closed", sag.id),
        (sag.id, "closed", None),
    ]


def test_a_resumed_sag_can_still_turn_out_to_be_a_phase_loss() -> None:
    (sag,) = _open_now(GOOD, (0.1, 1, 1))
    book, again = _restart((sag,))
    _, changes = run(every(0.5, *[(0.1, 1, 1)] * 12), IEC, again.voltage)
    loss, retracted = book.revise(changes, s(6))
    assert (loss.id, loss.supersedes, loss.start_us) == ("gw-01-e2-1", (sag.id,), sag.start_us)
    assert loss.channels == ("voltage_l1",)
    assert (retracted.id, retracted.state) == (sag.id, "retracted")
    assert loss.evidence[-1].startswith("the agent restarted inside it")


def test_after_a_restart_the_first_reply_ends_a_silence() -> None:
    changes, _ = _silence(4)
    (lost,) = _told(_book(FakeClock()), changes)
    book, again = _restart((lost,))
    assert comms(again.comms) == "lost"
    _, more = answered(again.comms, s(1.0), s(1.05))
    (closed,) = book.revise(more, s(1.1))
    assert (closed.id, closed.revision, closed.state) == (lost.id, 2, "closed")
    assert closed.duration_min_s == 0.0
    assert closed.duration_max_s == pytest.approx(101.05 - 0.05 + 0.02)


def test_a_wall_clock_set_back_across_the_restart_gives_no_negative_duration() -> None:
    (sag,) = _open_now(GOOD, (1, 0.4, 1))
    book, again = _restart((sag,), later_s=-3600.0)
    (closed,) = book.revise(run([look(7.0, *GOOD)], IEC, again.voltage)[1], s(7))
    assert (closed.duration_min_s, closed.duration_max_s) == (0.0, None)


def test_nothing_open_nothing_resumed() -> None:
    book, again = _restart(())
    assert run([look(0.0, *GOOD)], IEC, again.voltage)[1] == []
    assert (again.comms, again.orphans, book.open_events) == (COMMS_INITIAL, (), ())


def test_what_cannot_be_continued_is_handed_back() -> None:
    (sag,) = _open_now(GOOD, (1, 0.4, 1))
    rewired = replace(FACTS, rules=rules(channels=1))
    book, again = _restart((sag, replace(sag, meter="another")), rewired)
    assert (again.orphans, book.open_events) == ((sag,), ())
    twice = (sag, replace(sag, id="later"))
    assert [event.id for event in _restart(twice)[1].orphans] == [sag.id]


def test_open_events_of_meters_that_are_gone_are_orphans() -> None:
    (sag,) = _open_now(GOOD, (1, 0.4, 1))
    assert orphans((sag,), {"tx1"}) == ()
    assert orphans((sag,), {"tx2"}) == (sag,)
    assert orphans((replace(sag, scope="gateway", meter=None),), {"tx2"}) == ()


def test_the_index_of_a_channel_and_its_network_phase_may_differ() -> None:
    swapped = replace(IEC, phases=("l3", "l1", "l2"))
    book = _book(FakeClock(), facts=replace(FACTS, rules=swapped))
    changes = run(every(0.1, GOOD, (0.4, 1, 1)), swapped)[1]
    (opened,) = book.revise(changes, 0)
    assert changes[0].crossed == (L1,)
    assert (opened.channels, opened.phases) == (("voltage_l1",), ("l3",))


def test_a_sliding_reference_is_recorded_as_it_stood() -> None:
    slid = replace(IEC, reference="sliding", basis="ll")
    book = _book(FakeClock(), facts=replace(FACTS, rules=slid))
    now = replace(slid, reference_v=0.95 * U, declared_v=U)
    (opened,) = book.revise(run(every(0.1, GOOD, (0.8, 1, 1)), now)[1], 0)
    assert (opened.reference, opened.reference_v) == ("sliding", 0.95 * U)
    assert opened.residual_pct == pytest.approx(100 * 0.8 / 0.95)
    assert "below 90% of 218.5 V (sliding)" in opened.evidence[0]
    assert _restart((opened,), replace(FACTS, rules=slid))[1].reference_v == 0.95 * U


def test_an_event_that_could_not_be_resumed_by_its_kind_is_handed_back() -> None:
    (sag,) = _open_now(GOOD, (1, 0.4, 1))
    step = replace(sag, id="step", kind="rapid_change")
    assert _restart((step,))[1].orphans == (step,)


def test_what_proves_a_resumed_event_is_judged_by_its_own_reference() -> None:
    (sag,) = _open_now(GOOD, (1, 0.4, 1))
    slid = replace(sag, reference="sliding", reference_v=0.95 * U)
    kept = Reading("tx1", sag.start_us + s(20), 10.0, "good", (), {}, max={"voltage_l2": 0.87 * U})
    assert proven_until_us(sag, [kept], IEC) == sag.start_us + s(10)
    assert proven_until_us(slid, [kept], IEC) is None


# What verdicts rest on beside the voltages.


def _sag_of(facts: MeterFacts, by: Rules, pu: float, for_s: float) -> Event:
    looks = every(0.1, *[GOOD] * 5, *[(1, pu, 1)] * round(for_s * 10), *[GOOD] * 10)
    return _told(_book(FakeClock(), facts=facts), run(looks, by)[1])[-1]


@pytest.mark.parametrize(
    ("meter_pct", "vt_pct", "known_pct", "reckoned_pct", "words"),
    [
        (0.5, 0.0, 0.5, 0.5, 0), (0.5, 0.2, 0.7, 0.7, 0), (None, 0.0, None, 2.0, 1), (None, 0.5, None, 2.5, 1),
        (0.5, None, None, 3.5, 1), (None, None, None, 5.0, 2),
    ],
)  # fmt: skip
def test_meter_and_transformer_count_together_and_what_is_not_known_is_said(
    meter_pct: float | None, vt_pct: float | None, known_pct: float | None, reckoned_pct: float, words: int
) -> None:
    facts = replace(FACTS, accuracy_pct=meter_pct, vt_error_pct=vt_pct)
    event = _sag_of(facts, IEC, 0.4, 2.0)
    assert facts.accuracy.reckoned_pct == pytest.approx(reckoned_pct)
    assert event.accuracy_pct == (None if known_pct is None else pytest.approx(known_pct))
    assert sum("verdicts reckon with" in said for said in event.evidence) == words


def test_the_accuracy_of_a_meter_that_is_not_known_takes_a_narrow_verdict_away() -> None:
    fast = rules(window_s=0.02, age_s=0.02)
    assert _sag_of(replace(FACTS, rules=fast, accuracy_pct=0.2), fast, 0.79, 12.0).classes["itic"] == "violates"
    unknown = _sag_of(replace(FACTS, rules=fast, accuracy_pct=None), fast, 0.79, 8.0)
    assert unknown.classes["itic"] == "undecided"
    assert "the meter's accuracy is not known: verdicts reckon with 2 %" in unknown.evidence


@pytest.mark.parametrize(("slid", "pu", "word"), [(1.06, 0.735, "undecided"), (0.94, 0.66, "violates")])
def test_curves_and_cells_know_only_the_declared_voltage(slid: float, pu: float, word: str) -> None:
    """73.5 % of the declared voltage is 69.3 % of a reference of 106 %; 66 % is 70.2 % of one of 94 %."""
    by = replace(rules(window_s=0.02, age_s=0.02), reference="sliding", reference_v=slid * U, declared_v=U)
    facts = replace(FACTS, rules=replace(by, reference_v=U, declared_v=None), accuracy_pct=0.1)
    event = _sag_of(facts, by, pu, 0.4)
    assert event.reference_v == slid * U
    assert event.residual_pct == pytest.approx(100 * pu / slid)
    assert event.classes["itic"] == word


def test_unbalance_says_after_a_restart_what_it_said_before() -> None:
    figure = Figure("iec_u2", 2.606, 2.56)
    change = Change(
        action="open", detector="voltage", key=1, kind="unbalance", span=Span(s(60), s(0)), figure=figure,
        extremes=(230.0, 228.0, 214.0), crossed=(0, 1, 2),
    )  # fmt: skip
    (opened,) = _book(FakeClock()).revise((change,), s(60))
    book, again = _restart((event_from_json(event_to_json(opened)),))
    (track,) = again.slow
    assert track.figure == figure
    span = Span(s(-40), s(-100)).ended(s(60), s(0))
    (closed,) = book.revise((replace(change, action="close", span=span, figure=track.figure),), s(60))
    assert closed.evidence[0] == opened.evidence[0]
    assert "NEMA 2.56 %" in closed.evidence[0]
    assert (closed.unbalance_method, closed.unbalance_nema_pct) == ("iec_u2", 2.56)


def test_a_complete_sum_of_missing_energy_bounds_the_duration_from_below() -> None:
    """One window of 1 s that shows half the voltage: 0.69 s of it were below 90 %, had they been without any."""
    slow = rules(window_s=1.0, age_s=1.0)
    span = Span(s(10), s(8)).ended(s(11), s(8))
    change = Change(
        action="open", detector="voltage", key=1, kind="sag", span=Span(s(10), s(8)), extremes=(U, U / 2, U),
        crossed=(1,),
    )  # fmt: skip
    for energy_s, shortest_s in ((None, 0.0), (0.75, 1 - (0.505 / 0.9) ** 2)):
        book = _book(FakeClock(), facts=replace(FACTS, rules=slow))
        book.revise((change,), s(10))
        (closed,) = book.revise((replace(change, action="close", span=span, sag_energy_s=energy_s),), s(11))
        assert closed.duration_min_s == pytest.approx(shortest_s)
