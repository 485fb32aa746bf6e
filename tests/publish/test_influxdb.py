"""The InfluxDB sink against a real InfluxDB behind nginx, and against a server that misbehaves on order."""

import asyncio
import gzip
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import certs
import pytest
import servers
from samples import MIDNIGHT_US, entries, event, incident, reading, trace
from scripted_http import STORED, Reply, lines, scripted

from agent.errors import SinkError
from agent.publish.bounded import BoundedPools
from agent.publish.forwarder import Verdict
from agent.publish.influxdb import InfluxSink
from agent.publish.line_protocol import LineEncoder
from agent.records import Gap, MeterInfo, Reading
from agent.secret import Secret
from agent.site import InfluxSite
from agent.trace_rows import LOST, TraceSample, pack

pytestmark = pytest.mark.e2e

TOKEN = "canary-5542"
ENCODER = LineEncoder("dashi", "gw-01", {"tx1": "F12"})


@dataclass(frozen=True, slots=True)
class Database:
    influx: servers.Influx
    shim: servers.Shim


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    tmp = tmp_path_factory.mktemp("influx")
    with servers.influxd(tmp) as influx, servers.influx_v2_shim(tmp, influx, TOKEN) as shim:
        yield Database(influx, shim)


@pytest.fixture
def database(started: Database) -> Database:
    """The running one, empty."""
    started.influx.query('DROP DATABASE "lamplighter"')
    started.influx.create("lamplighter")
    return started


def site_of(url: str, **changes: Any) -> InfluxSite:
    return replace(InfluxSite(url, "ops", "lamplighter", Secret(TOKEN), None, None, None), **changes)


def sink_of(url: str, **changes: Any) -> InfluxSink:
    options = {key: changes.pop(key) for key in ("hold", "newest", "infos", "timeout_s", "pause_s") if key in changes}
    return InfluxSink(site_of(url, **changes), ENCODER, **options)


def actions(verdicts: Sequence[Verdict]) -> list[str]:
    return [verdict.action for verdict in verdicts]


async def test_what_is_written_comes_back_exactly(database: Database) -> None:
    values = {"voltage_l1": 230.1, "active_power_total": -12345.67, "active_energy_import": 98765432.125}
    async with sink_of(database.shim.url) as sink:
        verdicts = await sink.send(entries(reading(values=values), reading(1)))
    assert actions(verdicts) == ["accept", "accept"]
    first, second = database.influx.query("SELECT * FROM reading")
    assert {key: first[key] for key in values} == values
    assert (first["voltage_l1_min"], first["voltage_l1_max"]) == (229.5, 231.25)
    assert (first["site"], first["gateway"], first["meter"], first["feeder"]) == ("dashi", "gw-01", "tx1", "F12")
    assert (first["quality"], first["window_s"]) == ("good", 10)
    assert first["time"] // 1000 == MIDNIGHT_US
    assert second["voltage_l1"] == 231


async def test_sending_again_changes_nothing(database: Database) -> None:
    batch = entries(reading(), event())
    async with sink_of(database.shim.url) as sink:
        await sink.send(batch)
        await sink.send(batch)
    for everything in ("SELECT * FROM reading", "SELECT * FROM event", "SELECT * FROM event_log"):
        assert len(database.influx.query(everything)) == 1


async def test_revisions_overwrite_the_event_and_the_log_keeps_both(database: Database) -> None:
    closed = event(
        revision=2,
        state="closed",
        end_us=MIDNIGHT_US + 1_200_000,
        reported_us=MIDNIGHT_US + 90_000_000,
        residual_v=90.5,
    )
    async with sink_of(database.shim.url) as sink:
        await sink.send(entries(event()))
        await sink.send(entries(closed))
    (point,) = database.influx.query("SELECT * FROM event")
    assert (point["id"], point["kind"], point["state"], point["revision"]) == ("ev-1", "sag", "closed", 2)
    assert (point["end_us"], point["residual_v"]) == (MIDNIGHT_US + 1_200_000, 90.5)
    log = database.influx.query("SELECT state, revision FROM event_log")
    assert [(row["revision"], row["state"]) for row in log] == [(1, "open"), (2, "closed")]


async def test_a_number_that_a_later_revision_has_no_longer_is_named_and_the_log_has_the_truth(
    database: Database,
) -> None:
    told = event(revision=2, state="closed", duration_min_s=1.0, duration_max_s=1.1, i_during=12.5)
    wider = event(revision=3, state="closed", duration_min_s=0.2, duration_max_s=9.0, reported_us=told.reported_us + 9)
    async with sink_of(database.shim.url) as sink:
        await sink.send(entries(told))
        await sink.send(entries(wider))
    (point,) = database.influx.query("SELECT * FROM event")
    assert (point["duration_s"], point["i_during"], point["revision"]) == (1.05, 12.5, 3), "fields are united"
    assert {"duration_s", "i_during"} <= set(point["absent"].split(","))
    assert "duration_max_s" not in point["absent"].split(",")
    assert point["duration_max_s"] == 9.0
    said = database.influx.query("SELECT revision, duration_s, i_during, absent FROM event_log")
    assert [(row["revision"], row["duration_s"], row["i_during"]) for row in said] == [(2, 1.05, 12.5), (3, None, None)]
    assert "duration_s" not in said[0]["absent"].split(",")


async def test_an_old_revision_from_the_backlog_does_not_overwrite_a_newer_one(database: Database) -> None:
    closed = event(revision=2, state="closed")
    async with sink_of(database.shim.url) as sink:
        await sink.send(entries(closed))
        await sink.send(entries(event()))
    async with sink_of(database.shim.url, newest=[closed]) as after_restart:
        await after_restart.send(entries(event()))
    (point,) = database.influx.query("SELECT state FROM event")
    assert point["state"] == "closed"
    assert len(database.influx.query("SELECT state FROM event_log")) == 2


async def test_an_incident_is_one_point_that_only_younger_revisions_overwrite(database: Database) -> None:
    half = incident(revision=2, customers=(90, 120))
    async with sink_of(database.shim.url) as sink:
        assert actions(await sink.send(entries(incident(), half))) == ["accept", "accept"]
        assert actions(await sink.send(entries(incident()))) == ["accept"]
    async with sink_of(database.shim.url, newest=[half]) as after_restart:
        await after_restart.send(entries(incident()))
    (point,) = database.influx.query("SELECT * FROM incident")
    assert (point["id"], point["node"], point["customers_min"], point["customers_max"]) == ("in-1", "tx-17", 90, 120)
    assert (point["feeder"], point["meter"], point["dead"]) == ("F12", "none", "tx1,tx2")
    assert point["time"] // 1000 == MIDNIGHT_US
    assert database.influx.query("SELECT * FROM event_log") == []


async def test_a_trace_comes_back_sample_by_sample_and_again_changes_nothing(database: Database) -> None:
    batch = entries(trace(1), trace(2, closing="complete"), event())
    async with sink_of(database.shim.url) as sink:
        for _ in range(2):
            assert actions(await sink.send(batch)) == ["accept"] * 3
    points = database.influx.query("SELECT * FROM trace")
    assert [point["voltage_l1"] for point in points] == [92.25, 93.25, 94.25] * 2
    assert [point["time"] // 1000 - MIDNIGHT_US for point in points] == list(range(0, 300_000, 50_000))
    assert {(point["event"], point["meter"], point["feeder"]) for point in points} == {("ev-1", "tx1", "F12")}


async def test_a_part_in_which_every_reply_was_lost_has_nothing_to_write(database: Database) -> None:
    lost = trace(rows=pack([TraceSample(0, LOST, (None, None))], 2))
    async with sink_of(database.shim.url) as sink:
        assert actions(await sink.send(entries(lost, reading()))) == ["accept", "accept"]
        assert actions(await sink.send(entries(lost))) == ["accept"]
    assert database.influx.query("SELECT * FROM trace") == []


async def test_what_stands_at_a_meters_place_is_written_once_and_again_when_it_changes(database: Database) -> None:
    known = [MeterInfo("tx1", MIDNIGHT_US, "abb-b23", 1.0, 120.0, "123456", "B1.02")]
    async with sink_of(database.shim.url, infos=lambda: known) as sink:
        for number in range(2):
            assert actions(await sink.send(entries(reading(number)))) == ["accept"]
        (point,) = database.influx.query("SELECT * FROM meter_info")
        assert (point["model"], point["serial"], point["firmware"]) == ("abb-b23", "123456", "B1.02")
        assert (point["voltage_ratio"], point["current_ratio"], point["meter"]) == (1.0, 120.0, "tx1")
        known[0] = MeterInfo("tx1", MIDNIGHT_US + 9, "abb-b23", 1.0, 120.0, "777")
        await sink.send(entries(reading(3)))
    async with sink_of(database.shim.url, infos=lambda: known) as after_restart:
        await after_restart.send(entries(reading(4)))
    points = database.influx.query("SELECT serial, firmware FROM meter_info")
    assert [(point["serial"], point["firmware"]) for point in points] == [("123456", "B1.02"), ("777", None)]


async def test_a_meters_place_is_written_when_the_database_is_back(database: Database) -> None:
    known = [MeterInfo("tx1", MIDNIGHT_US, "abb-b23", 1.0, 120.0)]
    held = ["the clock is not set"]
    async with sink_of(database.shim.url, infos=lambda: known, hold=lambda: held[0] if held else None) as sink:
        with pytest.raises(SinkError):
            await sink.send(entries(reading()))
        held.clear()
        await sink.send(entries(reading()))
    (point,) = database.influx.query("SELECT * FROM meter_info")
    assert "serial" not in point


async def test_a_gap_is_told(database: Database) -> None:
    async with sink_of(database.shim.url) as sink:
        assert actions(await sink.send(entries(Gap(5, 9, "evicted", MIDNIGHT_US)))) == ["accept"]
    (point,) = database.influx.query("SELECT * FROM gateway")
    assert (point["dropped"], point["dropped_reason"]) == (5, "evicted")


async def test_one_poison_line_is_found_and_the_others_are_stored(database: Database) -> None:
    database.influx.write(b'reading,feeder=F12,gateway=gw-01,meter=tx1,site=dashi frequency="text" 1795392000000000000')
    bad = reading(5, values={"frequency": 50.0})
    async with sink_of(database.shim.url) as sink:
        verdicts = await sink.send(entries(*(bad if number == 5 else reading(number) for number in range(16))))
    assert [number for number, verdict in enumerate(verdicts) if verdict.action == "reject"] == [5]
    assert "field type conflict" in verdicts[5].reason
    assert set(actions(verdicts)) == {"accept", "reject"}
    assert len(database.influx.query("SELECT voltage_l1 FROM reading WHERE voltage_l1 > 0")) == 15


async def test_points_beyond_retention_are_rejected(database: Database) -> None:
    database.influx.query('ALTER RETENTION POLICY "autogen" ON "lamplighter" DURATION 2h SHARD DURATION 1h')
    async with sink_of(database.shim.url) as sink:
        now_us = time.time_ns() // 1000
        verdicts = await sink.send(entries(reading(time_us=now_us - 3 * 86_400_000_000), reading(time_us=now_us)))
    assert actions(verdicts) == ["reject", "accept"]
    assert "retention" in verdicts[0].reason


async def test_a_retention_policy_that_is_not_there_needs_hands_and_no_row_is_given_up(database: Database) -> None:
    database.influx.query('CREATE RETENTION POLICY "kept" ON "lamplighter" DURATION 0s REPLICATION 1 DEFAULT')
    database.influx.query('DROP RETENTION POLICY "kept" ON "lamplighter"')
    async with sink_of(database.shim.url) as sink:
        verdicts = await sink.send(entries(reading(), reading(1)))
        assert actions(verdicts) == ["keep", "keep"]
        assert "retention policy not found" in (sink.blocked or "")
        assert "check bucket" in (sink.blocked or "")
        database.influx.query('ALTER RETENTION POLICY "autogen" ON "lamplighter" DEFAULT')
        assert actions(await sink.send(entries(reading(), reading(1)))) == ["accept", "accept"]
        assert sink.blocked == ""


async def test_what_line_protocol_cannot_hold_is_rejected_and_the_rest_stored(database: Database) -> None:
    async with sink_of(database.shim.url) as sink:
        verdicts = await sink.send(entries(event(feeder="F\\12"), reading()))
    assert actions(verdicts) == ["reject", "accept"]


async def test_a_wrong_token_pauses_and_never_shows(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    wrong = Secret("canary-wrong-1")
    async with sink_of(database.shim.url, token=wrong, pause_s=0.3) as sink:
        (verdict,) = await sink.send(entries(reading()))
        began = time.monotonic()
        await sink.rest(0)
    assert (verdict.action, "token_file" in verdict.reason) == ("keep", True)
    assert time.monotonic() - began >= 0.25
    assert "canary" not in caplog.text
    assert "canary" not in repr(wrong) + verdict.reason


async def test_a_missing_bucket_pauses(database: Database) -> None:
    async with sink_of(database.shim.url, bucket="absent") as sink:
        (verdict,) = await sink.send(entries(reading()))
    assert verdict.action == "keep"
    assert "check url, org and bucket" in verdict.reason


async def test_a_database_that_is_killed_is_found_again_when_it_comes_back(tmp_path: Path) -> None:
    with servers.influxd(tmp_path) as influx, servers.influx_v2_shim(tmp_path, influx, TOKEN) as shim:
        async with sink_of(shim.url) as sink:
            assert actions(await sink.send(entries(reading()))) == ["accept"]
            influx.server.kill()
            assert actions(await sink.send(entries(reading(1)))) == ["keep"]
            influx.server.restart()
            shim.server.kill()
            (verdict,) = await sink.send(entries(reading(1)))
            assert (verdict.action, "nothing listens" in verdict.reason) == ("keep", True)
            shim.server.restart()
            assert actions(await sink.send(entries(reading(1)))) == ["accept"]
        assert len(influx.query("SELECT voltage_l1 FROM reading")) == 2


async def test_https_with_a_ca_and_a_client_certificate(tmp_path: Path) -> None:
    ca = certs.authority(tmp_path / "pki")
    ours = ca.issue("gw-01")
    with (
        servers.influxd(tmp_path) as influx,
        servers.influx_v2_shim(tmp_path, influx, TOKEN, tls=ca.issue("server"), ca=ca.cert) as shim,
    ):
        async with sink_of(shim.url, ca_file=ca.cert, cert_file=ours.cert, key_file=ours.key) as sink:
            assert actions(await sink.send(entries(reading()))) == ["accept"]
        said = [
            await _trouble(shim.url, ca_file=ca.cert),
            await _trouble(shim.url),
            await _trouble(shim.url.replace("https", "http")),
            await _trouble(shim.url, ca_file=tmp_path / "absent.pem"),
        ]
    assert "client certificate" in said[0]
    assert "name your CA" in said[1]
    assert "HTTPS port" in said[2]
    assert "check ca_file" in said[3]


async def _trouble(url: str, **changes: Any) -> str:
    async with sink_of(url, **changes) as sink:
        (verdict,) = await sink.send(entries(reading()))
        assert verdict.action == "keep"
        return verdict.reason


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, b"<html>Please log in</html>", {"Content-Type": "text/html"}),
        Reply(302, b"", {"Location": "/login"}),
        Reply(307, b"", {"Location": "/login"}),
        Reply(202),
    ],
)
async def test_a_proxy_that_answers_is_no_acknowledgement(reply: Reply) -> None:
    async with scripted(reply, STORED) as server, sink_of(server.url) as sink:
        (verdict,) = await sink.send(entries(reading()))
        assert (verdict.action, "a proxy answers there" in verdict.reason) == ("keep", True)
        assert len(server.requests) == 1


async def test_a_page_in_another_encoding_is_no_acknowledgement() -> None:
    async with scripted(Reply(200, "请登录".encode("gb18030"))) as server:
        assert "a proxy answers there" in await _trouble(server.url)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(500, b'{"message":"engine: ', endless=b"no room " * 1000), '500: {"message":"engine: no room no room'),
        (Reply(200, b"<html>", endless="Zum Rücksetzen ".encode() * 1000), "200: a proxy answers there"),
        (Reply(503, gzip.compress(b"wait " * 20_000_000), {"Content-Encoding": "gzip"}), "503: wait wait"),
    ],
    ids=["an error", "a page", "a bomb"],
)
async def test_an_answer_without_end_is_read_no_further_than_its_words(reply: Reply, words: str) -> None:
    async with scripted(reply) as server, sink_of(server.url) as sink:
        peaked_before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        (verdict,) = await sink.send(entries(reading()))
        grown_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peaked_before_kb
    assert verdict.action == "keep"
    assert verdict.reason.startswith(words)
    # The kernels of both ends take some MB before anybody reads.
    assert server.sent < 32 << 20
    assert grown_kb < 48 << 10


async def test_a_body_that_trickles_ends_with_the_deadline_and_its_status_counts() -> None:
    now_s = [0.0]

    @dataclass
    class Trickle:
        status: int = 500
        reason: str | None = None
        headers: Mapping[str, str] = field(default_factory=dict)
        closed: bool = False

        def read1(self, amt: int) -> bytes:
            now_s[0] += 1
            return b"x"

        def close(self) -> None:
            self.closed = True

    class Pools:
        def __init__(self) -> None:
            self.answer = Trickle()

        def request(self, method: str, url: str, **options: Any) -> Trickle:
            assert options["preload_content"] is False
            return self.answer

        def clear(self) -> None: ...

    pools = Pools()
    heard = BoundedPools(pools, 10.0, lambda: now_s[0]).request("POST", "http://x/")
    assert (heard.status, heard.data) == (500, b"x" * 10)
    assert pools.answer.closed


async def test_one_connection_serves_many_posts() -> None:
    refused = Reply(500, b'{"message":"not now"}')
    async with scripted(STORED, refused, STORED) as server, sink_of(server.url) as sink:
        for _ in range(3):
            await sink.send(entries(reading()))
    assert (len(server.requests), server.connections) == (3, 1)


async def test_the_request_is_the_documented_one() -> None:
    async with scripted(STORED) as server, sink_of(server.url) as sink:
        await sink.send(entries(reading()))
        (request,) = server.requests
    assert request.line.startswith("POST /api/v2/write?")
    assert {"org=ops", "bucket=lamplighter", "precision=ns"} <= set(request.line.split()[1].split("?")[1].split("&"))
    assert request.headers["authorization"] == f"Token {TOKEN}"
    assert request.headers["content-encoding"] == "gzip"
    assert request.body.startswith(b"reading,")


async def test_a_body_too_large_is_halved_and_the_size_remembered() -> None:
    batch = entries(*(reading(number) for number in range(8)))
    async with scripted(Reply(413, b"<html>"), STORED) as server, sink_of(server.url) as sink:
        assert set(actions(await sink.send(batch))) == {"accept"}
        first = [len(lines(request)) for request in server.requests]
        await sink.send(batch)
        second = [len(lines(request)) for request in server.requests][len(first) :]
    assert first == [8, 4, 4]
    assert max(second) < 8
    assert sum(second) == 8


async def test_one_line_that_is_too_large_by_itself_is_rejected() -> None:
    async with scripted(Reply(413)) as server, sink_of(server.url) as sink:
        assert actions(await sink.send(entries(reading()))) == ["reject"]


@pytest.mark.parametrize("status", [429, 503])
async def test_retry_after_is_obeyed(status: int) -> None:
    busy = Reply(status, b'{"code":"too many requests","message":"slow down"}', {"Retry-After": "1"})
    async with scripted(busy, STORED) as server, sink_of(server.url) as sink:
        (verdict,) = await sink.send(entries(reading()))
        began = time.monotonic()
        await sink.rest(0.01)
        waited = time.monotonic() - began
        assert actions(await sink.send(entries(reading()))) == ["accept"]
    assert (verdict.action, "slow down" in verdict.reason) == ("keep", True)
    assert 0.9 < waited < 1.5


async def test_what_was_stored_before_trouble_is_accepted() -> None:
    refused = Reply(400, b'{"code":"invalid","message":"unable to parse"}')
    async with scripted(refused, STORED, Reply(500)) as server, sink_of(server.url) as sink:
        verdicts = await sink.send(entries(*(reading(number) for number in range(4))))
    assert actions(verdicts) == ["accept", "accept", "keep", "keep"]


async def test_a_silent_server_keeps_entries_within_the_deadline() -> None:
    async with scripted(Reply(0, silent=True)) as server, sink_of(server.url, timeout_s=0.2) as sink:
        began = time.monotonic()
        (verdict,) = await sink.send(entries(reading()))
    assert verdict.action == "keep"
    assert time.monotonic() - began < 2


async def test_a_clock_that_is_not_set_holds_everything() -> None:
    why: list[str | None] = ["the clock is not set", None]
    async with scripted(STORED) as server, sink_of(server.url, hold=lambda: why.pop(0)) as sink:
        with pytest.raises(SinkError, match="the clock is not set"):
            await sink.send(entries(reading()))
        assert server.requests == []
        assert actions(await sink.send(entries(reading()))) == ["accept"]


async def test_a_stop_does_not_wait_for_a_silent_server() -> None:
    async with scripted(Reply(0, silent=True)) as server, sink_of(server.url) as sink:
        sending = asyncio.create_task(sink.send(entries(reading())))
        await asyncio.sleep(0.3)
        began = time.monotonic()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    assert time.monotonic() - began < 0.5


def test_the_client_library_is_not_imported_before_something_is_written() -> None:
    code = "import sys, agent.publish.influxdb; sys.exit('influxdb_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def _poison(database: Database) -> None:
    """From now on a reading with a frequency is refused."""
    line = b'reading,feeder=F12,gateway=gw-01,meter=tx1,site=dashi frequency="text" 1795392000000000000'
    database.influx.write(line)


def _bad(number: int) -> Reading:
    return reading(number, values={"frequency": 50.0})


async def test_one_poison_line_in_5000_takes_no_more_than_14_posts(database: Database) -> None:
    _poison(database)
    for place in (0, 2047, 4095, 4096, 4999, 2731):
        posts = 0
        batch = entries(*(_bad(n) if n == place else reading(n) for n in range(5000)))
        async with sink_of(database.shim.url) as sink:
            post = sink._poster.post

            async def counted(part: Any, post: Any = post) -> Any:
                nonlocal posts
                posts += 1
                return await post(part)

            sink._poster.post = counted  # type: ignore[method-assign]
            verdicts = await sink.send(batch)
        assert [n for n, verdict in enumerate(verdicts) if verdict.action != "accept"] == [place]
        assert verdicts[place].action == "reject"
        assert "conflict" in verdicts[place].reason
        assert posts <= 14, place
    assert len(database.influx.query("SELECT voltage_l1 FROM reading WHERE voltage_l1 > 0")) == 5000


async def test_two_poison_lines_are_both_found(database: Database) -> None:
    _poison(database)
    for places in ({0, 1}, {3, 60}, {98, 99}, {49, 50, 51}):
        batch = entries(*(_bad(n) if n in places else reading(n) for n in range(100)))
        async with sink_of(database.shim.url) as sink:
            verdicts = await sink.send(batch)
        assert {n for n, verdict in enumerate(verdicts) if verdict.action == "reject"} == places
        assert {verdict.action for verdict in verdicts} == {"accept", "reject"}


async def test_a_token_that_is_renewed_in_its_file_ends_the_pause(database: Database, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("canary-old")
    file.chmod(0o600)
    async with sink_of(database.shim.url, token=Secret("canary-old"), token_file=file, pause_s=30.0) as sink:
        assert sink.blocked is None
        assert actions(await sink.send(entries(reading(), reading(1)))) == ["keep", "keep"]
        assert "token_file" in (sink.blocked or "")
        file.write_text(TOKEN)
        began = time.monotonic()
        await sink.rest(0)
        assert time.monotonic() - began < 2
        assert actions(await sink.send(entries(reading(), reading(1)))) == ["accept", "accept"]
        assert sink.blocked == ""


async def test_where_every_line_is_refused_it_takes_two_posts_a_line(database: Database) -> None:
    _poison(database)
    async with sink_of(database.shim.url) as sink:
        began = time.monotonic()
        assert set(actions(await sink.send(entries(*(_bad(number) for number in range(100)))))) == {"reject"}
    assert time.monotonic() - began < 5
