"""The simulated day makes up how its gateway stood: with the names that the agent gives to that."""

from pathlib import Path
from types import SimpleNamespace as Bare
from typing import Any, cast, get_args

from dashboard_day import MIDNIGHT_US, machine_room

from agent.app import App
from agent.journal.entries import JournalStats, SinkStats
from agent.poll.health import HEALTHY
from agent.poll.tally import Figures
from agent.publish.certificate import Validity
from agent.publish.forwarder import Progress
from agent.records import ClockState, Health
from agent.status.board import Board
from agent.status.card import Card, Wear
from agent.status.certificates import Role, Standing
from agent.status.health import Lag, Since
from agent.status.health_watch import GatewayWatch
from agent.status.stalls import Stalls
from drivers.modbus.outcome import LineCounters


def _app(told: list[Health]) -> App:
    """As much of one as is looked at, all of it known."""
    sink = SinkStats(1, (1, 1), 0, None, 0)
    stats = JournalStats("e", 2, 1, 1, 0, 0, 0, 4096, 1 << 29, 1, "", "", {"influxdb": sink})

    async def known() -> JournalStats:
        return stats

    poller = Bare(
        recent=Bare(figures=lambda: Figures(60.0, 0.3, 0.001, 0.004, 0, {"m": 1.0})), health=lambda _: HEALTHY,
        mute=lambda _: (), missed_ticks=lambda _: 0,
    )  # fmt: skip
    valid = [Standing("influxdb", role, None, Validity(0, MIDNIGHT_US)) for role in get_args(Role)]
    app: dict[str, Any] = {
        "clock": Bare(
            wall_us=lambda: MIDNIGHT_US, boot_us=lambda: 1, offset_us=0, guess=False, state=ClockState(True, 0.1),
            suspended_us=0, source_name="kernel",
        ),
        "site": Bare(name="dashi", gateway="gw-01", state_dir=Path("/"), meters={"m": Bare(name="m", line="a")}),
        "journal": Bare(add_reading=told.append, stats=known, epoch="e", error=""), "board": Board(),
        "lines": {"a": Bare(state="open", error="", foreign_master=None, counters=LineCounters())},
        "pollers": {"a": poller}, "sinks": {"influxdb": Progress()}, "blocked": {"influxdb": lambda: ""}, "alarms": {},
        "upkeep": Bare(certificates=valid, card=lambda: (Card("mmcblk0", 1, 1, 2, 1), Wear(2e8, 9e3, 3600.0))),
        "gateway": Bare(source="sysfs", mains=Bare(lost_since=None)), "desk": Bare(incidents=()),
        "times": Bare(waits=lambda: None), "stalls": Stalls(),
    }  # fmt: skip
    return cast(App, Bare(**app))


async def test_the_day_says_of_its_gateway_nothing_that_the_agent_has_another_name_for() -> None:
    told: list[Health] = []
    lag = Lag()
    lag.late(0.001)
    await GatewayWatch(_app(told), Since(), lag).look()
    names = {one.of: {*one.numbers, *one.texts} for one in told}
    # Shares of a time that did not pass are not told.
    names["gateway"].add("cpu_share")
    for made_up in machine_room(36_000.0, MIDNIGHT_US):
        assert {*made_up.numbers, *made_up.texts} - names[made_up.of] == set(), made_up.of
