"""A hundred meters behind a port that is not there, and behind one that refuses: the product says so once."""

import json
import socket
from pathlib import Path

import pytest
from running import agent, command, eventually

pytestmark = pytest.mark.e2e

METERS = 100


@pytest.fixture(params=["serial", "tcp"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        refuses = f'tcp = "127.0.0.1:{free.getsockname()[1]}"'
    where = refuses if request.param == "tcp" else f'serial = "{tmp_path / "absent"}"'
    each = (f'[meters.m{n}]\nline = "bus"\nunit = {n}\nmodel = "eastron-sdm630"\n' for n in range(1, METERS + 1))
    path = tmp_path / "site.toml"
    head = '[site]\nname = "mall"\ngateway = "gw-1"\nnominal_voltage = 230\nstate_dir = "state"\npoll = "60s"\n'
    path.write_text(f"{head}[lines.bus]\n{where}\n" + "".join(each))
    return path


def test_in_the_log_the_journal_and_the_status_it_is_one_event(site: Path) -> None:
    with agent(site) as running:

        def all_lost() -> bool:
            meters = json.loads(command("status", site, "--json").stdout)["meters"]
            return [meter["comms"] for meter in meters] == ["lost"] * METERS

        eventually("the line's event", lambda: "event.open" in running.log, 60)
        eventually("every meter is lost", all_lost)
        assert running.stop()[0] == 0
        assert running.log.count("event.") == 1
    events = json.loads(command("events", site, "--json", "--limit", "1000").stdout)["events"]
    assert [(event["kind"], event["scope"], event["line"]) for event in events] == [("comms_loss", "line", "bus")]
