"""Each cause that keeps rows from broker and database, against real servers, and the first cause that doctor names."""

import socket
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import certs
import pytest
from scripted_http import STORED, Reply, scripted
from servers import Influx, free_port, influx_v2_shim, influxd, mosquitto
from small_site import WORKSHOP

from agent.clock import Clock
from agent.field.doctor import words
from agent.field.doctor.findings import Finding
from agent.field.doctor.sinks import examine_sinks
from agent.secret import Secret
from agent.site import InfluxSite, MqttSite, Site, load_site

pytestmark = pytest.mark.e2e

TOKEN = "canary-88"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    path = tmp_path / "site.toml"
    path.write_text(WORKSHOP, encoding="utf-8")
    return load_site(path)


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> certs.Authority:
    return certs.authority(tmp_path_factory.mktemp("ca"))


def broker(port: int, host: str = "127.0.0.1") -> MqttSite:
    return MqttSite(
        host, port, tls=False, username=None, password=None, ca_file=None, cert_file=None, key_file=None,
        prefix="lamplighter/workshop/gw-01", client_id="gw-01",
    )  # fmt: skip


def database(url: str, bucket: str = "lamplighter") -> InfluxSite:
    return InfluxSite(url, "ops", bucket, Secret(TOKEN), None, None, None)


async def found(site: Site, *, mqtt: MqttSite | None = None, influxdb: InfluxSite | None = None) -> list[Finding]:
    return list(await examine_sinks(replace(site, mqtt=mqtt, influxdb=influxdb), Clock().wall_us()))


def codes(findings: Iterable[Finding]) -> list[str]:
    told = list(findings)
    assert all(each.text and each.todo and "{" not in each.text + each.todo for each in told)
    return [each.code for each in told]


async def test_a_broker_that_takes_us(site: Site, tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server:
        assert codes(await found(site, mqtt=broker(server.port))) == []


async def test_a_name_that_stands_for_nothing(site: Site) -> None:
    assert codes(await found(site, mqtt=broker(1883, "no-such-broker.invalid"))) == [words.SINK_UNKNOWN]


async def test_nobody_listens(site: Site) -> None:
    port = free_port()
    told = await found(site, mqtt=broker(port), influxdb=database(f"http://127.0.0.1:{port}"))
    assert [(each.code, each.subject) for each in told] == [
        (words.SINK_CLOSED, "mqtt"),
        (words.SINK_CLOSED, "influxdb"),
    ]


async def test_a_server_that_says_nothing(site: Site) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for caller in (first, second):
            caller.setblocking(False)
            caller.connect_ex(full.getsockname())
        assert codes(await found(site, mqtt=broker(full.getsockname()[1]))) == [words.SINK_SILENT]


async def test_a_port_that_is_no_broker(site: Site) -> None:
    async with scripted(Reply(400)) as server:
        assert codes(await found(site, mqtt=broker(server.port))) in ([words.SINK_MUTE], [words.BROKER_REFUSES])


async def test_a_wrong_password(site: Site, tmp_path: Path) -> None:
    with mosquitto(tmp_path, password=("gw-01", "right")) as server:
        wrong = replace(broker(server.port), username="gw-01", password=Secret("wrong"))
        assert codes(await found(site, mqtt=wrong)) == [words.BROKER_REFUSES]
        assert codes(await found(site, mqtt=replace(wrong, password=Secret("right")))) == []


async def test_a_user_who_may_not_publish(site: Site, tmp_path: Path) -> None:
    rights = tmp_path / "rights"
    rights.write_text("topic write elsewhere/#\n")
    rights.chmod(0o600)
    with mosquitto(tmp_path, extra=[f"acl_file {rights}"]) as server:
        told = await found(site, mqtt=broker(server.port))
    assert codes(told) == [words.BROKER_RIGHTS]
    assert "lamplighter/workshop/gw-01" in told[0].text


@pytest.mark.parametrize(
    ("days", "san", "trusted", "expected"),
    [
        (-1, "IP:127.0.0.1", True, words.TLS_EXPIRED),
        (2, "DNS:elsewhere.example", True, words.TLS_NAME),
        (2, "IP:127.0.0.1", False, words.TLS_CA),
        (400, "IP:127.0.0.1", True, ""),
        (60, "IP:127.0.0.1", True, ""),
    ],
)
async def test_what_is_wrong_with_a_server_certificate(
    site: Site, tmp_path: Path, days: int, san: str, trusted: bool, expected: str
) -> None:
    authority = certs.authority(tmp_path / "own", days=500)
    other = certs.authority(tmp_path / "other", "other-ca")
    pair = authority.issue("server", san, days)
    with mosquitto(tmp_path, tls=pair) as server:
        table = replace(broker(server.port), tls=True, ca_file=(authority if trusted else other).cert)
        assert codes(await found(site, mqtt=table)) == [expected] * bool(expected)


async def test_a_certificate_that_ends_soon(site: Site, tmp_path: Path) -> None:
    authority = certs.authority(tmp_path / "own", days=500)
    with mosquitto(tmp_path, tls=authority.issue("server", "IP:127.0.0.1", 400)) as server:
        table = replace(broker(server.port), tls=True, ca_file=authority.cert)
        soon_us = Clock().wall_us() + 385 * 86_400_000_000
        told = await examine_sinks(replace(site, mqtt=table, influxdb=None), soon_us)
    assert codes(told) == [words.CERTIFICATE_ENDS]
    assert "server certificate" in told[0].text


async def test_tls_where_the_server_has_none(site: Site, tmp_path: Path, ca: certs.Authority) -> None:
    with mosquitto(tmp_path) as server:
        table = replace(broker(server.port), tls=True, ca_file=ca.cert)
        assert codes(await found(site, mqtt=table)) == [words.TLS_NONE]


async def test_a_ca_file_that_is_not_there(site: Site, tmp_path: Path) -> None:
    with mosquitto(tmp_path) as server:
        table = replace(broker(server.port), tls=True, ca_file=tmp_path / "none.pem")
        assert codes(await found(site, mqtt=table)) == [words.TLS_FILES]


async def test_a_broker_that_wants_a_client_certificate(site: Site, tmp_path: Path, ca: certs.Authority) -> None:
    with mosquitto(tmp_path, tls=ca.issue("server", "IP:127.0.0.1"), ca=ca.cert) as server:
        bare = replace(broker(server.port), tls=True, ca_file=ca.cert)
        assert codes(await found(site, mqtt=bare)) == [words.TLS_CLIENT]


async def test_a_database_and_what_keeps_rows_from_it(site: Site, tmp_path: Path) -> None:
    with influxd(tmp_path) as influx, influx_v2_shim(tmp_path, influx, TOKEN) as shim:
        fine = database(shim.url)
        assert codes(await found(site, influxdb=fine)) == []
        assert codes(await found(site, influxdb=replace(fine, token=Secret("x")))) == [words.DATABASE_TOKEN]
        assert codes(await found(site, influxdb=replace(fine, bucket="elsewhere"))) == [words.DATABASE_BUCKET]
        assert written_to(influx) == []


def written_to(influx: Influx) -> list[object]:
    return list(influx.query("SHOW MEASUREMENTS"))


async def test_a_database_that_wants_a_client_certificate(site: Site, tmp_path: Path, ca: certs.Authority) -> None:
    pair = ca.issue("shim", "IP:127.0.0.1")
    with influxd(tmp_path) as influx, influx_v2_shim(tmp_path, influx, TOKEN, tls=pair, ca=ca.cert) as shim:
        bare = replace(database(shim.url), ca_file=ca.cert)
        assert codes(await found(site, influxdb=bare)) == [words.TLS_CLIENT]


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ((Reply(403),), [words.DATABASE_RIGHTS]),
        ((Reply(302, headers={"Location": "/login"}),), [words.DATABASE_ANSWERS]),
        ((STORED, Reply(200, b'{"results":[{"error":"database not found: lamplighter"}]}')), [words.DATABASE_UNMAPPED]),
        ((STORED, Reply(401)), []),
        ((STORED, Reply(200, b'{"results":[{"statement_id":0}]}')), []),
    ],
)
async def test_what_a_database_answers(site: Site, replies: tuple[Reply, ...], expected: list[str]) -> None:
    async with scripted(*replies) as server:
        assert codes(await found(site, influxdb=database(server.url))) == expected
