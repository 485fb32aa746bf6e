"""Readings, events, traces, statuses and the gateway's own state -> MQTT topics and JSON bytes. Pure.

Every topic starts with the prefix ``lamplighter/{site}/{gateway}``. Retained are `state` and each meter's
`status`: what somebody who comes late must know. Readings and events are said once.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from agent.clock import rfc3339
from agent.records import Event, MeterStatus, Reading, Trace
from agent.wire import event_to_json, reading_to_json, status_to_json, trace_to_json

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
    return Message(f"{prefix}/state", _compact(body), retain=True)


def reading_message(prefix: str, reading: Reading) -> Message:
    return Message(f"{prefix}/{reading.meter}/reading", _compact(reading_to_json(reading)))


def event_message(prefix: str, event: Event) -> Message:
    """Under its meter; events of a line or of the whole gateway directly under the gateway."""
    own = f"{event.meter}/event" if event.scope == "meter" and event.meter else "event"
    return Message(f"{prefix}/{own}", _compact(event_to_json(event)))


def trace_message(prefix: str, trace: Trace) -> Message:
    """One part of a trace: at most 320 samples, some 20 kB, 35 kB with the longest numbers there are."""
    return Message(f"{prefix}/{trace.meter}/trace", _compact(trace_to_json(trace)))


def status_message(prefix: str, status: MeterStatus) -> Message:
    return Message(f"{prefix}/{status.meter}/status", _compact(status_to_json(status)), retain=True)


def no_status_message(prefix: str, meter: str) -> Message:
    """Takes away what the broker retains of a meter: MQTT 3.1.1, 3.3.1.3, an empty retained payload."""
    return Message(f"{prefix}/{meter}/status", b"", retain=True)


# NaN is no JSON. A value that is not available is absent, so one that comes this far is a ValueError.
_text = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def _compact(body: Mapping[str, Any]) -> bytes:
    return _text(body).encode()
