"""What concerns the gateway itself, put together: its supply, its own outages, and the modes of its meters.

Everything is judged in `mains_watch`, `dark_site` and `modes`; here the journal and the site meet them.
"""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from agent.clock import Clock
from agent.dark_site import DarkSite
from agent.dark_state import AWAITED, COLLECTED, Awaited, Before, awaited_of
from agent.detect.book import id_maker
from agent.detect.ending import abandoned
from agent.detect.supply_evidence import SELF_POWERED
from agent.journal.journal import Journal
from agent.mains import mains_of
from agent.mains_watch import KEPT as ALIVE
from agent.mains_watch import MainsWatch, watch_mains
from agent.modes import KEPT as MODES
from agent.modes import Modes, Standing
from agent.outage import Counters, Looked, Sign, counters_before, sign_of
from agent.records import Event, Kind, Mode, Reading, Sample
from agent.site import Site
from agent.wiring import channels_of, counter_steps

if TYPE_CHECKING:
    from agent.mode_calendar import CalendarFile

log = logging.getLogger("lamplighter.gateway")

# Of each meter, to know what it drew: five minutes of readings.
_READINGS_BACK = 30
_NEVER_SET = "the clock was never set after it, and the gateway went down again: when it ended is not known"


class Pipeline(Protocol):
    """What is needed of a meter's."""

    def set_mode(self, mode: Mode) -> None: ...

    def hold_fast(self) -> None: ...


class Witness(Protocol):
    """Who hears what counters say: of a dark time, of the run before, of now."""

    def resume(self, kept: str | None) -> frozenset[str]: ...

    def know(self, events: Iterable[Event], left: frozenset[str]) -> None: ...

    def looked(self, looked: Looked) -> None: ...

    def recall(self, read: Mapping[str, Counters]) -> None: ...

    def counted(self, sample: Sample) -> None: ...


def _calendar_of(site: Site, clock: Clock) -> "CalendarFile | None":
    if site.calendar is None:
        return None
    from agent.mode_calendar import CalendarFile  # what reads TOML and knows time zones stays out of most gateways

    return CalendarFile(site, clock.boot_us())


class Gateway:
    """tell: takes the events; pipelines: of all meters; witness: hears of counters."""

    def __init__(
        self, site: Site, clock: Clock, journal: Journal, tell: Callable[[Event], object],
        pipelines: Mapping[str, Pipeline], witness: Witness, *, boot: str | None = None,
    ) -> None:  # fmt: skip
        self._site = site
        self._clock = clock
        self._journal = journal
        self._tell = tell
        self._pipelines = pipelines
        self._witness = witness
        self._boot_id = clock.boot_id if boot is None else boot
        self._next_id = id_maker(site.gateway, f"{journal.epoch}-g")
        self._calendar = _calendar_of(site, clock)
        self._unheard = frozenset(site.meters)  # whose customers a dark time concerns; others have events over it
        self.modes = Modes(site.meters, self._calendar.entries if self._calendar else ())
        self.source = None if site.mains is None else mains_of(site.mains)
        self.mains = MainsWatch(
            clock, journal, tell, lambda: self._blank("mains_loss", None), boot_id=self._boot_id,
            hold_fast=self._hold_fast, age_us=0 if self.source is None else self.source.age_us,
        )  # fmt: skip
        self.dark = DarkSite(clock, self._boot_id, tell, self._blank, witness.looked, self._keep_dark)

    async def resume(self) -> None:
        """Go on from what the run before left: its modes, its mains_loss, and what was between it and this run."""
        self.modes.resume(self._journal.kept(MODES))
        self._apply_modes()
        sign = sign_of(self._journal.kept(ALIVE), self._journal.last_us)
        self._unheard = self._without_event(self._journal.open_events())
        mine = [event for event in self._journal.open_events() if event.scope == "gateway"]
        for event in (event for event in mine if event.kind == "mains_loss"):
            if self.source is None:
                self._close_unknown(event, "no longer observed: the site file names no supply any more")
            else:
                self.mains.resume(event, sign)
        outages = [event for event in mine if event.kind == "gateway_outage"]
        lost = any(event.kind == "supply_loss" for event in self._journal.open_events())
        was_down = self.dark.concerns(self._boot_id, self._clock, sign)
        read = await self._read_before() if lost or was_down else {}
        self._witness.recall({meter: one.counters for meter, one in read.items()})
        awaited = awaited_of(self._journal.kept(AWAITED), {n: counter_steps(m) for n, m in self._site.meters.items()})
        ids = self._witness.resume(self._journal.kept(COLLECTED))
        found = [await self._journal.event(id_) for id_ in sorted(ids)]
        left = frozenset[str]() if awaited is None else frozenset(awaited.before)
        self._witness.know([event for event in found if event is not None], left)
        self._resume_dark(sign, outages[-1] if outages else None, read, awaited)
        self.mains.sign()

    def tick(self) -> None:
        """Once a second."""
        if self._calendar is not None and self._calendar.changed(self._clock.boot_us()):
            self.modes.plan(self._calendar.entries)
        self._apply_modes()
        if self.dark.waits:
            self.dark.tick()
        self._tell_damages()
        self.mains.sign()

    def seen(self, sample: Sample) -> None:
        """Every full set, after its pipeline had it: looks have no counters."""
        if sample.full:
            if self.dark.waits:
                self.dark.seen(sample)
            self._witness.counted(sample)

    async def watch(self) -> None:
        """The child that asks the supply."""
        if self.source is not None:
            await watch_mains(self.source, self.mains, self._clock)

    def set_mode(self, meter: str, mode: Mode, until_us: int | None) -> Standing:
        """By hand. KeyError: no such meter."""
        now_us = self._clock.wall_us()
        standing = self.modes.set(meter, mode, now_us, until_us)
        log.info("mode.set meter=%s mode=%s until_us=%s", meter, mode, until_us)
        self._journal.keep(MODES, self.modes.to_keep(now_us))
        self._journal.commit_now()
        self._apply_modes()
        return standing

    def _apply_modes(self) -> None:
        for meter, mode in self.modes.changed(self._clock.wall_us()).items():
            log.info("mode.is meter=%s mode=%s", meter, mode)
            self._pipelines[meter].set_mode(mode)

    def _resume_dark(
        self, sign: Sign | None, open_: Event | None, read: Mapping[str, Before], awaited: Awaited | None
    ) -> None:
        if sign is not None and self.dark.concerns(self._boot_id, self._clock, sign):
            if open_ is not None:
                self._close_unknown(open_, _NEVER_SET)
            lost = {event.meter for event in self._journal.open_events() if event.kind == "supply_loss"}
            known = _with_awaited(read, awaited)
            before = {meter: one for meter, one in known.items() if meter not in lost}  # their own bounds are better
            self.dark.resume(sign, before, clean=self._journal.left_clean)
        elif awaited is not None and awaited.boot_id == self._boot_id:  # the agent alone was restarted
            self.dark.go_on(awaited, open_)
        elif open_ is not None:  # likewise, and what was awaited is not known
            within_us = open_.start_us - open_.start_earliest_us
            then = Sign(open_.start_earliest_us, within_us, "", open_.clock)
            self.dark.resume(then, {}, clean=False, open_=open_)

    def _keep_dark(self, text: str) -> None:
        self._journal.keep(AWAITED, text)

    async def _read_before(self) -> dict[str, Before]:
        """What the meters said last."""
        told: dict[str, list[Reading]] = defaultdict(list)
        for reading in await self._journal.readings(None, _READINGS_BACK * len(self._site.meters)):
            told[reading.meter].append(reading)
        opened = self._journal.open_events()
        found = {}
        for name, meter in self._site.meters.items():
            before = counters_before(told[name])
            if before is not None and meter.powered_by not in SELF_POWERED:
                before = replace(before, hours_h=None)  # it runs without what it measures
            if before is not None:
                because = tuple(event.id for event in opened if event.meter == name and event.kind == "comms_loss")
                found[name] = Before(before, counter_steps(meter), because)
        return found

    def _hold_fast(self) -> None:
        for pipeline in self._pipelines.values():
            pipeline.hold_fast()

    def _tell_damages(self) -> None:
        for damage in self._journal.damages():
            event = self._blank("store_corrupt", None)
            told = replace(event, revision=1, state="closed", evidence=damage.words())
            self._tell(replace(told, end_us=event.start_us, end_earliest_us=event.start_earliest_us))

    def _close_unknown(self, event: Event, why: str) -> None:
        self._tell(abandoned(event, self._clock.wall_us(), why))

    def alarm(self, kind: Kind) -> Event:
        """One of the gateway's own that is still to say which, and why."""
        return self._blank(kind, None)

    def _without_event(self, opened: Iterable[Event]) -> frozenset[str]:
        """Meters that no open event counts the customers of already: no silence, its own or its line's, no loss."""
        counts = [event for event in opened if event.kind in ("comms_loss", "supply_loss")]
        meters, lines = {event.meter for event in counts}, {event.line for event in counts if event.scope == "line"}
        return frozenset(n for n, one in self._site.meters.items() if n not in meters and one.line not in lines)

    def clock_step(self) -> Event:
        """One that is still to say what happened."""
        return self._blank("clock_step", None)

    def _blank(self, kind: Kind, meter: str | None) -> Event:
        """An event with an id and its place, before its first revision."""
        now_us, site = self._clock.wall_us(), self._site
        event = Event(
            id=self._next_id(), kind=kind, revision=0, state="open", scope="gateway" if meter is None else "meter",
            basis="measured", reported_us=now_us, start_us=now_us, start_earliest_us=now_us, profile=site.profile,
            config=site.config_hash,
        )  # fmt: skip
        if kind == "gateway_outage":
            event = replace(event, customers=site.network.perhaps_at(self._unheard))
        if meter is None:
            node = site.mains.node if site.mains else None
            network = site.network
            return replace(event, path=network.path(node), feeder=network.feeder_of(node)) if node else event
        place = site.meters[meter]
        return replace(
            event, meter=meter, line=place.line, feeder=place.feeder, path=place.path, customers=place.customers,
            phases=channels_of(place.basis, place.wiring, place.installation).phases,
            mode=self.modes.standing(meter, now_us).mode,
        )  # fmt: skip


def _with_awaited(read: Mapping[str, Before], awaited: Awaited | None) -> dict[str, Before]:
    """Who has not counted since an earlier dark time is judged over both. What it drew is by its last reading: a load
    that was gone between them explains a counter that stands."""
    known = dict(read)
    for meter, one in {} if awaited is None else awaited.carried().items():
        fresh = read.get(meter)
        if fresh is not None and fresh.counters.at_us > one.counters.at_us:
            one = replace(one, counters=replace(one.counters, power_w=fresh.counters.power_w))
        known[meter] = one
    return known
