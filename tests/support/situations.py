"""A situation played through the real pipelines and the real desk, in virtual time: 90 minutes in a second or two.

`Play` asks every meter of the site at its own pace while something happens, and every few seconds while nothing does;
what it says comes from the phasor world of the scenario (`situation_world`, `situation_script`). All that the agent
tells is kept in order, with the instant at which it was told.
"""

import heapq
import tomllib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from situation_agent import Agent, Told
from situation_script import Seen, Story
from situation_world import world_of

from agent.records import Event, Incident, Miss, Sample
from agent.site import Meter, Site, load_site
from agent.units import watch_decoder
from agent.wiring import latched, polled

SECOND = 1_000_000
WALL_US = 1_795_000_000 * SECOND
BOOT_US = 5_000 * SECOND
_REPLY_US = 20_000
_SILENCE_US = 500_000
_BEFORE_S, _AT_ONCE_S, _AFTER_S = 2.5, 4.0, 12.0
_SOON_S = 0.6
_CODES = {"0A": 0x0A, "0B": 0x0B}


@dataclass
class Case:
    """One folder of tests/cases."""

    folder: Path
    site: Site = field(init=False)
    scenario: dict[str, Any] = field(init=False)
    expected: dict[str, Any] = field(init=False)
    raw: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.raw, self.scenario, self.expected = (
            tomllib.loads((self.folder / name).read_text(encoding="utf-8"))
            for name in ("site.toml", "scenario.toml", "expected.toml")
        )
        self.site = load_site(self.folder / "site.toml", self.folder)


class Clocks:
    """The clocks of the gateway: boot time and wall time, by the seconds of the story."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.boot_us0, self.wall_us0 = BOOT_US, WALL_US
        self.synced: bool | None = True

    def boot_us(self, at_s: float | None = None) -> int:
        return self.boot_us0 + round(1e6 * (self.now_s if at_s is None else at_s))

    def wall_us(self) -> int:
        return self.wall_us0 + round(1e6 * self.now_s)


class Play:
    """One run of a case from 0 to ``for_s``. meters: what makes of the world what each of them says."""

    meters: type[Seen] = Seen

    def __init__(self, case: Case) -> None:
        self.case = case
        scenario = case.scenario
        powered = {name: meter.powered_by for name, meter in case.site.meters.items()}
        self.world = world_of(case.raw, scenario, powered)
        self.story = Story(scenario, self.world)
        self.clock = Clocks()
        self.told: list[Told] = []
        self.standing: list[tuple[float, dict[str, Any]]] = []
        self.agent = self._agent()
        self._calm_s = float(scenario.get("calm_s", 2.0))
        self._seen = {
            name: self.meters(name, index, self.story, meter.model, self._real(name))
            for index, (name, meter) in enumerate(case.site.meters.items())
        }
        self._names = {name: (_watched(meter), _polled(meter)) for name, meter in case.site.meters.items()}
        self._edges = sorted(self._all_edges())
        self._misses: dict[str, int] = {}

    def _agent(self) -> Agent:
        return Agent(self.case.site, self.clock, self.told)

    def _real(self, meter: str) -> dict[str, Any]:
        return dict(self.case.scenario.get("meters", {}).get(meter, {}))

    def _all_edges(self) -> Iterator[float]:
        for state in self.story.states:
            yield state.since_s
        for seen in self._seen.values():
            for since_s, until_s in seen.alive:
                yield since_s
                yield until_s
        yield from self.case.scenario.get("look_at", ())
        for action in self.case.scenario.get("at", ()):
            if "agent" in action and "boot_s" in action["agent"]:
                yield action["s"] + action["agent"]["boot_s"]

    # -- the run -------------------------------------------------------------------------------------------

    def run(self) -> "Play":
        due = self._dues()
        asked = sorted((one["at_s"], i) for i, one in enumerate(self.case.expected.get("standing", ())))
        actions = sorted(
            (action["s"], i)
            for i, action in enumerate(self.case.scenario.get("at", ()))
            if "agent" in action or "mode" in action
        )
        while due:
            t_s, order, what, meter = heapq.heappop(due)
            while asked and asked[0][0] <= t_s:
                self._note(self.case.expected["standing"][asked.pop(0)[1]])
            while actions and actions[0][0] <= t_s:
                self._act(self.case.scenario["at"][actions.pop(0)[1]])
            if t_s > self.story.for_s:
                break
            self.clock.now_s = max(self.clock.now_s, t_s)
            again_s = self._step(t_s, what, meter)
            self.agent.turn()
            heapq.heappush(due, (again_s, order, what, meter))
        self.told = self.agent.handed_out()
        return self

    def _dues(self) -> list[tuple[float, int, str, str]]:
        due = [(0.5, 0, "tick", "")]
        for index, name in enumerate(self._seen):
            due.append((0.1 + 0.037 * index, 2 * index + 1, "look", name))
            due.append((0.6 + 0.037 * index, 2 * index + 2, "full", name))
        heapq.heapify(due)
        return due

    def _step(self, t_s: float, what: str, name: str) -> float:
        """Do what is due; when it is due again."""
        if what == "tick":
            if self.agent.runs:
                self.agent.tick(self._mains_lost(t_s))
            return self._next(t_s, 1.0 if self._busy(t_s) else max(1.0, self._calm_s))
        if not self.agent.runs:
            return t_s + 1.0
        outcome = self._outcome(t_s, name)
        if outcome:
            if what == "full":
                return t_s + 10.0
            self._miss(t_s, name, outcome)
            self._misses[name] = self._misses.get(name, 0) + 1
            few = self._misses[name] < 6 or self._busy(t_s)
            return self._next(t_s, 0.7 if few else max(5.0, self._calm_s))
        self._misses[name] = 0
        self._answer(t_s, name, full=what == "full")
        if what == "full":
            return t_s + self.case.site.meters[name].poll_us / 1e6
        return self._next(t_s, self._pace_s(t_s, name))

    def _pace_s(self, t_s: float, name: str) -> float:
        """As the site says while something happens; after that what tells no less about what lasts."""
        watch_s = max(0.2, (self.case.site.meters[name].watch_us or 0) / 1e6)
        if self._busy(t_s, _AT_ONCE_S):
            return watch_s
        return max(watch_s, _SOON_S if self._busy(t_s) else self._calm_s)

    def _next(self, t_s: float, after_s: float) -> float:
        """No later than just before something happens."""
        index = bisect_right(self._edges, t_s + _BEFORE_S)
        if index == len(self._edges):
            return t_s + after_s
        return min(t_s + after_s, max(self._edges[index] - _BEFORE_S, t_s + 0.2))

    def _busy(self, t_s: float, after_s: float = _AFTER_S) -> bool:
        """Something is about to happen, or did so lately."""
        coming = bisect_right(self._edges, t_s)
        if coming < len(self._edges) and self._edges[coming] - t_s <= _BEFORE_S:
            return True
        return coming > 0 and t_s - self._edges[coming - 1] <= after_s

    def _mains_lost(self, t_s: float) -> bool | None:
        node = self.case.raw.get("mains", {}).get("node") or self.case.scenario.get("mains_node")
        if node is None:
            return None
        volts = map(abs, self.world.grid.solve(self.story.at(t_s).switching).to_neutral(node))
        return max(volts) < 0.5 * self.world.nominal_v[node]

    def _outcome(self, t_s: float, name: str) -> str:
        """Why it does not answer; empty: it does."""
        state, meter = self.story.at(t_s), self.case.site.meters[name]
        if word := dict(state.lines).get(meter.line, ""):
            return word
        if name in state.frozen:
            return ""
        if word := dict(state.mute).get(name, ""):
            return word
        if self._seen[name].runs(t_s):
            return ""
        return str(self.case.scenario.get("dead_says", {}).get(meter.line, "silent"))

    def _miss(self, t_s: float, name: str, outcome: str) -> None:
        sent_us = self.clock.boot_us(t_s)
        word, _, code = outcome.partition(" ")
        wait_us = _REPLY_US if word in ("refused", "down") else _SILENCE_US
        self.clock.now_s = max(self.clock.now_s, t_s + wait_us / 1e6)
        self.agent.miss(Miss(name, sent_us, sent_us, sent_us + wait_us, word, _CODES.get(code, 0)))

    def _answer(self, t_s: float, name: str, *, full: bool) -> None:
        names = self._names[name][full]
        frozen = name in self.story.at(t_s).frozen
        values = self._seen[name].values(t_s, names, frozen=frozen)
        sent_us = self.clock.boot_us(t_s)
        self.clock.now_s = max(self.clock.now_s, t_s + _REPLY_US / 1e6)
        self.agent.sample(Sample(name, sent_us, sent_us + _REPLY_US, values, full))

    # -- what is done to the gateway, and asked of it --------------------------------------------------------

    def _act(self, action: dict[str, Any]) -> None:
        self.clock.now_s = max(self.clock.now_s, action["s"])
        for target, mode in action.get("mode", {}).items():
            self.agent.set_mode(target, mode)
        how = action.get("agent")
        if how:
            self.agent.act(how)

    def _note(self, asked: dict[str, Any]) -> None:
        status = self.agent.statuses().get(asked["meter"]) if self.agent.runs else None
        self.standing.append((asked["at_s"], {"asked": asked, "status": status}))

    @property
    def events(self) -> list[Event]:
        """As they stand in the end, in the order in which they were first told."""
        last: dict[str, Event] = {}
        for one in self.told:
            if isinstance(one.record, Event):
                last[one.record.id] = one.record
        return list(last.values())

    @property
    def incidents(self) -> list[Incident]:
        last: dict[str, Incident] = {}
        for one in self.told:
            if isinstance(one.record, Incident):
                last[one.record.id] = one.record
        return list(last.values())


def _watched(meter: Meter) -> tuple[str, ...]:
    return tuple(sorted(watch_decoder(meter).quantities))


def _polled(meter: Meter) -> tuple[str, ...]:
    names = (*polled(meter.model, meter.basis, meter.wiring), *latched(meter.model, meter.wiring))
    return tuple(dict.fromkeys(names))
