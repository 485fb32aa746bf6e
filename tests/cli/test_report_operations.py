"""`lamplighter report` on key customers and incidents: from the site file, the journal's first revisions and the long
record, with and without a running agent."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine
from running import agent, eventually
from samples import MIDNIGHT_US, event, incident, interval

from agent.journal.journal import Journal
from agent.report.record.history import History
from agent.status.socket import NotRunningError, ask

SITE = """
[site]
name = "dashi"
gateway = "gw-01"
nominal_voltage = 220
state_dir = "state"
[lines.l]
tcp = "127.0.0.1:1"
[nodes.ward]
kind = "key"
parents = ["tx1"]
alternates = ["tx2"]
critical = "hospital"
[key_customers.clinic]
load = "clinic"
sources = ["tx1", "tx2"]
allowed_gap = "2s"
[targets]
hospital = "5min"
"""
SITE += "".join(
    f'[meters.{name}]\nline = "l"\nunit = {unit}\nmodel = "{model}"\n{more}'
    for unit, (name, model, more) in enumerate(
        (("tx1", "eastron-sdm630", ""), ("tx2", "chint-dtsu666", ""), ("coarse", "carlo-gavazzi-em24", ""),
         ("clinic", "sunspec-meter", 'node = "ward"\n')), start=1
    )
)  # fmt: skip
MIN, S = 60_000_000, 1_000_000
NOW_US = MIDNIGHT_US + 12 * 3_600_000_000
PERIOD = "2026-11-23T00:00Z..2026-11-23T02:00Z"


def lost(id_: str, meter: str, from_s: float, to_s: float) -> dict[str, Any]:
    from_us, to_us = (MIDNIGHT_US + round(at * S) for at in (from_s, to_s))
    return {"id": id_, "kind": "supply_loss", "meter": meter, "start_us": from_us, "start_earliest_us": from_us,
            "end_us": to_us, "end_earliest_us": to_us, "duration_min_s": to_s - from_s, "customers": None,
            "duration_max_s": to_s - from_s, "residual_pct": None}  # fmt: skip


@pytest.fixture
async def site(tmp_path: Path) -> Path:
    """tx1 is lost from 00:30 to 00:40, reported after 4 s, located after 9 s more; the switch takes 3 s."""
    (tmp_path / "site.toml").write_text(SITE)
    (tmp_path / "state").mkdir()
    async with History.open(tmp_path / "state", lambda: NOW_US) as history:
        for n in (n for n in range(120) if not 30 <= n < 40):
            values = {f"voltage_l{phase}": 220.0 for phase in (1, 2, 3)} | {"frequency": 50.0}
            for meter in ("tx1", "tx2", "coarse", "clinic"):
                history.add(interval(n, meter=meter, values=values, coverage=1.0))
    seen_us = MIDNIGHT_US + 1804 * S
    told = incident(events=("e1",), dead=("tx1",), start_us=MIDNIGHT_US + 1800 * S, critical=("ward",),
                    start_earliest_us=MIDNIGHT_US + 1800 * S, node="ward", reported_us=seen_us)  # fmt: skip
    over = replace(told, revision=3, state="closed", end_us=MIDNIGHT_US + 2400 * S, dead=(), restored=("tx1",),
                   node="tx1", reported_us=MIDNIGHT_US + 2500 * S)  # fmt: skip
    async with Journal.open(tmp_path / "state", [], "gw-01") as journal:
        journal.add_event(event(**lost("e1", "tx1", 1800, 2400) | {"end_us": None, "end_earliest_us": None},
                                reported_us=seen_us))  # fmt: skip
        journal.add_incident(told)
        journal.add_incident(replace(told, revision=2, node="tx1", reported_us=seen_us + 9 * S))
        journal.add_event(event(**lost("e2", "clinic", 1800, 1803), state="closed", reported_us=seen_us))
        journal.add_event(event(**lost("e1", "tx1", 1800, 2400), state="closed", revision=2, reported_us=seen_us))
        await journal.add_incident(over)
    return tmp_path / "site.toml"


@pytest.fixture(
    params=[False, pytest.param(True, marks=pytest.mark.e2e)], ids=["without an agent", "of a running agent"]
)
def asked(request: pytest.FixtureRequest, site: Path) -> Iterator[Path]:
    if not request.param:
        yield site
        return
    with agent(site):
        eventually("an agent that answers", lambda: _answers(site.parent / "state"))
        yield site


def _answers(state_dir: Path) -> bool:
    try:
        return bool(ask(state_dir, "status"))
    except NotRunningError:
        return False


def test_transfers_standbys_and_incidents_as_json(lamplighter: CommandLine, asked: Path) -> None:
    done = lamplighter("report", asked, "--period", PERIOD, "--json")
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.out)["operations"]
    (key,) = told["key_customers"]
    (gap,) = key["gaps"]
    assert (gap["from_source"], gap["to_source"], gap["gap_s"], gap["verdict"]) == ("tx1", "tx2", [3, 3], "violated")
    assert (key["of_class"], key["standbys"][0]["readiness"]["is_ready"]) == ("hospital", True)
    (loop,) = told["loops"]
    assert (loop["seen"], loop["located"]) == ("2026-11-23T00:30:04.000000Z", "2026-11-23T00:30:13.000000Z")
    assert (loop["restored"], loop["verified"]) == ("2026-11-23T00:40:00.000000Z", "2026-11-23T00:50:00.000000Z")
    assert (loop["target"], loop["verdict"]) == ({"of_class": "hospital", "within_s": 300}, "violated")
    assert told["classes"][0]["overdue"] == [1, 1]


def test_which_maps_resolve_the_frequency(lamplighter: CommandLine, site: Path) -> None:
    told = json.loads(lamplighter("report", site, "--period", PERIOD, "--json").out)["operations"]["generators"]
    why = {one["meter"]: one["why"] and one["why"]["words"] for one in told}
    # A float, hundredths, tenths, and a scale that the meter itself says.
    assert why == {
        "tx1": "fewer than two others resolve the frequency",
        "tx2": "fewer than two others resolve the frequency",
        "coarse": "it resolves 0.1 Hz; 0.05 Hz or less is needed",
        "clinic": "its map does not say how finely it resolves the frequency",
    }


def test_a_transfer_that_is_too_long_ago_is_none(lamplighter: CommandLine, site: Path) -> None:
    text = site.read_text()
    found = []
    for every in ("1h", "2h"):
        site.write_text(text.replace('allowed_gap = "2s"', f'tested_every = "{every}"'))
        done = lamplighter("report", site, "--period", PERIOD, "--json")
        (key,) = json.loads(done.out)["operations"]["key_customers"]
        found.append(key["standbys"][0]["readiness"]["is_ready"])
    # It was at 00:30; the period ends at 02:00.
    assert found == [None, True]


def test_what_is_wrong_in_the_site_file_is_said(lamplighter: CommandLine, site: Path) -> None:
    site.write_text(site.read_text().replace('"tx2"]\nallowed', '"tx3"]\nallowed'))
    done = lamplighter("report", site, "--period", PERIOD)
    assert done.code == 2
    assert "key_customers.clinic.sources" in done.err


async def test_a_transfer_before_the_forty_days_that_reports_look_back_is_found(
    lamplighter: CommandLine, tmp_path: Path
) -> None:
    site, day_s = tmp_path / "site.toml", 86_400
    async with Journal.open(tmp_path / "state", [], "gw-01") as journal:
        for id_, meter, lasted_s in (("e1", "tx1", 600), ("e2", "clinic", 3)):
            await journal.add_event(event(**lost(id_, meter, -60 * day_s, lasted_s - 60 * day_s), state="closed"))
    seen = []
    for every in ("59d", "61d"):
        site.write_text(SITE.replace('allowed_gap = "2s"', f'tested_every = "{every}"'))
        told = json.loads(lamplighter("report", site, "--period", PERIOD, "--json").out)
        seen.append(told["operations"]["key_customers"][0]["standbys"][0]["tested"]["surely"])
    assert seen == [None, "2026-09-24T00:00:00.000000Z"]
