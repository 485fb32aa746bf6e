"""A database is asked whether it has what it acknowledged: a real one, from which rows were taken."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import servers
from samples import MIDNIGHT_US, entries, event, reading

from agent.journal.entries import Entry
from agent.publish.forwarder import ACCEPT, Verdict
from agent.publish.influx_post import Poster
from agent.publish.influx_rules import Answer
from agent.publish.influxdb import InfluxSink
from agent.publish.line_protocol import LineEncoder
from agent.publish.read_back import HOUR_US, PATIENCE_US, ReadBack, Rows, counted
from agent.publish.resolver import Resolver
from agent.secret import Secret
from agent.site import InfluxSite

TOKEN = "canary-31"
DUE_US = MIDNIGHT_US + HOUR_US + PATIENCE_US


@pytest.fixture
def rig(tmp_path: Path) -> Iterator["Rig"]:
    with servers.influxd(tmp_path) as database, servers.influx_v2_shim(tmp_path, database, TOKEN) as shim:
        yield Rig(database, shim.url)


class Rig:
    """A sink with its read-back, on a clock by hand."""

    def __init__(self, database: servers.Influx, url: str) -> None:
        self.database = database
        site = InfluxSite(url, "ops", "lamplighter", Secret(TOKEN), None, None, None)
        self.sink = InfluxSink(site, LineEncoder("dashi", "gw-01", {"tx1": "F12"}))
        self.poster = Poster(site, Resolver())
        self.now_us = MIDNIGHT_US
        self.back = ReadBack(self.sink.send, self.poster.ask, "dashi", "gw-01", lambda: self.now_us)

    async def send(self, rows: Sequence[Entry]) -> None:
        assert set(await self.back.send(rows)) == {ACCEPT}


def hour(of: int = 360) -> Sequence[Entry]:
    return entries(*(reading(number) for number in range(of)))


@pytest.mark.e2e
async def test_what_is_all_there_is_said_to_be(rig: Rig) -> None:
    await rig.send(hour())
    assert rig.back.missing is None, "nobody has asked yet"
    rig.now_us = DUE_US - 1
    await rig.back.look()
    assert rig.back.missing is None
    rig.now_us = DUE_US
    await rig.back.look()
    assert (rig.back.missing, rig.back.trouble) == ("", "")


@pytest.mark.e2e
async def test_what_was_acknowledged_and_is_not_there_is_said_until_that_hour_is_whole(rig: Rig) -> None:
    await rig.send(hour())
    gone_us = MIDNIGHT_US + 3_590_000_000
    rig.database.query(f"DELETE FROM reading WHERE time >= {gone_us * 1000}")  # noqa: S608
    rig.now_us = DUE_US
    await rig.back.look()
    assert rig.back.missing is not None
    assert "of 360 readings from 2026-11-23T00:00Z to 2026-11-23T01:00Z that it acknowledged 1 are not" in (
        rig.back.missing
    )
    assert "operator" in rig.back.missing
    await rig.send([Entry(1000 + n, reading(360 + n)) for n in range(360)])
    rig.now_us = DUE_US + HOUR_US
    await rig.back.look()
    assert "from 2026-11-23T00:00Z to 2026-11-23T01:00Z" in (rig.back.missing or ""), "the hour after it was whole"
    await rig.send(hour())
    rig.now_us = DUE_US + 2 * HOUR_US
    await rig.back.look()
    assert rig.back.missing == ""


@pytest.mark.e2e
async def test_rows_that_are_sent_twice_and_rows_of_others_are_no_rows(rig: Rig) -> None:
    await rig.send(hour())
    await rig.send(hour())
    rig.database.write(f"reading,site=dashi,gateway=gw-02,meter=x,feeder=none window_s=1 {MIDNIGHT_US * 1000}".encode())
    rig.database.query(f"DELETE FROM reading WHERE gateway = 'gw-01' AND time = {MIDNIGHT_US * 1000 + 1}")  # noqa: S608
    rig.now_us = DUE_US
    await rig.back.look()
    assert " 1 are not there" in (rig.back.missing or "")


@pytest.mark.e2e
async def test_a_database_that_may_not_be_read_is_no_alarm_and_said_once(
    rig: Rig, caplog: pytest.LogCaptureFixture
) -> None:
    await rig.send(hour())
    site = replace(rig.poster._site, token=Secret("may write alone"))
    back = ReadBack(rig.sink.send, Poster(site, Resolver()).ask, "dashi", "gw-01", lambda: rig.now_us)
    for turn in range(3):
        await back.send([Entry(5000 + turn * 1000 + n, reading(turn * 360 + n)) for n in range(5)])
        rig.now_us = DUE_US + turn * HOUR_US
        await back.look()
    assert back.missing is None
    assert "401" in back.trouble
    assert len([line for line in caplog.messages if "read_back_failed" in line]) == 1


async def test_an_hour_is_asked_of_once_and_an_hour_without_rows_not_at_all() -> None:
    asked: list[str] = []

    async def ask(query: str) -> Answer:
        asked.append(query)
        return Answer(200, '{"results":[{"series":[{"values":[[0,9]]}]}]}')

    async def send(rows: Sequence[Entry]) -> Sequence[Verdict]:
        return [ACCEPT, Verdict("keep"), ACCEPT]

    now_us = DUE_US
    back = ReadBack(send, ask, "dashi", "gw-01", lambda: now_us)
    await back.send(entries(reading(0), reading(1), event()))
    await back.look()
    await back.look()
    now_us += HOUR_US
    await back.look()
    assert len(asked) == 1
    assert f"time >= {MIDNIGHT_US}000 AND time < {MIDNIGHT_US + HOUR_US}000" in asked[0]
    assert "\"site\" = 'dashi' AND \"gateway\" = 'gw-01'" in asked[0]
    assert back.missing == "", "one was accepted, and of others there may be more"


class Scripted:
    """Answers by a script, the last of it for ever; 400 rows of MIDNIGHT's hour and of `more` hours after it."""

    def __init__(self, *answers: Answer, more: int = 0) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.now_us = DUE_US
        self.back = ReadBack(self.send, self.ask, "dashi", "gw-01", lambda: self.now_us)
        self.rows = [
            Entry(n * 400 + seq, replace(reading(0), time_us=MIDNIGHT_US + n * HOUR_US + seq))
            for n in range(more + 1) for seq in range(400)
        ]  # fmt: skip

    async def send(self, rows: Sequence[Entry]) -> Sequence[Verdict]:
        return [ACCEPT] * len(rows)

    async def ask(self, query: str) -> Answer:
        self.asked.append(query)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    async def minutes(self, number: int) -> None:
        for _ in range(number):
            await self.back.look()
            self.now_us += 60_000_000


def there(rows: int) -> Answer:
    return Answer(200, f'{{"results":[{{"series":[{{"values":[[0,{rows}]]}}]}}]}}')


BUSY = Answer(503, "busy")


async def test_an_hour_that_nobody_answered_for_is_asked_of_again() -> None:
    world = Scripted(BUSY, there(1))
    await world.back.send(world.rows)
    await world.minutes(50)
    assert len(world.asked) == 2
    assert "of 400 readings from 2026-11-23T00:00Z to 2026-11-23T01:00Z that it acknowledged 399" in (
        world.back.missing or ""
    )


async def test_an_hour_is_given_up_when_it_is_too_old_and_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    world = Scripted(BUSY)
    await world.back.send(world.rows)
    await world.minutes(4 * 60)
    given_up = [line for line in caplog.messages if "read_back_given_up" in line]
    assert given_up == ["influxdb.read_back_given_up hour=2026-11-23T00: no answer in 3 h"]
    assert len(world.asked) == 3 * 60
    assert world.back.missing is None


async def test_an_alarm_stands_through_hours_that_are_whole_and_answers_that_fail() -> None:
    world = Scripted(there(399), there(400), there(399), BUSY, more=1)
    await world.back.send(world.rows)
    for asked in (1, 3, 63):
        await world.minutes(60)
        assert len(world.asked) == asked
        assert " 1 are not there; ask" in (world.back.missing or "")
    world.answers = [there(400)]
    await world.minutes(1)
    assert (world.back.missing, world.back.trouble) == ("", "")


@pytest.mark.slow
async def test_the_hours_that_lack_rows_are_bounded_and_the_others_counted(caplog: pytest.LogCaptureFixture) -> None:
    world = Scripted(there(0), more=30)
    await world.back.send(world.rows[:400])
    for number in range(1, 31):
        await world.minutes(60)
        await world.back.send(world.rows[number * 400 : number * 400 + 400])
    assert "T06:00Z that it acknowledged 400 are not there; nor are all of 24 other hours; ask" in (
        world.back.missing or ""
    )
    given_up = [line for line in caplog.messages if "read_back_given_up" in line]
    assert len(given_up) == 5
    assert given_up[0].startswith("influxdb.read_back_given_up hour=2026-11-23T00: of 400 readings")


def test_a_row_takes_a_bit() -> None:
    rows = Rows()
    for seq in (0, 0, 1, 4095, 4096, 4096, 1_000_000):
        rows.add(MIDNIGHT_US, seq)
    rows.add(MIDNIGHT_US + HOUR_US, 4096)
    assert [rows.count(MIDNIGHT_US // HOUR_US + n) for n in (-1, 0, 1)] == [0, 5, 1]
    rows.forget_before(MIDNIGHT_US // HOUR_US + 1)
    assert [rows.count(MIDNIGHT_US // HOUR_US + n) for n in (0, 1)] == [0, 1]


@pytest.mark.parametrize(
    ("body", "number"),
    [
        ('{"results":[{"series":[{"name":"reading","columns":["time","count"],"values":[[0,42]]}]}]}', 42),
        ('{"results":[{"series":[{"values":[[0,42.0]]}]}]}', 42),
        ('{"results":[{"statement_id":0}]}', 0),
    ],
)  # fmt: skip
def test_a_count_is_understood_in_the_words_of_every_generation(body: str, number: int) -> None:
    assert counted(Answer(200, body)) == number


@pytest.mark.parametrize(
    "body",
    [
        '{"results":[{"error":"database not found: x"}]}', "<html>", "", "[]", '{"results":[]}', '{"results":7}',
        '{"results":[{"series":[{"values":[[0,null]]}]}]}', '{"results":[{"series":[{"values":[[0,-1]]}]}]}',
        '{"results":[{"series":[{"values":[[0,1e999]]}]}]}', '{"results":[{"series":[{"values":[[0,true]]}]}]}',
        '{"results":[{"series":[{"values":"ab"}]}]}', '{"results":["a"]}', "[" * 5000,
    ],
)  # fmt: skip
def test_whatever_else_it_says_is_no_number(body: str) -> None:
    with pytest.raises(ValueError, match="could not be asked"):
        counted(Answer(200, body))


@pytest.mark.parametrize("status", [0, 204, 301, 401, 404, 500])
def test_no_other_status_is_an_answer(status: int) -> None:
    with pytest.raises(ValueError, match="could not be asked"):
        counted(Answer(status, "words"))
