"""Readings, events, incidents, traces, statuses and the gateway's own state -> MQTT topics and JSON bytes. Pure.

Every topic starts with the prefix ``lamplighter/{site}/{gateway}``. Retained are `state` and each meter's
`status`: what somebody who comes late must know. Readings, events and incidents are said once.
"""

from dataclasses import asdict, dataclass
from typing import Literal

from agent.clock import rfc3339
from agent.records import Event, Gap, Incident, MeterStatus, Reading, Trace
from agent.wire import compact, event_to_json, incident_to_json, reading_text, status_to_json, trace_to_json

GatewayState = Literal["online", "offline"]


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT publication, always with QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Void:
    """What a run before this one said and nobody knows any more: events of that session with a number (the last part
    of their id) beyond these, of meters and lines or of the gateway, only ever said with `durable: false`. Session `*`
    is every one that is not named: a journal was lost."""

    session: str
    after: int = 0
    after_gateway: int = 0


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the agent. A consumer ignores an `offline` whose session is not the one it last saw online.

    started_us: UTC microseconds; void: of the runs before
    """

    id: str
    started_us: int
    version: str
    void: tuple[Void, ...] = ()


def topic_prefix(site: str, gateway: str) -> str:
    return f"lamplighter/{site}/{gateway}"


def state_message(prefix: str, state: GatewayState, session: Session) -> Message:
    """The gateway's state: `online` is the first word on a connection, `offline` the last, or the will."""
    body: dict[str, object] = {
        "state": state,
        "session": session.id,
        "session_start": rfc3339(session.started_us),
        "version": session.version,
    }
    if session.void:
        body["void"] = [asdict(one) for one in session.void]
    return Message(f"{prefix}/state", compact(body), retain=True)


def reading_message(prefix: str, reading: Reading, text: bytes | None = None) -> Message:
    """text: its JSON, where somebody has written it already."""
    return Message(f"{prefix}/{reading.meter}/reading", reading_text(reading) if text is None else text)


def event_message(prefix: str, event: Event, session: str = "", *, durable: bool = True) -> Message:
    """Under its meter; events of a line or of the whole gateway directly under the gateway."""
    own = f"{event.meter}/event" if event.scope == "meter" and event.meter else "event"
    return Message(f"{prefix}/{own}", compact(event_to_json(event) | _said(session, durable=durable)))


def incident_message(prefix: str, incident: Incident, session: str = "", *, durable: bool = True) -> Message:
    """Of the whole gateway: an incident has a node, and many meters."""
    return Message(f"{prefix}/incident", compact(incident_to_json(incident) | _said(session, durable=durable)))


def _said(session: str, *, durable: bool) -> dict[str, object]:
    """session: of the run that says it; durable: it is said again without this word once it is stored."""
    said: dict[str, object] = {"session": session} if session else {}
    return said if durable else said | {"durable": False}


def trace_message(prefix: str, trace: Trace) -> Message:
    """One part of a trace: at most 320 samples, some 20 kB, 35 kB with the longest numbers there are."""
    return Message(f"{prefix}/{trace.meter}/trace", compact(trace_to_json(trace)))


def gap_message(prefix: str, gap: Gap, session: str = "") -> Message:
    """Of the whole gateway: how many entries of its journal were dropped before every sink had them, and why."""
    body = {
        "seq_lo": gap.seq_lo,
        "seq_hi": gap.seq_hi,
        "dropped": gap.seq_hi - gap.seq_lo + 1,
        "reason": gap.reason,
        "time": rfc3339(gap.time_us),
    }
    return Message(f"{prefix}/gap", compact(body | _said(session, durable=True)))


def status_message(prefix: str, status: MeterStatus) -> Message:
    return Message(f"{prefix}/{status.meter}/status", compact(status_to_json(status)), retain=True)


def no_status_message(prefix: str, meter: str) -> Message:
    """Takes away what the broker retains of a meter: MQTT 3.1.1, 3.3.1.3, an empty retained payload."""
    return Message(f"{prefix}/{meter}/status", b"", retain=True)
