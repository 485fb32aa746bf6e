"""`lamplighter events --plot`, on a journal whose agent does not run."""

import json
from pathlib import Path

import pytest
from command_line import CommandLine
from samples import MIDNIGHT_US, event, trace

from agent.journal.journal import Journal

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
"""


@pytest.fixture
async def site(tmp_path: Path) -> Path:
    """Three events: ev-1 with a trace in two parts, ev-2 without one, ev-3 of a kind that gets none."""
    async with Journal.open(tmp_path / "state", [], "gw-01") as journal:
        journal.add_trace(trace(1, count=30))
        journal.add_event(event(state="closed", end_us=MIDNIGHT_US + 1_000_000, end_earliest_us=MIDNIGHT_US + 900_000))
        journal.add_trace(trace(2, count=30, closing="complete"))
        journal.add_event(event(id="ev-2", start_us=MIDNIGHT_US + 60_000_000, state="closed", end_us=MIDNIGHT_US + 61))
        await journal.add_event(event(id="ev-3", kind="comms_loss", reference_v=None))
    file = tmp_path / "site.toml"
    file.write_text(SITE)
    return file


def test_it_is_drawn_in_80_columns(lamplighter: CommandLine, site: Path) -> None:
    done = lamplighter("events", site, "--plot", "ev-1")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("sag ev-1\n")
    assert max(map(len, done.out.splitlines())) <= 80


def test_it_is_drawn_into_a_file(lamplighter: CommandLine, site: Path, tmp_path: Path) -> None:
    done = lamplighter("events", site, "--plot", "ev-1", "--svg", tmp_path / "sag.svg")
    assert done.code == 0
    assert done.out.endswith(f"drawn into {tmp_path / 'sag.svg'}\n")
    assert (tmp_path / "sag.svg").read_text().startswith("<svg ")


def test_its_samples_are_printed_for_programs(lamplighter: CommandLine, site: Path) -> None:
    told = json.loads(lamplighter("events", site, "--plot", "ev-1", "--json").out)
    assert told["event"]["id"] == "ev-1"
    assert [len(part["t_s"]) for part in told["traces"]] == [30, 30]
    assert told["traces"][1]["of"] == 2


def test_an_unknown_id_names_those_that_look_like_it(lamplighter: CommandLine, site: Path) -> None:
    done = lamplighter("events", site, "--plot", "ev-9")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("--plot: found ev-9; none of that name is known; did you mean ev-")
    done = lamplighter("events", site, "--plot", "nothing like it")
    assert "`lamplighter events SITE --json` lists them" in done.err


def test_an_event_without_a_trace_says_why(lamplighter: CommandLine, site: Path) -> None:
    done = lamplighter("events", site, "--plot", "ev-2")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("ev-2 has no trace: ")
    silence = lamplighter("events", site, "--plot", "ev-3")  # while ev-1's trace was in the making
    assert (silence.code, "a comms_loss gets none" in silence.err) == (1, True)


def test_the_svg_needs_an_event(lamplighter: CommandLine, site: Path) -> None:
    done = lamplighter("events", site, "--svg", "x.svg")
    assert (done.code, "name it with --plot ID" in done.err) == (2, True)


def test_a_file_that_cannot_be_written_is_named(lamplighter: CommandLine, site: Path) -> None:
    done = lamplighter("events", site, "--plot", "ev-1", "--svg", "/nowhere/x.svg")
    assert (done.code, "/nowhere/x.svg" in done.err, "Traceback" in done.err) == (1, True, False)
