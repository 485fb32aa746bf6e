"""What is told of sinks in trouble: an event through the other sink, figures, and everything exported."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from running import Listener, agent, command, eventually
from small_rig import SmallRig

pytestmark = pytest.mark.e2e


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SmallRig]:
    with ExitStack() as stack:
        yield SmallRig(tmp_path, stack)


def test_a_refused_token_is_an_event_at_the_broker_until_its_file_is_renewed(rig: SmallRig) -> None:
    token = rig.site.with_name("token")
    token.write_text("canary-wrong")
    with Listener(rig.broker.port) as listener, agent(rig.site) as running:

        def told(state: str) -> list[dict[str, object]]:
            events = listener.of("gw-01/event")
            return [one for one in events if one["kind"] == "sink_blocked" and one["state"] == state]

        (opened,) = eventually("the alarm", lambda: told("open"), 20)
        assert "token is refused" in opened["evidence"][0]
        shown = command("journal", rig.site).stdout
        assert "token is refused" in shown
        time.sleep(2)
        token.write_text("canary-9")
        (closed,) = eventually("its end", lambda: told("closed"), 20)
        assert closed["id"] == opened["id"]
        assert len(told("open")) == 1
        where = "SELECT * FROM event WHERE kind = 'sink_blocked' AND state = 'closed'"
        eventually("closed at the database, too", lambda: len(rig.influx.query(where)) == 1)
        assert "canary" not in running.log


def test_everything_stored_is_exported_with_and_without_a_running_agent(rig: SmallRig, tmp_path: Path) -> None:
    file = tmp_path / "kept.jsonl"
    with Listener(rig.broker.port) as listener, agent(rig.site) as running:
        eventually("a reading", lambda: listener.of("/m/reading"), 20)
        rig.volts(160.0)
        eventually("the sag", lambda: [one for one in listener.of("/m/event") if one["kind"] == "sag"])
        rig.volts(230.0)
        eventually("its end", lambda: [one for one in listener.of("/m/event") if one["state"] == "closed"])
        done = command("journal", rig.site, "--export", file, "--json")
        assert done.returncode == 0, done.stderr
        live = [json.loads(line) for line in file.read_text().splitlines()]
        assert json.loads(done.stdout)["rows"] == len(live)
        assert {"reading", "event"} <= {row["record"] for row in live}
        done = command("journal", rig.site, "--csv", tmp_path / "live", "--meter", "m", "--json")
        assert done.returncode == 0, done.stderr
        files = json.loads(done.stdout)["files"]
        assert files["events.csv"] == 1, "the sag, as it was said last"
        assert files["readings-m.csv"] >= sum(row["record"] == "reading" for row in live)
        assert running.stop()[0] == 0
    file = tmp_path / "after.jsonl"
    done = command("journal", rig.site, "--export", file)
    assert done.returncode == 0, done.stderr
    after = [json.loads(line) for line in file.read_text().splitlines()]
    assert after[: len(live)] == live
    assert [row["seq"] for row in after] == sorted({row["seq"] for row in after})
    assert {row["kind"] for row in after if row["record"] == "trace"} == {"sag"}
    last = [row for row in after if row["record"] == "reading"][-1]
    file = tmp_path / "since.jsonl"
    since = command("journal", rig.site, "--export", file, "--since", last["time"], "--kind", "reading")
    assert since.returncode == 0, since.stderr
    assert json.loads(file.read_text()) == last
    assert len(file.read_text().splitlines()) < len(after)
    assert command("journal", rig.site, "--export", file, "--since", "yesterday").returncode == 2
    assert command("journal", rig.site, "--export", tmp_path / "no" / "such").returncode == 2
    assert command("journal", rig.site, "--since", "2026-01-01T00:00:00Z").returncode == 2
