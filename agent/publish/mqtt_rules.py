"""What an entry becomes on MQTT, what a broker's answer means for it, and how long to wait for one. Pure."""

from dataclasses import dataclass, replace

from agent.journal.entries import Entry
from agent.publish.forwarder import ACCEPT, Verdict
from agent.publish.topics import Message, event_message, incident_message, reading_message, trace_message
from agent.records import Event, Incident, MeterStatus, Reading, Trace

# CONNACK codes that another attempt in a second will not change.
# MQTT 5.0, table 3-1; paho translates the codes of 3.1.1 to these.
REFUSALS = {
    0x84: "the broker does not speak this MQTT version",
    0x85: "the broker refuses this client id; check site.gateway and the broker's user list",
    0x86: "wrong username or password; check username and password_file",
    0x87: "the broker refuses this username, password or client id; check username and password_file",
    0x8A: "the broker has banned this client; ask its operator",
    0x8C: "the broker wants another way of authentication; ask its operator",
}
# PUBACK codes of MQTT 5.0, section 3.4.2.1; 3.1.1 has none. From 0x80 on the broker does not have the message.
_FAILURE = 0x80
_UNAUTHORISED = 0x87
# These condemn the message, not the moment: topic name invalid, packet too large, payload format invalid.
_CONDEMNED = frozenset({0x90, 0x95, 0x99})


@dataclass(frozen=True, slots=True)
class Timing:
    """Every wait of the sink, in seconds.

    open_s:    for the TCP connection, for the TLS handshake and for CONNACK, each
    puback_s:  a window of messages that is not acknowledged by then means a dead connection
    alive_s:   keep-alive: we notice a frozen broker after at most twice of it, a broker our loss after one and a half
    refresh_s: how often all that is retained is said again
    refused_s: pause after a refusal that only hands can change
    stable_s:  a connection that lasted so long was a good one: the back-off starts anew
    goodbye_s: for `offline` and DISCONNECT together
    """

    open_s: float = 3.0
    puback_s: float = 10.0
    alive_s: int = 10
    refresh_s: float = 60.0
    refused_s: float = 60.0
    stable_s: float = 5.0
    goodbye_s: float = 2.0


def encode(prefix: str, entry: Entry) -> Message | Verdict:
    """The message of an entry, or the verdict on one that has none."""
    try:
        match entry.record:
            case Reading() as reading:
                return reading_message(prefix, reading, entry.text(reading))
            case Event() as event:
                return event_message(prefix, event)
            case Incident() as incident:
                return incident_message(prefix, incident)
            case Trace() as trace:
                return trace_message(prefix, trace)
    except ValueError as error:
        return Verdict("reject", f"cannot be written as JSON: {error}")
    return ACCEPT  # a gap: there is no topic for it


def judge(message: Message, code: int | None) -> Verdict:
    """code: the PUBACK's reason (0 with 3.1.1), None if there was no PUBACK."""
    if code is None:
        return Verdict("keep", "the connection ended before the broker acknowledged")
    if code < _FAILURE:
        return ACCEPT
    if code in _CONDEMNED:
        return Verdict("reject", f"the broker refuses the message itself (reason 0x{code:02x})")
    if code == _UNAUTHORISED:
        return Verdict("keep", f"the broker does not allow us to write {message.topic}; extend its access list")
    return Verdict("keep", f"the broker could not take it (reason 0x{code:02x})")


def essence(status: MeterStatus) -> MeterStatus:
    """What makes a status another one: a later good reply alone does not."""
    return replace(status, last_good_us=None)
