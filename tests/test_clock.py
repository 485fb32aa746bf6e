from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.clock import BUILT_US, Clock, ClockHold, SyncSource, boot_us, parse_rfc3339, rfc3339
from agent.records import ClockState


def clock(boot: list[int], wall: list[int]) -> Clock:
    return Clock(lambda: boot[0], lambda: wall[0], SyncSource(Path("/nonexistent")))


def test_rfc_3339_of_known_instants():
    # RFC 3339 section 5.8 gives 1985-04-12T23:20:50.52Z; `date -d ... +%s` gives 482196050.
    assert rfc3339(482_196_050_520_000) == "1985-04-12T23:20:50.520000Z"
    assert parse_rfc3339("1985-04-12T23:20:50.52Z") == 482_196_050_520_000
    assert rfc3339(2**31 * 1_000_000) == "2038-01-19T03:14:08.000000Z"


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="without a zone"):
        parse_rfc3339("1985-04-12T23:20:50")


@given(st.integers(-(10**15), 10**17))
def test_times_survive_the_round_trip(us: int):
    assert parse_rfc3339(rfc3339(us)) == us


def test_wall_time_follows_a_step_of_the_wall_clock_only_for_what_comes_after():
    boot, wall = [5_000_000], [1_000_000_000]
    ticking = clock(boot, wall)
    before = ticking.wall_us(4_000_000)
    boot[0], wall[0] = 6_000_000, 9_000_000_000
    assert ticking.wall_us(4_000_000) == before == 999_000_000
    ticking.tick()
    assert ticking.wall_us(6_000_000) == 9_000_000_000
    assert ticking.from_wall_us(9_000_000_000) == 6_000_000


def test_the_boot_clock_does_not_go_back():
    assert boot_us() <= boot_us()


def test_sync_state_comes_from_timesyncd_and_is_unknown_without_a_source(tmp_path: Path):
    source = SyncSource(tmp_path / "timesync")
    assert source.state() == ClockState(None, None)
    (tmp_path / "timesync").mkdir()
    assert source.state() == ClockState(False, None)
    (tmp_path / "timesync/synchronized").touch()
    assert source.state() == ClockState(True, 1.0)


def hold(wall_us: int, last_us: int = 0, trust: str = "auto", directory: Path = Path("/nonexistent")) -> str | None:
    ticking = Clock(lambda: 0, lambda: wall_us, SyncSource(directory))
    return ClockHold(trust, ticking, last_us).reason()


def test_rows_wait_while_the_time_is_before_the_build_or_the_last_row():
    assert "1970" in (hold(60_000_000) or "")
    assert "before" in (hold(BUILT_US + 5, last_us=BUILT_US + 10) or "")
    assert hold(BUILT_US + 10, last_us=BUILT_US + 10) is None
    assert hold(60_000_000, trust="trusted") is None


def test_rows_wait_while_a_source_says_unsynchronised(tmp_path: Path):
    assert "not synchronised" in (hold(BUILT_US + 5, directory=tmp_path) or "")
    (tmp_path / "synchronized").touch()
    assert hold(BUILT_US + 5, directory=tmp_path) is None


def test_a_machine_that_slept_says_for_how_long(caplog: pytest.LogCaptureFixture):
    boot, awake = [100_000_000], [100_000_000]
    ticking = Clock(lambda: boot[0], lambda: BUILT_US, SyncSource(Path("/nonexistent")), awake_us=lambda: awake[0])
    boot[0], awake[0] = 101_900_000, 101_000_000
    ticking.tick()
    assert ticking.suspended_us == 0, "less than a second is how the two are read"
    boot[0] += 60_000_000
    ticking.tick()
    ticking.tick()
    assert ticking.suspended_us == 60_900_000
    assert [record.getMessage() for record in caplog.records] == ["clock.suspended for_s=60.9"]


def test_a_synchronised_clock_may_be_behind_the_last_row_which_was_wrong_then(tmp_path: Path):
    (tmp_path / "synchronized").touch()
    assert hold(BUILT_US + 5, last_us=BUILT_US + 10, directory=tmp_path) is None
