"""The MQTT sink against a real mosquitto."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import certs
import pytest
import servers
from observer import observe, retained
from samples import MIDNIGHT_US, entries, event, incident, reading, status
from sink_task import running

from agent.errors import SinkError
from agent.publish.forwarder import Verdict
from agent.publish.mqtt import MqttSink, StatusFeed
from agent.publish.mqtt_rules import Timing
from agent.publish.topics import Session
from agent.records import MeterStatus
from agent.secret import Secret
from agent.site import MqttSite

pytestmark = pytest.mark.e2e

PREFIX = "lamplighter/dashi/gw-01"
QUICK = Timing(open_s=1.0, puback_s=0.5, alive_s=1, refresh_s=60, refused_s=0.5, stable_s=0.2, goodbye_s=1.0)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[servers.Server]:
    with servers.mosquitto(tmp_path) as server:
        yield server


@dataclass
class Meters:
    """What the agent would know of its meters."""

    now: list[MeterStatus] = field(default_factory=lambda: [status("tx1"), status("tx2")])
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def feed(self) -> StatusFeed:
        return StatusFeed(lambda: self.now, self.changed)

    def change(self, *now: MeterStatus) -> None:
        self.now = list(now)
        self.changed.set()


def site_of(port: int, **changes: Any) -> MqttSite:
    plain = MqttSite("127.0.0.1", port, False, None, None, None, None, None, PREFIX, "gw-01")
    return replace(plain, **changes)


def make(site: MqttSite, meters: Meters | None = None, session: str = "s-1", **changes: Any) -> MqttSink:
    feed = (meters or Meters()).feed()
    options: dict[str, Any] = {"timing": QUICK, "share": lambda: 0.1} | changes
    return MqttSink(site, Session(session, MIDNIGHT_US, "0.1.0"), feed, **options)


async def until(true: Callable[[], bool], timeout_s: float = 5.0) -> None:
    async with asyncio.timeout(timeout_s):
        while not true():  # noqa: ASYNC110 (what is waited for is a plain attribute)
            await asyncio.sleep(0.005)


def actions(verdicts: Sequence[Verdict]) -> list[str]:
    return [verdict.action for verdict in verdicts]


async def test_says_online_first_then_every_status_then_what_it_is_given(broker: servers.Server) -> None:
    async with observe(broker.port) as observer, running(make(site_of(broker.port))) as sink:
        await until(lambda: sink.connected)
        verdicts = await sink.send(entries(reading(), event()))
        await observer.until(lambda seen: len(seen.seen) == 5)
    assert actions(verdicts) == ["accept", "accept"]
    assert [one.topic.removeprefix(PREFIX) for one in observer.seen[:5]] == [
        "/state", "/tx1/status", "/tx2/status", "/tx1/reading", "/tx1/event",
    ]  # fmt: skip
    assert {one.qos for one in observer.seen} == {1}
    assert observer.bodies("/state")[0]["state"] == "online"
    assert observer.bodies("/state")[0]["session"] == "s-1"


async def test_state_and_statuses_are_there_for_who_comes_late_and_readings_are_not(broker: servers.Server) -> None:
    async with running(make(site_of(broker.port))) as sink:
        await until(lambda: sink.connected)
        await sink.send(entries(reading(), event()))
        async with observe(broker.port) as late:
            await late.until(lambda seen: len(seen.seen) == 3)
            await asyncio.sleep(0.05)
    assert sorted(one.topic.removeprefix(PREFIX) for one in late.seen) == ["/state", "/tx1/status", "/tx2/status"]
    assert all(one.retained for one in late.seen)


async def test_a_stop_says_offline_itself_and_hangs_up_properly(broker: servers.Server) -> None:
    async with observe(broker.port) as observer:
        async with running(make(site_of(broker.port))) as sink:
            await until(lambda: sink.connected)
            began = time.monotonic()
        assert time.monotonic() - began < 2
        await observer.until(lambda seen: len(seen.bodies("/state")) == 2)
    assert [body["state"] for body in observer.bodies("/state")] == ["online", "offline"]
    assert (await retained(broker.port, "/state"))["state"] == "offline"
    assert "Client gw-01 disconnected." in broker.log_text()


async def test_a_gateway_that_is_lost_leaves_offline_behind_by_its_will(broker: servers.Server) -> None:
    async with (
        observe(broker.port) as observer,
        relay(broker.port) as wire,
        running(make(site_of(wire.port))) as sink,
    ):
        await until(lambda: sink.connected)
        wire.cut(for_good=True)
        await observer.until(lambda seen: len(seen.bodies("/state")) == 2)
    state = await retained(broker.port, "/state")
    assert (state["state"], state["session"]) == ("offline", "s-1")


async def test_a_broken_connection_is_offline_until_it_is_back(broker: servers.Server) -> None:
    async with (
        observe(broker.port) as observer,
        relay(broker.port) as wire,
        running(make(site_of(wire.port), share=lambda: 0.3)) as sink,
    ):
        await until(lambda: sink.connected)
        wire.cut()
        await observer.until(lambda seen: len(seen.bodies("/state")) == 3)
    states = observer.bodies("/state")
    assert [body["state"] for body in states[:3]] == ["online", "offline", "online"]
    assert states[1]["session"] == "s-1"


async def test_entries_survive_a_broker_that_is_killed_and_comes_back(broker: servers.Server) -> None:
    batch = entries(*(reading(number) for number in range(40)))
    async with running(make(site_of(broker.port))) as sink:
        await until(lambda: sink.connected)
        assert set(actions(await sink.send(batch[:20]))) == {"accept"}
        broker.kill()
        assert await _send_once(sink, batch[20:]) == []
        broker.restart()
        async with observe(broker.port) as observer:
            await sink.rest(5)
            assert set(actions(await sink.send(batch[20:]))) == {"accept"}
            await observer.until(lambda seen: len(seen.bodies("/reading")) == 20)
    assert [body["values"]["voltage_l1"] for body in observer.bodies("/reading")] == [250.0 + n for n in range(20)]


async def _send_once(sink: MqttSink, batch: Sequence[Any]) -> list[str]:
    """What was accepted by a sink whose broker is gone: nothing, told by verdict or by error."""
    try:
        return [verdict.action for verdict in await sink.send(batch) if verdict.action != "keep"]
    except SinkError:
        return []


async def test_an_absent_broker_is_told_once_and_found_when_it_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with servers.mosquitto(tmp_path) as server:
        server.stop()
        async with running(make(site_of(server.port))) as sink:
            await until(lambda: "nothing listens" in sink.trouble)
            with pytest.raises(SinkError, match="nothing listens"):
                await sink.send(entries(reading()))
            await asyncio.sleep(0.5)
            server.start()
            await sink.rest(60)
            assert sink.connected
    assert len([line for line in caplog.messages if line.startswith("mqtt.lost")]) == 1


async def test_a_frozen_broker_keeps_entries_and_is_left(broker: servers.Server) -> None:
    async with running(make(site_of(broker.port), timing=replace(QUICK, alive_s=60))) as sink:
        await until(lambda: sink.connected)
        broker.freeze()
        began = time.monotonic()
        verdicts = await sink.send(entries(reading(), reading(1)))
        assert time.monotonic() - began < 1.0
        assert actions(verdicts) == ["keep", "keep"]
        await until(lambda: not sink.connected)
        broker.thaw()
        await sink.rest(5)
        assert actions(await sink.send(entries(reading(), reading(1)))) == ["accept", "accept"]


async def test_a_frozen_broker_is_noticed_without_anything_to_send(broker: servers.Server) -> None:
    async with running(make(site_of(broker.port))) as sink:
        await until(lambda: sink.connected)
        broker.freeze()
        await until(lambda: not sink.connected, timeout_s=5)
        broker.thaw()


async def test_a_broker_that_never_answers_is_given_up_and_its_connection_closed() -> None:
    closed = asyncio.Event()

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            pass
        closed.set()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    timing = replace(QUICK, open_s=0.2, alive_s=60)
    async with server, running(make(site_of(server.sockets[0].getsockname()[1]), timing=timing)) as sink:
        async with asyncio.timeout(3):
            await closed.wait()
        assert not sink.connected


async def test_a_stop_does_not_wait_for_a_frozen_broker(broker: servers.Server) -> None:
    async with running(make(site_of(broker.port), timing=Timing())) as sink:
        await until(lambda: sink.connected)
        broker.freeze()
        began = time.monotonic()
    assert time.monotonic() - began < 4.5
    broker.thaw()


async def test_only_the_status_that_changed_is_published_again(broker: servers.Server) -> None:
    meters = Meters()
    async with observe(broker.port) as observer, running(make(site_of(broker.port), meters)):
        await observer.until(lambda seen: len(seen.bodies("/status")) == 2)
        meters.change(status("tx1", last_good_us=MIDNIGHT_US + 5), status("tx2", supply="dead"))
        await observer.until(lambda seen: len(seen.bodies("/status")) == 3)
        meters.change(status("tx1"), status("tx2"))
        await observer.until(lambda seen: len(seen.bodies("/status")) == 4)
    assert [body["supply"] for body in observer.bodies("/tx2/status")] == ["live", "dead", "live"]


async def test_a_status_that_changed_follows_the_event_that_changed_it(broker: servers.Server) -> None:
    """Of a hundred meters in one tick the statuses would stand before and between the events."""
    meters = Meters()
    async with observe(broker.port) as observer, running(make(site_of(broker.port), meters)) as sink:
        await observer.until(lambda seen: len(seen.bodies("/status")) == 2)
        meters.change(status("tx1", supply="dead"), status("tx2"))
        for _ in range(10):  # as long as other things of the same moment take
            await asyncio.sleep(0)
        await sink.send(entries(event()))
        await observer.until(lambda seen: len(seen.seen) == 5)
    assert [one.topic.removeprefix(PREFIX) for one in observer.seen[3:5]] == ["/tx1/event", "/tx1/status"]


async def test_all_that_is_retained_is_said_again_from_time_to_time(broker: servers.Server) -> None:
    often = replace(QUICK, refresh_s=0.2)
    async with observe(broker.port) as observer, running(make(site_of(broker.port), timing=often)):
        await observer.until(lambda seen: len(seen.bodies("/state")) >= 2 and len(seen.bodies("/status")) >= 4)
    assert {body["state"] for body in observer.bodies("/state")[:2]} == {"online"}


async def test_a_wrong_password_is_told_once_and_tried_slowly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with servers.mosquitto(tmp_path, password=("gw-01", "right")) as server:
        wrong = site_of(server.port, username="gw-01", password=Secret("canary-7391"))
        async with running(make(wrong)) as sink:
            await until(lambda: "password_file" in sink.trouble)
            await asyncio.sleep(1.2)
        attempts = server.log_text().count("sending CONNACK to gw-01") or server.log_text().count("not authorised")
        right = site_of(server.port, username="gw-01", password=Secret("right"))
        async with running(make(right)) as sink:
            await until(lambda: sink.connected)
    assert 2 <= attempts <= 4
    assert len([line for line in caplog.messages if line.startswith("mqtt.refused")]) == 1
    assert "canary-7391" not in caplog.text


async def test_with_mqtt_5_a_message_the_broker_forbids_is_kept(tmp_path: Path) -> None:
    rights = tmp_path / "acl"
    rights.write_text(f"topic write {PREFIX}/state\ntopic write {PREFIX}/+/status\ntopic read #\n")
    with servers.mosquitto(tmp_path, extra=[f"acl_file {rights}"]) as server:
        sink = make(site_of(server.port, protocol="5"))
        async with running(sink):
            await until(lambda: sink.connected)
            (verdict,) = await sink.send(entries(reading()))
    assert verdict.action == "keep"
    assert f"{PREFIX}/tx1/reading" in verdict.reason


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
async def test_more_than_may_be_on_their_way_at_once_arrive_once_and_in_order(
    broker: servers.Server, protocol: str
) -> None:
    async with observe(broker.port) as observer, running(make(site_of(broker.port, protocol=protocol))) as sink:
        await until(lambda: sink.connected)
        verdicts = await sink.send(entries(*(reading(number) for number in range(230))))
        await observer.until(lambda seen: len(seen.bodies("/tx1/reading")) == 230)
    assert actions(verdicts) == ["accept"] * 230
    voltages = [body["values"]["voltage_l1"] for body in observer.bodies("/tx1/reading")]
    assert voltages == [230.0 + number for number in range(230)]


async def test_a_right_that_is_missing_blocks_and_is_said(tmp_path: Path) -> None:
    rights = tmp_path / "acl"
    rights.write_text(f"topic write {PREFIX}/state\ntopic write {PREFIX}/+/status\ntopic read #\n")
    with servers.mosquitto(tmp_path, extra=[f"acl_file {rights}"]) as server:
        async with running(make(site_of(server.port, protocol="5"))) as sink:
            assert sink.blocked is None
            await until(lambda: sink.connected)
            assert sink.blocked == ""
            await sink.send(entries(reading()))
            assert "access list" in (sink.blocked or "")
            began = time.monotonic()
            await sink.rest(0)
            assert time.monotonic() - began >= QUICK.refused_s


@pytest.mark.parametrize("listening", [True, False])
async def test_a_right_that_is_given_ends_the_block_whether_anybody_listens_or_not(
    tmp_path: Path, *, listening: bool
) -> None:
    """Where nobody does the broker acknowledges with 0x10."""
    rights = tmp_path / "acl"
    rights.write_text(f"topic write {PREFIX}/state\ntopic write {PREFIX}/+/status\ntopic read #\n")
    async with AsyncExitStack() as stack:
        server = stack.enter_context(servers.mosquitto(tmp_path, extra=[f"acl_file {rights}"]))
        if listening:
            await stack.enter_async_context(observe(server.port))
        sink = await stack.enter_async_context(running(make(site_of(server.port, protocol="5"))))
        await until(lambda: sink.connected)
        await sink.send(entries(reading()))
        assert sink.blocked
        rights.write_text(f"topic write {PREFIX}/#\ntopic read #\n")
        server.reload()
        async with asyncio.timeout(5):
            while actions(await sink.send(entries(reading()))) != ["accept"]:
                await sink.rest(0)
        assert sink.blocked == ""


async def test_one_topic_that_is_forbidden_blocks_though_others_are_taken_and_those_do_not_come_with_each_attempt(
    tmp_path: Path,
) -> None:
    rights = tmp_path / "acl"
    some = [f"topic write {PREFIX}/{one}" for one in ("state", "+/status", "+/reading")]
    rights.write_text("\n".join([*some, "topic read #", ""]))
    with servers.mosquitto(tmp_path, extra=[f"acl_file {rights}"]) as server:
        sink = make(site_of(server.port, protocol="5"))
        async with observe(server.port) as observer, running(sink):
            await until(lambda: sink.connected)
            batch = entries(reading(), event(), reading(1), reading(2))
            assert actions(await sink.send(batch)) == ["accept", "keep", "accept", "accept"]
            assert f"{PREFIX}/tx1/event" in (sink.blocked or "")
            began = time.monotonic()
            await sink.rest(0)
            assert time.monotonic() - began >= QUICK.refused_s
            for _ in range(3):
                assert actions(await sink.send(batch[1:])) == ["keep"]
            assert sink.blocked
            rights.write_text(f"topic write {PREFIX}/#\ntopic read #\n")
            server.reload()
            async with asyncio.timeout(5):
                while actions(await sink.send(batch[1:])) != ["accept"] * 3:
                    await sink.rest(0)
            assert sink.blocked == ""
            await observer.until(lambda seen: len(seen.bodies("/event")) == 1 and len(seen.bodies("/reading")) == 5)


async def test_a_status_that_is_forbidden_is_said(tmp_path: Path) -> None:
    rights = tmp_path / "acl"
    rights.write_text(f"topic write {PREFIX}/state\ntopic write {PREFIX}/+/reading\ntopic read #\n")
    with servers.mosquitto(tmp_path, extra=[f"acl_file {rights}"]) as server:
        async with running(make(site_of(server.port, protocol="5"))) as sink:
            await until(lambda: sink.connected)
            assert actions(await sink.send(entries(reading()))) == ["accept"]
            assert f"{PREFIX}/tx1/status" in (sink.blocked or "")


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
async def test_what_is_larger_than_a_broker_takes_is_refused_in_words_and_the_others_go(
    tmp_path: Path, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    """With 5 it says how much it takes; with 3.1.1 it hangs up as often as it comes."""
    quick = replace(QUICK, refused_s=60.0, stable_s=5.0)
    big = incident(unknown=tuple(f"house-{number:04d}" for number in range(400)))
    left, said = entries(reading(), big, reading(1)), list[Verdict]()
    with servers.mosquitto(tmp_path, extra=["max_packet_size 3000"]) as server:
        async with running(make(site_of(server.port, protocol=protocol), timing=quick, share=lambda: 0.01)) as sink:
            async with asyncio.timeout(20):
                while len(said) < len(left):
                    with suppress(SinkError):
                        for one in await sink.send(left[len(said) :]):
                            if one.action == "keep":
                                break
                            said.append(one)
                    if len(said) < len(left):
                        await sink.rest(0.1)
            assert sink.blocked == ""
    assert actions(said) == ["accept", "reject", "accept"]
    assert "limit for packets" in said[1].reason
    assert not [line for line in caplog.messages if line.startswith("mqtt.contested")]
    assert server.log_text().count("oversize") == (0 if protocol == "5" else 6)


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
async def test_a_broker_that_takes_nothing_retained_is_told_in_words(tmp_path: Path, protocol: str) -> None:
    with servers.mosquitto(tmp_path, extra=["retain_available false"]) as server:
        quick = replace(QUICK, open_s=0.2)
        async with running(make(site_of(server.port, protocol=protocol), timing=quick, share=lambda: 0.0)) as sink:
            await until(lambda: "retain_available" in (sink.blocked or ""), timeout_s=30)
            assert "retained messages" in sink.trouble


async def test_no_more_is_on_its_way_than_a_broker_wants_to_receive(tmp_path: Path) -> None:
    with servers.mosquitto(tmp_path, extra=["max_inflight_messages 1"]) as server:
        meters = Meters()
        async with running(make(site_of(server.port, protocol="5"), meters)) as sink:
            await until(lambda: sink.connected)
            for number in range(5):
                meters.change(status("tx1", supply="dead" if number % 2 else "live"))
                assert actions(await sink.send(entries(*(reading(n) for n in range(20))))) == ["accept"] * 20
        assert "exceeded" not in server.log_text().lower()


async def test_a_renewed_password_lets_in_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("wrong")
    file.chmod(0o600)
    with servers.mosquitto(tmp_path, password=("gw-01", "right")) as server:
        site = site_of(server.port, username="gw-01", password=Secret("wrong"), password_file=file)
        async with running(make(site, timing=replace(QUICK, refused_s=60.0))) as sink:
            await until(lambda: bool(sink.blocked))
            file.write_text("right")
            await until(lambda: sink.connected)
            assert sink.blocked == ""


async def test_nothing_is_ever_subscribed_to(broker: servers.Server) -> None:
    async with running(make(site_of(broker.port))) as sink:
        await until(lambda: sink.connected)
        await sink.send(entries(reading(), event()))
    assert "Received PUBLISH from gw-01" in broker.log_text()
    assert "SUBSCRIBE" not in broker.log_text()


async def test_two_clients_with_one_id_are_noticed(broker: servers.Server, caplog: pytest.LogCaptureFixture) -> None:
    patient = replace(QUICK, stable_s=60.0)
    first = make(site_of(broker.port), timing=patient)
    second = make(site_of(broker.port), timing=patient, session="s-2", share=lambda: 0.02)
    async with running(first), running(second):
        await until(lambda: any(line.startswith("mqtt.contested") for line in caplog.messages), timeout_s=10)


async def test_a_client_certificate_and_a_ca_open_a_tls_broker(tmp_path: Path) -> None:
    ca = certs.authority(tmp_path / "pki")
    ours = ca.issue("gw-01")
    with servers.mosquitto(tmp_path, tls=ca.issue("server"), ca=ca.cert) as server:
        site = site_of(server.port, tls=True, ca_file=ca.cert, cert_file=ours.cert, key_file=ours.key)
        async with running(make(site)) as sink:
            await until(lambda: sink.connected)
            assert actions(await sink.send(entries(reading()))) == ["accept"]


@pytest.mark.parametrize("version", [None, "tlsv1.2"])
async def test_a_missing_client_certificate_is_explained(tmp_path: Path, version: str | None) -> None:
    ca = certs.authority(tmp_path / "pki")
    with servers.mosquitto(tmp_path, tls=ca.issue("server"), ca=ca.cert, tls_version=version) as server:
        async with running(make(site_of(server.port, tls=True, ca_file=ca.cert))) as sink:
            await until(lambda: "client certificate" in sink.trouble)


@pytest.mark.parametrize(
    ("fault", "words"),
    [("expired", "has expired"), ("other host", "another name"), ("other ca", "name your CA")],
)
async def test_a_server_certificate_that_does_not_fit_is_explained(tmp_path: Path, fault: str, words: str) -> None:
    ca = certs.authority(tmp_path / "pki")
    other = certs.authority(tmp_path / "pki", "other-ca")
    san = "DNS:elsewhere" if fault == "other host" else "DNS:localhost"
    pair = (other if fault == "other ca" else ca).issue("server", san=san, days=-1 if fault == "expired" else 2)
    with servers.mosquitto(tmp_path, tls=pair) as server:
        site = site_of(server.port, host="localhost", tls=True, ca_file=ca.cert)
        async with running(make(site)) as sink:
            await until(lambda: sink.trouble != "not connected yet")
    assert words in sink.trouble


async def test_tls_spoken_to_a_plain_port_is_explained(broker: servers.Server) -> None:
    async with running(make(site_of(broker.port, tls=True))) as sink:
        await until(lambda: sink.trouble != "not connected yet")
    assert "check the url's scheme and port" in sink.trouble


@dataclass
class Relay:
    """A wire between sink and broker that can be cut."""

    port: int
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    server: asyncio.Server | None = None

    def cut(self, *, for_good: bool = False) -> None:
        if for_good and self.server is not None:
            self.server.close()
        for writer in self.writers:
            writer.transport.abort()
        self.writers.clear()


@asynccontextmanager
async def relay(target: int) -> AsyncIterator[Relay]:
    wire = Relay(0)

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", target)
        wire.writers += [writer, far_writer]
        await asyncio.gather(pump(reader, far_writer), pump(far_reader, writer))

    wire.server = await asyncio.start_server(accept, "127.0.0.1", 0)
    wire.port = wire.server.sockets[0].getsockname()[1]
    try:
        yield wire
    finally:
        wire.cut(for_good=True)
