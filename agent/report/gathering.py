"""What a report rests on: the site, the journal's events (the running agent is asked for them), the long record."""

from collections.abc import Collection, Sequence
from dataclasses import fields, is_dataclass
from functools import lru_cache, partial
from math import sqrt
from typing import Any
from zoneinfo import ZoneInfo

from agent.clock import rfc3339
from agent.detect.floor import Paced
from agent.journal.view import view
from agent.overview import paces
from agent.records import MINUTE_US, Event, Incident
from agent.report.demand.known import demand_known
from agent.report.document import Known, Metered
from agent.report.figures import Bounds, Span
from agent.report.operations.known import operations_known, reach_us
from agent.report.period import offset_us
from agent.report.record.readable import Reading
from agent.report.reliability.major_days import LONGEST_DAYS
from agent.report.reliability.part import Counting, Earlier
from agent.report.reliability.unseen import Counted
from agent.report.voltage.limits import rules_for
from agent.report.voltage.quality import Judged, Limits
from agent.site import Meter, Site
from agent.status.socket import NotRunningError, ask
from agent.wire import event_from_json, event_to_json, incident_from_json, incident_to_json
from agent.wiring import channels_of, counter_steps, latched, rules_of

PAGE = 1000
# Events that began this long before the period may still have gone on in it, and the five like days of a baseline.
BEFORE_US = 40 * 86_400_000_000
# Every meter is asked for the local time of the same half hours.
_OFFSETS = 1 << 14
# What a report has of microseconds that is no instant.
DURATIONS = frozenset({"most_us"})
# IEC 60038: low voltage is up to 1000 V.
_LOW_VOLTAGE_V = 1000.0


def known(site: Site, period: Span, made_us: int) -> Known:
    """OSError where the journal cannot be read; FileNotFoundError where there is none yet. Of the long record what
    reads."""
    events, incidents = _told(site, Span(min(period.from_us - BEFORE_US, reach_us(site, period)), period.to_us))
    zone = ZoneInfo(site.time_zone)
    paced, reading = paces(site), Reading(site.state_dir)
    return Known(
        site=site.name, gateway=site.gateway, network=site.network,
        meters=[_metered(site, meter, paced.get(name)) for name, meter in site.meters.items()],
        # Nothing that is later than now was measured: the clock was ahead when it was written.
        intervals=partial(reading.of_meter, span=Span(period.from_us, min(period.to_us, made_us))),
        events=events, incidents=incidents, made_us=made_us,
        offset_of=lru_cache(_OFFSETS)(partial(offset_us, zone=zone)),
        earlier=_earlier(site, period, reading.since_us()), counting=_counting(site),
        demand=demand_known(site, period, made_us),
        operations=operations_known(site, period, BEFORE_US), record=reading.read,
    )  # fmt: skip


def _metered(site: Site, meter: Meter, paced: Paced | None) -> Metered:
    rules = rules_of(meter, site.profile)
    node = site.network.nodes.get(meter.node)
    kva = None if node is None else node.rated_kva
    line_v = meter.nominal_v * (1.0 if meter.basis == "ll" else sqrt(3))
    return Metered(
        meter.name, meter.node, meter.feeder or site.network.feeder_of(meter.node),
        Judged(channels_of(meter.basis, meter.wiring, meter.installation).keys, meter.nominal_v,
               tuple(Limits(*pair) for pair in (rules.limits_v, meter.assess_limits) if pair is not None)),
        meter.voltage_class or ("D" if meter.nominal_v < _LOW_VOLTAGE_V else None),
        None if kva is None else 1000 * kva / (sqrt(3) * line_v), kva,
        rules_for(site.profile, meter.nominal_v, line_v), paced,
        any(name.startswith("sag_count") for name in latched(meter.model, meter.wiring)),
        counted=Counted(meter.powered_by, counter_steps(meter)),
    )  # fmt: skip


def _counting(site: Site) -> Counting:
    target_us = site.indices.target_saidi_us
    return Counting(site.indices.sustained_us / MINUTE_US, None if target_us is None else target_us / MINUTE_US)


def _earlier(site: Site, period: Span, known_us: int | None) -> Earlier:
    """Losses of the years before. Since when they are known: the long record or the oldest of them says."""
    since_us = period.from_us - LONGEST_DAYS * 86_400_000_000
    events, incidents = _told(site, Span(since_us, period.from_us - 1), ("supply_loss", "phase_loss"))
    begun = [*(event.start_us for event in events), *([] if known_us is None else [known_us]), period.from_us]
    return Earlier(events, incidents, min(begun))


def _told(site: Site, span: Span, kinds: Sequence[str | None] = (None,)) -> tuple[list[Event], list[Incident]]:
    """kinds: of events; None for all"""
    try:
        asked = [paged(partial(ask, site.state_dir, "events", kind=kind), span.from_us, span.to_us) for kind in kinds]
    except NotRunningError:
        return _stored(site, span, kinds)
    incidents = {one.id: one for _, found in asked for one in found}
    return [event for found, _ in asked for event in found], list(incidents.values())


def paged(question: Any, since_us: int, until_us: int) -> tuple[list[Event], list[Incident]]:
    """A page at a time, the youngest first: an answer of a running agent is not to stop its polling."""
    events: dict[str, Event] = {}
    incidents: dict[str, Incident] = {}
    while True:
        told = question(limit=PAGE, since_us=since_us, until_us=until_us)
        if "error" in told:
            raise OSError(told["error"])
        page = [event_from_json(one) for one in told["events"]]
        incidents |= {one["id"]: incident_from_json(one) for one in told["incidents"]}
        fresh = {event.id: event for event in page if event.id not in events}
        events |= fresh
        if len(page) < PAGE or not fresh:
            return list(events.values()), list(incidents.values())
        until_us = min(event.start_us for event in page)


def _stored(site: Site, span: Span, kinds: Sequence[str | None]) -> tuple[list[Event], list[Incident]]:
    with view(site.state_dir) as kept:
        asked = partial(kept.events, limit=1 << 40, since_us=span.from_us, until_us=span.to_us)
        events = [event for kind in kinds for event in asked(kind=kind)]
        found = kept.incidents(limit=1 << 40, since_us=span.from_us)
    return events, [one for one in found if one.start_us <= span.to_us]


def as_plain(value: Any) -> Any:
    """A report as JSON knows it: instants in RFC 3339, durations in seconds, bounds as [low, high]."""
    match value:
        case Event():
            return event_to_json(value)
        case Incident():
            return incident_to_json(value)
        case Bounds():
            return [_number(value.low), _number(value.high)]
        case float():
            return _number(value)
        case dict():
            return {str(key): as_plain(one) for key, one in value.items()}
        case list() | tuple():
            return [as_plain(one) for one in value]
    if not is_dataclass(value):
        return value
    names = [one.name for one in fields(value)]
    return {key_of(name, names): _field(name, getattr(value, name)) for name in names}


def key_of(name: str, beside: Collection[str]) -> str:
    """Of a field in JSON; beside: all fields of its record. Where a value has the name, its instant is `..._at`."""
    if not name.endswith("_us"):
        return name
    stem = name.removesuffix("_us")
    if name in DURATIONS:
        return f"{stem}_s"
    return f"{stem}_at" if stem in beside else stem


def _field(name: str, value: Any) -> Any:
    match value:
        case int() if name in DURATIONS:
            return _number(value / 1e6)
        case int() if name.endswith("_us"):
            return rfc3339(value)
    return as_plain(value)


def _number(value: float) -> float | None:
    """JSON knows no infinity: what has no upper end is null."""
    return round(value, 6) if abs(value) != float("inf") else None
