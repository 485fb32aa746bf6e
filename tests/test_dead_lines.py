"""Lines that die and come back under real pollers, pipelines and the real desk, in virtual time: who is told of it."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import virtual_time
from desk_rig import site_of
from situation_agent import Agent, Told
from virtual_meters import FakeLine, unit

from agent.poll.poller import LinePoller
from agent.records import Event, Sample
from agent.site import Site

VOLTS = {"voltage_l1": 230.0, "voltage_l2": 230.0, "voltage_l3": 230.0}
# What one exchange takes, and the longest turn-around that is waited for, in seconds.
WAYS = {"9600 baud": (0.06, 0.6), "TCP": (0.004, 0.5)}
many = pytest.mark.slow

Act = Callable[[FakeLine], object]


class LoopClocks:
    wall_us0, boot_us0, synced = 1_795_000_000_000_000, 0, True

    @property
    def now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def boot_us(self) -> int:
        return virtual_time.now_us()

    def wall_us(self) -> int:
        return self.wall_us0 + self.boot_us()


@dataclass(frozen=True)
class Play:
    """meters: on one line, as quick as `way`; script: (second, what happens to the line then)"""

    meters: int
    way: str
    script: tuple[tuple[float, Act], ...]

    def told(self, folder: Path, for_s: float) -> list[Event]:
        return virtual_time.run(self._run(folder, for_s))

    async def _run(self, folder: Path, for_s: float) -> list[Event]:
        told: list[Told] = []
        agent, (cost_s, ceiling_s) = Agent(_site(folder, self.meters), LoopClocks(), told), WAYS[self.way]
        line = FakeLine(cost_s=cost_s)

        def on_sample(sample: Sample) -> None:
            agent.sample(sample._replace(values=VOLTS))

        units = [unit(n + 1, poll_s=60.0, ceiling_s=ceiling_s) for n in range(self.meters)]
        jitter = random.Random(1).random  # noqa: S311 - a seed is the point
        poller = LinePoller(line, units, virtual_time.now_us, on_sample, agent.miss, jitter=jitter)
        for at_s, act in self.script:
            asyncio.get_running_loop().call_later(at_s, act, line)
        task = asyncio.create_task(poller.run())
        for turn in range(round(20 * for_s)):
            await asyncio.sleep(0.05)
            agent.turn()
            if turn % 20 == 19:
                agent.tick(None)
        task.cancel()
        return [one.record for one in told if isinstance(one.record, Event)]


def _site(folder: Path, meters: int) -> Site:
    each = (f'[meters.m{n}]\nline = "bus"\nunit = {n}\nmodel = "eastron-sdm630"\n' for n in range(1, meters + 1))
    return site_of(folder, '[lines.bus]\ntcp = "127.0.0.1"\n' + "".join(each))


def port_gone(line: FakeLine) -> None:
    line.down = True


def cut(line: FakeLine) -> None:
    line.dead = set(range(1, 101))


def back(line: FakeLine) -> None:
    line.down, line.dead = False, set()


def shown(events: list[Event]) -> list[tuple[str, str | None]]:
    return [(event.state, event.meter or event.line) for event in events]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("meters", [5, pytest.param(40, marks=many), pytest.param(100, marks=many)])
@pytest.mark.parametrize("dies_s", [0.0, 30.013])
def test_a_port_that_is_gone_is_one_event(tmp_path: Path, meters: int, way: str, dies_s: float) -> None:
    told = Play(meters, way, ((dies_s, port_gone), (50.7, back))).told(tmp_path, 80)
    assert shown(told) == [("open", "bus"), ("closed", "bus")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("meters", [5, pytest.param(40, marks=many), pytest.param(100, marks=many)])
def test_a_connection_that_is_gone_for_two_seconds_is_the_lines_however_few_had_time_to_be_lost(
    tmp_path: Path, meters: int, way: str
) -> None:
    told = Play(meters, way, ((30.013, port_gone), (32.0, back))).told(tmp_path, 60)
    assert shown(told) == [("open", "bus"), ("closed", "bus")]
    assert told[-1].duration_min_s <= 1.987 <= told[-1].duration_max_s


@pytest.mark.parametrize(
    ("meters", "way"),
    [
        (5, "9600 baud"),
        pytest.param(5, "TCP", marks=many),
        pytest.param(40, "9600 baud", marks=many),
        pytest.param(100, "TCP", marks=many),
    ],
)
def test_a_line_that_is_back_before_every_unit_was_lost_is_one_event_all_the_same(
    tmp_path: Path, meters: int, way: str
) -> None:
    told = Play(meters, way, ((30.013, cut), (60.7, back))).told(tmp_path, 240)
    assert shown(told) == [("open", "bus"), ("closed", "bus")]
    assert told[-1].duration_min_s <= 30.687 <= told[-1].duration_max_s


@pytest.mark.parametrize(
    ("meters", "way"), [(5, "9600 baud"), *(pytest.param(meters, "TCP", marks=many) for meters in (40, 100))]
)
def test_of_a_gateway_with_half_of_its_meters_dead_each_is_told_by_itself(
    tmp_path: Path, meters: int, way: str
) -> None:
    dead = set(range(1, meters // 2 + 1))
    told = Play(meters, way, ((30.013, lambda line: line.dead.update(dead)),)).told(tmp_path, 60)
    assert sorted(shown(told)) == sorted(("open", f"m{n}") for n in dead)
