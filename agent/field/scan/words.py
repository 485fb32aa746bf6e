"""Every message of `scan`, each under its code: docs/troubleshooting.md has an entry for every one. Pure."""

from collections.abc import Mapping
from types import MappingProxyType

OTHER_MASTER = "scan.other_master"
PORT_CLOSED = "scan.port_closed"
PORT_LOST = "scan.port_lost"
NOBODY = "scan.nobody"
SPOILT = "scan.spoilt"
STOPPED = "scan.stopped"
UNKNOWN = "scan.unknown_meter"
ANY_UNIT = "scan.any_unit"
NO_ANSWER = "scan.no_answer"

TEMPLATES: Mapping[str, str] = MappingProxyType(
    {
        OTHER_MASTER: "{path}: {what}. Nobody was asked; take the other master off the line, or ask at its place",
        PORT_CLOSED: "{path} cannot be opened: {why}. If the agent has it: `systemctl stop lamplighter`, "
        "scan, start it",
        PORT_LOST: "{path} went away: {why}; look at the adapter and its plug. What was found until then stands above",
        NOBODY: "nobody answered on {path}: exchange A and B, look at the supply of the meters and at units and baud "
        "rate on their displays; docs/rs-485.md",
        SPOILT: "{count} bytes came that are no answer, most at {settings}: two meters with one unit, A and B "
        "exchanged, or a bad cable; docs/rs-485.md",
        STOPPED: "stopped on request; not asked: {left}",
        UNKNOWN: "unit {unit} answers, but no map fits for certain: `lamplighter identify {line} --unit {unit}`",
        ANY_UNIT: "{place} answers to whatever unit: it is one meter, taken as unit {unit}",
        NO_ANSWER: "{place}: {why}; is this a Modbus server, is the port right, does a firewall let you through?",
    }
)


def told(code: str, **details: object) -> str:
    """The message with its code, as it is printed."""
    return f"{TEMPLATES[code].format(**details)} [{code}]"
