"""Who answered, from the bytes that came back. Pure."""

from collections.abc import Collection
from dataclasses import dataclass

from drivers.modbus.overhear import is_request
from drivers.modbus.rtu import survey


@dataclass(frozen=True, slots=True)
class Replies:
    """units: of whole frames with a right check, of those that had been asked; spoilt: bytes that are no such frame."""

    units: frozenset[int] = frozenset()
    spoilt: int = 0


def replies(heard: bytes, request: bytes, asked: Collection[int]) -> Replies:
    """asked: all so far at these settings: who is slow answers while the next is asked already."""
    heard = heard.removeprefix(request)  # an adapter may echo
    frames = [each for each in survey(heard) if not is_request(each)]
    ours = [each for each in frames if each[0] in asked]
    return Replies(frozenset(each[0] for each in ours), len(heard) - sum(map(len, ours)))
