"""Part (b) of the detection campaign: random sags and motor starts in a noisy network, seen through lossy polling.

The ground truth is a series of half-cycle RMS values with noise. Bounds have to hold for every event. How many are seen
is compared with theory: the visible span of each event, worked out from its noiseless series, through
`agent.detect.floor.seen_probability`.
"""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import exp, floor, sqrt
from random import Random

from alignments import holds
from looks import U, rules

from agent.detect.changes import Change
from agent.detect.floor import Watching, seen_probability, visible_span_s
from agent.detect.voltage import INITIAL, Look, step

HALF_S = 0.01
_NOISE = 0.003
_TABLE = 1 << 15
_REGISTERS = ((0.2, 0.2), (1.0, 1.0), (0.6, 0.6), (1.0, 0.2))
_PERIODS_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_LOST = 0.03
_TAP = 0.0125
# IEC 61000-4-30, typical: a sag begins below 90 % and is over at 92 %.
_BEGINS, _OVER = 0.90, 0.92
_FINE_S = 0.002


class Noise:
    """The squares of random factors around 1, one a half cycle, and their running sum."""

    def __init__(self, seed: int) -> None:
        random = Random(seed)  # noqa: S311 - a network's noise, no secret
        self.factors = [random.gauss(1.0, _NOISE) for _ in range(_TABLE)]
        self.least = min(self.factors)
        self.sums = list(accumulate((factor**2 for factor in self.factors), initial=0.0))

    def until(self, halves: float) -> float:
        """Running sum over so many half cycles from the table's start, which repeats itself."""
        turns, rest = divmod(halves, _TABLE)
        whole = floor(rest)
        part = (rest - whole) * (self.sums[whole + 1] - self.sums[whole])
        return turns * self.sums[-1] + self.sums[whole] + part


@dataclass(frozen=True)
class Phase:
    """levels: pu by half cycle from instant 0 on, without noise; before and after them the voltage is constant.
    at: where in the noise instant 0 lies."""

    before: float
    levels: tuple[float, ...]
    after: float
    noise: Noise
    at: int
    _sums: list[float] = field(init=False, repr=False)
    _calm: list[float] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        factors = self.noise.factors
        squares = [(pu * factors[(self.at + i) % _TABLE]) ** 2 for i, pu in enumerate(self.levels)]
        object.__setattr__(self, "_sums", list(accumulate(squares, initial=0.0)))
        object.__setattr__(self, "_calm", list(accumulate((pu**2 for pu in self.levels), initial=0.0)))

    def rms(self, end_s: float, window_s: float) -> float:
        end, begin = end_s / HALF_S, (end_s - window_s) / HALF_S
        return sqrt((self._until(end) - self._until(begin)) / (end - begin))

    def calm_rms(self, end_s: float, window_s: float) -> float:
        end, begin = end_s / HALF_S, (end_s - window_s) / HALF_S
        return sqrt((self._calm_until(end) - self._calm_until(begin)) / (end - begin))

    def _until(self, halves: float) -> float:
        """Sum of squares from instant 0, negative before it."""
        count, noise = len(self.levels), self.noise
        if halves <= 0:
            return self.before**2 * (noise.until(self.at + halves) - noise.until(self.at))
        if halves >= count:
            return self._sums[-1] + self.after**2 * (noise.until(self.at + halves) - noise.until(self.at + count))
        return _between(self._sums, halves)

    def _calm_until(self, halves: float) -> float:
        count = len(self.levels)
        if halves <= 0:
            return self.before**2 * halves
        return self._calm[-1] + self.after**2 * (halves - count) if halves >= count else _between(self._calm, halves)

    def lowest(self) -> float:
        """Of all half cycles, those of the calm before and after included."""
        factors = self.noise.factors
        calm = min(self.before, self.after) * self.noise.least
        return min(calm, *(pu * factors[(self.at + i) % _TABLE] for i, pu in enumerate(self.levels)))


def _between(sums: Sequence[float], halves: float) -> float:
    whole = floor(halves)
    return sums[whole] + (halves - whole) * (sums[whole + 1] - sums[whole])


@dataclass(frozen=True)
class World:
    """phases: the three voltages; from_s, until_s: the true sag; over_s: the earliest it may count as over (a motor's
    voltage comes back slowly, and through noise); rectangle: (duration, residual, before) where the sag is one."""

    phases: tuple[Phase, ...]
    from_s: float
    over_s: float
    until_s: float
    rectangle: tuple[float, float, float] | None


def world(random: Random, noise: Noise) -> World:
    return _motor(random, noise) if random.random() < 0.2 else _fault(random, noise)


def _fault(random: Random, noise: Noise) -> World:
    """One to three phases fall and come back, the second perhaps at another time; a tap changer may step nearby."""
    normal, halves = random.uniform(0.97, 1.03), max(1, round(10 ** random.uniform(0.2, 2.6)))
    residual, count = random.uniform(0.06, 0.87), random.choice([1, 1, 2, 3])
    tap_at, tap = random.choice([None, random.randint(-150, halves + 150)]), random.choice([-_TAP, _TAP])
    lengths = [halves if i < count else 0 for i in range(3)]
    if count == 2:
        lengths[1] = max(1, round(halves * random.uniform(0.3, 1.3)))
    first = min(0, tap_at or 0)
    last = max(*lengths, tap_at or 0)
    at = random.randrange(_TABLE)
    phases = []
    for length in lengths:
        levels = []
        for i in range(first, last):
            pu = residual if 0 <= i < length else normal
            levels.append(pu * (1 + tap) if tap_at is not None and i >= tap_at else pu)
        after = normal * (1 + tap) if tap_at is not None else normal
        phases.append(Phase(normal, tuple(levels), after, noise, at + first))
        at += 7919
    plain = tap_at is None and count != 2
    begin_s = -first * HALF_S
    rectangle = (halves * HALF_S, residual, normal) if plain else None
    end_s = begin_s + max(lengths) * HALF_S
    return World(tuple(phases), begin_s, end_s, end_s, rectangle)


def _motor(random: Random, noise: Noise) -> World:
    """All phases fall at once and recover exponentially to a little less than before."""
    normal, drop, tau = random.uniform(0.97, 1.03), random.uniform(0.12, 0.35), random.uniform(10, 100)
    loaded = normal - random.uniform(0.0, 0.02)
    levels = []
    while not levels or levels[-1] < loaded - 0.002:
        levels.append(loaded - drop * exp(-(len(levels) + 0.5) / tau))
    at = random.randrange(_TABLE)
    phases = tuple(Phase(normal, tuple(levels), loaded, noise, at + 7919 * i) for i in range(3))
    back = bisect_right(levels, _OVER)
    # With noise of 3 sigma a half cycle may count as back a little sooner, and as not yet back a little later.
    spread = 4 * _NOISE
    over, until = bisect_right(levels, _OVER - spread), bisect_right(levels, min(_OVER + spread, loaded - 0.0021))
    return World(phases, 0.0, min(over, back) * HALF_S, max(until, back) * HALF_S, None)


def visible_span(world: World, window_s: float) -> float:
    """How long the end of the window can be moved while some phase reads below 90 %, without noise, on a fine grid."""
    last_s = len(world.phases[0].levels) * HALF_S + window_s
    count = round(last_s / _FINE_S)
    ends = ((i + 0.5) * _FINE_S for i in range(count))
    return _FINE_S * sum(any(phase.calm_rms(end, window_s) < _BEGINS for phase in world.phases) for end in ends)


@dataclass
class Recall:
    """expected, variance: of the number seen, by theory; looks: asked, lost: of them without a reply."""

    events: int = 0
    seen: int = 0
    expected: float = 0.0
    variance: float = 0.0
    looks: int = 0
    lost: int = 0
    closed: int = 0

    @property
    def deviation(self) -> float:
        """In standard deviations; the 99 % interval is +-2.576."""
        return (self.seen - self.expected) / sqrt(self.variance) if self.variance else 0.0


def try_event(seed: int, noise: Noise, recall: Recall) -> None:
    """AssertionError if a bound does not contain the truth."""
    random = Random(seed)  # noqa: S311 - alignments, not secrets
    one, (window_s, refresh_s) = world(random, noise), random.choice(_REGISTERS)
    period_s = random.choice(_PERIODS_S)
    watching = Watching(window_s, refresh_s, period_s, random.choice([0.0, 0.1, 0.5]) * period_s, _LOST)
    span_s = visible_span(one, window_s)
    if one.rectangle is not None:
        duration_s, residual, before = one.rectangle
        closed_form_s = visible_span_s(duration_s, window_s, residual, before)
        assert abs(span_s - closed_form_s) < 3 * _FINE_S, f"seed {seed}: span {span_s}, formula {closed_form_s}"
    chance = seen_probability(span_s, watching)
    changes = _polled(one, watching, random, recall)
    recall.events, recall.seen = recall.events + 1, recall.seen + any(change.action == "open" for change in changes)
    recall.expected, recall.variance = recall.expected + chance, recall.variance + chance * (1 - chance)
    _assert_bounds(seed, one, changes, recall)


def _polled(one: World, watching: Watching, random: Random, recall: Recall) -> list[Change]:
    """Polls from well before to well behind, the first two and the last two of which are answered."""
    by = rules(window_s=watching.window_s, age_s=watching.refresh_s)
    phase_s, tick_s = random.uniform(0, watching.refresh_s), -random.uniform(2, 3) * watching.watch_s
    until_s = len(one.phases[0].levels) * HALF_S + watching.window_s + watching.refresh_s + watching.watch_s
    ticks = [tick_s + i * watching.watch_s for i in range(int((until_s - tick_s) / watching.watch_s) + 4)]
    state, found, shown = INITIAL, [], dict[int, tuple[float, ...]]()
    for i, tick in enumerate(ticks):
        at_s = tick + random.uniform(0, watching.jitter_s)
        recall.looks += 1
        if i > 0 and tick < until_s and random.random() < watching.lost:
            recall.lost += 1
            continue
        renewal = floor((at_s - phase_s) / watching.refresh_s)
        if renewal not in shown:
            end_s = phase_s + renewal * watching.refresh_s
            shown[renewal] = tuple(U * phase.rms(end_s, watching.window_s) for phase in one.phases)
        sent_us, received_us = round((at_s - random.uniform(0, 0.03)) * 1e6), round((at_s + 0.01) * 1e6)
        state, changes = step(state, Look(sent_us, received_us, shown[renewal]), by)
        found += changes
    return found


def _assert_bounds(seed: int, one: World, changes: list[Change], recall: Recall) -> None:
    truth = [phase.lowest() for phase in one.phases]
    for change in changes:
        assert change.kind in ("sag", "phase_loss"), f"seed {seed}: {change}"
        for seen, least in zip(change.extremes, truth, strict=True):
            assert seen is None or seen >= least * U - 1e-6, f"seed {seed}: {change}"
        if change.action == "close":
            recall.closed += 1
            # One instant of the possible ends must do: they differ where the voltage came back through noise.
            ends = _ends(one)
            assert any(holds(change, one.from_s * 1e6, end * 1e6) for end in ends), f"seed {seed}: {change}"
    opened = sum(change.action == "open" and not change.supersedes for change in changes)
    ended = sum(change.action == "close" for change in changes)
    assert opened == ended <= 1, f"seed {seed}: opened {opened}, ended {ended}"


def _ends(one: World) -> Iterator[float]:
    steps = round((one.until_s - one.over_s) / HALF_S)
    return (one.over_s + i * HALF_S for i in range(steps + 1))
