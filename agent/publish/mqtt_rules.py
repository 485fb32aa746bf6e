"""What an entry becomes on MQTT, what a broker's answer means for it, and how long to wait for one. Pure."""

from dataclasses import dataclass

from agent.journal.entries import Entry
from agent.publish.forwarder import ACCEPT, Verdict
from agent.publish.topics import (
    Message,
    event_message,
    gap_message,
    incident_message,
    reading_message,
    trace_message,
)
from agent.records import Event, Health, Incident, Interval, MeterStatus, Reading, Trace
from agent.replaced import replaced

# CONNACK codes that another attempt in a second will not change.
# MQTT 5.0, table 3-1; paho translates the codes of 3.1.1 to these.
REFUSALS = {
    0x84: "the broker does not speak this MQTT version",
    0x85: "the broker refuses this client id; check site.gateway and the broker's user list",
    0x86: "wrong username or password; check username and password_file",
    0x87: "the broker refuses this username, password or client id; check username and password_file",
    0x8A: "the broker has banned this client; ask its operator",
    0x8C: "the broker wants another way of authentication; ask its operator",
    0x9A: "the broker takes no retained messages, which state and statuses are; allow them (mosquitto: "
    "retain_available true)",
}
# PUBACK codes of MQTT 5.0, section 3.4.2.1; 3.1.1 has none. From 0x80 on the broker does not have the message.
FAILURE = 0x80
UNAUTHORISED = 0x87
IDENTIFIER_IN_USE = 0x91
TOO_LARGE = 0x95
# What may pass by itself: unspecified, implementation specific. A message that fails so often while others are taken is
# at fault itself.
UNCLEAR = frozenset({0x80, 0x83})
UNCLEAR_TRIES = 5
# With these, or with no reason at all, a broker may end a connection for a message that is on its way.
BLAMING = frozenset({0x80, 0x83, TOO_LARGE})
# These condemn the message, not the moment: topic name invalid, packet too large, payload format invalid.
_CONDEMNED = frozenset({0x90, TOO_LARGE, 0x99})


@dataclass(frozen=True, slots=True)
class Timing:
    """Every wait of the sink, in seconds.

    open_s:    for the TCP connection, for the TLS handshake and for CONNACK, each
    puback_s:  the oldest message on its way waits no longer, counted from when the one before it was acknowledged: then
               the connection is dead
    alive_s:   keep-alive: after one and a half of it at most we notice a frozen broker, and a broker our loss
    refresh_s: how often all that is retained is said again
    refused_s: pause after a refusal that only hands can change
    stable_s:  a connection that lasted so long was a good one: the back-off starts anew
    goodbye_s: for `offline` and DISCONNECT together
    gather_s:  from the first status that changed to when all that have are published
    """

    open_s: float = 3.0
    puback_s: float = 10.0
    alive_s: int = 10
    refresh_s: float = 60.0
    refused_s: float = 60.0
    stable_s: float = 5.0
    goodbye_s: float = 2.0
    gather_s: float = 0.25


def encode(prefix: str, entry: Entry, session: str = "") -> Message | Verdict:
    """The message of an entry, or the verdict on one that makes none. session: of the run that sends it."""
    try:
        match entry.record:
            case Reading() as reading:
                return reading_message(prefix, reading, entry.text(reading))
            case Event() as event:
                return event_message(prefix, event, session, durable=entry.durable)
            case Incident() as incident:
                return incident_message(prefix, incident, session, durable=entry.durable)
            case Trace() as trace:
                return trace_message(prefix, trace)
            case Interval() | Health():
                return ACCEPT  # databases are for those
            case gap:
                return gap_message(prefix, gap, session)
    except ValueError as error:
        return Verdict("reject", f"cannot be written as JSON: {error}")


def judge(message: Message, code: int | None, tries: int = 1) -> Verdict:
    """code: the PUBACK's reason (0 with 3.1.1), None if there was no PUBACK; tries: how often in a row it
    failed for no clear reason while the broker took others, with this one.

    | reason                                    | what becomes of the message      | and then                       |
    |-------------------------------------------|----------------------------------|--------------------------------|
    | below 0x80                                | accepted                         |                                |
    | 0x80 unspecified, 0x83 implementation     | kept, the fifth time refused     | back-off                       |
    | 0x87 not authorised                       | kept                             | a pause, `sink_blocked`        |
    | 0x90 topic, 0x95 too large, 0x99 payload  | refused for good                 |                                |
    | 0x91 identifier in use                    | kept                             | a new connection               |
    | 0x97 quota, and any other                 | kept                             | back-off                       |
    """
    if code is None:
        return Verdict("keep", "the connection ended before the broker acknowledged")
    if code < FAILURE:
        return ACCEPT
    if code == TOO_LARGE:
        size = len(message.payload)
        return Verdict(
            "reject", f"larger than the broker takes, {size} bytes (reason 0x95); raise its limit for packets"
        )
    if code in _CONDEMNED:
        return Verdict("reject", f"the broker refuses the message itself (reason 0x{code:02x})")
    if code in UNCLEAR and tries >= UNCLEAR_TRIES:
        return Verdict("reject", f"the broker refused it {tries} times (reason 0x{code:02x})")
    if code == UNAUTHORISED:
        return Verdict("keep", f"the broker does not allow us to write {message.topic}; extend its access list")
    return Verdict("keep", f"the broker could not take it (reason 0x{code:02x})")


def ping_s(alive_s: int) -> float:
    """After how long a silence to ask the broker whether it is there. As long again for its answer, and the second that
    paho looks late for each, are one and a half keep-alives together."""
    return max(alive_s / 2, (1.5 * alive_s - 2) / 2)


def essence(status: MeterStatus) -> MeterStatus:
    """What makes a status another one: a later good reply alone does not."""
    return replaced(status, last_good_us=None)
