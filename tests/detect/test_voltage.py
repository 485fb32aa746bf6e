"""Sag, swell, supply loss, phase loss: the oracles of the rules, one by one."""

import struct

import pytest
from looks import L1, L2, L3, U, every, look, rules, run, s, told

from agent.detect.voltage import INITIAL, open_kinds

GOOD = (1.0, 1.0, 1.0)
IEC = rules()


def test_a_good_voltage_says_nothing() -> None:
    state, changes = run(every(0.1, GOOD, (0.93, 1.07, 1.0), GOOD), IEC)
    assert changes == []
    assert open_kinds(state) == frozenset()


def test_an_ordinary_sag_is_told_when_it_opens_and_when_it_closes() -> None:
    state, changes = run(every(0.1, GOOD, (1, 0.5, 1), (1, 0.4, 1), GOOD, GOOD), IEC)
    assert told(changes) == [("open", "sag"), ("close", "sag")]
    closed = changes[1]
    assert closed.crossed == (L2,)
    assert closed.extremes == pytest.approx((U, 0.4 * U, U))
    assert open_kinds(state) == frozenset()


def test_a_sag_is_bounded_by_the_looks_on_either_side_window_and_age() -> None:
    _, (_, closed) = run(every(1.0, GOOD, (1, 0.5, 1), (1, 0.5, 1), GOOD), IEC)
    span = closed.span
    assert (span.start_earliest_boot_us, span.start_boot_us) == (s(0 - 0.3), s(1.02))
    assert (span.end_earliest_boot_us, span.end_boot_us) == (s(2 - 0.3), s(3.02))
    assert span.duration_us == (s(1.7 - 1.02), s(3.02 + 0.3))


def test_a_short_sag_ends_no_earlier_than_it_may_have_begun() -> None:
    _, (_, closed) = run(every(0.1, GOOD, (1, 0.5, 1), GOOD), rules(window_s=1.0, age_s=1.0))
    assert closed.span.start_earliest_boot_us == s(-2.0)
    assert closed.span.end_earliest_boot_us == s(0.1 - 2.0)
    assert closed.span.duration_us == (0, s(0.22 + 2.0))


# Oracle a.
def test_hysteresis_keeps_a_sag_open_until_92_percent() -> None:
    state, changes = run(every(0.1, GOOD, (0.89, 1, 1), (0.905, 1, 1), (0.919, 1, 1)), IEC)
    assert told(changes) == [("open", "sag")]
    _, changes = run([look(1.0, 0.92, 1, 1)], IEC, state)
    assert told(changes) == [("close", "sag")]


def _float32(value: float) -> float:
    return float(struct.unpack(">f", struct.pack(">f", value))[0])


# Oracle b, also for values that went through a float32 register.
@pytest.mark.parametrize("reference_v", [57.735, 100.0, 220.0, 230.0, 10_000 / 3**0.5])
@pytest.mark.parametrize("on_the_wire", [float, _float32])
def test_a_reading_exactly_at_its_threshold_is_on_the_good_side(reference_v: float, on_the_wire) -> None:  # type: ignore[no-untyped-def]
    by = rules(reference_v=reference_v)

    def at(at_s: float, pu: float):  # type: ignore[no-untyped-def]
        return look(at_s)._replace(volts=(on_the_wire(pu * reference_v),) * 3)

    assert run([at(0, 1.0), at(1, 0.90), at(2, 1.10)], by)[1] == []
    sag = run([at(0, 1.0), at(1, 0.8999), at(2, 0.92)], by)[1]
    assert told(sag) == [("open", "sag"), ("close", "sag")]
    swell = run([at(0, 1.0), at(1, 1.1001), at(2, 1.08)], by)[1]
    assert told(swell) == [("open", "swell"), ("close", "swell")]
    loss = run([at(0, 1.0), at(1, 0.05)], by)[1]
    assert told(loss) == [("open", "sag")]


def test_exactly_90_percent_begins_no_sag_while_something_else_goes_on() -> None:
    _, changes = run(every(0.1, GOOD, (1.2, 1, 1), (1.2, 0.90, 1)), IEC)
    assert told(changes) == [("open", "swell")]


# Oracle c.
def test_a_sag_handed_from_phase_to_phase_is_one_sag() -> None:
    rows = [GOOD, (0.5, 1, 1), (0.91, 0.6, 1), (1, 0.5, 0.91), (1, 0.95, 0.7), GOOD]
    _, changes = run(every(0.1, *rows), IEC)
    assert told(changes) == [("open", "sag"), ("close", "sag")]
    assert changes[1].crossed == (L1, L2, L3)
    assert changes[1].extremes == pytest.approx((0.5 * U, 0.5 * U, 0.7 * U))


# Oracle d.
def test_an_interruption_is_nested_in_the_sag_it_grew_from() -> None:
    rows = [GOOD, (0.5, 0.6, 0.7), (0.01, 0.02, 0), (0.01, 0.02, 0), (0.5, 0.5, 0.5), GOOD]
    _, changes = run(every(0.1, *rows), IEC)
    assert told(changes) == [("open", "sag"), ("open", "supply_loss"), ("close", "supply_loss"), ("close", "sag")]
    sag, loss = changes[0], changes[1]
    assert (sag.parent, loss.parent) == (None, sag.key)
    assert changes[2].span.start_boot_us == s(0.22)
    assert changes[2].span.end_boot_us == s(0.42)
    assert changes[3].span.end_boot_us == s(0.52)


def test_a_loss_seen_at_once_opens_no_sag() -> None:
    _, changes = run(every(0.1, GOOD, (0, 0, 0), (0, 0, 0), GOOD), IEC)
    assert told(changes) == [("open", "supply_loss"), ("close", "supply_loss")]
    assert changes[0].parent is None


def test_after_a_loss_a_sag_begins_only_where_a_channel_is_still_below_90_percent() -> None:
    _, changes = run(every(0.1, GOOD, (0, 0, 0), (0.91, 0.91, 1), GOOD), IEC)
    assert told(changes) == [("open", "supply_loss"), ("close", "supply_loss")]

    _, changes = run(every(0.1, GOOD, (0, 0, 0), *[(0.8, 0.91, 1)] * 6, GOOD), IEC)
    assert told(changes)[1:] == [("close", "supply_loss"), ("open", "sag"), ("close", "sag")]
    loss, sag = changes[1], changes[2]
    assert loss.span.end_boot_us == s(0.22)
    assert sag.span.start_boot_us == s(0.62)
    assert sag.span.start_earliest_boot_us == loss.span.end_earliest_boot_us
    assert not sag.open_at_start


def test_the_step_back_inside_a_window_is_no_sag_of_its_own() -> None:
    """The look at 0.5 s was asked 0.28 s after the loss was seen to end: age and window still reach into it."""
    _, changes = run(every(0.1, GOOD, (0, 0, 0), *[(0.5, 0.5, 0.5)] * 4, GOOD, GOOD), IEC)
    assert told(changes) == [("open", "supply_loss"), ("close", "supply_loss")]


def test_a_sag_after_a_clean_recovery_is_bounded_by_the_recovery() -> None:
    _, changes = run(every(0.1, GOOD, (0, 0, 0), (0.5, 1, 1), GOOD, (0.8, 1, 1)), IEC)
    assert told(changes)[2:] == [("open", "sag")]
    assert changes[2].span.start_earliest_boot_us == s(0.3 - 0.3)


def test_a_loss_ends_only_two_percent_above_its_threshold() -> None:
    dead = (0.01, 0.01, 0.01)
    _, changes = run(every(0.1, GOOD, dead, (0.06, 0.06, 0.069), dead), IEC)
    assert told(changes) == [("open", "supply_loss")]
    _, changes = run(every(0.1, GOOD, dead, *[(0.01, 0.01, 0.07)] * 6), IEC)
    assert told(changes) == [("open", "supply_loss"), ("close", "supply_loss"), ("open", "sag")]


def test_a_loss_had_not_begun_while_the_last_channel_was_alive() -> None:
    _, changes = run(every(1.0, GOOD, (0, 1, 1), (0, 0, 1), (0, 0, 0)), IEC)
    bounds = [change.span.start_earliest_boot_us for change in changes if change.kind == "supply_loss"]
    assert bounds == [s(2 - 0.3)]


# Oracle e.
def test_two_dead_phases_and_one_alive_are_no_interruption() -> None:
    _, changes = run(every(0.1, GOOD, (0, 0, 1), (0, 0, 1), GOOD), IEC)
    assert told(changes) == [("open", "sag"), ("close", "sag")]


def test_a_single_wired_channel_can_lose_its_supply() -> None:
    _, changes = run(every(1.0, (1.0,), *[(0.0,)] * 9, (1.0,)), rules(channels=1))
    assert told(changes) == [("open", "supply_loss"), ("close", "supply_loss")]


# Oracle f.
def test_sag_and_swell_at_once_are_two_events() -> None:
    state, changes = run(every(0.1, GOOD, (0.5, 1.2, 1), (0.5, 1.3, 1)), IEC)
    assert told(changes) == [("open", "sag"), ("open", "swell")]
    assert open_kinds(state) == {"sag", "swell"}
    assert changes[0].key != changes[1].key
    _, changes = run(every(0.1, (0.5, 1.0, 1), GOOD, start_s=0.3), IEC, state)
    assert told(changes) == [("close", "swell"), ("close", "sag")]
    assert changes[0].extremes[L2] == pytest.approx(1.3 * U)
    assert changes[1].extremes[L1] == pytest.approx(0.5 * U)


def test_a_look_inside_a_sag_is_a_good_look_for_a_swell() -> None:
    _, changes = run(every(1.0, GOOD, (0.5, 1, 1), (0.5, 1.2, 1)), IEC)
    assert changes[1].span.start_earliest_boot_us == s(1 - 0.3)


def test_a_swell_ends_when_all_are_back_at_108_percent() -> None:
    _, changes = run(every(0.1, GOOD, (1.11, 1, 1), (1.09, 1.081, 1), (1.08, 1.08, 1)), IEC)
    assert told(changes) == [("open", "swell"), ("close", "swell")]
    assert changes[1].span.end_boot_us == s(0.32)


# Oracle g.
def test_a_record_that_begins_inside_a_sag_says_so() -> None:
    _, changes = run(every(1.0, (1, 0.5, 1), (1, 0.5, 1), GOOD, (1, 0.5, 1)), IEC)
    assert [change.open_at_start for change in changes] == [True, True, False]
    assert changes[0].span.start_earliest_boot_us == s(0 - 0.3)


# Oracle h.
def test_the_interruption_threshold_decides_between_none_and_exactly_one() -> None:
    low = (0.055, 0.046, 0.048)
    rows = [GOOD, (0.3, 0.3, 0.3), low, (0.11, 0.11, 0.11), low, (0.3, 0.3, 0.3), GOOD]
    assert "supply_loss" not in {kind for _, kind in told(run(every(0.1, *rows), IEC)[1])}
    changes = run(every(0.1, *rows), rules("gb"))[1]
    assert [action for action, kind in told(changes) if kind == "supply_loss"] == ["open", "close"]


def _phase_loss(*after: tuple[float, ...], lost: tuple[float, ...] = (0.1, 1, 1)):  # type: ignore[no-untyped-def]
    """Good, then a phase gone for 5 s and more, seen twice a second."""
    return run(every(0.5, GOOD, *[lost] * 12, *after), IEC)


def test_a_phase_gone_for_five_seconds_takes_the_place_of_its_sag() -> None:
    state, changes = _phase_loss()
    assert told(changes) == [("open", "sag"), ("open", "phase_loss"), ("retract", "sag")]
    sag, loss = changes[0], changes[1]
    assert loss.supersedes == (sag.key,)
    assert loss.span == sag.span
    assert loss.crossed == (L1,)
    assert open_kinds(state) == {"phase_loss"}
    assert changes[2].evidence == ("turned out to be a phase_loss",)


def test_it_is_a_phase_loss_from_the_look_five_seconds_after_the_first() -> None:
    lost = [(0.1, 1, 1)] * 11
    assert len(run(every(0.5, GOOD, *lost[:10]), IEC)[1]) == 1
    assert len(run(every(0.5, GOOD, *lost), IEC)[1]) == 3


@pytest.mark.parametrize(
    "lost",
    [(0.61, 1, 1), (0.1, 0.79, 0.79), (0.1, 0.8, 0.7), (0.1, 0.2, 0.3)],
    ids=["not below 60 %", "none alive", "exactly 80 % is not above", "all three"],
)
def test_without_a_dead_and_a_living_phase_it_stays_a_sag(lost: tuple[float, ...]) -> None:
    assert told(_phase_loss(lost=lost)[1]) == [("open", "sag")]


def test_five_seconds_count_for_one_phase_without_a_break() -> None:
    rows = [GOOD, *[(0.1, 1, 1)] * 8, (0.65, 1, 1), *[(0.1, 1, 1)] * 8, *[(1, 0.1, 1)] * 8]
    assert told(run(every(0.5, *rows), IEC)[1]).count(("open", "phase_loss")) == 0


def test_a_phase_loss_ends_when_its_phases_are_back_above_62_percent() -> None:
    _, changes = _phase_loss((0.61, 1, 1), (0.615, 1, 1), GOOD)
    assert told(changes[3:]) == [("close", "phase_loss")]
    assert changes[3].extremes == pytest.approx((0.1 * U, U, U))


def test_a_sag_follows_a_phase_loss_where_the_voltage_is_still_low() -> None:
    _, changes = _phase_loss((0.7, 1, 1), (0.7, 1, 1), GOOD)
    assert told(changes[3:]) == [("close", "phase_loss"), ("open", "sag"), ("close", "sag")]
    assert changes[4].span.start_boot_us > changes[3].span.end_boot_us
    assert changes[4].span.start_earliest_boot_us == changes[3].span.end_earliest_boot_us


def test_a_second_phase_joins_a_phase_loss_after_its_own_five_seconds() -> None:
    _, changes = _phase_loss(*[(0.1, 0.2, 1)] * 12)
    assert told(changes[3:]) == [("open", "sag"), ("update", "phase_loss"), ("retract", "sag")]
    assert changes[3].parent == changes[1].key
    assert changes[4].crossed == (L1, L2)


def test_a_supply_loss_inside_a_phase_loss_has_it_as_parent() -> None:
    state, changes = _phase_loss((0, 0, 0), (0, 0, 0), (0, 1, 1), GOOD, lost=(0, 1, 1))
    assert told(changes[3:]) == [("open", "supply_loss"), ("close", "supply_loss"), ("close", "phase_loss")]
    assert changes[3].parent == changes[1].key
    assert open_kinds(state) == frozenset()


def test_a_loss_that_comes_back_on_two_phases_becomes_a_phase_loss_after_five_more_seconds() -> None:
    rows = [GOOD, *[(0, 0, 0)] * 20, *[(0, 1, 1)] * 10]
    state, changes = run(every(0.5, *rows), IEC)
    assert told(changes) == [("open", "supply_loss"), ("close", "supply_loss"), ("open", "sag")]
    _, changes = run(every(0.5, (0, 1, 1), start_s=15.5), IEC, state)
    assert told(changes) == [("open", "phase_loss"), ("retract", "sag")]


def test_an_unavailable_channel_neither_opens_nor_closes() -> None:
    assert run(every(0.1, GOOD, (None, 1, 1), (1, None, 1)), IEC)[1] == []
    two_dead = every(0.1, GOOD, (0, None, 0), (0, None, 0))
    assert told(run(two_dead, IEC)[1]) == [("open", "sag")]
    state, changes = run(every(0.1, GOOD, (1, 0.5, 1), (1, None, 1), (None, None, None)), IEC)
    assert told(changes) == [("open", "sag")]
    assert told(run([look(1.0, None, 1, None)], IEC, state)[1]) == [("close", "sag")]


def test_a_channel_that_never_spoke_has_no_voice() -> None:
    rows = [(1, None, 1), (0, None, 0), (1, None, 1)]
    assert told(run(every(0.1, *rows), IEC)[1]) == [("open", "sag"), ("close", "sag")]


def test_a_look_without_any_channel_changes_nothing() -> None:
    before = run(every(0.1, GOOD, (1, 0.5, 1)), IEC)[0]
    assert run([look(5.0, None, None, None)], IEC, before) == (before, [])
    assert run([look(5.0, None, None, None)], IEC) == (INITIAL, [])


def test_a_sag_on_a_channel_long_unread_is_bounded_by_its_own_last_good_reading() -> None:
    _, changes = run(every(1.0, GOOD, (1, None, 1), (1, None, 1), (1, 0.5, 1)), IEC)
    assert changes[0].span.start_earliest_boot_us == s(0 - 0.3)
    _, changes = run(every(1.0, GOOD, (None, 1, 1), (None, 1, 1), (0.5, 0.5, 1)), IEC)
    assert changes[0].span.start_earliest_boot_us == s(0 - 0.3)
    _, changes = run(every(1.0, GOOD, (1, None, 1), (1, None, 1), (0.5, None, 1)), IEC)
    assert changes[0].span.start_earliest_boot_us == s(2 - 0.3)


def test_an_unread_channel_does_not_prove_that_a_sag_goes_on() -> None:
    _, changes = run(every(1.0, GOOD, (1, 0.5, 1), (1, None, 1), (1, None, 1), GOOD), IEC)
    assert changes[1].span.end_earliest_boot_us == s(1 - 0.3)


def test_a_half_read_loss_does_not_prove_that_no_phase_was_back() -> None:
    _, changes = run(every(1.0, GOOD, (0, 0, 0), (0, None, 0), GOOD), IEC)
    assert changes[1].span.end_earliest_boot_us == s(1 - 0.3)


@pytest.mark.parametrize("pu", [0.0, 0.5, 1.0, 1.3])
def test_a_questionable_look_opens_closes_and_prolongs_nothing(pu: float) -> None:
    doubtful = look(1.0, pu, pu, pu, questionable=True)
    for rows in [(GOOD,), (GOOD, (1, 0.5, 1)), (GOOD, (0, 0, 0)), (GOOD, (1.2, 1, 1))]:
        before = run(every(0.1, *rows), IEC)[0]
        assert run([doubtful], IEC, before) == (before, [])


def test_a_sag_that_goes_on_is_told_anew_only_when_it_matters() -> None:
    rows = [(1, 0.8, 1), (1, 0.7, 1), *[(1, 0.69, 1)] * 20, (1, 0.62, 1), *[(0.8, 0.7, 1)] * 20]
    _, changes = run(every(0.1, GOOD, *rows), IEC)
    assert told(changes) == [("open", "sag"), *[("update", "sag")] * 3]
    at = [0.12, 1.12, 2.32, 3.32]
    worst = [0.8, 0.69, 0.62, 0.62]
    assert [change.extremes[L2] for change in changes] == pytest.approx([pu * U for pu in worst])
    assert changes[3].crossed == (L1, L2)
    assert [change.span.start_boot_us for change in changes] == [s(at[0])] * 4


def test_small_moves_are_never_told() -> None:
    rows = [(1, 0.80 - i * 0.001, 1) for i in range(50)]
    assert told(run(every(0.5, GOOD, *rows), IEC)[1]) == [("open", "sag")]


def test_keys_are_never_used_twice() -> None:
    sags = [GOOD, (1, 0.5, 1)] * 5
    _, changes = run(every(0.1, *sags), IEC)
    keys = [change.key for change in changes if change.action == "open"]
    assert len(set(keys)) == 5
