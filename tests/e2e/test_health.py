"""What a running agent tells of itself: in the database as docs/health.md says it, also what the database missed."""

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from running import Listener, agent, command, eventually
from small_rig import SmallRig

pytestmark = pytest.mark.e2e
DOCS = Path(__file__).resolve().parents[2] / "docs" / "health.md"

TAGS = {"time", "site", "gateway", "meter", "feeder", "line", "sink"}
# What this site, or this machine, cannot tell, or not yet.
SOMETIMES = {
    "supply_l1_l2", "watch_hz", "refresh_s", "last_good_us", "clock_synced", "clock_uncertainty_s", "supply_lost",
    "certificate_days_left", "card_written_bytes_day", "card_flushes_day", "card_life_used_pct", "card_spare",
    "dropped", "dropped_reason", "client_certificate_days_left", "ca_days_left", "server_certificate_days_left",
}  # fmt: skip


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SmallRig]:
    with ExitStack() as stack:
        yield SmallRig(tmp_path, stack)


def documented(heading: str) -> set[str]:
    """The fields of one table."""
    table = next(part for part in DOCS.read_text().split("\n## ") if heading in f"## {part.splitlines()[0]}")
    rows = (line.split("|")[1] for line in table.splitlines() if line.startswith("| `"))
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def the_last(rig: SmallRig, measurement: str, where: str) -> dict[str, Any]:
    rows = rig.influx.query(f'SELECT * FROM "{measurement}" WHERE {where}')  # noqa: S608 - our names
    return {name: value for name, value in rows[-1].items() if value is not None} if rows else {}


def test_how_everything_stands_is_told_as_documented_and_what_a_database_missed_comes_later(
    rig: SmallRig, tmp_path: Path
) -> None:
    with Listener(rig.broker.port) as listener, agent(rig.site) as running:
        eventually("a live meter", lambda: the_last(rig, "status", "live = 1"), 20)
        gateway = eventually("the gateway", lambda: the_last(rig, "gateway", "uptime_s >= 0"))
        line, mqtt = (the_last(rig, "gateway", where) for where in ("line = 'a'", "sink = 'mqtt'"))
        first = rig.influx.query("SELECT * FROM status")[0]
        told = json.loads(command("status", rig.site, "--json").stdout)
        assert told["meters"][0]["supply"] == "live"
        epoch = json.loads(command("journal", rig.site, "--json").stdout)["epoch"]
        assert (gateway["meters"], gateway["journal_ok"], gateway["session"]) == (1.0, 1.0, epoch)
        assert gateway["rss_bytes"] > 1e7
        assert (line["units"], line["line_state"], mqtt["sink_ok"]) == (1.0, "open", 1.0)
        assert (first["feeder"], first["mute"], first["site"], first["gateway"]) == ("none", 0.0, "dashi", "gw-01")
        for heading, row in (
            ("## `status`", first),
            ("the gateway itself", gateway),
            ("`line`", line),
            ("`sink`", mqtt),
        ):
            fields, known = {*row} - TAGS, documented(heading)
            assert fields <= known, f"not in docs/health.md: {fields - known}"
            assert known - fields <= SOMETIMES, f"only in docs/health.md: {known - fields - SOMETIMES}"
        rig.influx.server.kill()
        rig.meter.hush()
        rows = eventually("its silence", lambda: lost(listener), 20)
        assert rows[-1]["last_good"]
        rig.influx.server.start()
        missed = eventually("what it missed", lambda: the_last(rig, "status", "comms_lost = 1"), 30)
        assert (missed["comms"], missed["live"], missed["events_open"]) == ("lost", 0.0, 1.0)
        assert missed["open_events"] == rows[-1]["open_events"][0]
    assert "Traceback" not in running.log
    done = command("journal", rig.site, "--export", tmp_path / "kept.jsonl", "--kind", "health")
    assert done.returncode == 0, done.stderr
    kept = [json.loads(one) for one in (tmp_path / "kept.jsonl").read_text().splitlines()]
    assert {one["of"] for one in kept} == {"meter", "line", "sink", "gateway"}


def lost(listener: Listener) -> list[dict[str, Any]]:
    return [one for one in listener.of("/m/status") if one["comms"] == "lost"]
