"""The composition root: a site becomes objects, objects become tasks. The only file that knows all others."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

from agent.clock import Clock, boot_us
from agent.clock_keeper import ClockKeeper
from agent.desk import CASES, KEPT, Desk
from agent.detect.book import Book, MeterFacts, id_maker, orphans
from agent.detect.ending import abandoned
from agent.gateway import Gateway
from agent.journal.journal import Journal
from agent.keeps import book_name, plate_name
from agent.meter_plates import MeterPlate
from agent.overview import line_budgets
from agent.pipeline import MeterPipeline
from agent.poll.poller import LinePoller
from agent.poll.window import Window
from agent.publish.forwarder import Progress
from agent.records import Event, Incident, Miss, Sample
from agent.sink_alarm import SinkAlarm
from agent.sinks import start_sinks
from agent.site import Meter, Site
from agent.status import answers, socket
from agent.status.board import Board
from agent.status.notify import Notify
from agent.supervisor import supervise
from agent.time_source import TimeSource
from agent.units import TIGHT, unit_of, watch_decoder
from agent.wiring import NOISE_A, channels_of, log_of, polled, rules_of
from drivers.line import Line
from drivers.outbox import Outbox
from drivers.wheel import Wheel

log = logging.getLogger("lamplighter.agent")

Child = Callable[[], Awaitable[None]]

# While a voltage is out of its band there is a reading a second: enough to find the last that proves an event, and
# that it lasted ten minutes at least.
_READINGS_BACK = 600
# Youngest readings of all meters, so that the last of each is likely among them: a meter that comes back with the very
# values of before says nothing of now.
_READINGS_A_METER = 4
# Of a meter: its own registers, and an open event around them, may still have to say something about them.
_EVENTS_BACK = 32
# Likewise for incidents that are open.
_INCIDENTS_BACK = 4096
# How long after the last trouble a meter and its neighbours keep the line's attention.
_ATTENTION_US = 2_000_000
# One fault is seen at many meters within a tick: their events leave first, then the desk looks at all of it once.
_GATHER_S = 0.05
# What the sinks get, after the lines have stopped, to say the last of what happened.
_DRAIN_S = 1.0
# A line that has not gone round its loop for this long makes no progress: the watchdog is left hungry.
_STUCK_US = 60_000_000


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
    gateway: Gateway = field(init=False)
    alarm: SinkAlarm = field(init=False)
    desk: Desk = field(init=False)
    times: ClockKeeper = field(init=False)


async def run_agent(
    site: Site,
    *,
    stop: asyncio.Event,
    ready: Callable[[App], None] | None = None,
    clock: Clock | None = None,
    notify: Notify | None = None,
) -> None:
    """Run a site until `stop` is set. ready: called once everything is up.

    Ends at its start with StateHeldError if another agent holds the state directory, LineError if a serial path is
    no terminal, OSError if the state directory cannot be had. Nothing ends it later: an absent port, broker or
    database is tried again for ever.
    """
    source, notify = TimeSource(boot_us=boot_us), notify or Notify.from_environ()
    if clock is None:
        await source.ask()
        clock = Clock(source=source, trusted=site.clock == "trusted")
    tables = {"mqtt": site.mqtt, "influxdb": site.influxdb}
    sinks = [name for name, table in tables.items() if table is not None]
    async with AsyncExitStack() as stack:
        opened = Journal.open(
            site.state_dir, sinks, site.gateway, cap_mib=site.journal.cap_mib, keep_us=site.journal.keep_us,
            now_us=clock.wall_us,
        )  # fmt: skip
        app = App(site, clock, await stack.enter_async_context(opened), Board())
        app.times = ClockKeeper(clock, app.journal, app.pipelines)
        await app.times.resume()
        publishing = await stack.enter_async_context(_running(await start_sinks(app, stack)))
        polling = await stack.enter_async_context(_running(await _lines(app, stack)))
        await stack.enter_async_context(socket.serve(site.state_dir, answers.answers(app)))
        await stack.enter_async_context(_running({"clock": partial(_tick, app, notify), "clock:source": source.watch}))
        counts = len(site.meters), len(site.lines)
        log.info("agent.started site=%s gateway=%s meters=%d lines=%d", site.name, site.gateway, *counts)
        notify.ready(f"{len(site.meters)} meters on {len(site.lines)} lines")
        if ready is not None:
            ready(app)
        await stop.wait()
        notify.stopping()
        await _cancelled(polling)
        await _drained(app)
        await _cancelled(publishing)
    log.info("agent.stopped site=%s gateway=%s", site.name, site.gateway)


@asynccontextmanager
async def _running(children: dict[str, Child]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Each child supervised in a task of its name; all of them cancelled on leaving."""
    tasks = [asyncio.create_task(supervise(name, child), name=name) for name, child in children.items()]
    try:
        yield tasks
    finally:
        await _cancelled(tasks)


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _lines(app: App, stack: AsyncExitStack) -> dict[str, Child]:
    """Opens every line of the site and returns its polling loop."""
    await _pipelines(app)
    pipelines = app.pipelines
    for pipeline in pipelines.values():
        stack.callback(pipeline.stop)
    gateway = app.gateway = Gateway(
        app.site, app.clock, app.journal, app.desk.add_event, pipelines, app.desk.after_dark
    )
    await gateway.resume()
    app.alarm = SinkAlarm(gateway.sink_blocked, app.desk.add_event, app.clock.wall_us)
    app.alarm.resume(app.journal.open_events())
    app.times.step_event = gateway.clock_step

    circles = {name: _circle(app.site, name) for name in app.site.meters}
    wheel, outbox, budgets = Wheel(app.clock.boot_us), Outbox(), line_budgets(app.site)

    def on_sample(sample: Sample) -> None:
        pipeline = pipelines[sample.meter]
        pipeline.on_sample(sample)
        gateway.seen(sample)
        if not sample.full and pipeline.troubled:
            for meter in circles[sample.meter]:
                app.pollers[meter.line].attend(meter.name, sample.received_boot_us + _ATTENTION_US)

    def on_miss(miss: Miss) -> None:
        pipelines[miss.meter].on_miss(miss)

    children: dict[str, Child] = {"mains": gateway.watch} if gateway.source else {}
    for name, config in app.site.lines.items():
        line = app.lines[name] = await stack.enter_async_context(
            Line(name, config, app.clock.boot_us, wheel=wheel, outbox=outbox)
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


async def _pipelines(app: App) -> None:
    """One per meter, each inside the events that the last run left open; what has no meter any more is closed."""
    next_id = id_maker(app.site.gateway, app.journal.epoch)
    loop = asyncio.get_running_loop()
    app.desk = Desk(
        app.site, app.times.door, app.clock, next_id, soon=partial(loop.call_later, _GATHER_S), later=loop.call_later,
        changed=app.board.changed.set,
    )  # fmt: skip
    app.board.shown = app.desk.status
    pipelines = app.pipelines
    pipelines |= {name: _pipeline(app, meter, next_id) for name, meter in app.site.meters.items()}
    incidents = app.journal.open_incidents()
    _say_again(app.journal)
    over = await _events_of(app.journal, incidents)
    kept, cases = app.journal.kept(KEPT), app.journal.kept(CASES)
    left_open = app.desk.resume(app.journal.open_events(), incidents, kept, over, cases=cases)
    youngest = await app.journal.readings(None, _READINGS_A_METER * len(pipelines))
    last_said = {reading.meter: (reading,) for reading in reversed(youngest)}
    for name, pipeline in pipelines.items():
        app.desk.add(name, pipeline.facts)
        concerned = any(event.meter == name for event in left_open)
        traces = [part for event in left_open if event.meter == name for part in await app.journal.traces(event)]
        before = await app.journal.readings(name, _READINGS_BACK) if concerned else last_said.get(name, ())
        last = app.journal.kept(name)
        recent = await app.journal.events(limit=_EVENTS_BACK, meter=name) if concerned or last else ()
        pipeline.resume(left_open, before, traces, kept=app.journal.kept(book_name(name)), recent=recent)
        if last:
            pipeline.resume_log(last, recent)
    for event in orphans(left_open, pipelines):
        app.journal.add_event(abandoned(event, app.clock.wall_us()))


def _say_again(journal: Journal) -> None:
    """What was open when the run before was cut off."""
    if journal.left_clean:
        return
    for event in journal.open_events():
        log.info("event.again id=%s kind=%s revision=%d", event.id, event.kind, event.revision)
        journal.add_event(event)
    for incident in journal.open_incidents():
        journal.add_incident(incident)


async def _events_of(journal: Journal, incidents: Sequence[Incident]) -> list[Event]:
    """Those that are over."""
    if not incidents:
        return []
    ids = {id_ for incident in incidents for id_ in incident.events}
    since_us = min(incident.start_earliest_us for incident in incidents)
    known = await journal.events(limit=_INCIDENTS_BACK, since_us=since_us)
    return [event for event in known if event.id in ids and event.state != "open"]


def _pipeline(app: App, meter: Meter, next_id: Callable[[], str]) -> MeterPipeline:
    rules = rules_of(meter, app.site.profile)
    channels = channels_of(meter.basis, meter.wiring, meter.installation)
    log_ = log_of(meter, rules)
    facts = MeterFacts(
        meter=meter.name,
        rules=rules,
        config=app.site.config_hash,
        line=meter.line,
        feeder=meter.feeder,
        path=meter.path,
        customers=meter.customers,
        accuracy_pct=meter.model.accuracy_pct,
        vt_error_pct=meter.vt_error_pct,
        watch_s=None if meter.watch_us is None else meter.watch_us / 1e6,
        frequency_hz=app.site.frequency_hz,
        latches=bool(log_),
    )
    book = Book(facts, app.clock, next_id)
    kept = app.journal.kept(plate_name(meter.name))
    app.plates[meter.name] = MeterPlate(
        meter, book, log_, app.clock, app.desk, kept,
        again=lambda at_us: app.pollers[meter.line].hasten(meter.name, at_us, "plate"),
    )  # fmt: skip
    averaged = frozenset(watch_decoder(meter).quantities)
    no_rest = not polled(meter.model, meter.basis, meter.wiring)
    window = Window(
        meter.name, meter.nominal_v, channels.keys, averaged, meter.publish_every_us, no_rest, app.journal.hurry
    )
    currents = tuple(sorted(averaged.difference(channels.keys)))
    return MeterPipeline(
        meter.name, rules, channels.keys, book, window, app.clock, app.desk, app.board, currents,
        floor_a=NOISE_A * meter.installation.ct, meter_log=log_,
        hasten=lambda at_us: app.pollers[meter.line].hasten(meter.name, at_us),
        bus_vt=meter.node != meter.voltage_node,
    )  # fmt: skip


async def _tick(app: App, notify: Notify) -> None:
    """Once a second: the wall clock's offset anew, and a pat for the watchdog while every line goes round."""
    while True:
        app.clock.tick()
        app.times.tick()
        await app.times.tell_again()
        app.gateway.tick()
        app.alarm.look({name: blocked() for name, blocked in app.blocked.items()})
        app.desk.tick()
        for poller in app.pollers.values():
            poller.tick()
        now_us = app.clock.boot_us()
        if all(now_us - poller.last_round_us < _STUCK_US for poller in app.pollers.values()):
            notify.alive()
        await asyncio.sleep(1.0)


async def _drained(app: App) -> None:
    """Wait a moment until the sinks that work have what the lines said last."""
    deadline_s = asyncio.get_running_loop().time() + _DRAIN_S
    while asyncio.get_running_loop().time() < deadline_s:
        behind = [name for name, sink in app.sinks.items() if not sink.error and app.journal.behind(name)]
        if not behind:
            return
        await asyncio.sleep(0.02)
