"""A service goes on with the last good copy of a torn site file, and says so; a wrong one it refuses."""

import json
from pathlib import Path

import pytest
from running import command, eventually
from service import service
from small_site import DASHI

pytestmark = pytest.mark.e2e


def test_a_service_starts_with_the_copy_of_a_torn_site_file_and_a_wrong_one_is_refused(tmp_path: Path) -> None:
    site, state_dir, good = tmp_path / "site.toml", tmp_path / "state", tmp_path / "good.toml"
    for file in (site, good):
        file.write_text(DASHI)
    with service(site, state_dir) as running:
        eventually("a copy", (state_dir / "site.good").exists, 20)
        assert running.stop() == 0
    site.write_text(DASHI[:100])
    with service(site, state_dir) as running:
        eventually("it runs", lambda: running.is_ready, 20)
        eventually("it says so", lambda: "the agent runs on the last good copy" in running.status)
        assert "alarm.begun kind=site_file_broken" in running.log
        done = command("status", good, "--state-dir", state_dir)
        assert "site_file_broken since" in done.stdout, done.stderr
        site.write_text(DASHI)
        eventually("all is well", lambda: running.status == "1 meters on 1 lines", 25)
        assert running.stop() == 0
        assert "Traceback" not in running.log
    events = json.loads(command("events", site, "--state-dir", state_dir, "--json").stdout)["events"]
    assert ("site_file_broken", "closed") in [(one["kind"], one["state"]) for one in events]
    site.write_text(DASHI.replace("unit = 1", "unit = 300"))
    with service(site, state_dir) as running:
        assert running.process.wait(10) == 2
        assert "meters.m.unit: found 300" in running.log
    site.write_text("")
    by_hand = command("run", site, "--state-dir", state_dir)
    assert by_hand.returncode == 2
