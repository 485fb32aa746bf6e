"""What a report rests on: the site, the journal's events (the running agent is asked for them), the long record."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import partial
from math import sqrt
from typing import Any
from zoneinfo import ZoneInfo

from agent.clock import rfc3339
from agent.journal.view import view
from agent.records import Event, Incident
from agent.report.columns import Columns
from agent.report.document import Known, Metered
from agent.report.figures import Bounds, Span
from agent.report.history import past
from agent.report.period import offset_us
from agent.report.quality import Judged, Limits
from agent.site import Meter, Site
from agent.status.socket import NotRunningError, ask
from agent.wire import event_from_json, event_to_json, incident_from_json, incident_to_json
from agent.wiring import channels_of, rules_of

PAGE = 1000
# Events that began this long before the period may still have gone on in it, and the five like days of a baseline.
BEFORE_US = 40 * 86_400_000_000
# IEC 60038: low voltage is up to 1000 V.
_LOW_VOLTAGE_V = 1000.0


def known(site: Site, period: Span, made_us: int) -> Known:
    """OSError where the journal or the long record cannot be read; FileNotFoundError where there is none yet."""
    events, incidents = _told(site, period)
    zone = ZoneInfo(site.time_zone)
    return Known(
        site=site.name, gateway=site.gateway, network=site.network,
        meters=[_metered(site, meter) for meter in site.meters.values()],
        intervals=partial(_intervals, site, period), events=events, incidents=incidents, made_us=made_us,
        offset_of=partial(offset_us, zone=zone),
    )  # fmt: skip


def _metered(site: Site, meter: Meter) -> Metered:
    rules = rules_of(meter, site.profile)
    node = site.network.nodes.get(meter.node)
    kva = None if node is None else node.rated_kva
    line_v = meter.nominal_v * (1.0 if meter.basis == "ll" else sqrt(3))
    return Metered(
        meter.name, meter.node, meter.feeder or site.network.feeder_of(meter.node),
        Judged(channels_of(meter.basis, meter.wiring, meter.installation).keys, meter.nominal_v,
               (Limits(*rules.limits_v),)),
        "D" if meter.nominal_v < _LOW_VOLTAGE_V else None,
        None if kva is None else 1000 * kva / (sqrt(3) * line_v), kva,
    )  # fmt: skip


def _intervals(site: Site, period: Span, meter: str) -> Iterator[Columns]:
    with past(site.state_dir) as found:
        if found is not None:
            yield from found.of_meter(meter, period)


def _told(site: Site, period: Span) -> tuple[list[Event], list[Incident]]:
    since_us, until_us = period.from_us - BEFORE_US, period.to_us
    try:
        return paged(partial(ask, site.state_dir, "events"), since_us, until_us)
    except NotRunningError:
        return _stored(site, since_us, until_us)


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


def _stored(site: Site, since_us: int, until_us: int) -> tuple[list[Event], list[Incident]]:
    with view(site.state_dir) as kept:
        events = kept.events(limit=1 << 40, since_us=since_us, until_us=until_us)
        incidents = [one for one in kept.incidents(limit=1 << 40, since_us=since_us) if one.start_us <= until_us]
    return list(events), incidents


def as_plain(value: Any) -> Any:
    """A report as JSON knows it: times in RFC 3339 beside the microseconds' names, bounds as [low, high]."""
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
    named = ((one.name, getattr(value, one.name)) for one in fields(value))
    return {
        (name.removesuffix("_us") if name.endswith("_us") else name): rfc3339(one) if name.endswith("_us") and
        isinstance(one, int) else as_plain(one)
        for name, one in named
    }  # fmt: skip


def _number(value: float) -> float | None:
    """JSON knows no infinity: what has no upper end is null."""
    return round(value, 6) if abs(value) != float("inf") else None
