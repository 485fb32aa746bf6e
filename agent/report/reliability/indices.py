"""Interruptions -> SAIDI, SAIFI and their relatives, each between bounds. Pure.

In the style of IEEE 1366-2022 (basic definitions) and DL/T 836: customers, never meters. All minutes of an interruption
belong to the local day on which it began. An interruption of which it is not certain that it was, or that it was a
sustained one, counts in upper bounds only. In silence there may have been as many as fit into it: sustained ones of
more than the limit each, momentary events with more than 5 minutes between them; of momentary ones any number does.

    SAIDI    customer-minutes of sustained interruptions / customers served, in minutes
    SAIFI    customers interrupted (sustained) / customers served
    CAIDI    SAIDI / SAIFI, in minutes
    CTAIDI   customer-minutes of sustained interruptions / customers who had one, in minutes
    ASAI     1 - SAIDI / length of the period; of all interruptions, planned ones too, it is RS-1 (ASAI-1)
    MAIFI    customers interrupted for a moment / customers served
    MAIFI_E  the same, of events: those within 5 minutes of each other are one, and one that ends in a sustained
             interruption is none
    CEMI-n   customers with more than n sustained interruptions / customers served
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, inf

from agent.report.figures import Bounds, Span
from agent.report.reliability.outages import Group, Interruption

# IEEE 1366: sustained is what lasts more than 5 minutes.
SUSTAINED_MIN = 5.0
# IEEE 1366: momentary interruptions within 5 minutes are one momentary event.
_ONE_EVENT_US = 5 * 60_000_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What indices are wanted of. served: customers of the area; sustained_min: what lasts longer is sustained"""

    period: Span
    served: int
    sustained_min: float = SUSTAINED_MIN


@dataclass(frozen=True, slots=True)
class Indices:
    """SAIDI, CAIDI and CTAIDI in minutes; asai: 0..1; customer_min: of sustained interruptions; all_customer_min: and
    of momentary ones; cemi: by n. CAIDI and CTAIDI are None where nobody was surely interrupted."""

    customer_min: Bounds
    all_customer_min: Bounds
    saidi_min: Bounds
    saifi: Bounds
    caidi_min: Bounds | None
    ctaidi_min: Bounds | None
    asai: Bounds
    maifi: Bounds
    maifi_e: Bounds
    cemi: Mapping[int, Bounds]


def indices(interruptions: Iterable[Interruption], asked: Asked, cemi: Sequence[int] = (1, 3, 5)) -> Indices:
    """Of those that began in the period. ValueError where nobody is served."""
    if asked.served <= 0:
        raise ValueError("no customers are served here; write customers into the site file")
    found = [one for one in interruptions if asked.period.from_us <= one.began_us < asked.period.to_us]
    lasting = [Judged(one, asked.sustained_min) for one in found]
    lost = _sum(one.sustained_min.scaled(one.customers) for one in lasting)
    everything = _sum(one.all_min.scaled(one.customers) for one in lasting)
    hit = _sum(one.sustained.scaled(one.customers) for one in lasting)
    times = _by_place(lasting)
    ever = _sum(_at_least(1, of_place).scaled(customers) for customers, of_place in times)
    saidi = lost.scaled(1 / asked.served)
    period_min = asked.period.length_us / 60e6
    return Indices(
        customer_min=lost,
        all_customer_min=everything,
        saidi_min=saidi,
        saifi=hit.scaled(1 / asked.served),
        caidi_min=_mean(lasting, hit),
        ctaidi_min=_ratio(lost, ever),
        asai=_clipped(Bounds(1 - saidi.high / period_min, 1 - saidi.low / period_min)),
        maifi=_sum(one.momentary.scaled(one.customers) for one in lasting).scaled(1 / asked.served),
        maifi_e=_momentary_events(lasting).scaled(1 / asked.served),
        cemi={
            n: _sum(_at_least(n + 1, of).scaled(count) for count, of in times).scaled(1 / asked.served) for n in cemi
        },
    )


class Judged:
    """One interruption, and between what number of times it was a sustained one, and a momentary one."""

    def __init__(self, one: Interruption, limit_min: float) -> None:
        self.one = one
        self.customers = one.customers
        least, most = one.lost_min.low, one.lost_min.high
        surely = 1.0 if one.surely else 0.0
        often = float(one.times) if most > limit_min else 0.0
        self.sustained = Bounds(surely if least > limit_min else 0.0, often + _fitting(one.unseen_min, limit_min))
        self.momentary = Bounds(surely if most <= limit_min else 0.0, float(one.times) if least <= limit_min else 0.0)
        self.is_one = one.times == 1 and not one.unseen
        if self.is_one:
            lasting_min = least
        else:  # of several each may have been a short one, but for those that surely lasted by themselves
            lasting_min = sum(span.length_us for span in self._longer(limit_min)) / 60e6
            self.sustained = Bounds(float(lasting_min > 0), self.sustained.high)
            self.momentary = Bounds(0.0, inf if one.unseen else float(one.times))
        self.all_min = Bounds(least if one.surely else 0.0, most)
        self.sustained_min = Bounds(lasting_min if self.sustained.low else 0.0, most if self.sustained.high else 0.0)
        self.shortest_min = max(least, limit_min) if self.is_one else limit_min
        self.sustained_spans = one.sure if self.is_one else self._longer(limit_min)

    def _longer(self, limit_min: float) -> tuple[Span, ...]:
        return tuple(span for span in self.one.sure if span.length_us > limit_min * 60e6)

    @property
    def momentary_events(self) -> float:
        """How many there were at most."""
        apart = sum(ceil(span.length_us / _ONE_EVENT_US) for span in self.one.unseen)
        return float(self.one.times + apart) if self.one.unseen else self.momentary.high

    @property
    def latest_us(self) -> int:
        """When it had begun at the latest."""
        return self.one.sure[0].from_us if self.one.sure else self.one.possible[0].to_us

    @property
    def until_us(self) -> int:
        """Until when it lasted at least."""
        return self.one.sure[-1].to_us if self.one.sure else self.one.possible[0].from_us


def _fitting(unseen_min: float, limit_min: float) -> float:
    """How many that each last longer than that."""
    return max(0.0, ceil(unseen_min / limit_min) - 1.0) if limit_min else inf


def _sum(parts: Iterable[Bounds]) -> Bounds:
    total = Bounds(0.0, 0.0)
    for part in parts:
        total += part
    return total


def _by_place(judged: Iterable[Judged]) -> list[tuple[int, Bounds]]:
    """Customers who share all their interruptions, and how many sustained ones they had."""
    found: dict[tuple[str, Group], tuple[int, Bounds]] = {}
    for one in judged:
        key = one.one.place, one.one.group
        before = found.get(key, (one.customers, Bounds(0.0, 0.0)))[1]
        found[key] = one.customers, before + one.sustained
    return list(found.values())


def _at_least(n: int, times: Bounds) -> Bounds:
    return Bounds(float(times.low >= n), float(times.high >= n))


def _ratio(above: Bounds, below: Bounds) -> Bounds | None:
    return Bounds(above.low / below.high, above.high / below.low) if below.low > 0 else None


def _mean(judged: Sequence[Judged], hit: Bounds) -> Bounds | None:
    """Mean minutes of a sustained interruption: never outside of what single ones may have lasted."""
    lost = _sum(one.sustained_min.scaled(one.customers) for one in judged)
    wide = _ratio(lost, hit)
    if wide is None:
        return None
    counted = [one for one in judged if one.sustained.high]
    shortest = min(one.shortest_min for one in counted)
    longest = max(one.one.lost_min.high for one in counted)
    return Bounds(max(wide.low, shortest), min(wide.high, longest))


def _clipped(share: Bounds) -> Bounds:
    return Bounds(min(1.0, max(0.0, share.low)), min(1.0, max(0.0, share.high)))


def _momentary_events(judged: Iterable[Judged]) -> Bounds:
    """Customers times momentary events."""
    by_place: dict[tuple[str, Group], list[Judged]] = {}
    for one in sorted(judged, key=lambda one: one.one.began_us):
        by_place.setdefault((one.one.place, one.one.group), []).append(one)
    return _sum(_events_of(ones).scaled(ones[0].customers) for ones in by_place.values())


def _events_of(ones: Sequence[Judged]) -> Bounds:
    """At least what is one event however far apart its parts were, at most what is several if they were."""
    perhaps_joined = _joined(ones, lambda before, after: after.one.began_us - before.one.possible[-1].to_us)
    surely_joined = _joined(ones, lambda before, after: after.latest_us - before.until_us)
    return Bounds(
        sum(any(one.momentary.low for one in event) and not any(one.sustained.high for one in event)
            for event in perhaps_joined),
        sum(map(_most_events, surely_joined)),
    )  # fmt: skip


def _most_events(joined: Sequence[Judged]) -> float:
    """Of those that surely are one, but for what silence in them may hold."""
    if any(one.one.unseen for one in joined):
        return sum(one.momentary_events for one in joined)
    return 0.0 if any(one.sustained.low for one in joined) else max(one.momentary.high for one in joined)


def _joined(ones: Sequence[Judged], apart_us: Callable[[Judged, Judged], int]) -> list[list[Judged]]:
    events: list[list[Judged]] = []
    for one in ones:
        if events and apart_us(events[-1][-1], one) <= _ONE_EVENT_US:
            events[-1].append(one)
        else:
            events.append([one])
    return events


def by_day(interruptions: Iterable[Interruption], asked: Asked, day_of: Callable[[int], int]) -> Mapping[int, Bounds]:
    """SAIDI of each local day, in minutes, by days since 1970; days on which nothing began are not there."""
    found: dict[int, list[Interruption]] = {}
    for one in interruptions:
        if asked.period.from_us <= one.began_us < asked.period.to_us:
            found.setdefault(day_of(one.began_us), []).append(one)
    return {day: indices(ones, asked).saidi_min for day, ones in sorted(found.items())}
