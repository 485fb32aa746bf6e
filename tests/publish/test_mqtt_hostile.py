"""The MQTT sink against what is no broker, or none that behaves; and a network that goes dark."""

import asyncio
import gc
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import certs
import mqtt_wire
import pytest
import servers
from half_open import Cable, cable, why_no_cable
from hostile_sinks import lies
from mqtt_wire import CONNACK_V5, Fault
from samples import MIDNIGHT_US, entries, event, reading, status
from sink_task import running

from agent.publish.mqtt import MqttSink, StatusFeed
from agent.publish.mqtt_rules import UNCLEAR_TRIES, Timing
from agent.publish.topics import Session
from agent.site import MqttSite

pytestmark = pytest.mark.e2e

QUICK = Timing(open_s=0.4, puback_s=0.5, alive_s=2, refresh_s=60, refused_s=0.05, stable_s=0.0, goodbye_s=1.0)
PATIENT = Timing(stable_s=0.0)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[servers.Server]:
    with servers.mosquitto(tmp_path) as server:
        yield server


def make(port: int, timing: Timing = QUICK, host: str = "127.0.0.1", **changes: Any) -> MqttSink:
    plain = MqttSite(host, port, False, None, None, None, None, None, "p", "gw-01", protocol="5")
    feed = StatusFeed(lambda: [status("tx1")], asyncio.Event())
    return MqttSink(replace(plain, **changes), Session("s-1", MIDNIGHT_US, "0"), feed, timing, share=lambda: 0.005)


async def up(sink: MqttSink, *, wanted: bool = True, within_s: float = 8.0) -> float:
    """Seconds until it is connected, or is not."""
    began_s = time.monotonic()
    async with asyncio.timeout(within_s):
        while sink.connected != wanted:  # noqa: ASYNC110 (a plain attribute)
            await asyncio.sleep(0.005)
    return time.monotonic() - began_s


def carrier(sink: MqttSink) -> socket.socket:
    connection = sink._connection
    assert connection is not None
    kept: socket.socket = connection._client._client._sock._carrier  # type: ignore[union-attr, assignment]
    return kept


@pytest.mark.parametrize("lie", lies(), ids=lambda fault: fault.name)
async def test_whatever_is_said_instead_of_a_welcome_the_next_connection_is_a_good_one(
    broker: servers.Server, lie: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    unheard: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, told: unheard.append(str(told)))
    async with mqtt_wire.wire(broker.port) as wire:
        wire.plan = [lie]
        async with running(make(wire.port)) as sink:
            await mqtt_wire.ended(wire)
            await up(sink)
            (verdict,) = await sink.send(entries(reading()))
    gc.collect()
    assert verdict.action == "accept"
    assert wire.connections == 2
    assert unheard == []
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("welcome", [b"", CONNACK_V5])
async def test_a_huge_packet_ends_the_connection_before_it_has_come(broker: servers.Server, welcome: bytes) -> None:
    endless = welcome + b"\x30\xff\xff\xff\x7f" + b"x" * 2_000_000
    async with mqtt_wire.wire(broker.port) as wire:
        wire.plan = [Fault(instead=endless)] * 100
        async with running(make(wire.port)) as sink:
            async with asyncio.timeout(8):
                while "268435460 bytes" not in sink.trouble:  # noqa: ASYNC110 (a plain attribute)
                    await asyncio.sleep(0.005)
    assert "is it a broker?" in sink.trouble


async def test_an_end_that_comes_with_the_welcome_is_noticed_at_once(broker: servers.Server) -> None:
    async with mqtt_wire.wire(broker.port) as wire:
        wire.plan = [Fault(instead=CONNACK_V5 + bytes(range(255, 100, -1)), hang_up=True)]
        async with running(make(wire.port, replace(QUICK, puback_s=30.0, open_s=3.0))) as sink:
            assert await up(sink) < 3


async def test_a_packet_identifier_that_is_called_used_means_another_connection(broker: servers.Server) -> None:
    async with mqtt_wire.wire(broker.port) as wire, running(make(wire.port)) as sink:
        await up(sink)
        wire.plan = [Fault(refuse=(0x91,), share=1.0)]
        wire.cut()
        await mqtt_wire.ended(wire)
        await up(sink, wanted=True)
        before = wire.connections
        (verdict,) = await sink.send(entries(reading()))
        assert verdict.action == "keep"
        await up(sink, wanted=False)
        await up(sink)
        (verdict,) = await sink.send(entries(reading()))
    assert (verdict.action, wire.connections) == ("accept", before + 1)


async def test_what_is_refused_five_times_while_others_are_taken_is_given_up(
    broker: servers.Server,
) -> None:
    async with mqtt_wire.wire(broker.port) as wire:
        wire.plan = [Fault(refuse=(0x80, 0x83), only=b"/event")]
        async with running(make(wire.port)) as sink:
            await up(sink)
            said = [[one.action for one in await sink.send(entries(event(), reading()))] for _ in range(UNCLEAR_TRIES)]
    assert said == [["keep", "accept"]] * (UNCLEAR_TRIES - 1) + [["reject", "accept"]]


async def test_a_broker_that_takes_nothing_for_no_clear_reason_costs_nothing(broker: servers.Server) -> None:
    async with mqtt_wire.wire(broker.port) as wire:
        wire.plan = [Fault(refuse=(0x80, 0x83))]
        async with running(make(wire.port)) as sink:
            await up(sink)
            both = entries(event(), reading())
            said = [[one.action for one in await sink.send(both)] for _ in range(4 * UNCLEAR_TRIES)]
            wire.cut()
            await up(sink, wanted=False)
            await up(sink)
            after = [one.action for one in await sink.send(both)]
    assert said == [["keep", "keep"]] * (4 * UNCLEAR_TRIES)
    assert after == ["accept", "accept"]


async def test_a_broker_without_room_does_not_make_the_next_unclear_refusal_the_last(broker: servers.Server) -> None:
    async with mqtt_wire.wire(broker.port) as wire:
        wire.plan = [Fault(refuse=(0x97,) * 7 + (0x83,), share=1.0)]  # state and status hear two of them
        async with running(make(wire.port)) as sink:
            await up(sink)
            said = [(await sink.send(entries(reading())))[0] for _ in range(UNCLEAR_TRIES + 1)]
    assert [one.action for one in said] == ["keep"] * (UNCLEAR_TRIES + 1)
    assert "0x83" in said[-1].reason


async def test_without_a_puback_nothing_is_accepted_and_all_of_it_comes_again(broker: servers.Server) -> None:
    async with mqtt_wire.wire(broker.port) as wire, running(make(wire.port)) as sink:
        await up(sink)
        wire.plan = [Fault(down=5)]  # CONNACK and the acknowledgements of two statuses, then two of ours
        wire.cut()
        await mqtt_wire.ended(wire)
        await up(sink)
        batch = entries(*(reading(number) for number in range(8)))
        first = [one.action for one in await sink.send(batch)]
        await up(sink, wanted=False)
        await up(sink)
        second = [one.action for one in await sink.send(batch)]
    assert first == ["accept"] * 2 + ["keep"] * 6
    assert second == ["accept"] * 8


async def test_the_kernel_gives_up_on_a_silent_network_and_holds_nothing_back(broker: servers.Server) -> None:
    async with running(make(broker.port, PATIENT)) as sink:
        await up(sink)
        assert carrier(sink).getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == PATIENT.alive_s * 1000
        assert carrier(sink).getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.alone
@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_a_backlog_goes_out_at_more_than_2000_messages_a_second(tmp_path: Path, tls: bool, protocol: str) -> None:
    """A kernel that acknowledges late makes 230 of it with MQTT 5, and 1100 with 3.1.1."""
    ca = certs.authority(tmp_path / "pki")
    with servers.mosquitto(tmp_path, tls=ca.issue("server") if tls else None) as server:
        changes = {"tls": True, "ca_file": ca.cert} if tls else {}
        site = {"protocol": protocol, **changes}
        async with running(make(server.port, PATIENT, "localhost" if tls else "127.0.0.1", **site)) as sink:
            await up(sink)
            began_s, accepted = time.monotonic(), 0
            for window in range(60):
                batch = entries(*(reading(100 * window + number) for number in range(100)))
                accepted += sum(one.action == "accept" for one in await sink.send(batch))
            took_s = time.monotonic() - began_s
    assert accepted == 6000
    assert took_s < 3


@pytest.mark.alone
@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
async def test_a_proxy_that_acknowledges_late_does_not_make_each_packet_wait_for_it(
    broker: servers.Server, protocol: str
) -> None:
    """The broker holds back all PUBACKs but the first for 40 ms: 220 messages a second where each flight of ten waits
    for that."""
    slow = mqtt_wire.wire(broker.port, eager=False)
    async with slow as wire, running(make(wire.port, PATIENT, protocol=protocol)) as sink:
        await up(sink)
        began_s, accepted = time.monotonic(), 0
        for window in range(20):
            batch = entries(*(reading(100 * window + number) for number in range(100)))
            accepted += sum(one.action == "accept" for one in await sink.send(batch))
        took_s = time.monotonic() - began_s
    assert accepted == 2000
    assert took_s < 4


@pytest.fixture
def dark_cable() -> Iterator[Cable]:
    why_not = why_no_cable()
    if why_not:
        pytest.skip(why_not)
    with cable() as made:
        yield made


async def test_at_default_timing_a_frozen_broker_and_a_dark_network_are_noticed_within_one_and_a_half_keep_alives(
    broker: servers.Server, tmp_path: Path
) -> None:
    """Nothing is sent meanwhile. Both at once, as it takes its time."""
    with ExitStack() as stack:
        net = None if why_no_cable() else stack.enter_context(cable())
        other = stack.enter_context(servers.mosquitto(tmp_path / "other"))
        async with mqtt_wire.wire(other.port, net and net.listener) as wire:
            frozen = make(broker.port, PATIENT)
            dark = make(wire.port, PATIENT, net.host if net else "127.0.0.1")
            async with running(frozen), running(dark):
                await asyncio.gather(up(frozen), up(dark))
                broker.freeze()
                if net is not None:
                    net.dark()
                else:
                    other.freeze()
                took_s = await asyncio.gather(*(up(one, wanted=False, within_s=30) for one in (frozen, dark)))
                broker.thaw()
                other.thaw()
                if net is not None:
                    net.light()
    # 15 s; a second more for a busy machine.
    assert max(took_s) < 1.5 * PATIENT.alive_s + 1


async def test_what_is_under_way_when_the_network_goes_dark_comes_again(
    broker: servers.Server, dark_cable: Cable
) -> None:
    wires = mqtt_wire.wire(broker.port, dark_cable.listener)
    async with wires as wire, running(make(wire.port, host=dark_cable.host)) as sink:
        await up(sink)
        dark_cable.dark()
        assert [one.action for one in await sink.send(entries(reading()))] == ["keep"]
        await up(sink, wanted=False)
        await asyncio.sleep(1.0)  # attempts into the dark
        assert not sink.connected
        dark_cable.light()
        await up(sink)
        assert [one.action for one in await sink.send(entries(reading()))] == ["accept"]
