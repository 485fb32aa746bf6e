"""One simulated meter: what its registers hold and whether it answers at all, as functions of time.

Time is seconds since the scenario began. Registers go through the same maps as the driver's decoder, by
its encode half; only mapped words exist (and the gaps a map allows to be crossed, which read 0).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import acos, floor, inf, tan

from drivers.codec import Installation, encode
from drivers.modbus.pdu import Read
from drivers.model import MeterModel
from drivers.quantities import CATALOGUE, Quantity
from simulators.chance import spread, unit
from simulators.feeder import PHASES, Disturbance, Feeder, Node, Steps, Triple
from simulators.latches import FLAGS, OwnCounts
from simulators.scenario import MeterSpec, Scenario, ScenarioError
from simulators.steps import ELECTRICAL

# "quick" registers: the ten-cycle window of power quality meters, renewed twice as often, so that
# what a test asks for shows within 0.3 s.
_QUICK_WINDOW_S = 0.2
_QUICK_REFRESH_S = 0.1
_ILLEGAL_ADDRESS, _ILLEGAL_VALUE = 2, 3
_PAIRS = ("l1_l2", "l2_l3", "l3_l1")
_LINE_CURRENTS = tuple(("current", phase) for phase in PHASES)


@dataclass(frozen=True, slots=True)
class Silence:
    """The meter does not answer from start_s up to end_s. booted: it lost its supply, and starts anew at the end."""

    start_s: float
    end_s: float
    booted: bool


class SimulatedMeter:
    """spec and model of one meter in its feeder; ``wiring`` and ``powered_by`` are the scenario's or the map's."""

    def __init__(self, spec: MeterSpec, model: MeterModel, feeder: Feeder, scenario: Scenario) -> None:
        self.spec = spec
        self.model = model
        self.wiring = spec.wiring or model.wiring
        self.powered_by = spec.powered_by or model.powered_by
        self.turnaround_s = model.turnaround_s if spec.turnaround_s is None else spec.turnaround_s
        self._mapped = frozenset(model.readable)
        self.words = _answering(model)
        self.silences = self._silences(scenario, feeder.steps(spec.name))
        self._feeder = feeder
        self._period_s = scenario.period_s
        self._frozen = [step for step in scenario.steps if (step.do, step.target) == ("stuck", spec.name)]
        self._contacts = [step for step in scenario.steps if (step.do, step.target) == ("input_closed", spec.name)]
        self._installation = _installation(spec)
        self._refresh_s, self._window_s = _refresh(spec, model, scenario.frequency_hz)
        self._offset_s = self._refresh_s * unit(scenario.seed, spec.name, "refresh")
        self._counts = self._own_counts()
        self._held: tuple[float, Mapping[tuple[int, int], int]] = (-1.0, {})

    def answers(self, t_s: float) -> bool:
        """False while its supply, its cable or its line is dead, and until it has booted."""
        return not any(
            silence.start_s <= at_s < silence.end_s for at_s in self._story(t_s) for silence in self.silences
        )

    def booted_s(self, t_s: float) -> float:
        """When it last came up; 0 if that was before the scenario."""
        ends = [silence.end_s - at_s for at_s in self._story(t_s) for silence in self.silences if silence.booted]
        return max([t_s + ago for ago in ends if ago <= 0.0], default=0.0)

    def refusal(self, function: int, address: int, count: int) -> int | None:
        """The exception code for a read of mapped words that this family refuses all the same."""
        if self.said(function, address, count) is not None:
            return None
        if any((function, each) not in self._mapped for each in range(address, address + count)):
            return _ILLEGAL_ADDRESS  # a part of what says who it is, or more than that
        if count > self.model.max_words:
            return _ILLEGAL_VALUE
        for row in self.model.registers:
            touched = row.function == function and row.address < address + count and address < row.end
            if row.alone and touched and (address, count) != (row.address, row.words):
                return _ILLEGAL_ADDRESS
        return None

    def said(self, function: int, address: int, count: int) -> tuple[int, ...] | None:
        """The words it says who it is in, where exactly they are asked for."""
        asked = Read(function, address, count)
        return next((one.encode() for one in self.model.identity.reads if one.read == asked), None)

    def image(self, t_s: float) -> Mapping[tuple[int, int], int]:
        """(function, address) -> word as the registers stand at t_s: taken at its last refresh."""
        at_s = self._refreshed_s(self._unfrozen_s(t_s))
        if self._held[0] != at_s:
            words = encode(self.model, self.values(at_s), self._installation)
            self._held = (at_s, words)
        return self._held[1]

    def values(self, at_s: float) -> dict[str, float]:
        """Primary values as it would compute them at a refresh at ``at_s``; what it is not wired for is absent, as
        is an input that is open."""
        window_s = max(0.0, min(self._window_s, at_s - self.booted_s(at_s)))
        values = self._feeder.values(self.spec.name, at_s, window_s)
        dead_s, failures = self._outages(at_s)
        values["operating_hours"] -= dead_s / 3600.0
        values["power_failures"] = values["restart_count"] = float(failures)
        values["restart_flag"] = float(failures > 0)  # nobody acknowledges it
        if self._counts is not None:
            values |= self._counts.values(at_s)
        values |= {
            f"input_{step.input_number}": 1.0
            for step in self._contacts
            if step.start_s <= self._story(at_s)[0] < step.end_s
        }
        return _wired(values, self.wiring, self.spec.phase_map[0])

    def _own_counts(self) -> OwnCounts | None:
        """None where its map has no register for them."""
        rows = [row.quantity for row in self.model.registers if CATALOGUE[row.quantity].evidence]
        if not any(CATALOGUE[name].phase is not None or name in FLAGS for name in rows):
            return None
        name, feeder = self.spec.name, self._feeder
        wired = self.spec.phase_map[:1] if self.wiring == "1p2w" else PHASES
        nominal_v = feeder.nodes[name].nominal_v
        return OwnCounts(feeder.steps(name), nominal_v, lambda t_s: feeder.undisturbed(name, t_s), wired)

    def _unfrozen_s(self, t_s: float) -> float:
        """t_s, or when the registers got stuck."""
        at_s = self._story(t_s)[0]
        starts = [step.start_s for step in self._frozen if step.start_s <= at_s < step.end_s]
        return t_s - at_s + min(starts) if starts else t_s

    def _refreshed_s(self, t_s: float) -> float:
        if not self._refresh_s:
            return t_s
        tick_s = floor((t_s - self._offset_s) / self._refresh_s) * self._refresh_s + self._offset_s
        return max(tick_s, self.booted_s(t_s))  # a boot fills them first

    def _story(self, t_s: float) -> tuple[float, ...]:
        """t_s within the cycle, and as the previous cycle counts it: a boot may reach over the seam."""
        at_s = t_s % self._period_s
        return (at_s,) if t_s < self._period_s else (at_s, at_s + self._period_s)

    def _outages(self, t_s: float) -> tuple[float, int]:
        """Seconds without supply, and how many times, since the scenario began."""
        cycles, at_s = (0, t_s) if self._period_s == inf else divmod(t_s, self._period_s)
        seconds, count = 0.0, 0
        for silence in self.silences:
            if silence.booted:
                length_s = silence.end_s - silence.start_s
                seconds += (cycles * length_s if cycles else 0.0) + min(max(0.0, at_s - silence.start_s), length_s)
                count += int(cycles) + (at_s >= silence.start_s)
        return seconds, count

    def _silences(self, scenario: Scenario, voltages: Steps) -> tuple[Silence, ...]:
        boot_s = self.spec.boot_s
        if boot_s is None:
            boot_s = 2.0 + spread(scenario.seed, 1.0, self.spec.name, "boot")
        found = []
        for step in scenario.steps:
            if step.do in ("meter_off", "cable_dead", "line_silent") and step.target in (
                self.spec.name,
                self.spec.line,
            ):
                off = step.do == "meter_off"
                found.append(Silence(step.start_s, step.end_s + (boot_s if off else 0.0), off))
        if self.powered_by.startswith("self"):
            for start_s, end_s in self._starved(voltages):
                found.append(Silence(start_s + self.spec.ride_through_s, end_s + boot_s, booted=True))
        return tuple(sorted(found, key=lambda silence: silence.start_s))

    def _starved(self, voltages: Steps) -> list[tuple[float, float]]:
        """Spans in which no phase it lives on carries enough, longer than it rides through."""
        first_only = self.powered_by == "self:l1" or self.wiring == "1p2w"
        phases = self.spec.phase_map[:1] if first_only else PHASES
        spans: list[tuple[float, float]] = []
        ends = (*voltages.edges[1:], voltages.period_s)
        for start_s, end_s, factors in zip(voltages.edges, ends, voltages.factors, strict=True):
            if max(factors[PHASES.index(phase)] for phase in phases) >= self.spec.dies_below_pu:
                continue
            if spans and spans[-1][1] == start_s:
                start_s = spans.pop()[0]
            spans.append((start_s, end_s))
        return [(start_s, end_s) for start_s, end_s in spans if end_s - start_s > self.spec.ride_through_s]


def build_feeder(scenario: Scenario, models: Mapping[str, MeterModel]) -> Feeder:
    """The tree of a scenario; ``models`` by the name the scenario uses."""
    nodes = [_node(scenario, name, models) for name in scenario.order]
    disturbances = [
        Disturbance(step.target, step.phases, step.to_pu, step.start_s, step.end_s)
        for step in scenario.steps
        if step.do in ELECTRICAL
    ]
    return Feeder(
        nodes,
        disturbances,
        seed=scenario.seed,
        frequency_hz=scenario.frequency_hz,
        time_of_day_s=scenario.time_of_day_s,
        period_s=scenario.period_s,
    )


def check_inputs(scenario: Scenario, models: Mapping[str, MeterModel]) -> None:
    """ScenarioError for a contact on an input that the meter's map does not have."""
    for step in scenario.steps:
        if step.do == "input_closed":
            model = models[scenario.meters[step.target].model]
            inputs = [row.quantity for row in model.registers if row.bit is not None]
            if f"input_{step.input_number}" not in inputs:
                where = f"steps: {step.do} at {step.start_s:g} s: input"
                allowed = ", ".join(inputs) or f"none, {model.id} has no inputs"
                todo = "correct the number or the meter"
                raise ScenarioError(scenario.file, where, str(step.input_number), allowed, todo)


def _node(scenario: Scenario, name: str, models: Mapping[str, MeterModel]) -> Node:
    if name in scenario.nodes:
        point = scenario.nodes[name]
        return Node(name, point.upstream, point.nominal_v, drop_pu=point.drop_pu)
    spec = scenario.meters[name]
    wiring = spec.wiring or models[spec.model].wiring
    shares = _shares(scenario.seed, spec, wiring)
    watts = 1000.0 * spec.load_kw
    tangent = tan(acos(spec.power_factor))
    load_w = (watts * shares[0], watts * shares[1], watts * shares[2])
    load_var = (tangent * load_w[0], tangent * load_w[1], tangent * load_w[2])
    return Node(name, spec.upstream, spec.nominal_v, load_w, load_var, spec.drop_pu)


def _shares(seed: int, spec: MeterSpec, wiring: str) -> Triple:
    """Of the load per network phase: unequal by up to a few percent, or all on the one that is wired."""
    if wiring == "1p2w":
        one, two, three = (float(phase == spec.phase_map[0]) for phase in PHASES)
        return one, two, three
    raw = [1.0 + spread(seed, 0.12, spec.name, phase, "share") for phase in PHASES]
    return raw[0] / sum(raw), raw[1] / sum(raw), raw[2] / sum(raw)


def _installation(spec: MeterSpec) -> Installation:
    """Ratios count only where the registers hold secondary values."""
    secondary = spec.registers == "secondary"
    return Installation(
        vt=_ratio(spec.vt) if secondary else 1.0,
        ct=_ratio(spec.ct) if secondary else 1.0,
        phase_map=spec.phase_map,
        direction=spec.direction,
    )


def _ratio(text: str | None) -> float:
    primary, _, secondary = (text or "1/1").partition("/")
    return int(primary) / int(secondary)


def _refresh(spec: MeterSpec, model: MeterModel, frequency_hz: float) -> tuple[float, float]:
    """(how often registers change, what their RMS averages over) in seconds; refresh 0: computed at each read."""
    if spec.refresh == "live":
        return 0.0, 1.0 / frequency_hz
    if spec.refresh == "model":
        return model.refresh_s, model.window_s
    return min(_QUICK_REFRESH_S, model.refresh_s), min(_QUICK_WINDOW_S, model.window_s)


def _answering(model: MeterModel) -> Mapping[int, tuple[int, ...]]:
    """Per function the addresses that answer, in order."""
    said = [
        (one.read.function, one.read.address + word) for one in model.identity.reads for word in range(one.read.count)
    ]
    answering: dict[int, list[int]] = {}
    for function, address in sorted({*model.readable, *said}):
        answering.setdefault(function, []).append(address)
    return {function: tuple(addresses) for function, addresses in answering.items()}


def _wired(values: Mapping[str, float], wiring: str, first: str) -> dict[str, float]:
    """What a meter of this wiring can know. Without a neutral nothing per phase but currents; with one phase, the
    network phase ``first``, totals are that phase's."""
    if wiring == "3p4w":
        return dict(values)
    kept = {name: value for name, value in values.items() if _knows(CATALOGUE[name], wiring, first)}
    if wiring == "1p2w":
        for kind in ("active_power", "reactive_power", "apparent_power", "power_factor"):
            kept.pop(f"{kind}_total", None)
            kept |= {f"{kind}_total": values[name] for name in (f"{kind}_{first}",) if name in values}
    return kept


def _knows(quantity: Quantity, wiring: str, first: str) -> bool:
    if quantity.id == "voltage_residual":
        return False
    if wiring == "1p2w":
        return quantity.phase in (None, "total", first)
    return quantity.phase in (None, "total", *_PAIRS) or (quantity.dimension, quantity.phase) in _LINE_CURRENTS
