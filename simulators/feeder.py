"""The world: voltages, loads and energies of a feeder tree as a pure function of time.

Model, per node and phase: a load ``p * shape(t) * f²`` and ``q * shape(t) * f²`` where ``shape`` is a sum of
slow waves around one (a day, and periods from minutes down to seconds) and ``f`` the product of all disturbances
on the way from the source. What a node carries is its own load and those of everything below it. Waves have
closed-form integrals and ``f`` is piecewise constant, so an energy is exact, cheap and monotone: powers add up to it.

Voltage: nominal, times a fixed offset, a slow wander, a little noise (a hash of seed, node, phase and time
bucket), the drop of the load on the way, and ``f``. Impedances are constant, so a current falls with its voltage.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import cos, floor, hypot, inf, pi, sin, sqrt

from simulators.chance import spread, unit

PHASES = ("l1", "l2", "l3")
_NOISE_BUCKET_S = 0.1
_NOISE = 0.0004  # of nominal: what quiet networks show between two 200 ms windows
_DROP_BUCKET_S = 1.0
_SOURCE = 1.015  # of nominal: substations run a little above, for those at the end of the feeder

Triple = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Disturbance:
    """Voltages of ``phases`` of ``node``, and of everything below it, are ``to_pu`` of what they were, from ``start_s``
    up to ``end_s`` (inf: for ever)."""

    node: str
    phases: tuple[str, ...]
    to_pu: float
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Node:
    """One point of the tree. Loads are its own, without those below: W and var per phase at nominal voltage.

    drop_pu: of its nominal voltage, lost on the way to it at full load
    """

    name: str
    upstream: str | None
    nominal_v: float
    load_w: Triple = (0.0, 0.0, 0.0)
    load_var: Triple = (0.0, 0.0, 0.0)
    drop_pu: float = 0.0


@dataclass(frozen=True, slots=True)
class Shape:
    """1 plus waves of (amplitude, angular frequency, angle)."""

    waves: tuple[tuple[float, float, float], ...]

    def at(self, t_s: float) -> float:
        return 1.0 + sum(size * cos(omega * t_s - angle) for size, omega, angle in self.waves)

    def integral(self, t_s: float) -> float:
        """From 0 to t_s, in seconds."""
        return t_s + sum(size / omega * (sin(omega * t_s - angle) + sin(angle)) for size, omega, angle in self.waves)


# Amplitude and period in seconds: a day with its evening peak, half a day, then what a street of homes does.
_LOAD_WAVES = ((0.22, 86_400.0), (0.09, 43_200.0), (0.05, 1_260.0), (0.03, 173.0), (0.015, 41.0), (0.01, 7.3))
_EVENING_S = 19.0 * 3600.0
_VOLTAGE_WAVES = ((0.0030, 3_700.0), (0.0020, 310.0), (0.0012, 29.0), (0.0006, 4.1))
_FREQUENCY_WAVES = ((0.015, 607.0), (0.010, 83.0), (0.006, 13.0))


def _shape(seed: int, key: str, waves: Sequence[tuple[float, float]], time_of_day_s: float) -> Shape:
    """Waves at seeded angles; those of a day peak in the evening, give or take two hours."""
    made = []
    for size, period in waves:
        omega = 2.0 * pi / period
        if period >= 43_200.0:
            peak_s = _EVENING_S - time_of_day_s + spread(seed, 7_200.0, key, period)
            made.append((size, omega, omega * peak_s))
        else:
            made.append((size, omega, 2.0 * pi * unit(seed, key, period)))
    return Shape(tuple(made))


@dataclass(frozen=True, slots=True)
class Steps:
    """Voltage factors per phase, constant between edges, from 0 to ``period_s`` and then again and again."""

    edges: tuple[float, ...]
    factors: tuple[Triple, ...]
    period_s: float

    def at(self, t_s: float) -> Triple:
        return self.factors[bisect_right(self.edges, t_s % self.period_s) - 1]

    def pieces(self, from_s: float, to_s: float) -> Iterator[tuple[float, float, Triple]]:
        """(start, end, factors) covering [from_s, to_s] in order."""
        at_s = from_s
        while at_s < to_s:
            cycle_s = 0.0 if self.period_s == inf else floor(at_s / self.period_s) * self.period_s
            index = bisect_right(self.edges, at_s - cycle_s) - 1
            last = index + 1 == len(self.edges)
            end_s = cycle_s + (self.period_s if last else self.edges[index + 1])
            # Rounding may put an edge at at_s or before it (0.6 s in a period of 0.1 s): go on behind it.
            end_s = max(end_s, at_s + 1e-9)
            yield at_s, min(end_s, to_s), self.factors[index]
            at_s = end_s


def steps_of(path: Sequence[str], disturbances: Sequence[Disturbance], period_s: float) -> Steps:
    """What the disturbances of a node and of its ancestors (``path``) do to its voltages."""
    own = [each for each in disturbances if each.node in path]
    edges = sorted({0.0, *(each.start_s for each in own), *(each.end_s for each in own if each.end_s < period_s)})
    return Steps(tuple(edges), tuple(_factors(own, edge) for edge in edges), period_s)


def _factors(disturbances: Sequence[Disturbance], t_s: float) -> Triple:
    made = dict.fromkeys(PHASES, 1.0)
    for each in disturbances:
        if each.start_s <= t_s < each.end_s:
            for phase in each.phases:
                made[phase] *= each.to_pu
    return made["l1"], made["l2"], made["l3"]


class Feeder:
    """The tree. Its answers depend on nothing but the arguments; what it keeps is a memo.

    nodes:     parents before children (ValueError otherwise)
    period_s:  the disturbances repeat after that; inf for never
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        disturbances: Sequence[Disturbance] = (),
        *,
        seed: int = 1,
        frequency_hz: float = 50.0,
        time_of_day_s: float = 64_800.0,
        period_s: float = inf,
    ) -> None:
        self.nodes = {node.name: node for node in nodes}
        self.paths = _paths(nodes)
        self.below = {name: [each for each, path in self.paths.items() if name in path] for name in self.paths}
        self._seed = seed
        self._frequency_hz = frequency_hz
        self._steps = {name: steps_of(path, disturbances, period_s) for name, path in self.paths.items()}
        self._p_shape = {name: _shape(seed, f"p {name}", _LOAD_WAVES, time_of_day_s) for name in self.nodes}
        self._q_shape = {name: _shape(seed, f"q {name}", _LOAD_WAVES, time_of_day_s) for name in self.nodes}
        self._voltage = _shape(seed, "voltage", _VOLTAGE_WAVES, time_of_day_s)
        self._frequency = _shape(seed, "frequency", _FREQUENCY_WAVES, time_of_day_s)
        self._drops: tuple[float, dict[str, float]] = (-1.0, {})
        self._energies: dict[str, tuple[float, float, float]] = {}

    def factors(self, name: str, t_s: float) -> Triple:
        """What is left of each phase's voltage at an instant, 1 without disturbance."""
        return self._steps[name].at(t_s)

    def steps(self, name: str) -> Steps:
        return self._steps[name]

    def state(self, t_s: float, window_s: float = 0.0) -> dict[str, dict[str, float]]:
        """Primary values of every node, as `values` gives them."""
        return {name: self.values(name, t_s, window_s) for name in self.nodes}

    def values(self, name: str, t_s: float, window_s: float = 0.0) -> dict[str, float]:
        """Primary values by quantity id in SI units: RMS voltages and currents and mean powers over
        [t_s - window_s, t_s], counters at t_s. A power factor is absent where no power flows."""
        squares = self._mean_squares(name, t_s, window_s)
        volts = [base * sqrt(square) for base, square in zip(self.undisturbed(name, t_s), squares, strict=True)]
        watts, vars_ = self._powers(name, t_s, window_s)
        values: dict[str, float] = {}
        _put_voltages(values, volts)
        _put_powers(values, volts, watts, vars_)
        values["frequency"] = self._frequency_hz + self._frequency.at(t_s) - 1.0 if max(squares) > 0.01 else 0.0
        for index, phase in enumerate(PHASES):
            if volts[index] > 0.0:
                values[f"voltage_thd_{phase}"] = 1.9 + spread(self._seed, 0.1, name, phase, "thd u", floor(t_s))
                values[f"current_thd_{phase}"] = 6.4 + spread(self._seed, 0.5, name, phase, "thd i", floor(t_s))
        values.update(self._counters(name, t_s))
        return values

    def _mean_squares(self, name: str, t_s: float, window_s: float) -> Triple:
        """Mean of the squared voltage factors over the window."""
        start_s = max(0.0, t_s - window_s)
        if start_s >= t_s:
            f1, f2, f3 = self._steps[name].at(t_s)
            return f1 * f1, f2 * f2, f3 * f3
        sums = [0.0, 0.0, 0.0]
        for from_s, to_s, factors in self._steps[name].pieces(start_s, t_s):
            for phase in range(3):
                sums[phase] += (to_s - from_s) * factors[phase] ** 2
        return sums[0] / (t_s - start_s), sums[1] / (t_s - start_s), sums[2] / (t_s - start_s)

    def undisturbed(self, name: str, t_s: float) -> list[float]:
        """Line-to-neutral volts as they would be without disturbance."""
        bucket = floor(t_s / _NOISE_BUCKET_S)
        level = _SOURCE * self._voltage.at(t_s) - self._drop(name, t_s)
        return [
            self.nodes[name].nominal_v
            * (level + spread(self._seed, 0.004, name, phase, "offset"))
            * (1.0 + spread(self._seed, _NOISE, name, phase, bucket))
            for phase in PHASES
        ]

    def _drop(self, name: str, t_s: float) -> float:
        """Per unit, from the source to the node. Taken once a second for the whole tree: a meter's own look at
        10 Hz must not cost a walk over a hundred others."""
        bucket = floor(t_s / _DROP_BUCKET_S)
        if self._drops[0] != bucket:
            at_s = bucket * _DROP_BUCKET_S
            self._drops = (bucket, {each: self._own_drop(each, at_s) for each in self.nodes})
        return sum(self._drops[1][each] for each in self.paths[name])

    def _own_drop(self, name: str, t_s: float) -> float:
        loads = [(sum(self.nodes[each].load_w), self._p_shape[each]) for each in self.below[name]]
        full = sum(load for load, _ in loads)
        if not full:
            return 0.0
        return self.nodes[name].drop_pu * sum(load * shape.at(t_s) for load, shape in loads) / full

    def _powers(self, name: str, t_s: float, window_s: float) -> tuple[list[float], list[float]]:
        """Watts and vars per phase through a node: its own load and all below."""
        watts, vars_ = [0.0] * 3, [0.0] * 3
        for each in self.below[name]:
            node = self.nodes[each]
            squares = self._mean_squares(each, t_s, window_s)
            p_level, q_level = self._p_shape[each].at(t_s), self._q_shape[each].at(t_s)
            for phase in range(3):
                watts[phase] += node.load_w[phase] * p_level * squares[phase]
                vars_[phase] += node.load_var[phase] * q_level * squares[phase]
        return watts, vars_

    def _counters(self, name: str, t_s: float) -> dict[str, float]:
        """Wh and varh since the meters were installed: a seeded start and what has flowed since 0."""
        joules, var_seconds, full_w = 0.0, 0.0, 0.0
        for each in self.below[name]:
            p_ws, q_ws = self._own_energy(each, t_s)
            joules += p_ws
            var_seconds += q_ws
            full_w += sum(self.nodes[each].load_w)
        hours = 2_000.0 + 20_000.0 * unit(self._seed, name, "installed")
        active_wh = full_w * hours + joules / 3600.0
        reactive_varh = 0.3 * full_w * hours + var_seconds / 3600.0
        return {
            "active_energy_import": active_wh,
            "active_energy_import_t1": 0.7 * active_wh,
            "active_energy_import_t2": 0.3 * active_wh,
            "active_energy_export": 0.0,
            "reactive_energy_import": reactive_varh,
            "reactive_energy_import_q1": reactive_varh,
            "reactive_energy_export": 0.0,
            "max_demand": 1.45 * full_w,
            "operating_hours": hours + t_s / 3600.0,
        }

    def _own_energy(self, name: str, t_s: float) -> tuple[float, float]:
        """Joules and var-seconds of a node's own load since 0. The memo holds the sums up to the last edge passed."""
        from_s, p_sum, q_sum = self._energies.get(name, (0.0, 0.0, 0.0))
        if from_s > t_s:
            from_s, p_sum, q_sum = 0.0, 0.0, 0.0
        node = self.nodes[name]
        for start_s, end_s, factors in self._steps[name].pieces(from_s, t_s):
            if start_s > from_s:
                self._energies[name] = (start_s, p_sum, q_sum)
            p_sum += _between(self._p_shape[name], node.load_w, factors, start_s, end_s)
            q_sum += _between(self._q_shape[name], node.load_var, factors, start_s, end_s)
        return p_sum, q_sum


def _between(shape: Shape, load: Triple, factors: Triple, start_s: float, end_s: float) -> float:
    """Energy of a load between two instants without an edge between them."""
    level = sum(each * factor * factor for each, factor in zip(load, factors, strict=True))
    return level * (shape.integral(end_s) - shape.integral(start_s)) if level else 0.0


def _paths(nodes: Sequence[Node]) -> Mapping[str, tuple[str, ...]]:
    """From the source down to each node, the node included."""
    paths: dict[str, tuple[str, ...]] = {}
    for node in nodes:
        if node.upstream is not None and node.upstream not in paths:
            raise ValueError(f"node {node.name}: its upstream {node.upstream} must come before it")
        paths[node.name] = (*(paths[node.upstream] if node.upstream else ()), node.name)
    return paths


def _put_voltages(values: dict[str, float], volts: Sequence[float]) -> None:
    """Line-to-neutral, and from their phasors line-to-line and residual (the sum of the three)."""
    u1, u2, u3 = volts
    values["voltage_l1"], values["voltage_l2"], values["voltage_l3"] = u1, u2, u3
    values["voltage_l1_l2"] = sqrt(u1 * u1 + u2 * u2 + u1 * u2)
    values["voltage_l2_l3"] = sqrt(u2 * u2 + u3 * u3 + u2 * u3)
    values["voltage_l3_l1"] = sqrt(u3 * u3 + u1 * u1 + u3 * u1)
    values["voltage_residual"] = _phasor_sum(u1, u2, u3)


def _phasor_sum(a: float, b: float, c: float) -> float:
    """Length of the sum of three phasors 120 degrees apart."""
    return sqrt(max(0.0, a * a + b * b + c * c - a * b - b * c - c * a))


def _put_powers(
    values: dict[str, float], volts: Sequence[float], watts: Sequence[float], vars_: Sequence[float]
) -> None:
    amps = []
    for phase, u, p, q in zip(PHASES, volts, watts, vars_, strict=True):
        apparent = hypot(p, q)
        amps.append(apparent / u if u > 0.0 else 0.0)
        values[f"current_{phase}"] = amps[-1]
        _put_power(values, phase, p, q, apparent)
    values["current_n"] = _phasor_sum(*amps)
    _put_power(values, "total", sum(watts), sum(vars_), hypot(sum(watts), sum(vars_)))


def _put_power(values: dict[str, float], phase: str, p: float, q: float, apparent: float) -> None:
    values[f"active_power_{phase}"] = p
    values[f"reactive_power_{phase}"] = q
    values[f"apparent_power_{phase}"] = apparent
    if apparent > 0.0:
        values[f"power_factor_{phase}"] = p / apparent
