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
