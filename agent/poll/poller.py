"""The loop that asks: one coroutine per line, one request at a time, values and misses handed on at once."""

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent.poll import health as unit_health
from agent.poll import patience
from agent.poll.health import HEALTHY, Health
from agent.poll.patience import Patience, limit_us
from agent.poll.place import chain_of
from agent.poll.schedule import Job, Schedule, Turn, Work
from agent.records import Miss, Quality, Sample
from drivers.codec import Decoder
from drivers.line import Exchange
from drivers.modbus.pdu import Read
from drivers.plan import PlannedRead
from drivers.sunspec import Block, locate

log = logging.getLogger("lamplighter.poll")

# 05 acknowledge, 06 busy: later, not never.
_LATER_CODES = (0x05, 0x06)
# A read that stays unanswered so often while the meter answers others is left out for so long.
_MISSES_TO_MUTE = 3
_MUTE_US = 300_000_000
# How long a SunSpec device whose meter model was not found is left before it is looked through again.
_LOOK_AGAIN_US = 60_000_000
_NEVER_US = 1 << 62
# Modbus application protocol, exception codes: 0A gateway path unavailable, 0B gateway target did not respond.
_GATEWAY_CODES = {0x0A: "gateway path unavailable", 0x0B: "gateway: unit did not respond"}


class Asks(Protocol):
    """What the poller needs of a line."""

    name: str

    async def exchange(self, unit: int, read: Read, timeout_s: float, spare: Read | None = None) -> Exchange: ...


@dataclass(frozen=True, slots=True)
class Unit:
    """One meter as the poller sees it.

    watch_us:  0 means as fast as the line goes; hurry_us: the shortest pace worth having, while something happens
    wire_s:    wire time of one read and its reply, without any turn-around
    floor_s, ceiling_s: least and most that its turn-around may take
    moved:     the unit with its map moved to where the device turns out to keep it; None where its place is fixed
    """

    meter: str
    unit: int
    watch: Decoder
    poll: Decoder
    watch_us: int
    hurry_us: int
    poll_us: int
    wire_s: Callable[[PlannedRead], float]
    floor_s: float
    ceiling_s: float
    moved: "Callable[[Block], Unit] | None" = None

    def decoder(self, work: Work) -> Decoder:
        return self.watch if work == "watch" else self.poll

    def jobs(self, share: float = 0.0) -> tuple[Job, Job]:
        """share: how far into the poll period this unit's full set comes, of 1; units of one line do not coincide."""
        # A full set starts a second before its tick, so that the reading of that tick carries fresh values.
        lead_us = (min(1_000_000, self.poll_us // 2) + round(share * self.poll_us)) % self.poll_us
        watch = Job(self.meter, "watch", self.watch_us, len(self.watch.plan.reads), hurry_us=self.hurry_us)
        return watch, Job(self.meter, "poll", self.poll_us, len(self.poll.plan.reads), lead_us)


@dataclass(frozen=True, slots=True)
class _Mute:
    """A read without answers. until_us: when it is asked again, 0 while it is asked as usual."""

    misses: int = 0
    until_us: int = 0
    why: str = ""


@dataclass(slots=True)
class _Partial:
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


class LinePoller:
    """Polls the units of one line until cancelled.

    on_sample: called with every completed job's values; on_miss: with every request that stayed without
    values. Both are plain calls inside this coroutine: detection and journal hang directly on them.
    """

    def __init__(
        self,
        line: Asks,
        units: Sequence[Unit],
        now_us: Callable[[], int],
        on_sample: Callable[[Sample], None],
        on_miss: Callable[[Miss], None],
        *,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._line = line
        self._units = {unit.meter: unit for unit in units}
        self._now_us = now_us
        self._on_sample = on_sample
        self._on_miss = on_miss
        self._jitter = jitter
        self._health: dict[str, Health] = dict.fromkeys(self._units, HEALTHY)
        self._patience: dict[str, Patience] = dict.fromkeys(self._units, Patience())
        self._budget = unit_health.Budget()
        self._partial: dict[tuple[str, Work], _Partial] = {}
        self._mute: dict[tuple[str, Read], _Mute] = {}
        self._look_us: dict[str, int] = {}  # SunSpec devices to be looked through, and not before when
        jobs = [job for n, unit in enumerate(units) for job in unit.jobs(n / len(units))]
        self.last_round_us = now_us()
        self._schedule = Schedule.starting(jobs, self.last_round_us)

    async def run(self) -> None:
        """Ask for ever what is due; sleep until something is."""
        while True:
            now_us = self.last_round_us = self._now_us()
            turn = self._probe(now_us) or self._schedule.turn(now_us)
            if turn is None:
                await asyncio.sleep(max(0, self._wake_us(now_us) - now_us) / 1e6)
            else:
                await self._ask(turn)

    def attend(self, meter: str, until_us: int) -> None:
        """Something happens at this meter: watch it as fast as is useful until then. A silent one is probed anyway."""
        if meter not in self._schedule.paused:
            self._schedule.attend(meter, self._now_us(), until_us)

    def health(self, meter: str) -> Health:
        return self._health[meter]

    def missed_ticks(self, meter: str) -> int:
        return self._schedule.missed(meter)

    async def _ask(self, turn: Turn) -> None:
        if self._look_us and self._now_us() >= self._look_us.get(turn.job.meter, _NEVER_US):
            await self._look_for(self._units[turn.job.meter])
            return  # what this turn would have asked may stand elsewhere now
        unit = self._units[turn.job.meter]
        planned = unit.decoder(turn.job.work).plan.reads[turn.index]
        mute = self._mute.get((unit.meter, planned.read))
        if mute is not None and self._now_us() < mute.until_us and not turn.wait_us:
            self._done(turn, self._now_us())
            return
        timeout_s = (turn.wait_us or self._limit_us(unit, planned)) / 1e6
        asked_us = self._now_us()
        exchange = await self._line.exchange(unit.unit, planned.read, timeout_s, planned.spare)
        if exchange.outcome == "answered":
            self._learn(unit, planned, exchange, asked_us)
            self._answered(turn, planned, exchange)
        elif exchange.outcome == "refused" and exchange.code not in _GATEWAY_CODES:
            self._refusal(turn, planned, exchange)
        else:
            self._missed(turn, planned, exchange, asked_us, asked_us + round(timeout_s * 1e6))
        if exchange.outcome == "down":
            # A line that is down answers at once: yield, or the loop would spin through its units.
            await asyncio.sleep(0)

    async def _look_for(self, unit: Unit) -> None:
        """A SunSpec device that answers, and whose set has no value at all, keeps its meter model elsewhere: find it.
        What is not found is looked for again in a minute; until then it has no values, never wrong ones."""
        self._look_us[unit.meter] = self._now_us() + _LOOK_AGAIN_US
        block = locate(await chain_of(lambda read: self._line.exchange(unit.unit, read, unit.ceiling_s)))
        if block is not None and unit.moved is not None:
            moved = self._units[unit.meter] = unit.moved(block)
            self._schedule.replace(unit.meter, moved.jobs(), self._now_us())
            log.info("meter.found meter=%s model=%d address=%d", unit.meter, block.id, block.start)

    def _judge_place(self, meter: str, values: Mapping[str, float]) -> None:
        if self._units[meter].moved is None:
            return
        if values:
            self._look_us.pop(meter, None)
        else:
            self._look_us.setdefault(meter, 0)

    def _limit_us(self, unit: Unit, planned: PlannedRead) -> int:
        floor_us, ceiling_us = round(unit.floor_s * 1e6), round(unit.ceiling_s * 1e6)
        return round(unit.wire_s(planned) * 1e6) + limit_us(self._patience[unit.meter], floor_us, ceiling_us)

    def _learn(self, unit: Unit, planned: PlannedRead, exchange: Exchange, asked_us: int) -> None:
        received_us = exchange.received_boot_us
        self._budget.earn(received_us - asked_us, received_us)
        turnaround_us = received_us - asked_us - round(unit.wire_s(planned) * 1e6)
        self._patience[unit.meter] = patience.heard(self._patience[unit.meter], turnaround_us)

    def _answered(self, turn: Turn, planned: PlannedRead, exchange: Exchange) -> None:
        self._alive(turn.job.meter)
        self._mute.pop((turn.job.meter, planned.read), None)
        self._part(turn).add(turn.index, exchange)
        self._done(turn, exchange.received_boot_us)

    def _part(self, turn: Turn) -> _Partial:
        return self._partial.setdefault((turn.job.meter, turn.job.work), _Partial())

    def _done(self, turn: Turn, at_us: int) -> None:
        """This read of the job is dealt with; after the last one what there is of the set is handed on."""
        self._schedule.done(turn, self._now_us())
        partial = self._partial.pop((turn.job.meter, turn.job.work), None) if turn.last else None
        if partial is None:
            return
        # At once, not read by read: a scale register may stand in another read than what it scales.
        values = self._units[turn.job.meter].decoder(turn.job.work).decode_round(partial.data)
        if partial.sent_us or partial.refused:
            self._judge_place(turn.job.meter, values)
        if not partial.sent_us:
            return
        quality: Quality = "questionable" if partial.questionable else "good"
        full = turn.job.work == "poll"
        sample = Sample(turn.job.meter, partial.sent_us, at_us, values, full, quality, partial.lacking)
        self._on_sample(sample)

    def _refusal(self, turn: Turn, planned: PlannedRead, exchange: Exchange) -> None:
        """The meter lives and says no: go on with what it does give, and ask again for this in some minutes."""
        self._alive(turn.job.meter)
        if exchange.code not in _LATER_CODES:
            self._silence_read(turn, planned, f"exception 0x{exchange.code:02x}", _MISSES_TO_MUTE)
        self._part(turn).lacking = self._part(turn).refused = True
        self._done(turn, exchange.received_boot_us)

    def _silence_read(self, turn: Turn, planned: PlannedRead, why: str, misses: int = 1) -> None:
        """A read that stays unanswered time and again, while the meter answers others, is left alone for a while."""
        key = (turn.job.meter, planned.read)
        before = self._mute.get(key, _Mute())
        misses += before.misses
        until_us = self._now_us() + _MUTE_US if misses >= _MISSES_TO_MUTE else 0
        self._mute[key] = _Mute(misses, until_us, why)
        if before.misses < _MISSES_TO_MUTE <= misses:
            log.warning(
                "meter.mute meter=%s function=%d address=%d count=%d: %s; left out: %s", turn.job.meter,
                planned.read.function, planned.read.address, planned.read.count, why,
                ",".join([row.quantity for row, _ in planned.fields] + [scale.name for scale, _ in planned.scales]),
            )  # fmt: skip

    def mute(self, meter: str) -> tuple[str, ...]:
        """What this meter does not give although its map says so, in words."""
        return tuple(
            f"{read.count} words at {read.address}: {mute.why}"
            for (name, read), mute in self._mute.items()
            if name == meter and mute.until_us
        )

    def _missed(self, turn: Turn, planned: PlannedRead, exchange: Exchange, asked_us: int, deadline_us: int) -> None:
        meter, now_us = turn.job.meter, self._now_us()
        self._part(turn).lacking = True
        if exchange.outcome in ("silent", "garbled") and turn.job.work == "poll":
            self._silence_read(turn, planned, exchange.outcome)
        self._done(turn, now_us)
        if exchange.outcome == "silent" and not turn.hurried:
            self._patience[meter] = patience.missed(self._patience[meter])
        before = self._health[meter]
        after = self._health[meter] = unit_health.missed(before, now_us, self._jitter(), hurried=turn.hurried)
        if after.state == "silent" and before.state != "silent":
            self._schedule.paused[meter] = None
            self._partial.pop((meter, "poll"), None)
            log.warning("meter.silent line=%s meter=%s outcome=%s", self._line.name, meter, exchange.outcome)
        elif after.state == "doubtful" and exchange.outcome != "down":
            self._schedule.retry(meter, now_us)
        detail = _GATEWAY_CODES.get(exchange.code, exchange.detail)
        sent_us = exchange.sent_boot_us or asked_us
        miss = Miss(meter, turn.due_us, sent_us, deadline_us, exchange.outcome, exchange.code, detail)
        self._on_miss(miss)

    def _alive(self, meter: str) -> None:
        before, self._health[meter] = self._health[meter], HEALTHY
        if before.state == "silent":
            self._schedule.resume(meter, self._now_us())
            log.info("meter.recovered line=%s meter=%s misses=%d", self._line.name, meter, before.misses)

    def _probe(self, now_us: int) -> Turn | None:
        """A silent unit that may be asked now."""
        if not self._schedule.paused:
            return None
        next_us = self._schedule.next_due_us()
        gap_us = None if next_us is None else max(0, next_us - now_us)
        for meter in self._schedule.paused:
            unit = self._units[meter]
            planned = (unit.watch.plan.reads or unit.poll.plan.reads)[0]
            full_us = self._limit_us(unit, planned)
            least_us = round((unit.wire_s(planned) + unit.floor_s) * 1e6)
            wait_us = unit_health.probe_us(self._health[meter], now_us, gap_us, full_us, least_us, self._budget)
            if wait_us:
                return self._schedule.probe(meter, now_us, wait_us, hurried=wait_us < full_us)
        return None

    def _wake_us(self, now_us: int) -> int:
        probes = (unit_health.wake_us(self._health[meter], now_us) for meter in self._schedule.paused)
        instants = [instant for instant in (*probes, self._schedule.next_due_us()) if instant is not None]
        return min(instants, default=now_us + 1_000_000)
