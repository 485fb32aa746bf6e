"""What `check --live` says of the wall clock."""

from pathlib import Path

import pytest
from samples import MIDNIGHT_US

from agent.clock_discipline import BUILT_US, OVER_US
from agent.probe_clock import look_at_clock
from agent.records import ClockState
from agent.time_source import TimeSource

SYNCED = "C0A80101,192.168.1.1,3,1795392000.1,-0.000012,0.000034,0.00005,-12.3,0.001,0.02,0.0102,0.0009,64.2,Normal\n"
UNSYNCED = "7F7F0101,,0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,Not synchronised\n"
ROUGH = SYNCED.replace("0.0009", "3.5")


def source(tmp_path: Path, answer: str | None) -> TimeSource:
    """chronyd that answers this; None: there is nobody."""
    if answer is not None:
        (tmp_path / "chrony").mkdir()

    async def run(*_: object) -> str | None:
        return answer

    return TimeSource(
        timesync=tmp_path / "no", chrony=tmp_path / "chrony", command=("sh",), kernel=lambda: ClockState(None, None),
        boot_us=lambda: 0, run=run,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "synced", "trouble"),
    [
        (SYNCED, True, ""),
        (None, None, ""),
        (UNSYNCED, False, "not synchronised: see that chrony reaches its servers"),
        (ROUGH, True, "synchronised within 3.51 s only, 1 s is wanted"),
    ],
)
async def test_the_clock_is_told_with_its_source_and_its_bound(
    tmp_path: Path, answer: str | None, synced: bool | None, trouble: str
) -> None:
    found = await look_at_clock("auto", source(tmp_path, answer), lambda: MIDNIGHT_US)
    assert (found.time, found.synced) == ("2026-11-23T00:00:00.000000Z", synced)
    assert found.source == ("" if answer is None else "chrony")
    assert (found.uncertainty_s is None) == (answer in (None, UNSYNCED))
    assert found.trouble.startswith(trouble)
    assert bool(found.trouble) == bool(trouble)


@pytest.mark.parametrize("now_us", [0, BUILT_US - 1, OVER_US + 1])
@pytest.mark.parametrize("answer", [SYNCED, None])
async def test_a_time_that_cannot_be_is_trouble_whoever_vouches_for_it(
    tmp_path: Path, now_us: int, answer: str | None
) -> None:
    found = await look_at_clock("auto", source(tmp_path, answer), lambda: now_us)
    assert found.trouble.startswith("it cannot be right: set it")


async def test_a_clock_that_the_site_trusts_is_no_trouble(tmp_path: Path) -> None:
    found = await look_at_clock("trusted", source(tmp_path, UNSYNCED), lambda: 0)
    assert (found.synced, found.trouble) == (False, "")
