"""Part (c) of the detection campaign: years in which nothing happens, at a look a second.

An hour of 3600 looks is not stepped through look by look. Why leaving looks out is exact:

    1. A look with every channel in band, taken while nothing is tracked, leaves VoltageState(look, None, next_key) and
       no change (agent.detect.voltage.step, its first loop): the state forgets all looks before it. So of any run of
       such looks only the last one matters, and a reply does the same to the state of silence (agent.detect.comms).
    2. A run is left out only where it is proven in band: its voltage lies between the extremes of the hour, and those
       are looked at. The extremes of n normal deviates are drawn from their exact distribution: of n uniform ones the
       highest is U^(1/n), the lowest 1 - U^(1/n), and the inverse of the normal distribution is monotonic.
    3. Everything else is stepped: extremes, both sides of every tap change, of every lost reply, and the hour's ends.

`skipped_day` and `stepped_day` do one and the same day both ways; a test compares their states and changes.

What is judged by means has years of its own, `slow_years`, through the whole `MeterDetector` and the book: under- and
overvoltage, unbalance, rapid change, chatter. No look may be left out there, because every one is in a mean. They are
quick for another reason: the meter is asked every 10 s, which is the longest that one look may stand for. Six looks a
minute instead of sixty make the means less steady than they are at a look a second, so they are the harder test. Around
each tap change it is asked five times a second for 20 s, because a rapid change shows only to who looks that often.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import expm1, log, pi, sin, sqrt
from random import Random
from statistics import NormalDist

from looks import U, rules

from agent.clock import ClockState
from agent.detect import comms
from agent.detect.book import Book, MeterFacts, id_maker
from agent.detect.comms import COMMS_INITIAL, CommsState
from agent.detect.meter import MeterDetector
from agent.detect.thresholds import Rules
from agent.detect.voltage import INITIAL, Look, VoltageState, step

HOURS_A_YEAR = 8760
_HOUR = 3600
# GB/T 12325 and EN 50160 allow +-7 % and +-10 %; this network uses the whole of the narrower band.
_SWING, _TAP = 0.055, 0.0125
# Of one reading. A real meter's is 0.02-0.1 %; tails are drawn as if an hour had a thousand times its looks.
SIGMA, OVERSAMPLED = 0.003, 1000
_NORMAL = NormalDist()


@dataclass
class Quiet:
    """hours: meter-hours; looks: that they stand for; stepped: looks given to the detector; lowest, highest: pu."""

    hours: int = 0
    looks: int = 0
    stepped: int = 0
    lost: int = 0
    taps: int = 0
    changes: int = 0
    lowest: float = 1.0
    highest: float = 1.0


@dataclass(frozen=True)
class Moment:
    """One look. second: of the hour; volts None: no reply."""

    second: int
    volts: tuple[float, ...] | None


class Meter:
    """The detectors of one meter, and its tap changer. Every change they tell is counted: none is right."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a network's noise, no secret
        self.rules: Rules = rules(window_s=1.0, age_s=1.0)
        self.voltage: VoltageState = INITIAL
        self.comms: CommsState = COMMS_INITIAL
        self.tap = 0

    def see(self, hour: int, moment: Moment, quiet: Quiet) -> None:
        at_us = (hour * _HOUR + moment.second) * 1_000_000
        quiet.stepped += 1
        if moment.volts is None:
            self.comms, changes = comms.missed(self.comms, at_us + 500_000, at_us, "silent")
        else:
            self.comms, changes = comms.answered(self.comms, at_us, at_us + 20_000)
            self.voltage, more = step(self.voltage, Look(at_us, at_us + 20_000, moment.volts), self.rules)
            changes += more
            quiet.lowest = min(quiet.lowest, min(moment.volts) / U)
            quiet.highest = max(quiet.highest, max(moment.volts) / U)
        quiet.changes += len(changes)

    def hour(self, hour: int, quiet: Quiet) -> None:
        for moment in sorted(self._moments(hour, quiet), key=lambda one: one.second):
            self.see(hour, moment, quiet)
        quiet.hours, quiet.looks = quiet.hours + 1, quiet.looks + _HOUR

    def _moments(self, hour: int, quiet: Quiet) -> Iterator[Moment]:
        """Of one hour, those that matter; each second at most once."""
        random, taken = self.random, set[int]()
        level = self._level(hour)
        if random.random() < 0.2:
            quiet.taps += 1
            second = random.randrange(10, _HOUR - 10)
            yield from self._about(taken, (second - 1,), level)
            self._change_tap()
            level = self._level(hour)
            yield from self._about(taken, (second, second + 1), level)
        for _ in range(random.choice([0, 0, 0, 1, 2])):
            second, burst = random.randrange(10, _HOUR - 10), random.choice([1, 1, 2])
            if taken.isdisjoint(range(second - 1, second + burst + 1)):
                yield from self._about(taken, (second - 1, second + burst), level)
                taken |= set(range(second, second + burst))
                quiet.lost += burst
                yield from (Moment(second + i, None) for i in range(burst))
        yield from self._extremes(taken, level)
        yield from self._about(taken, (0, _HOUR - 1), level)

    def _level(self, hour: int) -> tuple[float, ...]:
        """By phase: the day's swing, the season's, and a little unbalance, held in band by the tap changer."""
        day = sin(2 * pi * hour / 24)
        base = 1 + _SWING * (0.6 * day + 0.4 * sin(2 * pi * hour / HOURS_A_YEAR)) + self.tap * _TAP
        return tuple(min(1.07, max(0.93, base + shift)) for shift in (-0.008, 0.0, 0.008))

    def _change_tap(self) -> None:
        self.tap = max(-2, min(2, self.tap + self.random.choice([-1, 1])))

    def _about(self, taken: set[int], seconds: Sequence[int], level: tuple[float, ...]) -> Iterator[Moment]:
        for second in seconds:
            if second not in taken:
                taken.add(second)
                yield Moment(second, tuple(U * pu * (1 + self.random.gauss(0, SIGMA)) for pu in level))

    def _extremes(self, taken: set[int], level: tuple[float, ...]) -> Iterator[Moment]:
        """The lowest and the highest reading of the hour on any phase, as if it had OVERSAMPLED times its looks: what
        is not looked at lies between them."""
        random, power = self.random, 1 / (_HOUR * OVERSAMPLED * len(level))
        for worst, sign in ((min(level), -1), (max(level), 1)):
            second = random.choice([s for s in (777, 1555, 2333, 3111, 3112, 3113) if s not in taken])
            taken.add(second)
            tail = -_NORMAL.inv_cdf(_rest(1 - random.random(), power))
            yield Moment(second, (U * worst * (1 + sign * SIGMA * tail),) * len(level))


def _rest(uniform: float, power: float) -> float:
    """1 - uniform**power, which keeps its digits where the power of it is 1 but for rounding."""
    return -expm1(power * log(uniform))


def years(meter_years: float, seed: int, quiet: Quiet) -> Iterator[None]:
    """One meter a year; yields after each month of a meter, so that progress can be told."""
    left = round(meter_years * HOURS_A_YEAR)
    for number in range(round(meter_years) or 1):
        meter = Meter(seed + number)
        for hour in range(min(HOURS_A_YEAR, left)):
            meter.hour(hour, quiet)
            if hour % 730 == 729:
                yield
        left -= HOURS_A_YEAR


def day(seed: int) -> list[Moment]:
    """A day of looks, a second apart, with everything that the years have: every look is there."""
    meter, moments = Meter(seed), list[Moment]()
    for hour in range(24):
        own = {moment.second: moment for moment in meter._moments(hour, Quiet())}
        level = meter._level(hour)
        for second in range(_HOUR):
            volts = tuple(U * pu * (1 + meter.random.gauss(0, SIGMA)) for pu in level)
            moment = own.get(second, Moment(second, volts))
            moments.append(Moment(hour * _HOUR + second, moment.volts))
    return moments


def stepped_day(seed: int) -> tuple[VoltageState, CommsState, Quiet]:
    """Look by look."""
    meter, quiet = Meter(seed), Quiet()
    for moment in day(seed):
        meter.see(0, moment, quiet)
    return meter.voltage, meter.comms, quiet


def skipped_day(seed: int) -> tuple[VoltageState, CommsState, Quiet]:
    """The same looks, without those that are in band and followed by another such."""
    meter, quiet, moments = Meter(seed), Quiet(), day(seed)
    for moment, following in zip(moments, [*moments[1:], None], strict=True):
        if not (_in_band(moment) and following is not None and _in_band(following)):
            meter.see(0, moment, quiet)
    return meter.voltage, meter.comms, quiet


def _in_band(moment: Moment) -> bool:
    return moment.volts is not None and all(0.9 * U <= volts <= 1.1 * U for volts in moment.volts)


# Noise of one look by phase, drawn once: an hour begins anywhere in it.
_DRAWN = 10_007
_FIVE_A_SECOND, _EVERY_10_S = 200_000, 10_000_000
_BURST_US = 20_000_000


class _Wall:
    state = ClockState(synced=True, uncertainty_s=0.0)

    def wall_us(self, at_boot_us: int) -> int:
        return at_boot_us

    def from_wall_us(self, at_us: int) -> int:
        return at_us


class SlowMeter(Meter):
    """All detectors of one meter, and the book that would sum chatter up."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.rules = rules(window_s=0.2, age_s=0.2)
        self.detector = MeterDetector(self.rules)
        facts = MeterFacts(meter="m", rules=self.rules, config="c", watch_s=10.0)
        self.book = Book(facts, _Wall(), id_maker("gw", f"e{seed}"))
        draw = self.random.gauss
        self.noise = [tuple(U * (1 + draw(0, SIGMA)) for _ in range(3)) for _ in range(_DRAWN)]
        self.at_us = 0

    def hour(self, hour: int, quiet: Quiet) -> None:
        random, until_us = self.random, (hour + 1) * _HOUR * 1_000_000
        level = self._level(hour)
        if random.random() < 0.2:
            quiet.taps += 1
            self._look_until(self.at_us + random.randrange(60, 3400) * 1_000_000, _EVERY_10_S, level, quiet)
            self._look_until(self.at_us + _BURST_US // 2, _FIVE_A_SECOND, level, quiet)
            self._change_tap()
            level = self._level(hour)
            self._look_until(self.at_us + _BURST_US // 2, _FIVE_A_SECOND, level, quiet)
        tail = -_NORMAL.inv_cdf(_rest(1 - random.random(), 1 / (60 * OVERSAMPLED * len(level))))
        for sign in (-1, 1):
            # A minute whose mean is as far off as the worst of a thousand hours.
            shift = 1 + sign * SIGMA * tail / sqrt(6)
            self._look_until(self.at_us + 60_000_000, _EVERY_10_S, tuple(one * shift for one in level), quiet)
        if random.random() < 0.5:
            quiet.lost += 1
            self.at_us += _EVERY_10_S
        self._look_until(until_us, _EVERY_10_S, level, quiet)
        quiet.hours += 1

    def _look_until(self, until_us: int, every_us: int, level: tuple[float, ...], quiet: Quiet) -> None:
        judge, noise, at = self.detector.look, self.noise, self.random.randrange(_DRAWN)
        one, two, three = level
        now_us, looked = self.at_us, 0
        while now_us < until_us:
            first, second, third = noise[at]
            at = at + 1 if at + 1 < _DRAWN else 0
            volts = (one * first, two * second, three * third)
            if changes := judge(Look(now_us, now_us + 20_000, volts), now_us):
                quiet.changes += len(changes) + len(self.book.revise(changes, now_us))
            now_us, looked = now_us + every_us, looked + 1
        self.detector.full_set(None, _lines(volts))
        quiet.changes += len(self.book.settle(now_us))
        quiet.lowest, quiet.highest = min(quiet.lowest, min(level)), max(quiet.highest, max(level))
        self.at_us, quiet.stepped, quiet.looks = now_us, quiet.stepped + looked, quiet.looks + looked


def _lines(volts: tuple[float, float, float]) -> tuple[float, float, float]:
    """Line-line voltages of three that are 120 degrees apart."""
    one, two, three = volts
    return tuple(sqrt(a * a + b * b + a * b) for a, b in ((one, two), (two, three), (three, one)))  # type: ignore[return-value]


def slow_years(meter_years: float, seed: int, quiet: Quiet) -> Iterator[None]:
    """One meter a year; yields after each month of a meter."""
    left = round(meter_years * HOURS_A_YEAR)
    for number in range(round(meter_years) or 1):
        meter = SlowMeter(seed + number)
        for hour in range(min(HOURS_A_YEAR, left)):
            meter.hour(hour, quiet)
            if hour % 730 == 729:
                yield
        left -= HOURS_A_YEAR
