"""A password or token that was renewed is taken: because its file changed, or because somebody says so."""

import asyncio
import os
import time
from pathlib import Path

import pytest
from samples import entries, reading
from scripted_http import STORED, Reply, scripted

from agent.errors import SinkError
from agent.publish.credential import Credential
from agent.publish.influxdb import InfluxSink
from agent.publish.line_protocol import LineEncoder
from agent.secret import Secret
from agent.site import InfluxSite

ENCODER = LineEncoder("dashi", "gw-01", {"tx1": "F12"})
REFUSED = Reply(401, b'{"code":"unauthorized","message":"unauthorized access"}')


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("one")
    file.chmod(0o600)
    return file


def rewritten(file: Path, text: str) -> None:
    """In place, with the times of before: only its content is another one."""
    before = file.stat()
    file.write_text(text)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def sink_of(url: str, token: Path | None = None, **options: object) -> InfluxSink:
    secret = None if token is None else Secret("one")
    site = InfluxSite(url, "ops", "lamplighter", secret, None, None, None, token_file=token)
    return InfluxSink(site, ENCODER, **options)  # type: ignore[arg-type]


def test_who_is_asked_reads_its_file_again_whether_it_looks_changed_or_not(token: Path) -> None:
    credential = Credential(Secret("zero"), token)
    assert not credential.changed
    assert credential.fresh() == Secret("zero")
    credential.ask()
    assert credential.changed
    assert credential.fresh() == Secret("one")
    assert not credential.changed


def test_who_has_no_file_may_be_asked_too(token: Path) -> None:
    credential = Credential(None, None)
    credential.ask()
    assert credential.changed
    assert credential.fresh() is None
    assert not credential.changed


def test_a_file_that_cannot_be_used_leaves_what_was_and_is_said_once(
    token: Path, caplog: pytest.LogCaptureFixture
) -> None:
    credential = Credential(Secret("one"), token)
    token.chmod(0o644)
    credential.ask()
    assert credential.fresh() == Secret("one")
    assert credential.fresh() == Secret("one")
    assert len([line for line in caplog.messages if line.startswith("credential.unusable")]) == 1


@pytest.mark.e2e
async def test_that_word_ends_the_pause_after_a_refused_token_and_the_new_one_is_sent(token: Path) -> None:
    async with scripted(REFUSED, STORED) as server, sink_of(server.url, token) as sink:
        (verdict,) = await sink.send(entries(reading()))
        assert verdict.action == "keep"
        assert "token is refused" in (sink.blocked or "")
        rewritten(token, "two")
        began_s, resting = time.monotonic(), asyncio.create_task(sink.rest(1.0))
        await asyncio.sleep(0.05)
        sink.renew()
        await resting
        assert time.monotonic() - began_s < 3, "of a pause of 60 s"
        (verdict,) = await sink.send(entries(reading()))
    assert verdict.action == "accept"
    assert [request.headers["authorization"] for request in server.requests] == ["Token one", "Token two"]


@pytest.mark.e2e
async def test_a_token_that_is_renewed_while_the_clock_is_not_set_does_not_make_the_sink_spin(token: Path) -> None:
    async with sink_of("http://127.0.0.1:1", token, hold=lambda: "the clock is not set") as sink:
        sink.renew()
        await sink.rest(30.0)
        began_s = time.monotonic()
        for _ in range(3):
            with pytest.raises(SinkError, match="clock"):
                await sink.send(entries(reading()))
            await sink.rest(0.1)
        assert time.monotonic() - began_s >= 0.3
