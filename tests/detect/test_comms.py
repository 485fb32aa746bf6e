"""Silence: suspect, lost, back."""

from agent.detect.changes import Change
from agent.detect.comms import COMMS_INITIAL, CommsRules, CommsState, answered, comms, missed, resumed

MS = 1_000


def _talk(*told: tuple[str, int], rules: CommsRules | None = None) -> tuple[CommsState, list[Change]]:
    """(word, at_ms): ``ok`` is a reply that arrived then, other words a deadline that passed; asked 100 ms before."""
    state = COMMS_INITIAL
    changes: list[Change] = []
    for words, at_ms in told:
        sent_us, at_us = (at_ms - 100) * MS, at_ms * MS
        if words == "ok":
            state, more = answered(state, sent_us, at_us)
        else:
            state, more = missed(state, at_us, sent_us, words, *([rules] if rules else []))
        changes += more
    return state, changes


def test_a_unit_not_heard_yet_is_suspect_and_ok_after_its_first_reply() -> None:
    assert comms(COMMS_INITIAL) == "suspect"
    assert comms(_talk(("ok", 1000))[0]) == "ok"


def test_one_and_two_misses_are_suspect_and_no_event() -> None:
    state, changes = _talk(("ok", 1000), ("silent", 2000), ("silent", 3000))
    assert (comms(state), changes) == ("suspect", [])
    state, changes = _talk(("ok", 1000), ("silent", 2000), ("silent", 3000), ("ok", 4000), ("silent", 5000))
    assert (comms(state), changes) == ("suspect", [])


def test_the_third_miss_in_a_row_is_a_loss_bounded_by_the_last_reply_and_the_first_deadline() -> None:
    state, changes = _talk(("ok", 1000), *[("silent", 2000 + 500 * i) for i in range(3)])
    assert comms(state) == "lost"
    (opened,) = changes
    assert (opened.action, opened.kind, opened.detector) == ("open", "comms_loss", "comms")
    assert (opened.span.start_earliest_boot_us, opened.span.start_boot_us) == (1000 * MS, 2000 * MS)
    assert opened.evidence == ("silent x3",)
    assert not opened.open_at_start


def test_fast_misses_wait_for_a_second_of_silence() -> None:
    fast = [("silent", 1000 + 200 * i) for i in range(1, 6)]
    assert _talk(("ok", 1000), *fast[:4])[1] == []
    (opened,) = _talk(("ok", 1000), *fast)[1]
    assert opened.evidence == ("silent x5",)
    assert opened.span.start_boot_us == 1200 * MS


def test_the_first_reply_ends_the_loss_which_lasted_at_least_until_the_last_missed_request() -> None:
    state, changes = _talk(("ok", 1000), *[("silent", 2000 + 500 * i) for i in range(8)], ("ok", 6000))
    assert comms(state) == "ok"
    closed = changes[-1]
    assert (closed.action, closed.key) == ("close", changes[0].key)
    assert (closed.span.end_earliest_boot_us, closed.span.end_boot_us) == (5400 * MS, 6000 * MS)
    assert closed.span.duration_us == ((5400 - 2000) * MS, (6000 - 1000) * MS)
    assert closed.evidence == ("silent x8",)


def test_a_unit_that_never_answered_is_lost_since_before_the_start() -> None:
    state, changes = _talk(*[("silent", 500 + 500 * i) for i in range(3)])
    (opened,) = changes
    assert opened.open_at_start
    assert (opened.span.start_earliest_boot_us, opened.span.start_boot_us) == (400 * MS, 500 * MS)
    assert comms(state) == "lost"


def test_evidence_says_what_was_seen() -> None:
    refused = "connection refused 127.0.0.1:502"
    _, (opened,) = _talk(("ok", 0), ("silent", 1000), ("silent", 1500), (refused, 2000))
    assert opened.evidence == ("silent x2", refused)


def test_evidence_does_not_grow_without_end() -> None:
    _, changes = _talk(("ok", 0), *[(f"error {i}", 1000 + i) for i in range(9)], ("ok", 3000))
    assert changes[-1].evidence == ("error 0", "error 1", "error 2", "error 3", "other failures x5")


def test_the_numbers_are_parameters() -> None:
    rules = CommsRules(misses=2, silence_us=0)
    _, changes = _talk(("ok", 1000), ("silent", 1100), ("silent", 1200), rules=rules)
    assert [change.action for change in changes] == ["open"]


def test_each_loss_has_its_own_key() -> None:
    lost = [("silent", 2000), ("silent", 2500), ("silent", 3000), ("ok", 3500)]
    _, changes = _talk(*lost, *[(words, at + 5000) for words, at in lost])
    assert [(change.action, change.key) for change in changes] == [
        ("open", 1), ("close", 1), ("open", 2), ("close", 2),
    ]  # fmt: skip


def test_a_loss_taken_up_again_is_lost_until_a_reply_and_proves_nothing_of_the_time_between() -> None:
    _, (opened,) = _talk(("ok", 1000), *[("silent", 2000 + 500 * i) for i in range(3)])
    state = resumed(opened.span, open_at_start=False)
    assert comms(state) == "lost"
    _, (closed,) = answered(state, 9_000 * MS, 9_010 * MS)
    assert closed.span.duration_us == (0, (9_010 - 1_000) * MS)
    state, changes = missed(state, 9_100 * MS, 9_000 * MS, "silent")
    assert changes == ()
    _, (closed,) = answered(state, 9_200 * MS, 9_210 * MS)
    assert closed.span.end_earliest_boot_us == 9_000 * MS
