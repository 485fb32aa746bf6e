"""What happens in a situation and when: the ``[[at]]`` tables of a scenario, turned into states of the world that
follow each other; and what each meter, fed from that world, has to say at any instant."""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import floor, sqrt

from situation_world import Tables, World

from drivers.encodings import ENCODINGS
from drivers.model import MeterModel, Register
from drivers.quantities import PHASES
from simulators.grid import NORMAL, Switching
from simulators.grid_meter import read

# A meter's power pack carries it over this, and needs this part of its voltage.
HOLD_UP_S = 0.1
LIVES_PU = 0.5
BOOT_S = 3.0
_NOISE = 0.0008
_FLOAT_STEPS = {"active_energy_import": 10.0, "power_failures": 1.0}

_ACTIONS = {
    "s", "why", "open", "close", "on", "off", "level", "blow", "mend", "freeze", "thaw", "mute", "speak", "line",
    "mode", "agent",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class State:
    """blown: ``meter.l1``; frozen: meters whose answers come from a cache; mute, lines: the outcome of asking, with its
    exception code, of meters and lines that do not answer."""

    since_s: float
    switching: Switching = NORMAL
    blown: frozenset[str] = frozenset()
    frozen: frozenset[str] = frozenset()
    mute: tuple[tuple[str, str], ...] = ()
    lines: tuple[tuple[str, str], ...] = ()


def states_of(scenario: Tables) -> list[State]:
    states = [State(0.0)]
    for action in sorted(scenario.get("at", ()), key=lambda one: float(one["s"])):
        unknown = action.keys() - _ACTIONS
        assert not unknown, f"{unknown} at {action['s']} s: no such action"
        states.append(_after(states[-1], action))
    return states


def _after(state: State, action: Tables) -> State:
    switching = state.switching.opened(*action.get("open", ())).closed(*action.get("close", ()))
    switching = switching.put_on(*action.get("on", ())).put_off(*action.get("off", ()))
    for name, level in action.get("level", {}).items():
        switching = switching.at_level(name, level)
    mute = {name: word for name, word in state.mute if name not in action.get("speak", ())} | action.get("mute", {})
    lines = dict(state.lines) | action.get("line", {})
    return replace(
        state,
        since_s=float(action["s"]),
        switching=switching,
        blown=state.blown.union(action.get("blow", ())).difference(action.get("mend", ())),
        frozen=state.frozen.union(action.get("freeze", ())).difference(action.get("thaw", ())),
        mute=tuple(sorted(mute.items())),
        lines=tuple((name, word) for name, word in lines.items() if word != "ok"),
    )


class Story:
    """The world over time."""

    def __init__(self, scenario: Tables, world: World) -> None:
        self.world, self.states = world, states_of(scenario)
        self.for_s = float(scenario["for_s"])
        self._times = [state.since_s for state in self.states]

    def at(self, t_s: float) -> State:
        return self.states[self.index(t_s)]

    def index(self, t_s: float) -> int:
        return max(0, bisect_right(self._times, t_s) - 1)

    def pieces(self, from_s: float, to_s: float) -> Iterator[tuple[float, int]]:
        """(seconds, index of the state) covering the span."""
        for index in range(self.index(from_s), self.index(to_s) + 1):
            end_s = self._times[index + 1] if index + 1 < len(self._times) else to_s
            spent_s = min(end_s, to_s) - max(self._times[index], from_s)
            if spent_s > 0 or from_s == to_s:
                yield spent_s, index

    def fed(self, node: str, phases: tuple[str, ...], every: bool = False) -> list[tuple[float, float]]:
        """Spans in which there is voltage at a node: on any of the phases, or on every one."""
        nominal_v = self.world.nominal_v[node]
        lit = []
        for state in self.states:
            solved = self.world.grid.solve(state.switching)
            # A power pack between the lines does not care for the star point: half of the widest line voltage.
            volts = dict(zip(PHASES, map(abs, solved.to_neutral(node)), strict=True))
            lit.append((all if every else any)(volts[phase] > LIVES_PU * nominal_v for phase in phases))
        return _spans([*zip(self._times, lit, strict=True)], self.for_s)


def _spans(edges: list[tuple[float, bool]], end_s: float) -> list[tuple[float, float]]:
    spans: list[tuple[float, float]] = []
    for (since_s, lit), (until_s, _) in zip(edges, [*edges[1:], (end_s + 1e6, False)], strict=True):
        if not lit:
            continue
        if spans and since_s - spans[-1][1] <= HOLD_UP_S:
            spans[-1] = (spans[-1][0], until_s)
        else:
            spans.append((since_s, until_s))
    return spans


class Seen:
    """What one meter says at an instant, or nothing. alive: spans in which its electronics run."""

    def __init__(self, name: str, index: int, story: Story, model: MeterModel, real: Tables) -> None:
        self.name, self._index, self._story, self._model = name, index, story, model
        self.place = story.world.places[name]
        self._window_s, self._refresh_s = model.window_s, model.refresh_s
        self._names = {*model.quantities, *model.evidence}
        self._kept: dict[int, dict[str, float]] = {}
        self._cache: dict[str, float] = {}
        boot_s = float(real.get("boot_s", BOOT_S))
        fed = self._fed()
        self.alive = [(since + boot_s if since > 0 else 0.0, until + HOLD_UP_S) for since, until in fed]
        self._ran_h = 1000.0 + 7 * index
        self._steps = {row.quantity: _step(row) for row in model.registers}

    def _fed(self) -> list[tuple[float, float]]:
        by = self._story.world.powered[self.name]
        if by in ("dc", "ups"):
            return [(0.0, 1e9)]
        if by.startswith("node:"):
            return self._story.fed(by.removeprefix("node:"), PHASES)
        _, _, which = by.partition(":")
        phases = (which,) if which in PHASES else PHASES
        return self._story.fed(self.place.voltage_node, phases, every=which == "all")

    def runs(self, t_s: float) -> bool:
        return any(since <= t_s < until for since, until in self.alive)

    def values(self, t_s: float, names: tuple[str, ...], *, frozen: bool) -> dict[str, float]:
        """frozen: what was said before stands in the gateway's cache and is said again."""
        if frozen:
            return {name: self._cache[name] for name in names if name in self._cache}
        made = self._now(t_s, names)
        self._cache |= made
        return made

    def _now(self, t_s: float, names: tuple[str, ...]) -> dict[str, float]:
        offset_s = 0.37 * self._index
        tick = floor((t_s + offset_s) / self._refresh_s)
        end_s = max(0.0, tick * self._refresh_s - offset_s)
        booted_s = max((since for since, _ in self.alive if since <= t_s), default=0.0)
        from_s = min(end_s, max(0.0, end_s - self._window_s, booted_s))
        pieces = list(self._story.pieces(from_s, end_s))
        states = [(spent, self._state(index)) for spent, index in pieces]
        dice = (tick * 2654435761 + self._index * 97) & 0xFFFFFFFF
        made = {}
        for name in names:
            dice = (dice * 1664525 + 1013904223) & 0xFFFFFFFF
            value = states[0][1].get(name) if len(states) == 1 else _mean(name, states)
            if value is not None:
                made[name] = round(value * (1.0 + _NOISE * (dice / 2**31 - 1.0)), 2)
            elif name in self._names:
                self._count(made, name, t_s)
        return made

    def _count(self, made: dict[str, float], name: str, t_s: float) -> None:
        if name == "active_energy_import":
            step = max(self._steps.get(name, 1.0), 1.0)
            made[name] = step * floor((2e6 + 1e5 * self._index + self._energy_wh(t_s)) / step)
        elif name == "operating_hours":
            ran_s = sum(max(0.0, min(until, t_s) - max(since, 0.0)) for since, until in self.alive if since < t_s)
            step = self._steps.get(name, 0.01)
            made[name] = step * floor((self._ran_h + ran_s / 3600) / step)
        elif name == "power_failures":
            made[name] = 4.0 + sum(1 for since, _ in self.alive[1:] if since <= t_s)
        elif name == "frequency":
            made[name] = 50.0

    def _energy_wh(self, t_s: float) -> float:
        joules = 0.0
        for since, until in self.alive:
            span = (max(since, 0.0), min(until, t_s))
            if span[0] < span[1]:
                for spent, index in self._story.pieces(*span):
                    joules += spent * max(0.0, self._state(index)["active_power_total"])
        return joules / 3600

    def _state(self, index: int) -> dict[str, float]:
        if index not in self._kept:
            state = self._story.states[index]
            blown = [one.partition(".")[2] for one in state.blown if one.partition(".")[0] == self.name]
            self._kept[index] = read(self._story.world.grid.solve(state.switching), self.place, blown)
        return self._kept[index]


def _mean(name: str, states: list[tuple[float, dict[str, float]]]) -> float | None:
    """Over the window: RMS of what is RMS, else the plain mean."""
    if name not in states[0][1]:
        return None
    total_s = sum(spent for spent, _ in states)
    if total_s <= 0:
        return states[-1][1][name]
    if name.startswith(("voltage", "current")):
        return sqrt(sum(spent * one[name] ** 2 for spent, one in states) / total_s)
    return sum(spent * one[name] for spent, one in states) / total_s


def _step(row: Register) -> float:
    """The least by which a register changes; where it is a float, what such meters usually count by: 10 Wh, 36 s."""
    if not ENCODINGS[row.encoding].integer:
        return _FLOAT_STEPS.get(row.quantity, 0.01)
    return float(row.multiply / row.divide)
