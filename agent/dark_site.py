"""After a boot: when the gateway was dark, and which meters had no supply meanwhile. What is so is judged in `outage`.

resume -> gateway_outage (at once, or once the clock is right) -> the first counters of each meter that have moved
       -> supply_loss, inferred, because of the outage

Another run of the same boot goes on where this one was stopped (`Awaited`); another dark time takes over who is still
awaited: what their counters say then is of both.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace

from agent.clock import Clock
from agent.dark_state import Awaited, Before
from agent.outage import (
    Boot,
    Counters,
    Dark,
    Looked,
    Sign,
    Stood,
    dark,
    has_moved,
    ran_on,
    resolved,
    stood_still,
)
from agent.records import NOT_ISOLATION, Event, Kind, Sample, Supply

log = logging.getLogger("lamplighter.outage")

# A meter that has not moved a counter by then tells nothing about the outage any more.
_PATIENCE_US = 3_600_000_000
_CUT = "the gateway was without power: this is another boot than that of the last sign of life"
_STOPPED = "the gateway was down between two boots; the agent had been stopped in order before"


class DarkSite:
    """tell: takes an event; blank: an event of that kind, of a meter or of the whole gateway (None), with an id and
    what is known of the place; looked: hears of each meter what its counters say, before its event is told; keep: takes
    what another run needs, empty where nothing is waited for, with the event that it belongs to."""

    def __init__(
        self, clock: Clock, boot_id: str, tell: Callable[[Event], object], blank: Callable[[Kind, str | None], Event],
        looked: Callable[[Looked], object] = lambda looked: None, keep: Callable[[str], object] = lambda text: None,
    ) -> None:  # fmt: skip
        self._clock = clock
        self._looked = looked
        self._boot_id = boot_id
        self._tell = tell
        self._keep = keep
        self._blank = blank
        self._sign: Sign | None = None
        self._clean = True
        self._outage: Event | None = None
        self._id = ""  # of the gateway_outage, whichever run told it
        self._found: Dark | None = None
        self._before: dict[str, Before] = {}
        self._moved: dict[str, tuple[Counters, int]] = {}
        self._first: dict[str, Counters] = {}
        self._until_us = 0

    @property
    def waits(self) -> bool:
        """Whether something is still to be found out."""
        return self._sign is not None

    @staticmethod
    def concerns(boot_id: str, clock: Clock, sign: Sign | None) -> bool:
        """Whether the gateway was down since the run before."""
        return sign is not None and Boot(boot_id, clock.wall_us(0), clock.state).is_new(sign)

    def resume(self, sign: Sign, before: Mapping[str, Before], *, clean: bool, open_: Event | None = None) -> None:
        """sign: the last of the run before; clean: it was stopped in order; open_: a gateway_outage that it left open,
        because the clock was never set."""
        self._sign, self._clean, self._outage = sign, clean, open_
        self._id = "" if open_ is None else open_.id
        self._before = dict(before)
        self._until_us = self._clock.boot_us() + _PATIENCE_US
        if open_ is None and not clean and not self._boot().is_placed(sign):
            self._begin(sign)
        self._hold()
        self.tick()

    def go_on(self, kept: Awaited, open_: Event | None) -> None:
        """Where another run of this boot was stopped. open_: the gateway_outage, if that is still open."""
        self._sign, self._clean, self._outage, self._id = kept.sign, kept.clean, open_, kept.outage
        self._found, self._until_us, self._before = kept.found, kept.until_us, dict(kept.before)
        self.tick()

    def tick(self) -> None:
        """Once a second."""
        sign, boot = self._sign, self._boot()
        if sign is None:
            return
        if self._found is None and boot.is_placed(sign):
            self._found = dark(sign, boot, clean=self._clean)
            self._end(self._found)
        if self._found is not None:
            for meter in tuple(self._moved):
                self._judge(meter, self._found)
        if self._found is not None and (not self._before or self._clock.boot_us() > self._until_us):
            self._sign = None
            self._hold()

    def seen(self, sample: Sample) -> None:
        """A sample of a meter, while something waits."""
        before, values = self._before.get(sample.meter), sample.values
        if before is None or sample.meter in self._moved or sample.quality != "good":
            return
        energy_wh, hours_h = values.get("active_energy_import"), values.get("operating_hours")
        now = Counters(0, 0.0, energy_wh, hours_h, values.get("active_power_total"))
        if now.energy_wh is None and now.hours_h is None:
            return
        first = self._first.setdefault(sample.meter, now)
        # A cache may hold a later answer than the last that was kept: what it says does not move.
        if has_moved(before.counters, now) and has_moved(first, now):
            self._moved[sample.meter] = now, sample.received_boot_us
            if self._found is not None:
                self._judge(sample.meter, self._found)

    def _hold(self) -> None:
        """What another run needs, before what is told: both are stored at once."""
        sign = self._sign
        if sign is None:
            self._keep("")
            return
        kept = Awaited(self._boot_id, sign, self._clean, self._id, self._found, self._until_us, self._before)
        self._keep(kept.text())

    def _boot(self) -> Boot:
        return Boot(self._boot_id, self._clock.wall_us(0), self._clock.state)

    def _begin(self, sign: Sign) -> None:
        """What is known while this boot has no place on the wall clock."""
        self._say(replace(
            self._blank("gateway_outage", None), revision=1, basis="inferred", reported_us=self._clock.wall_us(),
            start_us=sign.at_us + sign.within_us, start_earliest_us=sign.at_us, evidence=(_CUT,),
            clock=self._clock.state,
        ))  # fmt: skip

    def _end(self, found: Dark) -> None:
        """Its end is this boot: it is told as soon as that has its place on the wall clock."""
        event = self._outage
        if event is None:
            event = replace(
                self._blank("gateway_outage", None), basis="inferred", start_us=found.start_us,
                start_earliest_us=found.start_earliest_us, evidence=(_STOPPED if self._clean else _CUT,),
            )  # fmt: skip
        self._say(replace(
            event, revision=event.revision + 1, state="closed", reported_us=self._clock.wall_us(),
            end_us=max(found.end_us, event.start_us), end_earliest_us=found.end_earliest_us,
            duration_min_s=found.duration_min_s, duration_max_s=found.duration_max_s, clock=self._clock.state,
        ))  # fmt: skip

    def _judge(self, meter: str, found: Dark) -> None:
        before = self._before.pop(meter)
        now, at_boot_us = self._moved.pop(meter)
        now = replace(now, at_us=self._clock.wall_us(at_boot_us))
        stood = stood_still(before.counters, now, resolved(before.steps, before.counters), found, before.dark_us)
        event = None if stood is None else self._loss(meter, found, before, now, stood)
        supply: Supply = "dead" if event is not None else _supply(before, now, found)
        log.info("outage.meter meter=%s supply=%s", meter, supply)
        id_, of = None if event is None else event.id, (*before.outages, self._id)[0]
        self._hold()
        self._looked(Looked(meter, supply, found, id_, frozenset(self._before), of))
        if event is not None:
            self._tell(event)

    def _loss(self, meter: str, found: Dark, before: Before, now: Counters, stood: Stood) -> Event:
        then = before.counters
        first_us, lived_us = then.at_us - round(then.window_s * 1e6), stood.lived_us
        start_us, end_earliest_us = min(now.at_us, then.at_us + lived_us), max(first_us, now.at_us - lived_us)
        passed_us, slack_s = now.at_us - then.at_us, found.slack_s + before.slack_s
        return replace(
            self._blank("supply_loss", meter), revision=1, state="closed", basis="inferred",
            reported_us=self._clock.wall_us(), start_us=start_us, start_earliest_us=first_us,
            end_us=now.at_us, end_earliest_us=end_earliest_us,
            duration_min_s=max(0.0, (passed_us - lived_us) / 1e6 - slack_s),
            duration_max_s=(now.at_us - first_us) / 1e6 + slack_s,
            because=(*before.outages, self._id, *before.because), evidence=(stood.words, NOT_ISOLATION),
            clock=self._clock.state,
        )  # fmt: skip

    def _say(self, event: Event) -> None:
        self._outage, self._id = event, event.id
        self._hold()
        log.info("event.%s id=%s kind=%s scope=gateway", event.state, event.id, event.kind)
        self._tell(event)


def _supply(before: Before, now: Counters, found: Dark) -> Supply:
    """Of a meter that did not stand still: live if a loss as long as the outage cannot have been."""
    ran = ran_on(before.counters, now, resolved(before.steps, before.counters))
    dark_s = min(found.duration_min_s, before.dark_us / 1e6) if before.outages else found.duration_min_s
    return "live" if ran is not None and ran.rules_out(dark_s - found.slack_s - before.slack_s) else "unknown"
