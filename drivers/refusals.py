"""What exceptions mean for a unit that answers with nothing else, in words for people. Pure."""

from collections.abc import Collection

# Modbus application protocol V1.1b3, 7: a device that works at something else (acknowledge, busy) says so whatever it
# is asked; one that cannot (device failure) may mean the address all the same, so every map is tried as written.
BUSY, FAILURE = frozenset((0x05, 0x06)), frozenset((0x04,))
_MEANINGS = {
    0x01: "illegal function",
    0x02: "illegal data address",
    0x03: "illegal data value",
    0x04: "device failure",
    0x05: "acknowledge, it is busy",
    0x06: "it is busy",
    0x08: "parity error in its memory",
    0x0A: "gateway path unavailable: the gateway's own settings or port",
    0x0B: "the gateway got no answer from this unit",
}
_WAIT = "wait until no other master asks it, or stop that one, and ask again; a meter that stays busy wants a restart"
_REPAIR = (
    "compare unit and wiring behind a gateway: some say this for a unit they do not have; look at the meter's display"
)
_SEARCH = (
    "compare unit (a gateway may have another one behind it) and whether measured values have to be enabled or another "
    "register map chosen on the meter; for a meter that no map knows, docs/add-a-meter.md shows how to write one"
)


def exception_told(code: int) -> str:
    """``exception 0B (the gateway got no answer from this unit)``."""
    return f"exception {code:02X} ({_MEANINGS.get(code, 'of its own')})"


def exceptions_told(codes: Collection[int], requests: int) -> str:
    """codes: of every exception that a read was answered with."""
    told = ", ".join(f"{code:02X} ({_MEANINGS.get(code, 'of its own')})" for code in sorted(codes))
    return f"it answers every read with exception {told}; after {requests} requests no word was read"


def exceptions_todo(codes: Collection[int]) -> str:
    """What to do next."""
    if BUSY.issuperset(codes):
        return _WAIT
    return _REPAIR if FAILURE.issuperset(codes) else _SEARCH
