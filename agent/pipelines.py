"""One pipeline per meter, put together: each inside what the run before left open."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from agent.desk.desk import CASES, KEPT, Desk
from agent.detect.book import Book, MeterFacts, id_maker, orphans
from agent.detect.ending import abandoned
from agent.journal.journal import Journal
from agent.keeps import book_name, plate_name
from agent.meter_plates import MeterPlate
from agent.pipeline import MeterPipeline
from agent.poll.window import Window
from agent.records import Event, Incident
from agent.report.record.interval_maker import IntervalMaker
from agent.site import Meter
from agent.units import watch_decoder
from agent.wiring import NOISE_A, channels_of, log_of, polled, rules_of

if TYPE_CHECKING:
    from agent.app import App

log = logging.getLogger("lamplighter.agent")

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
# One fault is seen at many meters within a tick: their events leave first, then the desk looks at all of it once.
_GATHER_S = 0.05


async def start_pipelines(app: "App") -> None:
    """One per meter, each inside the events that the last run left open; what has no meter any more is closed."""
    next_id = id_maker(app.site.gateway, app.journal.epoch)
    loop = asyncio.get_running_loop()
    judged = {name: channels_of(one.basis, one.wiring, one.installation).keys for name, one in app.site.meters.items()}
    app.intervals = IntervalMaker(
        app.times.door, judged, (app.journal.add_reading, app.history.add), app.times.door.is_sure
    )
    app.desk = Desk(
        app.site, app.intervals, app.clock, next_id, soon=partial(loop.call_later, _GATHER_S), later=loop.call_later,
        changed=app.board.change,
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


def _pipeline(app: "App", meter: Meter, next_id: Callable[[], str]) -> MeterPipeline:
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
