"""The sinks that a site names, put together: journal, gate, forwarder and what knows the wire."""

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING

from agent import VERSION
from agent.clock import ClockHold
from agent.journal.lives import ended
from agent.known_meters import retired_meters
from agent.meter_plates import infos
from agent.publish.forwarder import Progress, Send, forward
from agent.publish.gate import Gate
from agent.records import Event, Incident
from agent.site import InfluxSite, MqttSite, Site
from agent.status.certificates import Certificates, Files

if TYPE_CHECKING:
    from agent.app import App

Child = Callable[[], Awaitable[None]]

# The broker's kernel may delay an acknowledgement by 40 ms: 100 messages a window are 2000 a second and more.
_MQTT_WINDOW = 100
# Of so many events the latest revision is known at a start, so that an older one from the backlog never covers it.
_EVENTS_REMEMBERED = 4096
# Lines a post: some 300 kB before compression, well under every server's limit.
_INFLUX_WINDOW = 1000


async def start_sinks(app: "App", stack: AsyncExitStack) -> dict[str, Child]:
    """Imports only what the site uses: a gateway without InfluxDB does not pay for its client's memory."""
    app.certificates = Certificates(_files(app.site))
    children: dict[str, Child] = {}
    if app.site.mqtt is not None:
        children |= await _mqtt(app, app.site.mqtt)
    if app.site.influxdb is not None:
        children |= await _influxdb(app, app.site.influxdb, stack)
    return children


def _files(site: Site) -> dict[str, Files]:
    """Of the sinks that use TLS."""
    found: dict[str, Files] = {}
    if site.mqtt is not None and site.mqtt.tls:
        found["mqtt"] = Files(site.mqtt.ca_file, site.mqtt.cert_file)
    if site.influxdb is not None and site.influxdb.url.startswith("https:"):
        found["influxdb"] = Files(site.influxdb.ca_file, site.influxdb.cert_file)
    return found


async def _mqtt(app: "App", table: MqttSite) -> dict[str, Child]:
    from agent.publish.mqtt import MqttSink, StatusFeed
    from agent.publish.mqtt_connection import connected
    from agent.publish.resolver import Resolver
    from agent.publish.topics import Session, Void

    lives = await app.journal.look(lambda reader: ended(reader, app.site.gateway, app.journal.epoch))
    void = tuple(Void(life.epoch, life.events, life.own) for life in lives)
    session = Session(app.journal.epoch, app.clock.wall_us(), VERSION, void)
    retired = retired_meters(app.site.state_dir, app.site.meters)
    feed = StatusFeed(app.board.statuses, app.board.changed, retired)
    connect = partial(connected, resolver=Resolver(), seen=app.certificates.seen("mqtt"))
    sink = MqttSink(table, session, feed, connect=connect)
    app.renewals.append(sink.renew)
    progress = app.sinks["mqtt"] = Progress()
    app.blocked["mqtt"] = lambda: sink.blocked
    gate = Gate(app.journal, early=True)
    sending = partial(
        forward, gate, "mqtt", sink.send, window=_MQTT_WINDOW, replay_per_s=table.replay_limit, progress=progress,
        sleep=sink.rest,
    )  # fmt: skip
    return {"mqtt": sink.run, "mqtt:forward": sending}


async def _influxdb(app: "App", table: InfluxSite, stack: AsyncExitStack) -> dict[str, Child]:
    from agent.publish.influx_post import Poster
    from agent.publish.influxdb import InfluxSink
    from agent.publish.left_open import LeftOpen
    from agent.publish.line_protocol import LineEncoder
    from agent.publish.read_back import ReadBack
    from agent.publish.resolver import Resolver

    feeders = {name: meter.feeder for name, meter in app.site.meters.items()}
    encoder = LineEncoder(app.site.name, app.site.gateway, feeders)
    newest: list[Event | Incident] = [*await app.journal.events(limit=_EVENTS_REMEMBERED)]
    newest += await app.journal.incidents(limit=_EVENTS_REMEMBERED)
    hold = ClockHold(app.site.clock, app.clock, app.journal.last_us or 0, app.times.waits)
    seen = app.certificates.seen("influxdb")
    sink = InfluxSink(table, encoder, hold=hold.reason, newest=newest, infos=infos(app.plates), seen=seen)
    app.renewals.append(sink.renew)
    await stack.enter_async_context(sink)
    children: dict[str, Child] = {}
    send: Send = sink.send
    if table.read_back:
        asking = Poster(table, Resolver())
        stack.callback(asking.close)
        back = ReadBack(sink.send, asking.ask, app.site.name, app.site.gateway, app.clock.wall_us)
        send, children["influxdb:read_back"] = back.send, back.run
        if not app.journal.why_nowhere:
            left = LeftOpen(app.journal, asking.ask, app.site.name, app.site.gateway, app.clock.wall_us)
            children["influxdb:left_open"] = left.run
        app.missing["influxdb"] = lambda: back.missing
    gate, progress = Gate(app.journal, early=False), Progress()
    app.sinks["influxdb"] = progress
    app.blocked["influxdb"] = lambda: sink.blocked
    sending = partial(
        forward, gate, "influxdb", send, window=_INFLUX_WINDOW, linger_s=1.0, replay_per_s=table.replay_limit,
        progress=progress, sleep=sink.rest,
    )  # fmt: skip
    return {"influxdb:forward": sending, **children}
