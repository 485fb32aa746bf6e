"""An agent without a state directory polls, publishes and answers; once there is one, all of it is stored."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from power_cuts import small_memory_disk
from running import Listener, agent, command, eventually, retained
from small_rig import SmallRig

pytestmark = pytest.mark.e2e


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SmallRig]:
    with ExitStack() as stack:
        yield SmallRig(tmp_path, stack)


def of_kind(listener: Listener, ending: str, kind: str) -> list[dict[str, Any]]:
    return [body for body in listener.of(ending) if body["kind"] == kind]


def asked(rig: SmallRig, *words: str) -> dict[str, Any]:
    done = command(*words, rig.site, "--json")
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def durable_below(rig: SmallRig) -> int:
    told = asked(rig, "journal")
    return int(told["head"]) - int(told["uncommitted"])


def without(rig: SmallRig) -> None:
    rig.site.write_text(rig.site.read_text().replace(str(rig.state), str(rig.state / "data" / "state")))


def test_polling_goes_on_without_a_state_directory_and_all_is_stored_once_it_comes(rig: SmallRig) -> None:
    without(rig)
    with Listener(rig.broker.port) as listener, agent(rig.site) as running:
        eventually("readings", lambda: len(listener.of("/m/reading")) > 2, 20)
        eventually("readings in the database", lambda: rig.influx.query("SELECT * FROM reading"), 20)
        (alarm,) = eventually("an alarm", lambda: of_kind(listener, "gw-01/event", "state_dir_missing"))
        assert (alarm["state"], alarm["durable"], alarm["scope"]) == ("open", False, "gateway")
        assert "create it" in alarm["evidence"][0]
        assert alarm["evidence"][0].count(str(rig.state / "data" / "state")) == 1
        told = asked(rig, "status")
        assert [one["kind"] for one in told["alarms"]] == ["state_dir_missing"]
        assert "state_dir_missing since" in command("status", rig.site).stdout
        rig.volts(160.0)
        sag = eventually("a sag", lambda: of_kind(listener, "/m/event", "sag"))[0]
        assert sag["durable"] is False
        eventually("what went out counts as sent", lambda: _all_sent(rig))
        assert "events went out with `durable: false`" in command("journal", rig.site).stdout
        (rig.state / "data").mkdir(parents=True)
        eventually("it is taken", lambda: "state.taken" in running.log, 20)
        eventually("the sag, stored", lambda: any("durable" not in one for one in of_kind(listener, "/m/event", "sag")))
        eventually("no alarm any more", lambda: _closed(listener), 20)
        rig.volts(230.0)
        over = eventually("the same sag is over", lambda: _closed_sags(listener))
        assert [one["id"] for one in over] == [sag["id"]]
        assert over[0]["start"] == sag["start"]
        assert running.stop()[0] == 0
        assert "Traceback" not in running.log
        assert "stopped_with_loss" not in running.log
    found = asked(rig, "events")["events"]
    assert {(one["kind"], one["state"]) for one in found} >= {("sag", "closed"), ("state_dir_missing", "closed")}
    assert retained(rig.broker.port, "lamplighter/dashi/gw-01/state")["state"] == "offline"


def _all_sent(rig: SmallRig) -> bool:
    """But for what is on its way; the database has not the two events."""
    sinks = asked(rig, "journal")["sinks"]
    return bool(sinks["mqtt"]["marked"] >= 2 and sinks["mqtt"]["rows"] <= 2 and 2 <= sinks["influxdb"]["rows"] <= 4)


def _closed(listener: Listener) -> bool:
    return any(one["state"] == "closed" for one in of_kind(listener, "gw-01/event", "state_dir_missing"))


def _closed_sags(listener: Listener) -> list[dict[str, Any]]:
    return [one for one in of_kind(listener, "/m/event", "sag") if one["state"] == "closed" and "durable" not in one]


def test_it_stops_at_once_and_says_what_is_lost(rig: SmallRig) -> None:
    without(rig)
    with agent(rig.site) as running:
        eventually("an alarm", lambda: "alarm.begun kind=state_dir_missing" in running.log, 20)
        code, took_s = running.stop()
        assert (code, took_s < 5) == (0, True)
        assert "journal.stopped_with_loss" in running.log
        assert "Traceback" not in running.log


def test_two_agents_without_a_state_directory_are_one_too_many(rig: SmallRig) -> None:
    without(rig)
    with agent(rig.site) as running:
        eventually("the first", lambda: "agent.started" in running.log, 20)
        done = command("run", rig.site)
        assert done.returncode == 1
        assert f"process {running.process.pid}" in done.stderr
        assert "Traceback" not in done.stderr


def remount(place: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(place)], check=True)


@contextmanager
def read_only(rig: SmallRig) -> Iterator[None]:
    """What fsck leaves of a card: everything there, and no write taken."""
    rig.state.mkdir(exist_ok=True)
    with small_memory_disk(rig.state, size_mib=8):
        (rig.state / "state").mkdir(mode=0o700)
        rig.site.write_text(rig.site.read_text().replace(str(rig.state), str(rig.state / "state")))
        remount(rig.state, "ro")
        try:
            yield
        finally:
            remount(rig.state, "rw")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts")
def test_a_read_only_card_is_taken_when_it_is_writable_again(rig: SmallRig) -> None:
    with read_only(rig), agent(rig.site) as running, Listener(rig.broker.port) as listener:
        eventually("readings", lambda: len(listener.of("/m/reading")) > 2, 20)
        assert "Read-only file system" in running.log
        assert "takes no write" in command("check", rig.site).stderr
        remount(rig.state, "rw")
        eventually("it is taken", lambda: "state.taken" in running.log, 20)
        waited = asked(rig, "journal")["head"]
        eventually("all that waited is stored", lambda: durable_below(rig) >= waited, 20)
        assert running.stop()[0] == 0
        assert "Traceback" not in running.log
