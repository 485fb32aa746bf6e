"""What was said and never stored stays open nowhere: an agent whose card stalls is killed, and another one follows."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from running import Listener, agent, eventually, retained
from small_rig import SmallRig
from torn_vfs import why_no_recording

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(why_no_recording()), reason=f"no card can be made to stall: {why_no_recording()}"),
]

PREFIX = "lamplighter/dashi/gw-01"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SmallRig]:
    with ExitStack() as stack:
        yield SmallRig(tmp_path, stack)


def sags(listener: Listener) -> list[dict[str, Any]]:
    return [body for body in listener.of("/m/event") if body["kind"] == "sag"]


def believed_open(told: Sequence[dict[str, Any]], state: dict[str, Any]) -> set[str]:
    """What a consumer holds for open who keeps to the rule: the highest revision counts, and nothing that only went
    out unstored in a session that the state calls over."""
    over = {one["session"] for one in state.get("void", ())}
    counted = [one for one in told if one.get("durable", True) or one["session"] not in over]
    highest = {one["id"]: one for one in sorted(counted, key=lambda one: int(one["revision"]))}
    return {id_ for id_, one in highest.items() if one["state"] == "open"}


def test_an_event_that_was_never_stored_is_void_in_the_next_life(rig: SmallRig) -> None:
    with Listener(rig.broker.port) as listener:
        with rig.stalling():
            eventually("a reading", lambda: listener.of("/m/reading"), 20)
            rig.stop_storing()
            rig.volts(160.0)
            (ghost,) = eventually("the sag, unstored", lambda: sags(listener))[:1]
            assert ghost["durable"] is False
            eventually("readings go on", lambda: len(listener.of("/m/reading")) > 3)
            assert rig.influx.query("SELECT * FROM event") == []
        with agent(rig.site) as running:
            eventually("the next life's sag", lambda: any(one["id"] != ghost["id"] for one in sags(listener)), 20)
            state = retained(rig.broker.port, f"{PREFIX}/state")
            void = {one["session"]: one["after"] for one in state["void"]}
            assert void[ghost["session"]] < int(ghost["id"].rpartition("-")[2])
            status = retained(rig.broker.port, f"{PREFIX}/m/status")
            assert ghost["id"] not in status["open_events"]
            rig.volts(230.0)
            eventually("over", lambda: any(one["state"] == "closed" for one in sags(listener)))
            assert believed_open(sags(listener), state) == set()
            assert all(one["id"] != ghost["id"] for one in rig.influx.query("SELECT * FROM event"))
            assert running.stop()[0] == 0


def test_an_end_that_was_never_stored_is_outdone_by_the_next_life(rig: SmallRig) -> None:
    with Listener(rig.broker.port) as listener:
        with rig.stalling():
            eventually("a reading", lambda: listener.of("/m/reading"), 20)
            rig.volts(160.0)
            first = eventually("the sag", lambda: [one for one in sags(listener) if "durable" not in one])[0]
            rig.stop_storing()
            rig.volts(230.0)
            ended = eventually("its end", lambda: [one for one in sags(listener) if one["state"] == "closed"])[0]
            assert (ended["id"], ended["durable"]) == (first["id"], False)
            rig.volts(160.0)
        with agent(rig.site) as running:

            def again() -> list[dict[str, Any]]:
                return [one for one in sags(listener) if one["session"] != first["session"]]

            def outdone() -> list[dict[str, Any]]:
                return [one for one in again() if one["revision"] > ended["revision"]]

            said = eventually("said again", outdone, 20)[0]
            assert (said["id"], said["state"]) == (first["id"], "open")
            rig.volts(230.0)
            eventually("closed", lambda: any(one["state"] == "closed" for one in again()))
            highest = max(sags(listener), key=lambda one: int(one["revision"]))
            assert (highest["id"], highest["state"]) == (first["id"], "closed")
            assert running.stop()[0] == 0
