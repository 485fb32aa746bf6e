"""When meters, lines, sinks and the gateway are looked at, and that a file that cannot be read holds up nothing."""

import asyncio
import itertools
import logging
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace as Bare
from typing import Any, cast

import pytest
import virtual_time
from samples import MIDNIGHT_US, status

from agent.app import App
from agent.poll.health import HEALTHY
from agent.poll.tally import Recent
from agent.publish.forwarder import Progress
from agent.records import ClockState, Health
from agent.status.board import Board
from agent.status.health import Since
from agent.status.health_watch import GatewayWatch, MeterWatch, watches
from agent.status.stalls import Stalls
from drivers.modbus.outcome import LineCounters


class Agent:
    """As much of an App as is looked at: one line, its meters, one sink. told: what went to the journal"""

    def __init__(self, meters: int = 2) -> None:
        self.statuses = {f"tx{n}": status(f"tx{n}") for n in range(1, meters + 1)}
        self.told: list[Health] = []
        self.board = Board()
        for name in self.statuses:
            self.board.add(lambda name=name: self.statuses[name])  # type: ignore[misc]
        self.wall_us = MIDNIGHT_US
        self.failing = ""
        self.clock = Bare(
            wall_us=lambda: self.wall_us, boot_us=lambda: self.wall_us - MIDNIGHT_US,
            offset_us=MIDNIGHT_US, guess=False, state=ClockState(None, None), suspended_us=0, source_name="",
        )  # fmt: skip
        self.site = Bare(
            name="dashi", gateway="gw-01", influxdb=None, state_dir=Path("/"),
            meters={name: Bare(name=name, line="a") for name in self.statuses},
        )  # fmt: skip
        self.journal = Bare(add_reading=self.told.append, stats=self._stats, epoch="e", error="")
        self.lines = {"a": Bare(state="open", error="", foreign_master=None, counters=LineCounters())}
        self.pollers = {
            "a": Bare(
                recent=Recent(), health=lambda _: HEALTHY, mute=lambda _: (), missed_ticks=lambda _: 3,
                refresh_us=lambda _: 200_000,
            )
        }  # fmt: skip
        self.sinks, self.blocked = {"influxdb": Progress(7)}, {"influxdb": lambda: ""}
        self.alarms: dict[str, Any] = {"card_worn": Bare(standing=("one",)), "rows_missing": Bare(standing=())}
        self.upkeep = Bare(certificates=(), card=lambda: None)
        self.gateway = Bare(source=None)
        self.desk, self.times, self.stalls = Bare(incidents=()), Bare(waits=lambda: None), Stalls()

    async def _stats(self) -> object:
        raise OSError(self.failing)

    @property
    def app(self) -> App:
        return cast(App, self)

    def becomes(self, name: str, **changes: Any) -> None:
        self.statuses[name] = replace(self.statuses[name], **changes)
        self.board.change()

    def of(self, kind: str) -> list[Health]:
        return [one for one in self.told if one.of == kind]


@pytest.fixture
def agent() -> Agent:
    return Agent()


async def test_all_meters_are_told_at_first_and_each_minute_with_how_they_are_watched(agent: Agent) -> None:
    watch = MeterWatch(agent.app, Since())
    for _ in range(130):
        await watch.look()
        agent.wall_us += 1_000_000
    assert [one.name for one in agent.told] == ["tx1", "tx2"] * 3
    assert {(one.time_us - MIDNIGHT_US) // 1_000_000 for one in agent.told} == {0, 35, 95}
    assert [one.numbers["missed_ticks"] for one in agent.told] == [3.0, 3.0, 0.0, 0.0, 0.0, 0.0]
    assert agent.told[0].numbers["refresh_s"] == 0.2


async def test_a_meter_that_changes_is_told_at_the_next_look_and_the_others_are_not(agent: Agent) -> None:
    watch = MeterWatch(agent.app, Since())
    await watch.look()
    agent.told.clear()
    agent.becomes("tx2", supply="dead")
    await watch.look()
    await watch.look()
    assert [(one.name, one.texts["supply"]) for one in agent.told] == [("tx2", "dead")]
    assert "watch_hz" not in agent.told[0].numbers


async def test_a_later_good_reply_alone_is_no_change(agent: Agent) -> None:
    watch = MeterWatch(agent.app, Since())
    await watch.look()
    agent.told.clear()
    agent.becomes("tx1", last_good_us=MIDNIGHT_US + 5)
    await watch.look()
    assert agent.told == []


async def test_the_broker_and_the_database_each_hear_of_a_change(agent: Agent) -> None:
    agent.becomes("tx1", comms="lost")
    await MeterWatch(agent.app, Since()).look()
    assert agent.board.changed.is_set()
    assert not agent.board.altered.is_set()


async def test_others_are_let_in_while_many_meters_are_told() -> None:
    crowd = Agent(200)
    least: list[int] = []
    looking = asyncio.ensure_future(MeterWatch(crowd.app, Since()).look())
    while not looking.done():
        least.append(len(crowd.told))
        await asyncio.sleep(0)
    assert max(after - before for before, after in itertools.pairwise(least)) <= 25


async def test_a_journal_that_cannot_be_read_is_said_and_the_rest_is_told(
    agent: Agent, caplog: pytest.LogCaptureFixture
) -> None:
    agent.failing = "the card is gone"
    with caplog.at_level(logging.WARNING):
        await GatewayWatch(agent.app, Since(), MeterWatch(agent.app, Since()).lag).look()
    assert "health.journal_not_read error=the card is gone" in caplog.text
    (line,), (sink,), (gateway,) = (agent.of(kind) for kind in ("line", "sink", "gateway"))
    assert (line.name, line.numbers["line_up"], line.numbers["units"], line.numbers["overruns"]) == ("a", 1.0, 2.0, 6.0)
    assert (sink.name, sink.numbers["accepted"]) == ("influxdb", 7.0)
    assert "backlog_rows" not in sink.numbers
    assert (gateway.numbers["meters_live"], gateway.texts["alarms"]) == (2.0, "card_worn")
    assert gateway.numbers["rss_bytes"] > 1e6
    assert "clock_synced" not in gateway.numbers
    assert "supply_lost" not in gateway.numbers
    assert "journal_bytes" not in gateway.numbers


def test_the_event_loop_that_comes_late_is_seen(agent: Agent) -> None:
    async def main() -> MeterWatch:
        watch = MeterWatch(agent.app, Since())
        loop = asyncio.get_running_loop()
        running = asyncio.ensure_future(watch.run())
        await asyncio.sleep(0.5)
        loop._virtual.now_s += 2.0  # type: ignore[attr-defined] - somebody holds the loop
        await asyncio.sleep(0.1)
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        return watch

    assert virtual_time.run(main()).lag.told()["loop_lag_max_s"] == pytest.approx(1.5, abs=0.01)


def test_without_a_database_nobody_looks(agent: Agent) -> None:
    assert watches(agent.app) == {}
