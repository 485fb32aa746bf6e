"""A substation of twelve meters over some days, known at every instant, and what an agent would have seen of it.

The world is a function of time: voltages and frequency stand still for a minute, loads for ten, losses have instants
to the microsecond. The agent asks once a minute, loses some replies, and tells of losses between bounds that hold the
true instants. Everything is drawn from one seed.

    F1   tx-11 head, tx-12, tx-13, tx-14 a village whose voltage is low in the evening
    F2   tx-21 a factory that sheds load from 19 to 21 h once a limit holds, but for each seventh day, and makes up for
         it in the hour after; tx-22, tx-23, tx-24 (also the hospital's second source)
    F3   tx-31 (and the hospital's first), tx-32, tx-33 where a mobile generator runs for three hours, tx-35 unmetered
    hospital   fed by tx-31, else by tx-24
"""

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import accumulate, chain
from math import sqrt
from random import Random
from zoneinfo import ZoneInfo

from samples import event, incident

from agent.detect.classes import Classified, classes
from agent.detect.floor import Paced
from agent.detect.network import Customers, Network, Node, Placed
from agent.outage import Steps
from agent.records import Event, Incident, Reading
from agent.report.demand.part import DemandKnown
from agent.report.document import Known, Metered
from agent.report.figures import Span
from agent.report.operations.closed_loop import FirstReports
from agent.report.operations.part import OperationsKnown
from agent.report.period import offset_us, period
from agent.report.record.columns import Columns
from agent.report.reliability.part import Counting
from agent.report.reliability.unseen import Counted
from agent.report.voltage.limits import rules_for
from agent.report.voltage.quality import Judged, Limits
from agent.report.voltage.ten_minutes import THD
from agent.sitefile.days import read_date
from agent.sitefile.demand import DemandLimit, DemandSite
from agent.sitefile.operations import KeyCustomer
from drivers.quantities import VOLTAGES_LL

ZONE = ZoneInfo("Asia/Shanghai")
MIN_US = 60_000_000
HOUR_US = 60 * MIN_US
DAY_MIN = 1440
LN = ("voltage_l1", "voltage_l2", "voltage_l3")
LIMITS = Limits(198.0, 235.4)
# A second pair, of the village alone.
ASSESSED = Limits(204.6, 229.5)
RATED_KVA = 400.0
RATED_A = 577.0
HOMES = Customers(l1=20, l2=25, l3=30, three_phase=5)
# Meter -> node and feeder.
PLACES = {
    **{f"m{f}{n}": (f"tx-{f}{n}", f"F{f}") for f in (1, 2) for n in (1, 2, 3, 4)},
    "m31": ("tx-31", "F3"), "m32": ("tx-32", "F3"), "m33": ("tx-33", "F3"), "hospital": ("hospital", "F3"),
}  # fmt: skip
FED = {node: HOMES for node, _ in PLACES.values()} | {
    "tx-21": Customers(three_phase=1), "hospital": Customers(three_phase=1), "tx-35": Customers(unsplit=40),
}  # fmt: skip
VILLAGE, FACTORY, GENERATOR = "m14", "m21", "m33"
# Who is silent for five hours, and counts hours in steps of a hundredth.
SILENT, HOURS_STEP = "m23", 0.01
# Of a year; on the first two days far more was lost than is due of it.
TARGET_MIN = 110.4
# Local minutes of the day.
FACTORY_LIMIT_W, SHED_MIN = 150e3, (19 * 60, 21 * 60)
# Whose currents are read: each quantity of each of half a million readings costs.
MEASURED = ("m11", FACTORY, VILLAGE)
# Local minutes of the period in which the mobile generator feeds tx-33 by itself.
GENERATOR_RUNS = (1000, 1180)
# How far the third phase of the factory falls from 18 to 22 h: u2 2.4 %.
FACTORY_DROP_V = 16.0
RULES = rules_for("gb", 220.0, 381.0)
# After the loss of a feeder the first of its meters tells of it.
SEEN_US = 15_000_000
# Every meter is looked at each second; the shortest event of one level that is surely measured.
PACED = Paced(1.0, 1.2)


@dataclass(frozen=True, slots=True)
class Loss:
    """Truth: a place without supply. phases: none for all; told: as what; nothing where nobody told of it"""

    place: str
    span: Span
    phases: tuple[str, ...] = ()
    told: str = "supply_loss"
    mode: str = "normal"


class World:
    """days: how many from 2026-10-01 on, local time."""

    def __init__(self, days: int, seed: int = 8) -> None:
        whole = period("2026-10", 1_800_000_000_000_000, ZONE)
        self.period = Span(whole.from_us, whole.from_us + days * DAY_MIN * MIN_US)
        self.minutes = days * DAY_MIN
        # Two weeks without it are what a baseline is made of; of two days it has one of each.
        self.sheds_from = min(14, days - 1)
        self._dice = Random(seed)  # noqa: S311 - not for secrets
        self.network = Network(_nodes(), [Placed(m, node, node, "line", "self") for m, (node, _) in PLACES.items()])
        self.losses = list(self._losses())
        self.unheard = {meter: self._unheard(meter) for meter in PLACES}
        self._noise = [round(self._dice.gauss(0, 0.8), 2) for _ in range(4999)]  # prime: no day is like another

    # -- truth --------------------------------------------------------------------------------------------------

    def _losses(self) -> Iterator[Loss]:
        """On the first two days each kind once; then one every other day or so."""
        yield self._loss("tx-11", 300, 95.0)
        yield self._loss("tx-12", 700, 3.0)
        yield self._loss("tx-13", 800, 5.02)  # nobody can tell whether it was a sustained one
        yield self._loss("tx-22", 900, 40.0, ("l2",), "phase_loss")
        yield self._loss("tx-23", 1700, 12.0, (), "")  # within a silence
        yield self._loss("tx-24", 2000, 30.0, mode="maintenance")
        whole_feeder = self._loss("tx-31", 2300, 62.0)
        for place in ("tx-31", "tx-32", "tx-33"):
            yield replace(whole_feeder, place=place)
        yield replace(whole_feeder, place="tx-35", told="incident")
        # The hospital's switch took eight seconds each way.
        yield self._loss("hospital", whole_feeder.span.from_us, 8 / 60)
        yield self._loss("hospital", whole_feeder.span.to_us, 8 / 60)
        places = [node for node, _ in PLACES.values()]
        for day in range(2, self.minutes // DAY_MIN):
            lasted = self._dice.choice((0.2, 2.0, 4.9, 17.0, 130.0))
            yield self._loss(self._dice.choice(places), day * DAY_MIN + self._dice.randrange(60, 1200), lasted)

    def _loss(
        self, place: str, at: int, lasted_min: float, phases: tuple[str, ...] = (), told: str = "supply_loss",
        mode: str = "normal",
    ) -> Loss:  # fmt: skip
        """at: minute of the period, or an instant."""
        from_us = at if at > 1 << 40 else self.period.from_us + at * MIN_US + self._dice.randrange(MIN_US)
        return Loss(place, Span(from_us, from_us + round(lasted_min * MIN_US)), phases, told, mode)

    def _unheard(self, meter: str) -> dict[int, float]:
        """Minutes of which not all was seen -> how much was."""
        found = {self._dice.randrange(self.minutes): 0.0 for _ in range(self.minutes // 250)}
        found |= {self._dice.randrange(self.minutes): 0.5 for _ in range(self.minutes // 100)}
        if meter == "m23":
            found |= dict.fromkeys(range(1600, 1900), 0.0)
        return found

    def instant(self, n: int) -> int:
        return self.period.from_us + n * MIN_US

    def hour(self, n: float) -> float:
        """Local hour of a minute; the period begins at midnight."""
        return n / 60 % 24

    def without(self, meter: str, n: int, phase: str) -> float:
        """Which part of a minute the phase had no voltage."""
        whole = Span(self.instant(n), self.instant(n + 1))
        return sum(
            loss.span.within(whole).length_us
            for loss in self.losses_of(meter)
            if not loss.phases or phase in loss.phases
        ) / MIN_US  # fmt: skip

    def losses_of(self, meter: str) -> Sequence[Loss]:
        return self._by_place.get(PLACES[meter][0], ())

    @cached_property
    def _by_place(self) -> dict[str, list[Loss]]:
        return {loss.place: [one for one in self.losses if one.place == loss.place] for loss in self.losses}

    def is_touched(self, meter: str, n: int) -> bool:
        """By a loss of all phases."""
        return n in self._dark[meter]

    @cached_property
    def _dark(self) -> dict[str, set[int]]:
        return {meter: {n for loss in self.losses_of(meter) if not loss.phases for n in self._touched(loss.span)}
                for meter in PLACES}  # fmt: skip

    def volts(self, meter: str, n: int) -> tuple[float, ...]:
        """Root mean squares of a minute, in hundredths of a volt."""
        return tuple(self._volts[meter][3 * n : 3 * n + 3])

    @cached_property
    def _volts(self) -> "dict[str, array[float]]":
        """Minute by minute three: each is asked for many times, and all of a month have to fit."""
        minutes = range(self.minutes)
        return {meter: array("d", chain.from_iterable(self._volts_of(meter, n) for n in minutes)) for meter in PLACES}

    def _volts_of(self, meter: str, n: int) -> tuple[float, ...]:
        evening = 1.0 if 18 <= self.hour(n) < 22 else 0.0
        usual = 229.0 - evening * (32.5 if meter == VILLAGE else 5.0) + (5.0 if meter == "m11" else 0.0)
        place = int(meter[1:]) if meter[1:].isdigit() else 99
        noise = (self._noise[(7 * n + 13 * place + 1009 * k) % len(self._noise)] for k in range(3))
        volts = tuple(round(usual + one, 2) for one in noise)
        if meter == FACTORY:
            volts = (*volts[:2], round(volts[2] - evening * FACTORY_DROP_V, 2))
        if not any(loss.phases for loss in self.losses_of(meter)):
            return volts
        parts = (sqrt(1 - self.without(meter, n, phase)) for phase in ("l1", "l2", "l3"))
        return tuple(round(one * part, 2) for one, part in zip(volts, parts, strict=True))

    def line_volts(self, meter: str, n: int) -> tuple[float, ...]:
        """Between phases that stand at 120 degrees to each other: their law of cosines."""
        l1, l2, l3 = self.volts(meter, n)
        return tuple(sqrt(one * one + other * other + one * other) for one, other in ((l1, l2), (l2, l3), (l3, l1)))

    def thd(self, meter: str, slot: int) -> tuple[float, float, float]:
        """Of ten minutes, in %: high from 20 to 21 h."""
        highest = 6.5 if 20 <= self.hour(10 * slot) < 21 else 2.0 + 0.1 * (slot * 7 % 13)
        return highest - 0.5, highest, highest - 1.0

    def hertz(self, meter: str, n: int) -> float:
        """Of the grid, or of the set at tx-33."""
        grid = 50.0 + self._noise[n % len(self._noise)] / 100
        return round(grid + (0.4 if meter == GENERATOR and GENERATOR_RUNS[0] <= n < GENERATOR_RUNS[1] else 0.0), 3)

    def watts(self, meter: str, slot: int) -> float:
        """Of ten minutes."""
        hour = self.hour(10 * slot)
        if meter == FACTORY:
            day = slot // 144
            if day >= self.sheds_from and day % 7 != 3 and 19 <= hour < 22:
                return 120e3 if hour < 21 else 290e3
            return 260e3 if 7 <= hour < 23 else 40e3
        evening = 210e3 if 18 <= hour < 22 else 60e3 if hour >= 6 else 25e3
        return evening + 100 * (slot * 37 % 50)

    def vars(self, meter: str, slot: int) -> float:
        return self.watts(meter, slot) * (0.6 if meter == FACTORY else 0.3)

    def apparent(self, meter: str, slot: int) -> float:
        return sqrt(self.watts(meter, slot) ** 2 + self.vars(meter, slot) ** 2)

    def amperes(self, meter: str, slot: int) -> tuple[float, float, float]:
        each = self.watts(meter, slot) / 3 / 220
        return 1.2 * each, each, 0.8 * each

    def neutral_a(self, meter: str, slot: int) -> float:
        """Of currents that stand at 120 degrees to each other: the length of their sum."""
        l1, l2, l3 = self.amperes(meter, slot)
        return sqrt(l1 * l1 + l2 * l2 + l3 * l3 - l1 * l2 - l2 * l3 - l3 * l1)

    def energy_wh(self, meter: str, at_us: int) -> float:
        return self._passed(meter, "active", at_us)

    def energy_varh(self, meter: str, at_us: int) -> float:
        return self._passed(meter, "reactive", at_us)

    def hours(self, meter: str, at_us: int) -> float:
        """For how long it had supply since the period began, in the steps that it shows."""
        until = Span(self.period.from_us, at_us)
        lost_us = sum(loss.span.within(until).length_us for loss in self.losses_of(meter) if not loss.phases)
        return int((until.length_us - lost_us) / HOUR_US / HOURS_STEP) * HOURS_STEP

    def _passed(self, meter: str, what: str, at_us: int) -> float:
        """Since the period began. What is lost in an outage does not matter here: it was drawn elsewhere."""
        slot, rest_us = divmod(at_us - self.period.from_us, 10 * MIN_US)
        before, power = self._registers[meter, what]
        return before[slot] + power(meter, slot) * rest_us / HOUR_US

    @cached_property
    def _registers(self) -> dict[tuple[str, str], tuple[list[float], Callable[[str, int], float]]]:
        slots = range(self.minutes // 10 + 1)
        return {
            (meter, what): (list(accumulate((power(meter, slot) / 6 for slot in slots), initial=0.0)), power)
            for meter in PLACES
            for what, power in (("active", self.watts), ("reactive", self.vars))
        }

    # -- what is seen of it -------------------------------------------------------------------------------------

    def readings(self) -> Iterator[Reading]:
        """In order of time; a meter without supply does not answer."""
        for n in range(self.minutes):
            for meter in PLACES:
                part = self.unheard[meter].get(n, 1.0)
                if part and n not in self._dark[meter]:
                    yield self._reading(meter, n, part)

    def _touched(self, span: Span) -> range:
        begin_us = self.period.from_us
        return range((span.from_us - begin_us) // MIN_US, -(-(span.to_us - begin_us) // MIN_US))

    def _reading(self, meter: str, n: int, part: float) -> Reading:
        slot = n // 10
        # Registers are read somewhere in the window, nobody knows when.
        read_us = self.instant(n) + (n * 7_919_333) % MIN_US
        values = dict(zip(LN, self.volts(meter, n), strict=True))
        values["frequency"] = self.hertz(meter, n)
        values["active_power_total"] = self.watts(meter, slot)
        if meter in MEASURED:
            values |= zip(("current_l1", "current_l2", "current_l3"), self.amperes(meter, slot), strict=True)
            values["current_n"] = self.neutral_a(meter, slot)
            values["apparent_power_total"] = self.apparent(meter, slot)
        if meter == FACTORY:
            values |= zip(VOLTAGES_LL, self.line_volts(meter, n), strict=True)
            values |= zip(THD, self.thd(meter, slot), strict=True)
        values["active_energy_import"] = self.energy_wh(meter, read_us)
        values["reactive_energy_import"] = self.energy_varh(meter, read_us)
        if meter == SILENT:
            values["operating_hours"] = self.hours(meter, read_us)
        return Reading(meter, self.instant(n + 1), 60.0, "good", (), values, {}, {}, 60.0 * part)

    def events(self) -> Iterator[Event]:
        """Each with bounds around the truth, up to ten seconds on either side."""
        meter_at = {node: meter for meter, (node, _) in PLACES.items()}
        for number, loss in enumerate(self.losses):
            if loss.told in ("supply_loss", "phase_loss"):
                told = self._event(f"loss-{number}", meter_at[loss.place], loss.told, loss.span, 10.0)
                yield replace(told, phases=loss.phases, mode=loss.mode)  # type: ignore[arg-type]
        silence = Span(self.instant(1600), self.instant(1900))
        yield self._event("silence", "m23", "comms_loss", silence, 60.0)
        yield replace(self._event("wrong", "m12", "supply_loss", silence, 1.0), state="retracted")
        for number, (meter, span) in enumerate(self.sags):
            yield _classed(replace(self._event(f"sag-{number}", meter, "sag", span, 0.05), residual_pct=60.0))

    @cached_property
    def sags(self) -> Sequence[tuple[str, Span]]:
        """One that both of the hospital's sources had, and some others."""
        at_us = self.instant(500)
        found = [(meter, Span(at_us, at_us + 300_000)) for meter in ("m31", "m24")]
        for n in range(20):
            from_us = self.period.from_us + self._dice.randrange(self.period.length_us - MIN_US)
            found.append((f"m1{1 + n % 4}", Span(from_us, from_us + self._dice.randrange(20_000, 2_000_000))))
        return found

    def _event(self, id_: str, meter: str, kind: str, span: Span, slack_s: float) -> Event:
        begin, end = self._around(span.from_us, slack_s), self._around(span.to_us, slack_s)
        return event(
            id=id_, kind=kind, meter=meter, state="closed", customers=None, residual_pct=None, reported_us=end.to_us,
            start_earliest_us=begin.from_us, start_us=begin.to_us, end_earliest_us=end.from_us, end_us=end.to_us,
            duration_min_s=max(0, end.from_us - begin.to_us) / 1e6, duration_max_s=(end.to_us - begin.from_us) / 1e6,
        )  # fmt: skip

    def _around(self, at_us: int, slack_s: float) -> Span:
        slack_us = round(slack_s * 1e6)
        return Span(at_us - self._dice.randrange(slack_us), at_us + self._dice.randrange(slack_us))

    def incidents(self) -> Iterator[Incident]:
        """Of the feeder whose unmetered transformer nobody else tells of."""
        (loss,) = (one for one in self.losses if one.told == "incident")
        told = self._event("", "m31", "supply_loss", loss.span, 10.0)
        yield incident(
            node="F3", state="closed", reported_us=told.reported_us, start_us=told.start_us,
            start_earliest_us=told.start_earliest_us, end_us=told.end_us, end_earliest_us=told.end_earliest_us,
            duration_min_s=told.duration_min_s, duration_max_s=told.duration_max_s, events=(), restored=(),
            dead=("m31", "m32", "m33"), critical=("hospital",),
        )  # fmt: skip

    @property
    def operations(self) -> OperationsKnown:
        """The desk knew of the incident when the feeder was surely dead, and where it was ten seconds later."""
        (loss,) = (one for one in self.losses if one.told == "incident")
        seen_us, located_us = loss.span.from_us + SEEN_US, loss.span.from_us + SEEN_US + 10_000_000
        steps = {meter: 0.01 for meter in PLACES if meter != "m22"} | {"m12": 0.1, "m13": None}
        return OperationsKnown(
            (KeyCustomer("clinic", "hospital", ("m31", "m24"), 10.0),), {"hospital": 3600.0, "default": 14_400.0},
            50.0, steps, {"in-1": FirstReports(seen_us, located_us, located_us)},
        )  # fmt: skip

    @property
    def limits(self) -> DemandSite:
        """Of the factory, of all days from when it sheds on; and of a week in which power was short. Registers are read
        once a minute: that is worth up to 28 kW of a block of 210 kW."""
        first = read_date("2026-10-01") + (self.sheds_from if self.minutes > 2 * DAY_MIN else 0)
        evening = (18 * 60, 20 * 60)
        return DemandSite((
            DemandLimit("agreed", FACTORY, FACTORY_LIMIT_W, (SHED_MIN,), from_day=first),
            DemandLimit("order-1", "m12", 170e3, (evening,), from_day=first, until_day=first + 6, ordered=True),
            DemandLimit("order-2", "m13", 250e3, (evening,), from_day=first, until_day=first + 6, ordered=True),
        ))  # fmt: skip

    def known(self, intervals: Callable[[str], Iterator[Columns]], events: Sequence[Event]) -> Known:
        meters = [
            Metered(
                meter,
                node,
                feeder,
                Judged(LN, 220.0, (LIMITS, ASSESSED) if meter == VILLAGE else (LIMITS,)),
                "D",
                RATED_A,
                RATED_KVA,
                RULES,
                PACED,
                counted=Counted("self", Steps(1.0, HOURS_STEP)),
            )
            for meter, (node, feeder) in PLACES.items()
        ]
        return Known(
            "dashi", "gw-01", self.network, meters, intervals, events, list(self.incidents()),
            self.period.to_us + HOUR_US, partial(offset_us, zone=ZONE), demand=DemandKnown(self.limits),
            counting=Counting(5.0, TARGET_MIN), operations=self.operations,
        )  # fmt: skip


def _classed(sag: Event) -> Event:
    """As its meter's half-cycle values would have it: the residual is the extreme itself, no window's mean."""
    facts = Classified(
        kind="sag", residual_pct=sag.residual_pct, duration_min_s=sag.duration_min_s or 0.0,
        duration_max_s=sag.duration_max_s, residual_is_bound=False, phases=("l1",),
    )  # fmt: skip
    return replace(sag, classes=classes(facts))


def _nodes() -> Iterator[Node]:
    yield Node("bus", "bus")
    for feeder in ("F1", "F2", "F3"):
        yield Node(feeder, "feeder", ("bus",))
    for name, fed in FED.items():
        if name == "hospital":
            yield Node(name, "key", ("tx-31",), ("tx-24",), critical="hospital", customers=fed)
        else:
            yield Node(name, "transformer", (f"F{name[3]}",), rated_kva=RATED_KVA, customers=fed)
