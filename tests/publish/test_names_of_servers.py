"""Both sinks reach their servers through a name server that a test speaks for; certificates are checked by name."""

import asyncio
import socket
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import certs
import pytest
import servers
from samples import MIDNIGHT_US, entries, reading, status
from scripted_http import STORED, Reply, scripted
from sink_task import running

from agent.publish.influxdb import InfluxSink
from agent.publish.line_protocol import LineEncoder
from agent.publish.mqtt import MqttSink, StatusFeed
from agent.publish.mqtt_connection import connected
from agent.publish.mqtt_rules import Timing
from agent.publish.resolver import Address, Resolver
from agent.publish.tls import Seen
from agent.publish.topics import Session
from agent.site import InfluxSite, MqttSite

pytestmark = pytest.mark.e2e

QUICK = Timing(open_s=1.0, puback_s=0.5, alive_s=2, refresh_s=60, refused_s=0.05, stable_s=0.0, goodbye_s=1.0)
GONE = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
ENCODER = LineEncoder("dashi", "gw-01", {"tx1": "F12"})


class Names:
    """Where broker.example and influx.example are; an error: no name server."""

    def __init__(self) -> None:
        self.answer: str | OSError = "127.0.0.1"
        self.asked: list[str] = []
        self.resolver = Resolver(self.ask)

    def ask(self, host: str, port: int) -> Sequence[Address]:
        self.asked.append(host)
        if isinstance(self.answer, OSError):
            raise self.answer
        return [Address(socket.AF_INET, (self.answer, port))]


def mqtt(names: Names, port: int, ca: Path | None = None, seen: Seen = lambda _der: None) -> MqttSink:
    plain = MqttSite("broker.example", port, ca is not None, None, None, ca, None, None, "p", "gw-01")
    feed = StatusFeed(lambda: [status("tx1")], asyncio.Event())
    session, connect = Session("s-1", MIDNIGHT_US, "0"), partial(connected, resolver=names.resolver, seen=seen)
    return MqttSink(plain, session, feed, QUICK, connect=connect, share=lambda: 0.05)


async def until(sink: MqttSink, words: str = "", *, up: bool = False) -> None:
    async with asyncio.timeout(8):
        while sink.connected != up or words not in sink.trouble:  # noqa: ASYNC110 (plain attributes)
            await asyncio.sleep(0.005)


async def test_a_broker_is_found_again_without_a_name_server(tmp_path: Path) -> None:
    names = Names()
    with servers.mosquitto(tmp_path) as broker:
        async with running(mqtt(names, broker.port)) as sink:
            await until(sink, up=True)
            names.answer = GONE
            broker.kill()
            await until(sink, "nothing listens")
            broker.restart()
            await until(sink, up=True)
            (verdict,) = await sink.send(entries(reading()))
    assert verdict.action == "accept"
    assert set(names.asked) == {"broker.example"}


async def test_a_name_that_nobody_knows_is_said_and_the_broker_found_once_it_is_known(tmp_path: Path) -> None:
    names = Names()
    names.answer = GONE
    with servers.mosquitto(tmp_path) as broker:
        async with running(mqtt(names, broker.port)) as sink:
            await until(sink, "no name server answered")
            names.answer = "127.0.0.1"
            await until(sink, up=True)


async def test_the_brokers_certificate_is_checked_by_the_name_and_not_by_the_address(tmp_path: Path) -> None:
    ca, names = certs.authority(tmp_path / "pki"), Names()
    by_name, by_address = (ca.issue(san.partition(":")[0], san=san) for san in ("DNS:broker.example", "IP:127.0.0.1"))
    with servers.mosquitto(tmp_path / "right", tls=by_name) as right:
        async with running(mqtt(names, right.port, ca.cert)) as sink:
            await until(sink, up=True)
            names.answer = GONE
            right.kill()
            await until(sink, "nothing listens")
            right.restart()
            await until(sink, up=True)
    names.answer = "127.0.0.1"
    with servers.mosquitto(tmp_path / "wrong", tls=by_address) as wrong:
        async with running(mqtt(names, wrong.port, ca.cert)) as sink:
            await until(sink, "another name")
            assert not sink.connected


def influx(names: Names, url: str, ca: Path | None = None, seen: Seen = lambda _der: None) -> InfluxSink:
    port = url.rpartition(":")[2]
    scheme = "https" if ca else "http"
    site = InfluxSite(f"{scheme}://influx.example:{port}", "ops", "lamplighter", None, ca, None, None)
    return InfluxSink(site, ENCODER, resolver=names.resolver, seen=seen, timeout_s=2.0)


async def test_a_database_is_found_again_without_a_name_server() -> None:
    names = Names()
    # The second answer closes the connection: the third post opens another one.
    replies = STORED, Reply(503, b"later", {"Connection": "close"}), STORED
    async with scripted(*replies) as server, influx(names, server.url) as sink:
        assert [(await sink.send(entries(reading())))[0].action for _ in range(2)] == ["accept", "keep"]
        names.answer = GONE
        (verdict,) = await sink.send(entries(reading()))
    assert verdict.action == "accept"
    assert server.connections == 2
    assert server.requests[0].headers["host"].startswith("influx.example:")


async def test_a_database_whose_name_nobody_knows_is_said() -> None:
    names = Names()
    names.answer = GONE
    async with scripted(STORED) as server, influx(names, server.url) as sink:
        (verdict,) = await sink.send(entries(reading()))
    assert "no name server answered" in verdict.reason


async def test_an_answer_that_takes_too_long_does_not_hold_up_the_others() -> None:
    """A name server that hangs: each attempt ends, and the loop goes on meanwhile."""
    names, turns = Names(), 0
    hanging = asyncio.Event()
    loop = asyncio.get_running_loop()

    def hang(_host: str, _port: int) -> Sequence[Address]:
        asyncio.run_coroutine_threadsafe(hanging.wait(), loop).result()
        return []

    resolver = Resolver(hang, deadline_s=0.2)
    site = InfluxSite("http://influx.example:1", "ops", "lamplighter", None, None, None, None)
    async with InfluxSink(site, ENCODER, resolver=resolver) as sink:
        sending = asyncio.create_task(sink.send(entries(reading())))
        while not sending.done():
            turns += 1
            await asyncio.sleep(0.01)
        (verdict,) = await sending
    hanging.set()
    assert "no name server answered" in verdict.reason
    assert turns >= 5
    assert names.asked == []


async def test_the_databases_certificate_is_checked_by_the_name_and_not_by_the_address(tmp_path: Path) -> None:
    ca, names = certs.authority(tmp_path / "pki"), Names()
    with servers.influxd(tmp_path) as database:
        for san, wanted in (("DNS:influx.example", "accept"), ("IP:127.0.0.1", "keep")):
            pair = ca.issue(san.partition(":")[0], san=san)
            with servers.influx_v2_shim(tmp_path / san[:3], database, "token", tls=pair) as shim:
                async with influx(names, shim.url, ca.cert) as sink:
                    (verdict,) = await sink.send(entries(reading()))
                told = verdict.reason
            # Without a token the shim says 401: it was reached; a name that does not fit is not.
            assert ("401" in told) == (wanted == "accept"), told
            assert ("another name" in told) == (wanted == "keep"), told


async def test_what_a_server_shows_is_handed_over(tmp_path: Path) -> None:
    ca, names, seen = certs.authority(tmp_path / "pki"), Names(), list[bytes]()
    pair = ca.issue("server", san="DNS:broker.example")
    with servers.mosquitto(tmp_path, tls=pair) as broker:
        async with running(mqtt(names, broker.port, ca.cert, seen.append)) as sink:
            await until(sink, up=True)
    with servers.influxd(tmp_path) as database:
        pair_too = ca.issue("other", san="DNS:influx.example")
        with servers.influx_v2_shim(tmp_path, database, "token", tls=pair_too) as shim:
            async with influx(names, shim.url, ca.cert, seen.append) as poster:
                await poster.send(entries(reading()))
    assert seen == [certs.der_of(pair.cert), certs.der_of(pair_too.cert)]
