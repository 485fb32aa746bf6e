"""Readings, events, incidents, traces, statuses and the gateway's own state -> MQTT topics and JSON bytes. Pure.

Every topic starts with the prefix ``lamplighter/{site}/{gateway}``. Retained are `state` and each meter's
`status`: what somebody who comes late must know. Readings, events and incidents are said once.
"""

from dataclasses import dataclass
from typing import Literal

from agent.clock import rfc3339
from agent.records import Event, Incident, MeterStatus, Reading, Trace
from agent.wire import compact, event_to_json, incident_to_json, reading_text, status_to_json, trace_to_json

GatewayState = Literal["online", "offline"]


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT publication, always with QoS 1."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Session:
    """One run of the agent. A consumer ignores an `offline` whose session is not the one it last saw online.

    started_us: UTC microseconds
    """

    id: str
    started_us: int
    version: str


def topic_prefix(site: str, gateway: str) -> str:
    return f"lamplighter/{site}/{gateway}"


def state_message(prefix: str, state: GatewayState, session: Session) -> Message:
    """The gateway's state: `online` is the first word on a connection, `offline` the last, or the will."""
    body = {
        "state": state,
        "session": session.id,
        "session_start": rfc3339(session.started_us),
        "version": session.version,
    }
    return Message(f"{prefix}/state", compact(body), retain=True)


def reading_message(prefix: str, reading: Reading, text: bytes | None = None) -> Message:
    """text: its JSON, where somebody has written it already."""
    return Message(f"{prefix}/{reading.meter}/reading", reading_text(reading) if text is None else text)


def event_message(prefix: str, event: Event) -> Message:
    """Under its meter; events of a line or of the whole gateway directly under the gateway."""
    own = f"{event.meter}/event" if event.scope == "meter" and event.meter else "event"
    return Message(f"{prefix}/{own}", compact(event_to_json(event)))


def incident_message(prefix: str, incident: Incident) -> Message:
    """Of the whole gateway: an incident has a node, and many meters."""
    return Message(f"{prefix}/incident", compact(incident_to_json(incident)))


def trace_message(prefix: str, trace: Trace) -> Message:
    """One part of a trace: at most 320 samples, some 20 kB, 35 kB with the longest numbers there are."""
    return Message(f"{prefix}/{trace.meter}/trace", compact(trace_to_json(trace)))


def status_message(prefix: str, status: MeterStatus) -> Message:
    return Message(f"{prefix}/{status.meter}/status", compact(status_to_json(status)), retain=True)


def no_status_message(prefix: str, meter: str) -> Message:
    """Takes away what the broker retains of a meter: MQTT 3.1.1, 3.3.1.3, an empty retained payload."""
    return Message(f"{prefix}/{meter}/status", b"", retain=True)
