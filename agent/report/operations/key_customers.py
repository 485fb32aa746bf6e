"""Customers with two supplies: how long a transfer left them without, whether the standby is ready, and whether the two
are independent. Pure.

    gap        the load lost its voltage in (lost_earliest, lost] and had it again in (back_earliest, back]; it was
               without for [max(0, back_earliest - lost), back - lost_earliest]
    verdict    `violated` where the shortest possible gap is longer than is allowed, `kept` where the longest is not
    transfer   from a source that was lost with the load and stayed away, or back to one that returned meanwhile
    shown      a meter that averages, or falls silent, shows a short gap as something else: while a source goes or
               returns that is a gap of any length up to how long it lasted
    common     both sources below their thresholds at once: sags whose spans overlap surely, or perhaps
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import inf, isfinite

from agent.records import MINUTE_US, Event, Interval, Kind, Mode
from agent.report.figures import Bounds, Span, Verdict, judged
from agent.report.operations.reasons import Reason, reason
from agent.report.reliability.outages import FOR_EVER_US, lasted_us, spans_of

_GONE: frozenset[Kind] = frozenset({"supply_loss"})
_LOW: frozenset[Kind] = frozenset({"sag", "supply_loss", "phase_loss"})
# What a transfer looks like where it is shorter than the meter shows, and what its source's loss looks like.
_SHOWN: frozenset[Kind] = frozenset({"sag", "phase_loss", "comms_loss"})
# EN 50160 and GB/T 15945, general: what a grid's frequency keeps to.
_FREQUENCY_HZ = 0.5
# A standby that was not heard for so long is not known to be there.
_FRESH_US = 10 * MINUTE_US

UNHEARD = "nothing was heard of it"
UNHEARD_SINCE = "nothing was heard of it in the last {minutes} min"
NO_VOLTAGE = "its voltage is not known"
VOLTAGE = "voltage {lowest} to {highest} V, allowed {low} to {high} V"
FREQUENCY = "frequency {hz} Hz, allowed {nominal} Hz give or take {by}"
UNTESTED = "no transfer to it was seen in {days} days"
PERHAPS = "in {days} days no transfer was surely one to it: both sources were there"
REASONS = (UNHEARD, UNHEARD_SINCE, NO_VOLTAGE, VOLTAGE, FREQUENCY, UNTESTED, PERHAPS)


@dataclass(frozen=True, slots=True)
class Gap:
    """The load without voltage, in s between bounds. event: its id; kind: as what it was told; from_source, to_source:
    between which the load changed, empty where that is not known; steady: no source was low or gone around it, as in
    a test of the switch"""

    event: str
    gap_s: Bounds
    verdict: Verdict
    start_us: int
    from_source: str = ""
    to_source: str = ""
    kind: Kind = "supply_loss"
    mode: Mode = "normal"
    steady: bool = False
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class CommonSag:
    """Events of both sources at once. surely: not only may they have overlapped"""

    first: str
    second: str
    surely: bool
    start_us: int


@dataclass(frozen=True, slots=True)
class Readiness:
    """Of a standby. is_ready: None where that is not known; reasons: why it is not ready, or not known to be"""

    is_ready: bool | None
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a standby is held against. channels: its judged voltages; tested_every_s: so often it is changed to"""

    channels: Sequence[str]
    limits_v: tuple[float, float]
    nominal_hz: float
    tested_every_s: float


@dataclass(frozen=True, slots=True)
class LastTransfer:
    """When the load last changed over to a standby, surely and perhaps. None: never that is known of"""

    surely_us: int | None
    perhaps_us: int | None


Sources = Sequence[tuple[str, Collection[Event]]]


def gaps(load: Iterable[Event], sources: Sources, allowed_s: float) -> tuple[Gap, ...]:
    """Of the load, in order; none that was marked as a test. sources: names and their events; allowed_s: what the load
    stands."""
    return tuple(gap for gap in all_gaps(load, sources, allowed_s) if gap.mode != "test")


def all_gaps(load: Iterable[Event], sources: Sources, allowed_s: float) -> Iterator[Gap]:
    """Likewise, with those that were marked as a test. What is told of one gap in several ways is one."""
    told = [event for event in load if event.state != "retracted" and event.kind in _GONE | _SHOWN]
    found: list[tuple[Event, Gap]] = []
    # Losses first, then what was longest: the others lie inside.
    for event in sorted(told, key=lambda event: (event.kind not in _GONE, -spans_of(event, FOR_EVER_US)[1].length_us)):
        gap = _gap(event, sources, allowed_s)
        is_part = event.kind not in _GONE and any(_overlaps(event, other) for other, _ in found)
        if (event.kind in _GONE or gap.to_source) and not is_part:
            found.append((event, gap))
    yield from sorted((gap for _, gap in found), key=lambda gap: gap.start_us)


def _counts(event: Event, kinds: frozenset[Kind]) -> bool:
    return event.kind in kinds and event.state != "retracted" and event.mode != "test"


def _gap(event: Event, sources: Sources, allowed_s: float) -> Gap:
    gap_s = gap_of(event)
    if event.kind not in _GONE:
        gap_s = Bounds(0.0, gap_s.high)
    from_source, to_source = _direction(event, sources)
    steady = not any(_overlaps(event, other) for _, events in sources for other in events if _may_be_gone(other))
    return Gap(event.id, gap_s, judged(gap_s, allowed_s), event.start_us, from_source, to_source, event.kind,
               event.mode, steady, event.state == "open")  # fmt: skip


def _may_be_gone(event: Event) -> bool:
    return event.kind in _LOW | _SHOWN and event.state != "retracted"


def _direction(event: Event, sources: Sources) -> tuple[str, str]:
    """Known where one source only was lost with the load, or came back within the gap, and one other was there."""
    lost = {name for name, events in sources if any(_went_with(event, other) for other in events)}
    back = {name for name, events in sources if any(_came_within(event, other) for other in events)}
    gone = {name for name, events in sources if any(_overlaps(event, o) for o in events if _counts(o, _LOW))}
    there = [name for name, _ in sources if name not in gone]
    if len(lost | back) != 1 or len(there) != 1:
        return "", ""
    return (lost.pop(), there[0]) if lost else (there[0], back.pop())


def _went_with(event: Event, source: Event) -> bool:
    """The source may have gone when the load did, and was surely still away when that had its voltage again."""
    if not _counts(source, _GONE):
        return False
    ended_us = FOR_EVER_US if event.end_us is None else event.end_us
    stayed = source.end_us is None or (source.end_earliest_us or 0) >= ended_us
    return stayed and source.start_us >= event.start_earliest_us and source.start_earliest_us <= ended_us


def _came_within(event: Event, source: Event) -> bool:
    """The source had gone before, and may have returned while the load was without."""
    if not _counts(source, _GONE) or source.end_us is None or source.start_us >= event.start_earliest_us:
        return False
    ended_us = FOR_EVER_US if event.end_us is None else event.end_us
    earliest_us = source.end_us if source.end_earliest_us is None else source.end_earliest_us
    return source.end_us >= event.start_earliest_us and earliest_us <= ended_us


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


def common_of(sources: Sources, period: Span) -> tuple[CommonSag, ...]:
    """Of every two of the sources, those that began in the period."""
    pairs = combinations((list(events) for _, events in sources), 2)
    found = (sag for first, second in pairs for sag in _common(first, second))
    return tuple(sorted((sag for sag in found if period.from_us <= sag.start_us < period.to_us),
                        key=lambda sag: sag.start_us))  # fmt: skip


def common_sags(first: Iterable[Event], second: Collection[Event]) -> tuple[CommonSag, ...]:
    """In order of the first. Two feeds that sag together hang on one busbar somewhere."""
    return tuple(_common(first, second))


def _common(first: Iterable[Event], second: Collection[Event]) -> Iterator[CommonSag]:
    for event in sorted((one for one in first if _counts(one, _LOW)), key=lambda one: one.start_us):
        for other in second:
            if _counts(other, _LOW) and _overlaps(event, other):
                yield CommonSag(event.id, other.id, _surely_overlaps(event, other), event.start_us)


def last_transfer(load: Iterable[Gap], source: str) -> LastTransfer:
    """By the gaps of the load, tests among them."""
    to_it, unknown = [0], [0]
    for gap in load:
        if gap.to_source == source:
            to_it.append(gap.start_us)
        elif gap.steady and isfinite(gap.gap_s.high):
            unknown.append(gap.start_us)
    return LastTransfer(max(to_it) or None, max(unknown) or None)


def readiness(last: Interval | None, wanted: Wanted, seen: LastTransfer, now_us: int) -> Readiness:
    """Of a standby by its last minute."""
    if last is None:
        return Readiness(None, (reason(UNHEARD),))
    unheard_us = now_us - last.start_us - MINUTE_US
    if unheard_us > _FRESH_US:
        return Readiness(None, (reason(UNHEARD_SINCE, minutes=str(unheard_us // MINUTE_US)),))
    volts = [last.values[key] for key in wanted.channels if key in last.values]
    if not volts:
        return Readiness(None, (reason(NO_VOLTAGE),))
    against = tuple(_against(last, volts, wanted))
    untested = _untested(seen, wanted.tested_every_s, now_us)
    if untested is None:
        return Readiness(not against, against)
    return Readiness(False if against else None, (*against, untested))


def _against(last: Interval, volts: Sequence[float], wanted: Wanted) -> Iterator[Reason]:
    low_v, high_v = wanted.limits_v
    if min(volts) < low_v or max(volts) > high_v:
        yield reason(VOLTAGE, lowest=f"{min(volts):.1f}", highest=f"{max(volts):.1f}", low=f"{low_v:g}",
                     high=f"{high_v:g}")  # fmt: skip
    frequency = last.values.get("frequency")
    if frequency is not None and abs(frequency - wanted.nominal_hz) > _FREQUENCY_HZ:
        yield reason(FREQUENCY, hz=f"{frequency:.2f}", nominal=f"{wanted.nominal_hz:g}", by=f"{_FREQUENCY_HZ:g}")


def _untested(seen: LastTransfer, every_s: float, now_us: int) -> Reason | None:
    since_us = now_us - round(every_s * 1e6)
    if (seen.surely_us or 0) >= since_us:
        return None
    text = PERHAPS if (seen.perhaps_us or 0) >= since_us else UNTESTED
    return reason(text, days=f"{every_s / 86_400:g}")


def within(found: Iterable[Gap], period: Span) -> tuple[Gap, ...]:
    """Those that touch the period: one that is open still does."""
    return tuple(
        gap for gap in found
        if gap.start_us < period.to_us and gap.start_us + gap.gap_s.high * 1e6 >= period.from_us
    )  # fmt: skip
