"""Readings, events, incidents, traces and statuses <-> the JSON objects of the contract. Encode stands beside decode.

The journal, the MQTT topics, the local socket and `--json` all speak these objects; nothing else does.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

from agent.clock import parse_rfc3339, rfc3339
from agent.records import ClockState, Event, Health, Incident, Interval, MeterStatus, Reading, Trace
from agent.trace_rows import LOST, QUESTIONABLE, samples

_TIMES = ("start", "start_earliest", "end", "end_earliest", "reported")
_PLAIN = (
    "id", "kind", "revision", "state", "scope", "basis", "duration_min_s", "duration_max_s", "meter", "line",
    "feeder", "mode", "parent", "voltage_basis", "reference_v", "reference", "residual_v", "residual_pct", "peak_v",
    "peak_pct", "accuracy_pct", "window_s", "watch_s", "profile", "config", "i_before", "i_during", "direction",
    "sag_energy_s", "unbalance_pct", "unbalance_method", "unbalance_nema_pct", "change_pct", "meter_serial",
)  # fmt: skip
_LISTS = ("path", "evidence", "supersedes", "because", "channels", "phases")
_INCIDENT_PLAIN = (
    "id", "revision", "state", "cause", "node", "duration_min_s", "duration_max_s", "feeder", "confidence",
)  # fmt: skip
# Who is dead, alive and unknown is always said, even of nobody.
_INCIDENT_SIDES = ("dead", "alive", "unknown")
_INCIDENT_LISTS = ("path", "phases", "restored", "events", "nested", "critical", "alarms", "words")


# NaN is no JSON. A value that is not available is absent, so one that comes this far is a ValueError.
_text = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def compact(body: Mapping[str, Any]) -> bytes:
    """An object of the contract as it goes out. ValueError: it holds a NaN."""
    return _text(body).encode()


def reading_text(reading: Reading) -> bytes:
    """As it goes out. ValueError: it holds a NaN."""
    if not (reading.values is reading.min and reading.values is reading.max):
        return compact(reading_to_json(reading))
    # An interval of one look says each number three times; writing it is most of the work, and once is enough.
    head, told = _text(_reading_head(reading)), _text(reading.values)
    return f'{head[:-1]},"values":{told},"min":{told},"max":{told}}}'.encode()


def _reading_head(reading: Reading) -> dict[str, Any]:
    return {
        "meter": reading.meter,
        "time": rfc3339(reading.time_us),
        "window_s": reading.window_s,
        "quality": reading.quality,
        "flags": list(reading.flags),
    }


def reading_to_json(reading: Reading) -> dict[str, Any]:
    return _reading_head(reading) | {
        "values": dict(reading.values),
        "min": dict(reading.min),
        "max": dict(reading.max),
    }


def reading_from_json(body: Mapping[str, Any]) -> Reading:
    return Reading(
        meter=body["meter"],
        time_us=parse_rfc3339(body["time"]),
        window_s=body["window_s"],
        quality=body["quality"],
        flags=tuple(body["flags"]),
        values=body["values"],
        min=body["min"],
        max=body["max"],
    )


def interval_to_json(interval: Interval) -> dict[str, Any]:
    return {
        "interval": interval.kind,
        "meter": interval.meter,
        "start": rfc3339(interval.start_us),
        "coverage": interval.coverage,
        "flagged": interval.flagged,
        "values": dict(interval.values),
        "min": dict(interval.min),
        "max": dict(interval.max),
    }


def health_to_json(health: Health) -> dict[str, Any]:
    """How something stood: instants as RFC 3339, without the `_us` of their names."""
    body: dict[str, Any] = {"of": health.of, "name": health.name or None, "time": rfc3339(health.time_us)}
    body |= {"numbers": dict(health.numbers), "texts": dict(health.texts)}
    body["instants"] = {key.removesuffix("_us"): rfc3339(at_us) for key, at_us in health.instants.items()} or None
    return {key: value for key, value in body.items() if value is not None}


def event_to_json(event: Event) -> dict[str, Any]:
    """What is not known is absent, never null; lists and maps that hold nothing are absent too."""
    body: dict[str, Any] = {key: getattr(event, key) for key in _PLAIN}
    for key in _TIMES:
        instant = getattr(event, f"{key}_us")
        body[key] = None if instant is None else rfc3339(instant)
    for key in _LISTS:
        body[key] = list(getattr(event, key)) or None
    body["extreme_by_channel"] = dict(event.extreme_by_channel) or None
    body["class"] = dict(event.classes) or None
    body["customers"] = None if event.customers is None else list(event.customers)
    body["clock"] = {"synced": event.clock.synced, "uncertainty_s": event.clock.uncertainty_s}
    body["duration_s"] = event.duration_s
    body["open_at_start"] = event.open_at_start or None
    return {key: value for key, value in body.items() if value is not None}


def event_from_json(body: Mapping[str, Any]) -> Event:
    known: dict[str, Any] = {key: body[key] for key in _PLAIN if key in body}
    for key in _TIMES:
        if key in body:
            known[f"{key}_us"] = parse_rfc3339(body[key])
    for key in _LISTS:
        known[key] = tuple(body.get(key, ()))
    known["extreme_by_channel"] = body.get("extreme_by_channel", {})
    known["classes"] = body.get("class", {})
    known["clock"] = ClockState(**body["clock"])
    known["open_at_start"] = body.get("open_at_start", False)
    if "customers" in body:
        known["customers"] = tuple(body["customers"])
    return Event(**known)


def incident_to_json(incident: Incident) -> dict[str, Any]:
    """As of an event: what is not known is absent, and so are lists that hold nothing and counts of nothing."""
    body: dict[str, Any] = {key: getattr(incident, key) for key in _INCIDENT_PLAIN}
    body["device"] = incident.device or None
    for key in _TIMES:
        instant = getattr(incident, f"{key}_us")
        body[key] = None if instant is None else rfc3339(instant)
    for key in _INCIDENT_SIDES:
        body[key] = list(getattr(incident, key))
    for key in _INCIDENT_LISTS:
        body[key] = list(getattr(incident, key)) or None
    for key in ("customers", "most"):
        bounds = getattr(incident, key)
        body[key] = None if bounds is None else list(bounds)
    body["by_phase"] = {phase: list(bounds) for phase, bounds in incident.by_phase.items()} or None
    body["reclosed"] = incident.reclosed or None
    body["locked_out"] = incident.locked_out or None
    body["clock"] = {"synced": incident.clock.synced, "uncertainty_s": incident.clock.uncertainty_s}
    return {key: value for key, value in body.items() if value is not None}


def incident_from_json(body: Mapping[str, Any]) -> Incident:
    known: dict[str, Any] = {key: body[key] for key in _INCIDENT_PLAIN if key in body}
    for key in _TIMES:
        if key in body:
            known[f"{key}_us"] = parse_rfc3339(body[key])
    for key in (*_INCIDENT_SIDES, *_INCIDENT_LISTS):
        known[key] = tuple(body.get(key, ()))
    for key in ("customers", "most"):
        if key in body:
            known[key] = tuple(body[key])
    known["by_phase"] = {phase: tuple(bounds) for phase, bounds in body.get("by_phase", {}).items()}
    known["clock"] = ClockState(**body["clock"])
    known |= {key: body[key] for key in ("device", "reclosed", "locked_out") if key in body}
    return Incident(**known)


def incidents_about(events: Iterable[Event], incidents: Iterable[Incident]) -> list[Incident]:
    """Those of the incidents that one of the events is a part of, in their order."""
    ids = {event.id for event in events}
    return [incident for incident in incidents if not ids.isdisjoint(incident.events)]


def trace_to_json(trace: Trace) -> dict[str, Any]:
    """A part of a trace. `t_s` are seconds from the event's `start`, negative before it; `values` has as many of each
    quantity, null where a reply had none; `lost_s` are the instants by which a reply should have come; `of` is said by
    the last part. Nothing reads it back: the journal has the rows themselves.
    """
    rows = list(samples(trace))
    kept = [row for row in rows if row.mark != LOST]
    body: dict[str, Any] = {
        "event": trace.event,
        "also": list(trace.also) or None,
        "meter": trace.meter,
        "kind": trace.kind,
        "start": rfc3339(trace.start_us),
        "part": trace.part,
        "of": trace.part if trace.closing else None,
        "cut": trace.closing == "cut" or None,
        "gap_before": trace.follows or None,
        "t_s": [(row.at_us - trace.start_us) / 1e6 for row in kept],
        "values": {name: [row.values[i] for row in kept] for i, name in enumerate(trace.columns)},
        "questionable": [i for i, row in enumerate(kept) if row.mark == QUESTIONABLE] or None,
        "lost_s": [(row.at_us - trace.start_us) / 1e6 for row in rows if row.mark == LOST] or None,
    }
    return {key: value for key, value in body.items() if value is not None}


def traced_event_to_json(event: Event, traces: Iterable[Trace], evicted: int) -> dict[str, Any]:
    """An event and the parts of traces that show it; traces_evicted: how many parts of any the journal let go."""
    parts = [trace_to_json(trace) for trace in traces]
    return {"event": event_to_json(event), "traces": parts, "traces_evicted": evicted}


def status_to_json(status: MeterStatus) -> dict[str, Any]:
    body = {
        "meter": status.meter,
        "supply": status.supply,
        "supply_by_phase": dict(status.supply_by_phase),
        "comms": status.comms,
        "last_good": None if status.last_good_us is None else rfc3339(status.last_good_us),
        "open_events": list(status.open_events),
        "mode": status.mode,
    }
    return {key: value for key, value in body.items() if value is not None}
