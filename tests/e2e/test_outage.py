"""A cut of tests/soak/outage_campaign.py, and what it stands on."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from outage_real import real_outage
from outage_site import ROWS_S, Street
from outage_trial import LINKS, Server, Truth, outage
from samples import entries, reading, trace
from skipping_time import run

from agent.errors import SinkError
from agent.records import Reading


@pytest.mark.e2e
@pytest.mark.alone
def test_after_an_outage_the_backlog_goes_out_whole_and_in_order_while_live_readings_stay_live(tmp_path: Path) -> None:
    found = run(outage(tmp_path / "state", hours=0.5))
    assert found.rows >= 0.5 * 3600 * ROWS_S
    assert found.times_real >= 50
    # 120 MB for 72 h, beside a write-ahead log that does not grow.
    assert found.disk_bytes <= 120e6 * 0.5 / 72 + 6e6
    for replay in found.replays:
        assert replay.wrong == []
        assert len(replay.late_s) >= 40, "nothing was live meanwhile: nothing was tested"
        assert replay.late_at(0.99) <= 2.0


@pytest.mark.e2e
@pytest.mark.alone
def test_a_sink_that_stays_slow_shows(tmp_path: Path) -> None:
    """The trial can fail: a database that takes 3 s for each post is neither live nor fast."""
    slow = replace(LINKS[1], window=100, round_trip_s=3.0)
    found = run(outage(tmp_path / "state", hours=0.1, links=[slow]))
    assert found.replays[0].late_at(0.99) > 2.0
    assert found.times_real < 50


@pytest.mark.e2e
@pytest.mark.alone
async def test_so_it_is_with_a_real_broker_and_a_real_database(tmp_path: Path) -> None:
    found = await real_outage(tmp_path, hours=0.25)
    assert found.times_real >= 50
    for replay in found.replays:
        assert replay.wrong == []
        assert len(replay.late_s) >= 4, "nothing was live: nothing was tested"
        assert replay.late_at(0.99) <= 2.0


async def test_the_server_of_the_trial_sees_what_is_wrong() -> None:
    truth = Truth()
    made = entries(*(reading(number) for number in range(4)), trace())
    for entry in made:
        truth.note(entry.seq, entry.record, 0.0)
    server = Server(replace(LINKS[0], round_trip_s=0.0), truth)
    with pytest.raises(SinkError):
        await server.send(made[:1])
    server.away = False
    server.back.set()
    server.lanes |= {1: "backlog", 4: "live", 5: "trace"}
    for window in (made[:2], made[3:4], made[4:]):
        await server.send(window)
    assert server.wrong == []
    server.lanes |= {2: "backlog", 4: "live"}
    await server.send(made[1:3])
    assert server.wrong == ["backlog: seq 2 to 3 after 2"]
    await server.send([replace(made[3], record=reading(9))])
    assert server.wrong[1:] == ["live: seq 4 to 4 after 4", "seq 4 is not what was made"]
    assert list(server.got) == [0, 1, 2, 1, 2, 1]


def test_skipped_time_passes_at_once_and_work_takes_its_time() -> None:
    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        await asyncio.sleep(3600)
        slept_s = loop.time() - began_s
        worked = loop.run_in_executor(None, sum, range(1_000_000))
        await asyncio.wait((worked,), timeout=60)
        return slept_s, loop.time() - began_s - slept_s

    slept_s, worked_s = run(main())
    assert 3600 <= slept_s < 3610
    assert 0.001 < worked_s < 10, "waiting for a thread must not skip time"


def test_the_street_says_what_meters_of_its_resolution_can_say() -> None:
    ticks = [[one for one in Street(1).tick(at_s) if isinstance(one, Reading)] for at_s in (14_400, 68_400)]
    assert [len(tick) for tick in ticks] == [40, 40]
    night, evening = (tick[0] for tick in ticks)
    assert len(evening.values) + len(evening.min) + len(evening.max) == 28
    assert evening.values["active_power_total"] > night.values["active_power_total"]
    assert evening.values["voltage_l1"] < night.values["voltage_l1"]
    volts = evening.min["voltage_l1"]
    assert volts == round(volts, 1)
