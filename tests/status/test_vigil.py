"""The watchdog is fed while work gets on, and left hungry only where a restart may mend something."""

from agent.status.vigil import COMMIT_US, LATE_US, LOOK_US, ROUND_US, Commits, Vigil

IDLE = Commits(None)
WAITS = Commits(7)


def looks(vigil: Vigil, commits: Commits, until_us: int, since_us: int = 0) -> list[int]:
    """When something was stuck, of looks a second apart."""
    seconds = range(since_us, until_us + 1, LOOK_US)
    return [now_us for now_us in seconds if vigil.stuck(now_us, {"a": now_us}, commits)]


def test_a_line_that_does_not_go_round_is_named() -> None:
    vigil = Vigil()
    assert vigil.stuck(ROUND_US, {"a": ROUND_US, "b": 1}, IDLE) == ()
    assert vigil.stuck(ROUND_US + 1, {"a": ROUND_US, "b": 1}, IDLE) == ("line b has not gone round",)


def test_an_entry_that_waits_for_two_minutes_without_an_error_is_a_journal_that_is_stuck() -> None:
    assert looks(Vigil(), WAITS, COMMIT_US + 3 * LOOK_US) == [COMMIT_US + n * LOOK_US for n in range(4)]


def test_commits_that_go_on_are_none() -> None:
    vigil = Vigil()
    for second in range(1000):
        assert not vigil.stuck(second * LOOK_US, {}, Commits(second // 100))


def test_nothing_to_commit_is_none() -> None:
    assert looks(Vigil(), IDLE, 10 * COMMIT_US) == []


def test_a_disk_that_fails_is_no_reason_to_start_anew() -> None:
    assert looks(Vigil(), Commits(7, "disk I/O error"), 10 * COMMIT_US) == []


def test_a_disk_that_hangs_is_none_either_and_is_looked_at_again() -> None:
    vigil, hung = Vigil(), [True]
    commits = Commits(7, "", lambda: hung[0])
    assert looks(vigil, commits, 5 * COMMIT_US) == []
    hung[0] = False
    assert looks(vigil, commits, 7 * COMMIT_US, 5 * COMMIT_US + LOOK_US)[:1] == [6 * COMMIT_US]


def test_a_loop_that_is_late_for_long_is_stuck_and_one_long_pause_is_not() -> None:
    vigil, now_us, found = Vigil(), 0, []
    for step_us in (LOOK_US, 3600 * LOOK_US, LOOK_US, *[LOOK_US + LATE_US + 1] * 11, LOOK_US):
        now_us += step_us
        found.append(vigil.stuck(now_us, {}, IDLE))
    assert found == [()] * 12 + [("the event loop is late",)] * 2 + [()]
