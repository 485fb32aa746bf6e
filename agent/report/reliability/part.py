"""What a report says of interruptions: indices of the site and of each feeder, per customer and per medium-voltage
user, without planned ones, of them alone, of all, and without major event days; and where the time went. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from agent.detect.network import Customers, Network
from agent.records import DAY_US, MINUTE_US, Event, Incident
from agent.report.figures import Bounds, Span
from agent.report.reliability.calendar_days import by_calendar_day
from agent.report.reliability.indices import SUSTAINED_MIN, Asked, Indices, by_day, indices
from agent.report.reliability.major_days import LONGEST_DAYS, MajorDays, major_days
from agent.report.reliability.outages import Fed, Interruption, Seen, interruptions
from agent.report.reliability.targets import Against, against
from agent.report.reliability.where_lost import Most, feeder_with_most, incident_with_most
from agent.report.voltage.quality import OffsetOf

_EPOCH = date(1970, 1, 1).toordinal()
Users = Literal["customers", "medium_voltage"]


@dataclass(frozen=True, slots=True)
class Earlier:
    """Losses before the period. since_us: from when on they are known"""

    events: Collection[Event]
    incidents: Collection[Incident]
    since_us: int


@dataclass(frozen=True, slots=True)
class Counting:
    """How interruptions are counted. target_saidi_min: of a year, None where the site has none"""

    sustained_min: float = SUSTAINED_MIN
    target_saidi_min: float | None = None


@dataclass(frozen=True, slots=True)
class Asking:
    """What the part is made of. places: nodes of each feeder, of the whole site by no name; coverage: of the same"""

    seen: Seen
    period: Span
    counting: Counting
    places: Mapping[str, Collection[str]]
    coverage: Mapping[str, float]
    offset_of: OffsetOf
    earlier: Earlier | None = None

    def day_of(self, at_us: int) -> int:
        """Local day, since 1970."""
        return (at_us + self.offset_of(at_us)) // DAY_US

    def begin_us(self, day: int) -> int:
        """Of a local day: the clock may have been changed since the midnight of UTC."""
        at_us = day * DAY_US
        return at_us - self.offset_of(at_us - self.offset_of(at_us))

    @property
    def days(self) -> Mapping[int, Span]:
        """Local days of the period, what of each lies in it."""
        first, last = self.day_of(self.period.from_us), self.day_of(self.period.to_us - 1)
        return {
            day: Span(self.begin_us(day), self.begin_us(day + 1)).within(self.period) for day in range(first, last + 1)
        }

    @property
    def year_us(self) -> int:
        """When the local year of the period began."""
        first = date.fromordinal(_EPOCH + self.day_of(self.period.from_us)).replace(month=1, day=1)
        return self.begin_us(first.toordinal() - _EPOCH)


@dataclass(frozen=True, slots=True)
class Area:
    """name: of a feeder, empty for the whole site; served: how many users; normal: without major event days, None where
    nobody can say which were"""

    name: str
    users: Users
    served: int
    coverage: float
    unplanned: Indices
    planned: Indices
    everything: Indices
    normal: Indices | None


@dataclass(frozen=True, slots=True)
class Unheard:
    """What silence does to the upper bound of lost customer-minutes: by so much it raises that, and by so much more it
    would if no counter proved the contrary."""

    perhaps_customer_min: float = 0.0
    proven_customer_min: float = 0.0


@dataclass(frozen=True, slots=True)
class ReliabilityPart:
    """areas: per customer, then per medium-voltage user, each the site first; days: SAIDI of what lies on each of them,
    not planned; target: None where the site names none"""

    sustained_min: float
    areas: Sequence[Area]
    days: Mapping[int, Bounds]
    major: MajorDays
    feeder: Most | None
    incident: Most | None
    unheard: Unheard
    target: Against | None = None

    def area(self, name: str = "", users: Users = "customers") -> Area | None:
        return next((one for one in self.areas if (one.name, one.users) == (name, users)), None)

    def unplanned(self, users: Users = "customers") -> Indices | None:
        """Of the whole site."""
        whole = self.area(users=users)
        return None if whole is None else whole.unplanned


def reliability_part(asking: Asking, found: Sequence[Interruption]) -> ReliabilityPart:
    """found: interruptions of customers"""
    seen, network = asking.seen, asking.seen.network
    of_mv, before = interruptions(seen, mv_users(network)), _before(asking)
    served = _served(network, network.nodes, _customers(network))
    asked = Asked(asking.period, max(1, served), asking.counting.sustained_min)
    not_planned = [one for one in found if not one.planned]
    unplanned = [one for one in not_planned if asking.period.from_us <= one.began_us]
    major = _major(asking, before, by_day(unplanned, asked, asking.day_of), served)
    return ReliabilityPart(
        asking.counting.sustained_min,
        [*_areas(asking, "customers", found, major), *_areas(asking, "medium_voltage", of_mv, major)],
        by_calendar_day(not_planned, asked, asking.days) if served else {},
        major,
        feeder_with_most(unplanned, {name: own for name, own in asking.places.items() if name}),
        incident_with_most(unplanned, seen.incidents, network, seen.until_us),
        _unheard(seen),
        _target(asking, found, before, served),
    )


def mv_users(network: Network) -> Fed:
    """A public transformer is one of them, and so is whoever has one of his own, if the site does not say otherwise."""

    def fed(name: str) -> Customers | None:
        node = network.nodes[name]
        count = node.mv_users if node.mv_users is not None else int(node.kind == "transformer")
        return Customers(three_phase=count) if count else None

    return fed


def _customers(network: Network) -> Fed:
    return lambda name: network.nodes[name].customers


def _served(network: Network, places: Iterable[str], fed: Fed) -> int:
    return sum(users.total for name in places if name in network.nodes and (users := fed(name)) is not None)


def _areas(asking: Asking, users: Users, found: Sequence[Interruption], major: MajorDays) -> Sequence[Area]:
    network = asking.seen.network
    fed = _customers(network) if users == "customers" else mv_users(network)
    areas = []
    for name, places in asking.places.items():
        served = _served(network, places, fed)
        if served:
            own = [one for one in found if one.place in places]
            areas.append(_area(asking, (name, users, served), own, major))
    return areas


def _area(
    asking: Asking, who: tuple[str, Users, int], own: Sequence[Interruption], major: MajorDays
) -> Area:  # fmt: skip
    asked = Asked(asking.period, who[2], asking.counting.sustained_min)
    unplanned = [one for one in own if not one.planned]
    normal = [one for one in unplanned if asking.day_of(one.began_us) not in major.surely]
    return Area(
        *who, asking.coverage.get(who[0], 0.0), indices(unplanned, asked),
        indices((one for one in own if one.planned), asked), indices(own, asked),
        None if major.threshold_min is None else indices(normal, asked),
    )  # fmt: skip


def _before(asking: Asking) -> Sequence[Interruption]:
    """Unplanned ones before the period, as far back as they are known."""
    if asking.earlier is None:
        return ()
    seen = Seen(asking.seen.network, asking.earlier.events, asking.earlier.incidents, asking.period.from_us, {})
    return [one for one in interruptions(seen) if not one.planned]


def _major(
    asking: Asking, before: Iterable[Interruption], days: Mapping[int, Bounds], served: int
) -> MajorDays:  # fmt: skip
    known_us = 0 if asking.earlier is None else max(0, asking.period.from_us - asking.earlier.since_us)
    known_days = min(known_us // DAY_US, LONGEST_DAYS)
    earlier = Span(asking.period.from_us - known_days * DAY_US, asking.period.from_us)
    asked = Asked(earlier, max(1, served), asking.counting.sustained_min)
    return major_days(by_day(before, asked, asking.day_of), known_days, days)


def _target(
    asking: Asking, found: Iterable[Interruption], before: Iterable[Interruption], served: int
) -> Against | None:  # fmt: skip
    wanted_min, period = asking.counting.target_saidi_min, asking.period
    if wanted_min is None or not served:
        return None
    unplanned = [one for one in found if not one.planned and one.began_us >= period.from_us]
    saidi_min = indices(unplanned, Asked(period, served, asking.counting.sustained_min)).saidi_min
    year = Span(min(asking.year_us, period.from_us), period.to_us)
    since_us = period.from_us if asking.earlier is None else min(period.from_us, asking.earlier.since_us)
    so_far = None
    if since_us <= year.from_us:
        asked = Asked(year, served, asking.counting.sustained_min)
        so_far = indices([*before, *unplanned], asked).saidi_min
    return against(wanted_min, saidi_min, period, so_far, asking.coverage.get("", 0.0))


def _unheard(seen: Seen) -> Unheard:
    perhaps = proven = 0.0
    for meter, found in seen.silences.items():
        placed = seen.network.meters.get(meter)
        fed = None if placed is None else seen.network.nodes[placed.node].customers
        count = 0 if fed is None else fed.total
        perhaps += count * sum(one.most_us for one in found) / MINUTE_US
        proven += count * sum(one.proven_us for one in found) / MINUTE_US
    return Unheard(perhaps, proven)
