"""The composition root: a site becomes objects, objects become tasks. The only file that knows all others."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from agent.clock import Clock, boot_us
from agent.clock_keeper import ClockKeeper
from agent.desk.desk import Desk
from agent.gateway import Gateway
from agent.journal import starts
from agent.journal.carried import Carried
from agent.journal.journal import Journal
from agent.journal.place import Place
from agent.journal.state_place import first_place, later_place, without_dir
from agent.meter_plates import MeterPlate
from agent.overview import line_budgets
from agent.pipeline import MeterPipeline
from agent.pipelines import start_pipelines
from agent.poll.poller import LinePoller
from agent.publish.forwarder import Progress
from agent.records import Kind, Miss, Sample
from agent.report.record.history import History
from agent.report.record.interval_maker import IntervalMaker
from agent.sinks import start_sinks
from agent.site import Meter, Site
from agent.sitefile.copy import SiteFile, keep_apart
from agent.status import answers, socket
from agent.status.alarm import Alarm
from agent.status.board import Board
from agent.status.card import device_beneath
from agent.status.certificates import Certificates
from agent.status.descriptors import Descriptors, NothingLeft
from agent.status.health_watch import watches
from agent.status.notify import Notify
from agent.status.pulse import Pulse, Troubles
from agent.status.stalls import Stalls
from agent.status.upkeep import Upkeep
from agent.supervisor import supervise
from agent.time_source import TimeSource
from agent.units import TIGHT, unit_of
from drivers.line import Line
from drivers.outbox import Outbox
from drivers.readers import Readers
from drivers.wheel import Wheel

log = logging.getLogger("lamplighter.agent")

Child = Callable[[], Awaitable[None]]

# How long after the last trouble a meter and its neighbours keep the line's attention.
_ATTENTION_US = 2_000_000
# What the sinks get, after the lines have stopped, to say the last of what happened.
_DRAIN_S = 1.0


@dataclass(slots=True)
class App:
    """A running agent, for those who look on: the demo's table, the local socket."""

    site: Site
    clock: Clock
    journal: Journal
    board: Board
    lines: dict[str, Line] = field(default_factory=dict)
    pollers: dict[str, LinePoller] = field(default_factory=dict)
    sinks: dict[str, Progress] = field(default_factory=dict)
    plates: dict[str, MeterPlate] = field(default_factory=dict)
    pipelines: dict[str, MeterPipeline] = field(default_factory=dict)
    blocked: dict[str, Callable[[], str | None]] = field(default_factory=dict)
    missing: dict[str, Callable[[], str | None]] = field(default_factory=dict)
    alarms: dict[Kind, Alarm] = field(default_factory=dict)
    gateway: Gateway = field(init=False)
    desk: Desk = field(init=False)
    times: ClockKeeper = field(init=False)
    intervals: IntervalMaker = field(init=False)
    history: History = field(init=False)
    upkeep: Upkeep = field(init=False)
    certificates: Certificates = field(init=False)
    renewals: list[Callable[[], None]] = field(default_factory=list)
    stalls: Stalls = field(default_factory=Stalls)

    def renew(self) -> None:
        """Passwords and tokens are read anew, and sinks that only hands can open are tried at once."""
        log.info("credentials.asked sinks=%s", ",".join(self.sinks))
        for renewal in self.renewals:
            renewal()


async def run_agent(
    site: Site,
    *,
    stop: asyncio.Event,
    ready: Callable[[App], None] | None = None,
    clock: Clock | None = None,
    notify: Notify | None = None,
) -> None:
    """Run a site until `stop` is set. ready: called once everything is up.

    Ends with StateHeldError where another agent holds the state directory, with LineError at its start if a serial
    path is no terminal. Nothing else ends it: an absent port, broker or database is tried again for ever, and so is a
    state directory, while what there is is kept in memory; once it comes there is another App.
    """
    asyncio.get_running_loop().set_exception_handler(NothingLeft())
    source = TimeSource(boot_us=boot_us)
    if clock is None:
        await source.ask()
        clock = Clock(source=source, trusted=site.clock == "trusted")
    with closing(notify or Notify.from_environ()) as told:
        run = _Run(site, clock, source, told, stop, ready)
        after: _After | None = _After(await first_place(site, clock.wall_us))
        while after is not None:
            after = await _live(run, after)
    log.info("agent.stopped site=%s gateway=%s", site.name, site.gateway)


@dataclass(frozen=True, slots=True)
class _Run:
    """What all lives of a run share."""

    site: Site
    clock: Clock
    source: TimeSource
    notify: Notify
    stop: asyncio.Event
    ready: Callable[[App], None] | None


@dataclass(frozen=True, slots=True)
class _After:
    """Where the next life lives, and what the one before it kept in memory."""

    place: Place
    carried: Carried | None = None


async def _live(run: _Run, begin: _After) -> _After | None:
    """Until the stop; or, without a state directory, until that has come."""
    site, clock, place = run.site, run.clock, begin.place
    tables = {"mqtt": site.mqtt, "influxdb": site.influxdb}
    sinks = [name for name, table in tables.items() if table is not None]
    came, left = None, list[Carried]()
    async with AsyncExitStack() as stack:
        journal = await stack.enter_async_context(Journal.at(place, sinks, now_us=clock.wall_us))
        # After the pipelines have said their last, before the journal is left.
        stack.callback(lambda: left.append(journal.carry(clock.offset_us if clock.guess else None)) if came else None)
        app = App(site, clock, journal, Board())
        app.times = ClockKeeper(clock, journal, app.pipelines)
        await app.times.resume()
        app.history = await stack.enter_async_context(History.open(site.state_dir, clock.wall_us))
        if begin.carried is not None:
            journal.take_over(begin.carried, begin.carried.slow_us(clock.offset_us))
        publishing = await stack.enter_async_context(_running(await start_sinks(app, stack)))
        polling = await stack.enter_async_context(_running(await _lines(app, stack)))
        pulse = Pulse(app, run.notify, place, _troubles(app))
        await stack.enter_async_context(socket.serve(site.state_dir, answers.answers(app), nowhere=bool(place.why)))
        others: dict[str, Child] = {"clock": pulse.run, "clock:source": run.source.watch}
        others |= watches(app)
        if not place.why and not site.torn:
            others["site:copy"] = partial(keep_apart, site, place.thread)
        await stack.enter_async_context(_running(others))
        log.info(
            "agent.started site=%s gateway=%s meters=%d lines=%d", site.name, site.gateway, len(site.meters),
            len(site.lines),
        )  # fmt: skip
        run.notify.ready(pulse.status)
        if run.ready is not None:
            run.ready(app)
        with _not_searched_again():
            came = await _stopped(run, place.why)
        await _cancelled(polling)
        if came is None:
            run.notify.stopping()
            await _drained(app)
        await _cancelled(publishing)
    if came is None and not place.why:
        starts.forget(site.state_dir)
    return None if came is None else _After(came, *left)


@contextmanager
def _not_searched_again() -> Iterator[None]:
    """What there is now stays to the end: the collector of cycles leaves it out. With 100 meters each of its full turns
    held up all lines for 70 ms, some seven times a minute."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


async def _stopped(run: _Run, why: str) -> Place | None:
    """At the stop; or with the state directory that was wanted. why: there is none yet."""
    stopping = asyncio.create_task(run.stop.wait(), name="stop")
    coming = asyncio.create_task(later_place(run.site, run.clock.wall_us, why=why), name="state") if why else None
    tasks: list[asyncio.Task[Any]] = [stopping, coming] if coming else [stopping]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming and coming.done() else None
    finally:
        await _cancelled(tasks)


def _troubles(app: App) -> Troubles:
    """What only hands can put right, by the kind of event that tells it."""
    descriptors, site_file, state_dir = Descriptors(), SiteFile(app.site), app.site.state_dir
    app.upkeep = Upkeep(app.clock, app.certificates, partial(device_beneath, state_dir))
    return {
        "sink_blocked": lambda: {name: blocked() for name, blocked in app.blocked.items()},
        "state_dir_missing": lambda: {str(state_dir): without_dir(state_dir, app.journal.why_nowhere)},
        "rows_missing": lambda: {name: missing() for name, missing in app.missing.items()},
        "certificate_expiry": app.upkeep.expiring,
        "card_worn": app.upkeep.worn,
        "site_file_broken": lambda: {str(app.site.file): site_file.trouble()},
        "descriptors_low": lambda: {"this process": descriptors.trouble()},
    }


@asynccontextmanager
async def _running(children: dict[str, Child]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Each child supervised in a task of its name; all of them cancelled on leaving."""
    tasks = [asyncio.create_task(supervise(name, child), name=name) for name, child in children.items()]
    try:
        yield tasks
    finally:
        await _cancelled(tasks)


async def _cancelled(tasks: Collection[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _lines(app: App, stack: AsyncExitStack) -> dict[str, Child]:
    """Opens every line of the site and returns its polling loop."""
    await start_pipelines(app)
    pipelines = app.pipelines
    for pipeline in pipelines.values():
        stack.callback(pipeline.stop)
    gateway = app.gateway = Gateway(
        app.site, app.clock, app.journal, app.desk.add_event, pipelines, app.desk.after_dark
    )
    await gateway.resume()
    app.times.step_event = gateway.clock_step

    circles = {name: _circle(app.site, name) for name in app.site.meters}
    wheel, outbox, readers, budgets = Wheel(app.clock.boot_us), Outbox(), Readers(), line_budgets(app.site)

    def on_sample(sample: Sample) -> None:
        pipeline = pipelines[sample.meter]
        quiet = pipeline.on_sample(sample)
        if sample.full:
            gateway.seen(sample)
        elif not quiet and pipeline.troubled:
            for meter in circles[sample.meter]:
                app.pollers[meter.line].attend(meter.name, sample.received_boot_us + _ATTENTION_US)

    def on_miss(miss: Miss) -> None:
        pipelines[miss.meter].on_miss(miss)

    children: dict[str, Child] = {"mains": gateway.watch} if gateway.source else {}
    for name, config in app.site.lines.items():
        line = app.lines[name] = await stack.enter_async_context(
            Line(name, config, app.clock.boot_us, wheel=wheel, outbox=outbox, readers=readers)
        )
        line.refuse_no_terminal()
        on_line = [meter for meter in app.site.meters.values() if meter.line == name]
        tight = budgets[name].utilisation > TIGHT
        units = [unit_of(meter, config, app.site.file.parent, tight=tight) for meter in on_line]
        poller = app.pollers[name] = LinePoller(
            line, units, app.clock.boot_us, on_sample, on_miss, wheel=wheel,
            on_refresh=lambda meter, refresh_us: pipelines[meter].refreshes(refresh_us),
            on_plate=lambda meter, *said: app.plates[meter].read(*said),
        )  # fmt: skip
        children[f"line:{name}"] = poller.run
    return children


def _circle(site: Site, name: str) -> tuple[Meter, ...]:
    """A meter, the one that feeds it and those it feeds: what happens to one of them is seen at the others."""
    upstream = site.meters[name].upstream
    return tuple(
        meter for meter in site.meters.values() if name in (meter.name, meter.upstream) or meter.name == upstream
    )


async def _drained(app: App) -> None:
    """Wait a moment until the sinks that work have what the lines said last."""
    deadline_s = asyncio.get_running_loop().time() + _DRAIN_S
    while asyncio.get_running_loop().time() < deadline_s:
        behind = [name for name, sink in app.sinks.items() if not sink.error and app.journal.behind(name)]
        if not behind:
            return
        await asyncio.sleep(0.02)
