"""Slaves on a bad serial wire, and the oracle that knows the truth of each of their replies.

Every word and bit that a slave sends tells the request that it answers, the unit, the function and the address: no
two replies are alike. So a value that a master hands over can be held against what was really sent in answer to that
one request. The oracle knows only that; it shares no code with any master's matching.
"""

import random
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from scripted_peer import sealed

Pieces = list[tuple[int, bytes]]  # (instant in microseconds, bytes that arrive then)

_STRANGER = 99
# Most replies of a meter begin so soon after the request, in shares of the timeout; a late one between these.
_PROMPT = (0.03, 0.3)
_LATE = (1.02, 3.0)


@dataclass(frozen=True, slots=True)
class Mix:
    """How often each thing happens to an answer, each for itself.

    rival: another master asks one of our units for something else of the same shape, and has its answer.
    """

    late: float = 0.05
    lost: float = 0.002
    garbled: float = 0.01
    foreign: float = 0.01
    noise: float = 0.01
    echo: float = 0.01
    refused: float = 0.005
    rival: float = 0.0


@dataclass(frozen=True, slots=True)
class Wire:
    """What a line is like. paced: bytes take their time on the way; sequential: units that finish one request before
    they begin the next, as meters do; the other units' replies overtake each other, as gateways let them."""

    baud: int = 19200
    bits: int = 11
    paced: bool = False
    timeout_us: int = 200_000
    units: tuple[int, ...] = (1, 2, 3, 17, 247)
    sequential: frozenset[int] = frozenset({1, 3})

    @property
    def char_us(self) -> float:
        return self.bits / self.baud * 1e6


def _mixed(*parts: int) -> int:
    """32 well mixed bits."""
    state = 0x811C9DC5
    for part in parts:
        state = (state ^ part) * 0x9E3779B1 & 0xFFFFFFFF
        state ^= state >> 15
    state = state * 0x85EBCA6B & 0xFFFFFFFF
    return state ^ state >> 13


def held(number: int, unit: int, function: int, address: int, count: int) -> bytes:
    """What the registers or bits of a unit hold when request ``number`` comes, as it goes on the wire."""
    places = range(address, address + count)
    base = _mixed(number, unit * 8 + function)
    if function > 2:
        return struct.pack(f">{count}H", *(_mixed(base, place) & 0xFFFF for place in places))
    bits = sum((_mixed(base, place) & 1) << at for at, place in enumerate(places))
    return bits.to_bytes((count + 7) // 8, "little")


@dataclass(frozen=True, slots=True)
class Truth:
    """One request as the slaves heard it. began_us, ended_us: first and last byte of the answer, 0 if none came."""

    number: int
    unit: int
    function: int
    address: int
    count: int
    heard_us: int
    began_us: int
    ended_us: int
    refused: bool


class Slaves:
    """All units of one line. What they send depends on the seed and the order of the requests alone."""

    def __init__(self, seed: int, wire: Wire, mix: Mix) -> None:
        self._dice = random.Random(seed)  # noqa: S311 - not a secret
        self._wire = wire
        self._mix = mix
        self._free_us: dict[int, int] = {}
        self.asked: list[Truth] = []  # since `forget`
        self.faults: Counter[str] = Counter()
        self.number = 0

    def forget(self) -> None:
        self.asked.clear()

    def hear(self, request: bytes, now_us: int) -> Pieces:
        """What the wire will carry because of this request, which begins to leave at ``now_us``."""
        unit, function, address, count = struct.unpack(">BBHH", request[:6])
        self.number += 1
        left_us = now_us + int(len(request) * self._wire.char_us)
        pieces = [*self._echo(request, now_us), *self._strangers(unit, function, count, left_us)]
        pieces += self._rival(function, count, left_us)
        refused = self._happens("refused")
        data = held(self.number, unit, function, address, count)
        pdu = bytes((function | 0x80, self._dice.choice((4, 6)))) if refused else bytes((function, len(data))) + data
        began_us, frame = self._when(unit, left_us), self._spoilt(sealed(bytes((unit,)) + pdu), unit, function)
        if self._happens("lost"):
            began_us, frame = 0, b""
        answer = self._sent(frame, began_us)
        ended_us = answer[-1][0] if answer else 0
        self._free_us[unit] = max(began_us, ended_us)
        self.asked.append(Truth(self.number, unit, function, address, count, now_us, began_us, ended_us, refused))
        return pieces + answer

    def _happens(self, fault: str) -> bool:
        chance = getattr(self._mix, fault)
        happens = chance > 0 and self._dice.random() < chance
        self.faults[fault] += happens
        return happens

    def _when(self, unit: int, left_us: int) -> int:
        share = _LATE if self._happens("late") else _PROMPT
        began_us = left_us + int(self._dice.uniform(*share) * self._wire.timeout_us)
        return max(began_us, self._free_us.get(unit, 0)) if unit in self._wire.sequential else began_us

    def _sent(self, frame: bytes, began_us: int) -> Pieces:
        """The frame in one to three pieces. Where bytes take their time, a piece arrives when its last one does."""
        cuts = sorted(self._dice.randrange(1, len(frame) + 1) for _ in range(self._dice.randrange(3))) if frame else []
        edges = [0, *cuts, len(frame)]
        char_us = self._wire.char_us if self._wire.paced else 0.0
        return [
            (began_us + int(after * char_us), frame[before:after])
            for before, after in pairwise(edges)
            if after > before
        ]

    def _echo(self, request: bytes, now_us: int) -> Pieces:
        return self._sent(request, now_us) if self._happens("echo") else []

    def _strangers(self, unit: int, function: int, count: int, left_us: int) -> Pieces:
        """Whole frames that nobody here asked for: units that are not ours, and ours with what we do not ask."""
        if not self._happens("foreign"):
            return []
        dice = self._dice
        size = 2 * count if function > 2 else (count + 7) // 8
        look_alike = bytes((function, size)) + dice.randbytes(size)
        asked = struct.pack(">BHH", function, dice.randrange(2000), count)
        bodies = (
            (_STRANGER, look_alike),
            ((unit + 100) % 247, look_alike),  # no unit of ours is a hundred from another
            (_STRANGER, asked),
            (unit, bytes((function ^ 1 if function > 2 else 5, size)) + dice.randbytes(size)),
            (unit, bytes((function, size + 2)) + dice.randbytes(size + 2)),
            (_STRANGER, bytes((16, 0, 7, 0, 1, 2)) + dice.randbytes(2)),
            (unit, bytes((6, 0, 7, 0, 1))),
            (_STRANGER, bytes((function | 0x80, 2))),
        )
        pieces = []
        at_us = left_us + dice.randrange(200, 3_000)
        for who, pdu in dice.choices(bodies, k=dice.choice((1, 1, 2))):
            pieces += self._sent(sealed(bytes((who,)) + pdu), at_us)
            at_us = pieces[-1][0] + 300
        return pieces

    def _rival(self, function: int, count: int, left_us: int) -> Pieces:
        if not self._happens("rival"):
            return []
        unit = self._dice.choice(self._wire.units)
        size = 2 * count if function > 2 else (count + 7) // 8
        asks = struct.pack(">BBHH", unit, function, self._dice.randrange(2000), count)
        asked = self._sent(sealed(asks), left_us + self._dice.randrange(200, 3_000))
        reply = sealed(bytes((unit, function, size)) + self._dice.randbytes(size))
        return asked + self._sent(reply, asked[-1][0] + self._dice.randrange(3_000, 30_000))

    def _spoilt(self, frame: bytes, unit: int, function: int) -> bytes:
        dice = self._dice
        if self._happens("garbled"):
            frame = self._garbled(frame)
        if self._happens("noise"):
            plausible = bytes((unit, function, max(0, len(frame) - 5), unit, function, 255, 0, unit))
            stray = dice.choice((dice.randbytes(8), plausible, b"\0" * 8, b"\xff" * 8))
            frame = stray[: dice.randrange(1, 9)] + frame
        return frame

    def _garbled(self, frame: bytes) -> bytes:
        dice = self._dice
        kind, at = dice.randrange(5), dice.randrange(len(frame))
        if kind == 0:  # a burst of up to 16 bits
            bits = int.from_bytes(frame, "big") ^ dice.randrange(1, 1 << 16) << dice.randrange(8 * len(frame) - 15)
            return bits.to_bytes(len(frame), "big")
        if kind == 1:
            return frame[:at] + bytes((frame[at] ^ 1 << dice.randrange(8),)) + frame[at + 1 :]
        if kind == 2:
            return frame[:at] + dice.randbytes(dice.randrange(1, 3)) + frame[at:]
        return frame[: max(1, at)] if kind == 3 else frame[:at] + frame[at + 1 :]


@dataclass(slots=True)
class Tally:
    """What a campaign came to. wrong: values the oracle rejects although the master vouched for them."""

    transactions: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    questionable: int = 0
    questionable_wrong: int = 0
    wrong: int = 0
    wrong_refusals: int = 0
    examples: list[str] = field(default_factory=list)

    def __iadd__(self, other: "Tally") -> "Tally":
        self.transactions += other.transactions
        self.outcomes += other.outcomes
        self.questionable += other.questionable
        self.questionable_wrong += other.questionable_wrong
        self.wrong += other.wrong
        self.wrong_refusals += other.wrong_refusals
        self.examples = (self.examples + other.examples)[:5]
        return self

    @property
    def sound(self) -> bool:
        return not self.wrong and not self.wrong_refusals

    def __str__(self) -> str:
        outcomes = ", ".join(f"{count} {what}" for what, count in self.outcomes.most_common())
        return (
            f"{self.transactions} transactions: {self.wrong} wrong values, {self.wrong_refusals} wrong refusals; "
            f"{outcomes}; {self.questionable} marked questionable, {self.questionable_wrong} of them wrong"
        )


def judge(tally: Tally, result: object, unit: int, read: object, asked: Sequence[Truth], asked_us: int) -> None:
    """Hold what a master says of one transaction against what was really sent in answer to its requests.

    result: an Exchange; read: the Read it was asked for; asked: what the slaves heard during this transaction.
    """
    outcome, data = result.outcome, result.data  # type: ignore[attr-defined]
    tally.transactions += 1
    tally.outcomes[outcome] += 1
    if outcome == "refused":
        tally.wrong_refusals += not _in_time(result, [truth for truth in asked if truth.refused], asked_us)
    if outcome != "answered":
        return
    meant = [
        truth
        for truth in asked
        if not truth.refused
        and truth.unit == unit
        and data == held(truth.number, unit, read.function, read.address, read.count)  # type: ignore[attr-defined]
    ]
    right = _in_time(result, meant, asked_us)
    questionable = result.questionable  # type: ignore[attr-defined]
    tally.questionable += questionable
    tally.questionable_wrong += questionable and not right
    if not right and not questionable:
        tally.wrong += 1
        if len(tally.examples) < 5:
            tally.examples.append(f"unit {unit} {read}: {data.hex()}, asked {list(asked)}")


def _in_time(result: object, truths: Iterable[Truth], asked_us: int) -> bool:
    """Whether the instants of the exchange lie around one of these answers: it left before, it came after."""
    return any(
        asked_us <= result.sent_boot_us and truth.ended_us <= result.received_boot_us  # type: ignore[attr-defined]
        for truth in truths
        if truth.ended_us
    )
