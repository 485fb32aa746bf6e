"""A request of the poller and what has come of its set so far; and what it needs of a line to ask."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from agent.poll.schedule import Turn, Work
from agent.poll.unit import Ask, Unit
from agent.records import Miss, Sample
from drivers.modbus.outcome import Exchange
from drivers.modbus.pdu import Read
from drivers.nameplate import Nameplate

# Modbus application protocol V1.1b3, 7: 04 device failure, 05 acknowledge, 06 busy: later, not never.
LATER_CODES = (0x04, 0x05, 0x06)
# 0A gateway path unavailable, 0B gateway target did not respond: no word of the unit.
GATEWAY_CODES = {0x0A: "gateway path unavailable", 0x0B: "gateway: unit did not respond"}


class Asks(Protocol):
    """What the poller needs of a line."""

    name: str

    @property
    def prompt(self) -> bool: ...

    async def exchange(self, unit: int, read: Read, timeout_s: float, spare: Read | None = None) -> Exchange: ...
    def ask(self, unit: int, read: Read, timeout_us: int, heard: Callable[[Exchange], None]) -> None: ...
    def forget(self, heard: Callable[[Exchange], None]) -> None: ...


class Asked(NamedTuple):
    """A request that was made. at_us: when it was decided on."""

    turn: Turn
    ask: Ask
    at_us: int
    timeout_us: int


def miss_of(asked: Asked, exchange: Exchange) -> Miss:
    """What is told of a request that brought no values."""
    return Miss(
        meter=asked.turn.job.meter,
        due_boot_us=asked.turn.due_us,
        sent_boot_us=exchange.sent_boot_us or asked.at_us,
        deadline_boot_us=asked.at_us + asked.timeout_us,
        outcome=exchange.outcome,
        code=exchange.code,
        detail=GATEWAY_CODES.get(exchange.code, exchange.detail),
    )


@dataclass(slots=True)
class Partial:
    """The replies of a job so far."""

    sent_us: int = 0
    questionable: bool = False
    lacking: bool = False
    refused: bool = False
    data: dict[int, bytes] = field(default_factory=dict)

    def add(self, index: int, exchange: Exchange) -> None:
        self.sent_us = self.sent_us or exchange.sent_boot_us
        self.questionable = self.questionable or exchange.questionable
        self.data[index] = exchange.data


def plate_heard(unit: Unit, partial: Partial | None, at_us: int) -> tuple[str, Nameplate, int, int]:
    """The meter, what it says of itself, when that was asked for and heard. Nothing, of bytes that may be another's."""
    if partial is None or partial.questionable:
        return unit.meter, Nameplate(), at_us, at_us
    return unit.meter, unit.plate_of(partial.data), partial.sent_us or at_us, at_us


class FirstSets:
    """Meters whose counters come apart from the rest: what comes first of the two is put by until the other was asked
    for as well, so that the first reading holds everything."""

    def __init__(self, units: Iterable[Unit]) -> None:
        self._awaited: dict[str, set[Work]] = {
            unit.meter: {"poll", "slow"} for unit in units if unit.slow is not None and unit.poll.plan.reads
        }
        self._put_by: dict[str, Sample] = {}

    def asked(self, meter: str, work: Work) -> None:
        """All of this work's reads were asked once, whatever came of them."""
        if meter in self._awaited:
            self._awaited[meter].discard(work)

    def whole(self, sample: Sample, work: Work) -> Sample | None:
        """The sample with what was put by for it; None where it is put by itself. What the meter latches is no part of
        a set: it goes on as it is, if there is any."""
        if work == "log":
            return sample if sample.values else None
        awaited = self._awaited.get(sample.meter)
        if awaited is None:
            return sample
        before = self._put_by.pop(sample.meter, None)
        sample = sample if before is None else _joined(before, sample)
        if awaited:
            self._put_by[sample.meter] = sample
            return None
        del self._awaited[sample.meter]
        return sample

    def drop(self, meter: str) -> None:
        """What was put by has become old."""
        self._put_by.pop(meter, None)


def _joined(before: Sample, after: Sample) -> Sample:
    return after._replace(
        sent_boot_us=before.sent_boot_us,
        values={**before.values, **after.values},
        quality=after.quality if before.quality == "good" else before.quality,
        lacking=before.lacking or after.lacking,
    )
