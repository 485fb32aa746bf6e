"""The loop that asks: one per line, one request at a time, values and misses handed on at once."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence

from agent.poll.asking import GATEWAY_CODES, LATER_CODES, Asked, Asks, FirstSets, Partial, miss_of, plate_heard
from agent.poll.health import HEALTHY, Health
from agent.poll.learning import ROOM, Learning
from agent.poll.mutes import MISSES_TO_MUTE, Mutes
from agent.poll.place import Strays
from agent.poll.roll import Roll
from agent.poll.said import Said
from agent.poll.schedule import Schedule, Turn, Work
from agent.poll.tally import Recent, Tally
from agent.poll.unit import Ask, Unit
from agent.records import Miss, Quality, Sample
from agent.supervisor import Relay
from drivers.line import Exchange
from drivers.nameplate import Nameplate
from drivers.wheel import Wheel

_new = tuple.__new__  # what Sample(...) does, without its Python-level constructor
# The watchdog wants to see that somebody is there; and while the machine is suspended the loop's clock stands still.
_LONGEST_NAP_US = 1_000_000


class LinePoller:
    """Polls the units of one line until cancelled.

    on_sample: called with every completed job's values; on_miss: with every request that stayed without values;
    on_refresh: with a meter and its refresh in microseconds, once it is learnt; on_plate: with a meter, its nameplate
    and when that was asked for and heard. All are plain calls: detection and journal hang directly on them.
    """

    def __init__(
        self,
        line: Asks,
        units: Sequence[Unit],
        now_us: Callable[[], int],
        on_sample: Callable[[Sample], None],
        on_miss: Callable[[Miss], None],
        *,
        wheel: Wheel | None = None,
        on_refresh: Callable[[str, int], None] = lambda meter, refresh_us: None,
        on_plate: Callable[[str, Nameplate, int, int], None] = lambda meter, plate, sent_us, at_us: None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._units = {unit.meter: unit for unit in units}
        self._asks = {unit.meter: unit.asks() for unit in units}
        self._line, self._now_us = line, now_us
        self._on_sample, self._on_miss = on_sample, on_miss
        self._on_refresh, self._on_plate = on_refresh, on_plate
        self._wheel = wheel or Wheel(now_us)
        self._roll = Roll(self._units, jitter)
        self._partial: dict[tuple[str, Work], Partial] = {}
        self._down: set[str] = set()  # who had no answer because the line was down
        self._mutes, self._strays, self._said = Mutes(), Strays(), Said(line.name, len(units))
        self._first_sets = FirstSets(units)
        self._learning = Learning(units, lambda meter, pace_us: self._schedule.pace(meter, pace_us), self._found)
        self._out: Asked | None = None
        self._relay = Relay()
        self._nap: asyncio.Future[None] | None = None
        self._heard = self._on_heard  # one object, by which the line knows it
        jobs = [job for n, unit in enumerate(units) for job in unit.jobs(n / len(units))]
        self._planned_us, self.last_round_us = 0, now_us()
        self.tally, self.recent = Tally(), Recent()
        self._schedule = Schedule.starting(jobs, self.last_round_us)

    async def run(self) -> None:
        """Ask for ever what is due; sleep until something is."""
        while True:
            await self._round()
            if self._line.prompt:
                await self._promptly()

    async def _round(self) -> None:
        """One turn, or a sleep until one is due."""
        now_us = self.last_round_us = self._now_us()
        turn = self._turn(now_us)
        if turn is None:
            self._nap = asyncio.get_running_loop().create_future()
            self._plan(self._next_us(now_us), now_us)
            await self._nap
        elif self._strays.due(turn.job.meter, now_us):
            # What this turn would have asked may stand elsewhere afterwards.
            await self._look_for(self._units[turn.job.meter])
        elif (asked := self._asked(turn, now_us)) is not None:
            ask = asked.ask
            exchange = await self._line.exchange(ask.unit.unit, ask.read, asked.timeout_us / 1e6, ask.planned.spare)
            self._judge(asked, exchange)
            if exchange.outcome == "down":
                # A line that is down answers at once: yield, or the loop would spin through its units.
                await asyncio.sleep(0)

    async def _promptly(self) -> None:
        """Turns without a task, as long as the line lets itself be asked so: an answer is judged and the next request
        leaves within one call. On a TCP connection that is nearly always; a task per line costs twice the time."""
        self._relay.over = over = asyncio.get_running_loop().create_future()
        try:
            self._wake()
            await over
        finally:
            self._relay.over = self._out = None
            self._line.forget(self._heard)

    def _plan(self, at_us: int, now_us: int) -> None:
        """Go on then at the latest. On a grid, so that the lines of a site wake up together."""
        self._planned_us = min(at_us, now_us // _LONGEST_NAP_US * _LONGEST_NAP_US + _LONGEST_NAP_US)
        self._wheel.at(self._planned_us, self._wake)

    def _wake(self) -> None:
        """Ask what is due, or be called again when something is."""
        if self._nap is not None and not self._nap.done():
            self._nap.set_result(None)
        over = self._relay.over
        if over is None or over.done() or self._out is not None:
            return  # called for what has been dealt with
        with self._relay:
            self._go_on(over)

    def _go_on(self, over: "asyncio.Future[None]") -> None:
        asked = None
        while asked is None:
            now_us = self.last_round_us = self._now_us()
            if self._strays.look_us or not self._line.prompt:
                over.set_result(None)
                return
            turn = self._turn(now_us) if self._schedule.paused else self._schedule.turn(now_us)
            if turn is None:
                self._plan(self._next_us(now_us), now_us)
                return
            asked = self._asked(turn, now_us)
        self._out = asked
        self._line.ask(asked.ask.unit.unit, asked.ask.read, asked.timeout_us, self._heard)

    def _on_heard(self, exchange: Exchange) -> None:
        with self._relay:
            asked, self._out, over = self._out, None, self._relay.over
            if asked is not None and over is not None and not over.done():
                self._judge(asked, exchange)
                now_us = exchange.received_boot_us or self._now_us()
                if (due_us := self._schedule.idle_until_us(now_us)) is None:
                    self._go_on(over)
                else:
                    self._plan(due_us, now_us)  # what nearly every answer is followed by

    def tick(self) -> None:
        """Once a second: see what the line has done, and use its room to learn."""
        self.recent.tick(now_us := self._now_us(), self.tally, sum(map(self._schedule.missed, self._units)))
        if self._schedule.alert(now_us) or self._learning.meter in self._schedule.paused:
            self._learning.abandon()
        elif self._learning.idle and self.recent.utilisation() < ROOM:
            self._learning.begin(self._schedule.paused)

    def attend(self, meter: str, until_us: int) -> None:
        """Something happens at this meter: watch it as fast as is useful until then. A silent one is probed anyway."""
        if meter in self._schedule.paused:
            return
        self._schedule.attend(meter, self._now_us(), until_us)
        self._rouse()

    def hasten(self, meter: str, at_us: int, work: Work = "log") -> None:
        """By then what this meter latches, or who it is, is worth reading."""
        self._schedule.hasten(meter, at_us, work)
        self._rouse()

    def _rouse(self) -> None:
        """What happens may have been seen on another line, and this one may be asleep."""
        if (due_us := self._schedule.next_due_us()) is not None and due_us < self._planned_us:
            self._plan(due_us, self._now_us())

    def health(self, meter: str) -> Health:
        return self._roll.health[meter]

    def missed_ticks(self, meter: str) -> int:
        return self._schedule.missed(meter)

    def refresh_us(self, meter: str) -> int | None:
        """What was learnt of it, None so far."""
        return self._learning.learnt.get(meter)

    def _turn(self, now_us: int) -> Turn | None:
        return (self._probe(now_us) if self._schedule.paused else None) or self._schedule.turn(now_us)

    def _asked(self, turn: Turn, now_us: int) -> Asked | None:
        """The request of this turn; None where it is left out, and the turn is done."""
        ask = self._asks[turn.job.meter][turn.job.work][turn.nth]
        if self._mutes.by_read and not turn.wait_us and self._mutes.left_out(turn.job.meter, ask.read, now_us):
            self._schedule.left_out(turn, now_us)
            self._finish(turn, now_us)
            return None
        return _new(Asked, (turn, ask, now_us, turn.wait_us or self._roll.limit_us(ask)))

    def _judge(self, asked: Asked, exchange: Exchange) -> None:
        turn = asked.turn
        self.tally.turn(turn, asked.at_us, exchange.received_boot_us or self._now_us())
        if self._down and exchange.outcome in ("answered", "refused", "silent"):  # no flood of a stranger's bytes
            self._line_is_back()
        if exchange.outcome == "answered":
            self._roll.answered(asked.ask, asked.at_us, exchange)
            self._answered(turn, asked.ask, exchange)
        elif turn.job.work == "plate" and exchange.outcome != "down":
            self._done(turn, self._now_us())  # many maps' families have it in part: no word of the unit
        elif exchange.outcome == "refused" and exchange.code not in GATEWAY_CODES:
            self._refusal(turn, asked.ask, exchange)
        else:
            self._missed(asked, exchange)

    async def _look_for(self, unit: Unit) -> None:
        found = await self._strays.found(
            unit, lambda read: self._line.exchange(unit.unit, read, unit.ceiling_s), self._now_us()
        )
        if found is None:
            return
        moved, block = found
        self._units[unit.meter], self._asks[unit.meter] = moved, moved.asks()
        self._schedule.replace(unit.meter, moved.jobs(), self._now_us())
        self._learning.anew(moved)
        self._said.found(unit.meter, block.id, block.start)

    def _answered(self, turn: Turn, ask: Ask, exchange: Exchange) -> None:
        meter = turn.job.meter
        if self._roll.health[meter] is not HEALTHY:
            self._alive(meter)
        if self._mutes.by_read:
            self._mutes.answered(meter, ask.read)
        if ask.plain:
            # What nearly every watch is: one read, one answer.
            _, data, sent_us, at_us, _, _, questionable = exchange
            self._schedule.done(turn, at_us)
            self._tell(turn, sent_us, at_us, {0: data}, ask.decoder.decode(0, data), questionable, False)
            return
        self._part(turn).add(turn.nth, exchange)
        self._done(turn, exchange.received_boot_us)

    def _part(self, turn: Turn) -> Partial:
        return self._partial.setdefault((turn.job.meter, turn.job.work), Partial())

    def _done(self, turn: Turn, at_us: int) -> None:
        self._schedule.done(turn, self._now_us())
        self._finish(turn, at_us)

    def _finish(self, turn: Turn, at_us: int) -> None:
        """This read of the job is dealt with; after the last one what there is of the set is handed on."""
        if not turn.last:
            return
        self._first_sets.asked(turn.job.meter, turn.job.work)
        partial = self._partial.pop((turn.job.meter, turn.job.work), None)
        if turn.job.work == "plate":
            self._on_plate(*plate_heard(self._units[turn.job.meter], partial, at_us))
            return
        if partial is None:
            return
        # At once, not read by read: a scale register may stand in another read than what it scales.
        decoder = self._asks[turn.job.meter][turn.job.work][turn.nth].decoder
        values = decoder.decode_round(partial.data)
        if partial.sent_us or partial.refused:
            self._strays.judge(self._units[turn.job.meter], values)
        if partial.sent_us:
            self._tell(turn, partial.sent_us, at_us, partial.data, values, partial.questionable, partial.lacking)

    def _tell(
        self, turn: Turn, sent_us: int, at_us: int, replies: Mapping[int, bytes], values: Mapping[str, float],
        questionable: bool, lacking: bool,
    ) -> None:  # fmt: skip
        """What a job brought goes to detection and journal."""
        meter, watch = turn.job.meter, turn.job.work == "watch"
        if watch:
            self.tally.watched[meter] += 1
            if (self._learning.unsure or self._learning.meter) and meter in self._learning:
                self._learning.look(meter, turn.due_us, replies, sent_us, at_us)
        quality: Quality = "questionable" if questionable else "good"
        sample = _new(Sample, (meter, sent_us, at_us, values, not watch, quality, lacking))
        whole = sample if watch else self._first_sets.whole(sample, turn.job.work)
        if whole is not None:
            self._on_sample(whole)

    def _found(self, meter: str, refresh_us: int | None, pace_us: int) -> None:
        self._said.refresh(meter, refresh_us, pace_us)
        if refresh_us is not None:
            self._on_refresh(meter, refresh_us)

    def _refusal(self, turn: Turn, ask: Ask, exchange: Exchange) -> None:
        """The meter lives and says no: go on with what it does give, and ask again for this in some minutes."""
        self._alive(turn.job.meter)
        if exchange.code not in LATER_CODES:
            self._miss_read(turn, ask, f"exception 0x{exchange.code:02x}", MISSES_TO_MUTE)
        self._part(turn).lacking = self._part(turn).refused = True
        self._done(turn, exchange.received_boot_us)

    def _miss_read(self, turn: Turn, ask: Ask, why: str, misses: int = 1) -> None:
        """A read that stays unanswered time and again, while the meter answers others, is left alone for a while."""
        meter, names = turn.job.meter, ",".join(ask.names)
        if self._mutes.missed(meter, ask.read, why, self._now_us(), misses):
            self._said.mute(meter, ask.place, why, names)

    def mute(self, meter: str) -> tuple[str, ...]:
        """What this meter does not give although its map says so, in words."""
        return self._mutes.words(meter)

    def _missed(self, asked: Asked, exchange: Exchange) -> None:
        turn = asked.turn
        meter, now_us = turn.job.meter, self._now_us()
        self._part(turn).lacking = True
        if exchange.outcome == "down":
            self._down.add(meter)
        elif exchange.outcome in ("silent", "garbled") and turn.job.work != "watch":
            self._miss_read(turn, asked.ask, exchange.outcome)
        self._done(turn, now_us)
        before, after = self._roll.missed(meter, now_us, exchange.outcome, hurried=turn.hurried)
        if after.state == "silent" and before.state != "silent":
            self._schedule.paused[meter] = None
            for work in self._asks[meter]:
                self._partial.pop((meter, work), None)
            self._first_sets.drop(meter)
            self._said.silent(meter, exchange.outcome, len(self._schedule.paused))
        elif after.state == "doubtful" and exchange.outcome != "down":
            self._schedule.retry(meter, now_us)
            self._partial.pop((meter, self._units[meter].cheapest), None)  # asked anew from its first read on
        self._on_miss(miss_of(asked, exchange))

    def _line_is_back(self) -> None:
        """Who was only out of reach is asked at once: probes one by one would take a busy line half a minute."""
        back = self._down & self._schedule.paused.keys()
        for meter in back:
            self._roll.alive(meter)
            self._schedule.resume(meter, self._now_us())
        self._down.clear()
        if back:
            self._said.back(len(back))

    def _alive(self, meter: str) -> None:
        before = self._roll.alive(meter)
        if before.state == "silent":
            self._schedule.resume(meter, self._now_us())
            self._learning.anew(self._units[meter])
            self._said.recovered(meter, before.misses)

    def _probe(self, now_us: int) -> Turn | None:
        """A silent unit that may be asked now."""
        silent = (self._asks[meter][self._units[meter].cheapest][0] for meter in self._schedule.paused)
        found = self._roll.probe(silent, now_us, self._schedule.next_due_us())
        if found is None:
            return None
        ask, wait_us, hurried = found
        return self._schedule.probe(ask.unit.meter, now_us, wait_us, hurried=hurried)

    def _next_us(self, now_us: int) -> int:
        return self._roll.next_us(self._schedule.paused, now_us, self._schedule.next_due_us())
