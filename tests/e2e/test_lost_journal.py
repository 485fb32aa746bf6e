"""A journal is lost inside an event: with a database that may be read no ghost of it stays open anywhere."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from running import Listener, agent, eventually, retained
from small_rig import SmallRig

pytestmark = pytest.mark.e2e
STATUS = "lamplighter/dashi/gw-01/m/status"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SmallRig]:
    with ExitStack() as stack:
        yield SmallRig(tmp_path, stack)


def state_of(rig: SmallRig, id_: str) -> str:
    rows = rig.influx.query(f'SELECT "state" FROM "event" WHERE "id" = \'{id_}\'')  # noqa: S608
    assert len(rows) <= 1, "one point"
    return str(rows[0]["state"]) if rows else ""


def sags(listener: Listener) -> list[dict[str, Any]]:
    return [one for one in listener.of("/m/event") if one["kind"] == "sag"]


def test_an_event_that_was_open_in_a_journal_that_is_lost_is_closed_in_the_database_and_at_the_broker(
    rig: SmallRig,
) -> None:
    rig.site.write_text(rig.site.read_text() + "read_back = true\n")
    with Listener(rig.broker.port) as listener:
        with agent(rig.site) as running:
            eventually("readings", lambda: len(listener.of("/m/reading")) > 2, 20)
            rig.volts(160.0)
            sag = eventually("a sag", lambda: sags(listener))[0]
            eventually("it is in the database", lambda: state_of(rig, sag["id"]) == "open", 20)
            assert retained(rig.broker.port, STATUS)["open_events"] == [sag["id"]]
            running.kill()
        shutil.rmtree(rig.state)
        rig.volts(230.0)
        with agent(rig.site) as running:
            eventually("it is closed", lambda: state_of(rig, sag["id"]) == "closed", 30)
            last = eventually("and at the broker", lambda: [one for one in sags(listener) if one["state"] != "open"])
            assert (last[-1]["id"], last[-1]["start"], "end" in last[-1]) == (sag["id"], sag["start"], False)
            eventually("the status knows of none", lambda: retained(rig.broker.port, STATUS)["open_events"] == [])
            assert running.stop()[0] == 0
            assert "Traceback" not in running.log
