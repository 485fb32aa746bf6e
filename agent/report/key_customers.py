"""Customers with two supplies: how long a transfer left them without, whether the standby is ready, and whether the two
are independent. Pure.

    gap        the load lost its voltage in (lost_earliest, lost] and had it again in (back_earliest, back]; it was
               without for [max(0, back_earliest - lost), back - lost_earliest]
    verdict    `violated` where the shortest possible gap is longer than is allowed, `kept` where the longest is not
    transfer   a gap of the load while at its start, or until its end, one source was gone and the other was there
    common     both sources below their thresholds at once: sags whose spans overlap surely, or perhaps
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf

from agent.records import Event, Interval, Kind
from agent.report.figures import Bounds, Verdict, judged
from agent.report.outages import FOR_EVER_US, lasted_us, spans_of

_GONE: frozenset[Kind] = frozenset({"supply_loss"})
_LOW: frozenset[Kind] = frozenset({"sag", "supply_loss", "phase_loss"})
# EN 50160 and GB/T 15945, general: what a grid's frequency keeps to.
_FREQUENCY_HZ = 0.5
# A standby that was not tested for so long is not known to work.
TESTED_WITHIN_DAYS = 31


@dataclass(frozen=True, slots=True)
class Gap:
    """The load without voltage, in s between bounds. event: its id; from_source, to_source: which was gone, and which
    was there; empty where that is not known."""

    event: str
    gap_s: Bounds
    verdict: Verdict
    start_us: int
    from_source: str = ""
    to_source: str = ""


@dataclass(frozen=True, slots=True)
class CommonSag:
    """Events of both sources at once. surely: not only may they have overlapped"""

    first: str
    second: str
    surely: bool
    start_us: int


@dataclass(frozen=True, slots=True)
class Readiness:
    """Of a standby. reasons: why it is not ready, or not known to be"""

    is_ready: bool | None
    reasons: tuple[str, ...]


def gaps(load: Iterable[Event], sources: Sequence[tuple[str, Collection[Event]]], allowed_s: float) -> tuple[Gap, ...]:
    """Losses of the load, in order. sources: names and their events; allowed_s: what the load stands."""
    lost = sorted((event for event in load if _counts(event, _GONE)), key=lambda event: event.start_us)
    return tuple(_gap(event, sources, allowed_s) for event in lost)


def _counts(event: Event, kinds: frozenset[Kind]) -> bool:
    return event.kind in kinds and event.state != "retracted" and event.mode != "test"


def _gap(event: Event, sources: Sequence[tuple[str, Collection[Event]]], allowed_s: float) -> Gap:
    gap_s = gap_of(event)
    gone = [
        name for name, events in sources if any(_overlaps(event, other) for other in events if _counts(other, _LOW))
    ]
    there = [name for name, _ in sources if name not in gone]
    known = len(gone) == 1 and len(there) == 1
    from_source, to_source = (gone[0], there[0]) if known else ("", "")
    return Gap(event.id, gap_s, judged(gap_s, allowed_s), event.start_us, from_source, to_source)


def gap_of(event: Event) -> Bounds:
    """By the boot clock where the event is over; while it is open it may go on."""
    if event.end_us is None:
        return Bounds(event.duration_min_s or 0.0, inf)
    lasted = lasted_us(event, FOR_EVER_US)
    return Bounds(lasted.low / 1e6, lasted.high / 1e6)


def _overlaps(event: Event, other: Event) -> bool:
    return spans_of(event, FOR_EVER_US)[1].within(spans_of(other, FOR_EVER_US)[1]).length_us > 0


def _surely_overlaps(event: Event, other: Event) -> bool:
    one, two = spans_of(event, FOR_EVER_US)[0], spans_of(other, FOR_EVER_US)[0]
    return one is not None and two is not None and one.within(two).length_us > 0


def common_sags(first: Iterable[Event], second: Collection[Event]) -> tuple[CommonSag, ...]:
    """In order of the first. Two feeds that sag together hang on one busbar somewhere."""
    return tuple(_common(first, second))


def _common(first: Iterable[Event], second: Collection[Event]) -> Iterator[CommonSag]:
    for event in sorted((one for one in first if _counts(one, _LOW)), key=lambda one: one.start_us):
        for other in second:
            if _counts(other, _LOW) and _overlaps(event, other):
                yield CommonSag(event.id, other.id, _surely_overlaps(event, other), event.start_us)


def readiness(
    last: Interval | None, limits_v: tuple[float, float], nominal_hz: float, tested_us: int | None, now_us: int
) -> Readiness:
    """Of a standby by its last minute. tested_us: when the load last hung on it; None: never that is known of."""
    if last is None:
        return Readiness(None, ("nothing was heard of it",))
    volts = [value for key, value in last.values.items() if key in ("voltage_l1", "voltage_l2", "voltage_l3")]
    reasons = []
    if not volts:
        return Readiness(None, ("its voltage is not known",))
    low_v, high_v = limits_v
    if min(volts) < low_v or max(volts) > high_v:
        reasons.append(f"voltage {min(volts):.1f} to {max(volts):.1f} V, allowed {low_v:g} to {high_v:g} V")
    frequency = last.values.get("frequency")
    if frequency is not None and abs(frequency - nominal_hz) > _FREQUENCY_HZ:
        reasons.append(f"frequency {frequency:.2f} Hz, allowed {nominal_hz:g} Hz give or take {_FREQUENCY_HZ:g}")
    ready = not reasons
    if tested_us is None or now_us - tested_us > TESTED_WITHIN_DAYS * 86_400_000_000:
        reasons.append(f"no transfer to it was seen in {TESTED_WITHIN_DAYS} days")
        return Readiness(None if ready else False, tuple(reasons))
    return Readiness(ready, tuple(reasons))
