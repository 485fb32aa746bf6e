"""Which event a counter that moved belongs to: the table of `agent.detect.merging`, row by row."""

from dataclasses import replace

import pytest
from looks import rules, s
from samples import event

from agent.detect.changes import Span
from agent.detect.evidence import Finding, Latch, Move
from agent.detect.merging import Memory
from agent.records import Kind

SAG = Latch("sag_count_l1", "sag_count", "l1")


def memory(*known: tuple[str, Kind, float, float | None], basis: str = "measured") -> Memory:
    """(id, kind, start, end) in seconds; the end None while it is open."""
    made = Memory(rules(), lambda at_us: at_us, keeps=True)
    for name, kind, start_s, end_s in known:
        state = "open" if end_s is None else "closed"
        span = Span(s(start_s), s(start_s - 0.3))
        if end_s is not None:
            span = span.ended(s(end_s), s(end_s - 0.3))
        made.put(event(id=name, kind=kind, state=state, basis=basis, phases=("l1",)), span)
    return made


def counted(kind: Kind = "sag", count: int = 1) -> Finding:
    """Between a read at 30 s and one at 60 s."""
    return Finding(kind, (Move(SAG, 3, 3 + count, count, s(30), s(30), s(60)),))


def about(known: Memory, finding: Finding | None = None) -> list[str]:
    return [one.event.id for one in known.about(finding or counted())]


@pytest.mark.parametrize(
    ("start_s", "end_s", "met"),
    [
        (10, 20, False), (10, 29.9, False), (10, 31, True), (40, 50, True), (59, None, True), (10, None, True),
        (61, 70, False),
    ],
)  # fmt: skip
def test_an_event_is_met_where_its_interval_and_that_of_the_reads_do(start_s, end_s, met):
    assert about(memory(("a", "sag", start_s, end_s))) == (["a"] if met else [])


def test_all_polled_events_of_the_likeliest_kind_are_met_and_no_others():
    known = memory(("a", "sag", 35, 36), ("b", "sag", 45, 46), ("c", "supply_loss", 45.2, 45.8), ("d", "swell", 40, 41))
    assert about(known) == ["a", "b"]
    assert about(known, counted("swell")) == ["d"]


def test_a_slow_event_is_met_where_it_begins_and_not_in_the_middle():
    assert about(memory(("a", "undervoltage", 35, None))) == ["a"]
    assert about(memory(("a", "undervoltage", 10, None))) == []


def test_what_only_looks_like_an_event_of_the_supply_is_met():
    for kind in ("neutral_fault", "earth_fault", "vt_failure"):
        assert about(memory(("a", kind, 35, None))) == ["a"]
    assert about(memory(("a", "neutral_fault", 35, None)), counted("swell")) == ["a"]
    assert about(memory(("a", "vt_failure", 35, None)), counted("swell")) == []


@pytest.mark.parametrize(("start_s", "end_s", "extra"), [(20, None, 0), (20, 61, 0), (35, None, 4), (20, 50, 4)])
def test_all_that_is_counted_inside_a_displaced_neutral_is_its_own(start_s, end_s, extra):
    known = memory(("a", "neutral_fault", start_s, end_s))
    shares, left = known.shared_out(counted(count=5))
    assert [one.event.id for one, _ in shares] == ["a"]
    assert sum(move.count for move in (left.moves if left else ())) == extra


def test_an_event_of_the_meters_own_is_met_unless_its_counter_counts_again():
    known = memory(("a", "sag", 40, 41), basis="meter_log")
    assert about(known) == ["a"]
    known.note(*known.about(counted()), counted())
    assert about(known) == []


def test_an_event_of_the_meters_own_takes_what_moved_on_its_phases_and_leaves_the_rest():
    known = memory(("a", "sag", 40, 41), basis="meter_log")
    flag, other = Latch("undervoltage_flag", "undervoltage_flag"), Latch("sag_count_l3", "sag_count", "l3")
    moves = [Move(latch, 0, 1, latch is not flag, s(30), s(30), s(60)) for latch in (SAG, flag, other)]
    shares, left = known.shared_out(Finding("sag", tuple(moves)))
    assert [(one.event.id, share.moves) for one, share in shares] == [("a", tuple(moves[:2]))]
    assert left == Finding("sag", tuple(moves[2:]))
    assert known.shared_out(Finding("sag", tuple(moves[1:]))) == ((), Finding("sag", tuple(moves[1:])))


def test_what_is_over_is_forgotten_and_what_goes_on_is_not():
    known = memory(("a", "sag", 35, 36), ("b", "swell", 50, None))
    known.forget(s(36), s(36))
    assert (about(known), about(known, counted("swell"))) == ([], ["b"])


@pytest.mark.parametrize(("phases", "deepest"), [(("l1", "l2"), {"voltage_l2": 11}), (("l1",), {})])
def test_a_depth_is_of_the_phases_that_the_event_has_in_the_end(phases, deepest):
    """A sag of two phases, one of which becomes an event of its own."""
    known = memory()
    span = Span(s(35), s(34.7))
    sag = event(id="a", kind="sag", state="open", basis="measured", phases=("l1", "l2"), extreme_by_channel={})
    known.put(sag, span)
    latches = [Latch("sag_count_l2", "sag_count", "l2"), Latch("voltage_l2_min", "voltage_min", "l2")]
    moves = (Move(latches[0], 0, 1, 1, s(30), s(30), s(40)), Move(latches[1], 220, 11, 0, s(30), s(30), s(40)))
    known.take(Finding("sag", moves), known.shared_out(Finding("sag", moves))[0])
    closed = replace(sag, state="closed", phases=phases)
    known.put(closed, span.ended(s(50), s(49)))
    assert known.noted(closed).extreme_by_channel == {}, "the registers were not read since"
    assert known.forget(s(60), s(60)) == ((closed,) if deepest else ())
    assert known.noted(closed).extreme_by_channel == deepest


UNDER = Latch("undervoltage_flag", "undervoltage_flag")
LIMITS = Latch("limit_bits", "limit_bits")


def flag(*, cleared: bool = False) -> Finding:
    return Finding("sag", (Move(UNDER, float(cleared), float(not cleared), 0, s(30), s(30), s(60)),))


def test_a_flag_has_no_phase_and_is_about_every_event_of_the_likeliest_kind():
    known = memory(("a", "sag", 31, 32), ("b", "sag", 40, 41), ("loss", "supply_loss", 50, 51), ("up", "swell", 52, 53))
    assert about(known, flag()) == ["a", "b"]


def test_a_flag_that_is_cleared_is_about_what_it_was_set_for_however_long_ago():
    known = memory(("a", "sag", 31, 32), ("b", "sag", 61, 62))
    known.take(flag(), known.shared_out(flag())[0])
    known.forget(s(900), s(900))
    assert about(known, flag(cleared=True)) == ["a"]
    known.take(flag(cleared=True), known.shared_out(flag(cleared=True))[0])
    assert about(known, flag(cleared=True)) == []
    known.forget(s(900), s(900))
    assert known.get("a") is None


def test_limits_may_be_about_any_event_of_the_voltage_and_no_silence():
    known = memory(
        ("a", "sag", 31, 32), ("up", "swell", 40, 41), ("quiet", "comms_loss", 45, 46), ("late", "sag", 61, 62)
    )
    limits = Finding("comms_loss", (Move(LIMITS, 0, 5, 0, s(30), s(30), s(60)),))
    assert about(known, limits) == ["a", "up"]


def test_whether_an_event_of_the_meters_own_goes_on_is_waited_for():
    polled, own = (memory(("a", "sag", 31, 62), basis=basis) for basis in ("measured", "meter_log"))
    assert polled.knows(flag())
    assert not own.knows(flag())
    assert not own.knows(counted())
    assert own.about(flag())


def test_the_end_of_an_event_of_the_meters_own_follows_its_flags():
    made = memory(("a", "sag", 31, 62), basis="meter_log")

    def span(finding: Finding, over_s: float | None) -> tuple[float, float | None]:
        (known,) = made.about(finding)
        made.take(finding, made.shared_out(finding)[0])
        made.put(known.event, made.over(known, finding, None if over_s is None else s(over_s)))
        now = made.get("a")
        assert now is not None
        return now.span.start_boot_us, now.span.end_boot_us

    assert span(flag(), 61) == (s(31), s(62))
    assert span(flag(), 70) == (s(31), s(70))
    assert span(flag(), None) == (s(31), None)  # it may go on
    assert span(flag(cleared=True), 90) == (s(31), s(90))


def test_an_event_of_two_flags_is_not_over_before_both_are_cleared():
    made = memory(("a", "sag", 31, 62), basis="meter_log")
    power = Latch("power_failure_flag", "power_failure_flag")
    both = [Move(latch, 0, 1, 0, s(30), s(30), s(60)) for latch in (UNDER, power)]
    ends = []
    for moves, over_s in ((both, None), ([Move(UNDER, 1, 0, 0, s(60), s(60), s(90))], 90),
                          ([Move(power, 1, 0, 0, s(90), s(90), s(120))], 120)):  # fmt: skip
        finding = Finding("sag", tuple(moves))
        (known,) = made.about(finding)
        made.take(finding, made.shared_out(finding)[0])
        made.put(known.event, made.over(known, finding, None if over_s is None else s(over_s)))
        now = made.get("a")
        ends.append(now and now.span.end_boot_us)
    assert ends == [None, None, s(120)]


LOWEST = Latch("voltage_l1_min", "voltage_min", "l1")


def told(known: Memory, *moves: Move, kind: Kind = "sag") -> Memory:
    """As the book does it with a finding."""
    finding = Finding(kind, moves)
    known.take(finding, known.shared_out(finding)[0])
    return known


def retracted(known: Memory, name: str, kind: Kind = "sag") -> tuple[Move, ...]:
    """What is to be shared out anew once an event is."""
    one = known.get(name)
    assert one is not None
    known.put(event(id=name, kind=kind, state="retracted", basis="measured", phases=("l1",)), one.span)
    return tuple(move for finding in known.given_back() for move in finding.moves)


def test_what_was_told_of_an_event_that_is_retracted_is_shared_out_anew():
    lowest, (count,) = Move(LOWEST, 220, 90, 0, s(30), s(30), s(60)), counted().moves
    known = told(memory(("a", "sag", 40, None)), count, lowest)
    assert retracted(known, "a") == (count, lowest)
    assert known.given_back() == ()


def test_of_what_was_counted_with_others_only_one_was_its_own():
    known = told(memory(("a", "sag", 35, 36), ("b", "sag", 45, None)), *counted(count=4).moves)
    (count,) = retracted(known, "b")
    assert (count.count, count.asked_us, count.until_us) == (1, s(30), s(60))


def test_a_count_that_was_taken_for_another_event_stays_with_that():
    known = told(memory(("a", "sag", 35, 36), ("b", "sag", 45, None)), *counted().moves)
    assert retracted(known, "b") == ()


def test_a_depth_and_a_flag_that_another_event_was_told_of_as_well_stay_with_that():
    moves = (Move(LOWEST, 220, 90, 0, s(30), s(30), s(60)), *flag().moves)
    known = told(memory(("a", "sag", 35, 36), ("b", "sag", 45, None)), *moves)
    assert retracted(known, "b") == ()
    known = told(memory(("a", "sag", 35, 36)), Move(LOWEST, 220, 190, 0, s(0), s(0), s(30)), *flag().moves)
    known.put(event(id="b", kind="sag", state="open", basis="measured", phases=("l1",)), Span(s(45), s(44.7)))
    told(known, Move(LOWEST, 190, 90, 0, s(40), s(40), s(60)))
    assert [move.after for move in retracted(known, "b")] == [90], "of another read"
    known = told(memory(("a", "sag", 35, None)), Move(LOWEST, 220, 190, 0, s(30), s(30), s(40)))
    known.put(event(id="b", kind="sag", state="open", basis="measured", phases=("l1",)), Span(s(55), s(54.7)))
    told(known, Move(LOWEST, 190, 90, 0, s(50), s(50), s(60)))
    assert [move.after for move in retracted(known, "a")] == [90], "from when on is known of this one alone"


@pytest.mark.parametrize("kind", ["phase_loss", "vt_failure", "earth_fault", "neutral_fault"])
def test_what_was_told_of_a_part_of_a_loss_is_told_of_the_loss_and_what_was_not_of_its_phases_is_shared_out_anew(kind):
    """Else it would be told as an event that nobody saw: it had begun, and was read, before the loss."""
    second = Latch("sag_count_l2", "sag_count", "l2")
    known = memory()
    sag = event(id="a", kind="sag", state="open", basis="measured", phases=("l1", "l2"))
    known.put(sag, Span(s(55), s(54.7)))
    told(known, *counted().moves, Move(second, 0, 1, 1, s(30), s(30), s(60)))
    loss = event(id="loss", kind=kind, state="open", basis="measured", phases=("l1", "l3"))
    known.put(loss, Span(s(70), s(69.7)))
    assert [move.latch for move in retracted(known, "a")] == [second]
    one = known.get("loss")
    assert one is not None
    assert one.note.counted == {"sag_count_l1"}
    assert one.note.first["sag_count_l1"].asked_us == s(30)
    assert "sag counter of l1 rose from 3 to 4" in " ".join(known.noted(loss).evidence)


@pytest.mark.parametrize(("kind", "end_s"), [("phase_loss", 65), ("sag", None), ("undervoltage", None)])
def test_an_event_that_takes_over_no_part_of_another_is_told_nothing_of_it(kind, end_s):
    known = told(memory(("a", "sag", 40, None)), *counted().moves)
    loss = event(id="b", kind=kind, state="closed" if end_s else "open", basis="measured", phases=("l1",))
    span = Span(s(61), s(60.7))
    known.put(loss, span if end_s is None else span.ended(s(end_s), s(end_s)))
    assert retracted(known, "a") == counted().moves


def test_a_loss_that_was_counted_itself_takes_no_count_of_its_part():
    known = told(memory(("loss", "phase_loss", 35, None)), *counted().moves)
    known.put(event(id="a", kind="sag", state="open", basis="measured", phases=("l1",)), Span(s(70), s(69.7)))
    told(known, Move(SAG, 4, 5, 1, s(60), s(60), s(90)))
    (count,) = retracted(known, "a")
    assert (count.count, count.asked_us, count.until_us) == (1, s(30), s(90)), "which of the two was whose is not known"
    one = known.get("loss")
    assert one is not None
    assert one.note.moves[SAG.name].count == 1


def test_what_another_event_took_over_is_not_shared_out_anew():
    known = told(memory(("a", "sag", 40, None)), *counted().moves)
    loss = event(id="loss", kind="phase_loss", state="open", basis="measured", phases=("l1",))
    span = Span(s(40), s(39.7))
    known.taken_over("a", loss, span)
    known.put(loss, span)
    assert known.get("a") is None
    known.put(event(id="a", kind="sag", state="retracted", basis="measured", phases=("l1",)), span)
    assert known.given_back() == ()
    assert about(known, counted()) == ["loss"]
    assert "sag counter of l1 rose from 3 to 4" in " ".join(known.noted(loss).evidence)


def test_an_event_that_takes_over_two_has_what_was_told_of_both():
    rose = Latch("swell_count_l1", "swell_count", "l1")
    known = told(memory(("a", "sag", 40, None), ("up", "swell", 41, None)), *counted().moves)
    told(known, Move(rose, 7, 8, 1, s(30), s(30), s(60)), kind="swell")
    fault = event(id="fault", kind="earth_fault", state="open", basis="measured", phases=("l1",))
    for name in ("up", "a"):
        known.taken_over(name, fault, Span(s(40), s(39.7)))
    said = " ".join(known.noted(fault).evidence)
    assert "sag counter of l1 rose from 3 to 4" in said
    assert "swell counter of l1 rose from 7 to 8" in said
    one = known.get("fault")
    assert one is not None
    assert one.note.counted == {"sag_count_l1", "swell_count_l1"}


def test_what_is_given_back_late_is_told_in_the_order_of_the_reads():
    """The event has heard of the next count by then."""
    known = told(memory(("a", "sag", 40, None)), Move(SAG, 4, 5, 1, s(60), s(60), s(90)))
    told(known, *counted().moves)
    one = known.get("a")
    assert one is not None
    assert "sag counter of l1 rose from 3 to 5" in " ".join(known.noted(one.event).evidence)
