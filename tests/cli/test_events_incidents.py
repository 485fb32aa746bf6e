"""Incidents before a dispatcher: three lines each, from a journal whose agent does not run."""

import json
from pathlib import Path

import pytest
from command_line import CommandLine
from samples import MIDNIGHT_US, event, incident

from agent.cli import show
from agent.cli.status import METER_COLUMNS, meter_row
from agent.journal.journal import Journal
from agent.records import NOT_ISOLATION
from agent.wire import incident_to_json

SITE = """
[site]
name = "dashi"
gateway = "gw-01"
nominal_voltage = 230
state_dir = "state"
[lines.l]
tcp = "127.0.0.1:1"
[meters.tx1]
line = "l"
unit = 1
model = "eastron-sdm630"
[meters.tx2]
line = "l"
unit = 2
model = "eastron-sdm630"
"""


@pytest.fixture
async def site(tmp_path: Path) -> Path:
    """One open incident of two events, one that is over, of a third event."""
    async with Journal.open(tmp_path / "state", [], "gw-01") as journal:
        journal.add_event(event(kind="supply_loss"))
        journal.add_event(event(id="ev-2", kind="comms_loss", meter="tx2"))
        journal.add_event(event(id="ev-3", start_us=MIDNIGHT_US - 9, state="closed", end_us=MIDNIGHT_US))
        journal.add_incident(incident())
        over = incident(
            id="in-2", start_us=MIDNIGHT_US - 9, state="closed", end_us=MIDNIGHT_US, events=("ev-3",), words=()
        )
        await journal.add_incident(over)
    file = tmp_path / "site.toml"
    file.write_text(SITE)
    return file


def test_an_incident_is_three_lines_above_its_events(lamplighter: CommandLine, site: Path) -> None:
    done = lamplighter("events", site)
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert lines[:4] == [
        "INCIDENT: No supply below tx-17 on F12: transformer fuse.",
        "  180 to 240 customers since 00:00:00.",
        "  Sure to 75 %: two meters say so, one is silent. No voltage measured is not proof of isolation.",
        "",
    ]
    assert lines[4].startswith("incident, over: supply_loss at tx-17 (transformer fuse)")
    assert lines[5:8] == [
        "  180 to 240 customers, since 2026-11-22 23:59:59.999 UTC",
        "  75% sure; meters: 2 dead, 1 alive, 1 unknown",
        "",
    ]  # fmt: skip
    assert lines[8] == "events"
    assert lines[-1] == NOT_ISOLATION


def test_of_one_meter_or_kind_only_the_incidents_it_is_a_part_of(lamplighter: CommandLine, site: Path) -> None:
    told = json.loads(lamplighter("events", site, "--json").out)
    assert [one["id"] for one in told["incidents"]] == ["in-1", "in-2"]
    of_kind = json.loads(lamplighter("events", site, "--kind", "sag", "--json").out)
    assert [one["id"] for one in of_kind["incidents"]] == ["in-2"]
    of_meter = json.loads(lamplighter("events", site, "--meter", "tx2", "--json").out)
    assert ([one["id"] for one in of_meter["events"]], [one["id"] for one in of_meter["incidents"]]) == (
        ["ev-2"],
        ["in-1"],
    )
    assert of_meter["incidents"][0]["dead"] == ["tx1", "tx2"]


@pytest.mark.parametrize(
    "kind", ["earth_fault", "neutral_fault", "gateway_outage", "mains_loss", "backfeed", "vt_failure"]
)
def test_the_new_kinds_may_be_asked_for(lamplighter: CommandLine, site: Path, kind: str) -> None:
    assert lamplighter("events", site, "--kind", kind).out == "events: none\n"


@pytest.mark.parametrize(
    "kind", ["supply_loss", "gateway_outage", "mains_loss", "backfeed", "earth_fault", "stale_data"]
)
def test_whatever_may_be_taken_for_dead_says_that_it_is_no_proof(kind: str) -> None:
    assert show.may_be_dead([{"kind": kind}])
    assert not show.may_be_dead([{"kind": "sag"}])


def test_an_incident_without_words_has_its_figures() -> None:
    body = incident_to_json(incident(words=(), customers=None, device=""))
    assert show.incident_lines(body) == [
        "INCIDENT: supply_loss at tx-17",
        "  an unknown number of customers, since 2026-11-23 00:00:00.000 UTC",
        "  75% sure; meters: 2 dead, 1 alive, 1 unknown",
    ]
    taken_back = incident_to_json(incident(state="retracted"))
    assert show.incident_lines(taken_back)[0].startswith("incident, taken back: No supply")


def test_a_meters_row_says_its_mode() -> None:
    meter = {
        "meter": "tx1", "supply": "dead", "supply_by_phase": {"l1": "dead"}, "comms": "ok", "open_events": ["a", "b"],
        "mode": "test",
    }  # fmt: skip
    row = dict(zip(METER_COLUMNS, meter_row(meter), strict=True))
    assert (row["meter"], row["mode"], row["open events"]) == ("tx1", "test", "a b")
