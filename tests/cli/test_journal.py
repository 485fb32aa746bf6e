"""`lamplighter journal` where no agent runs: figures, and exports that an engineer takes along."""

import asyncio
import csv
import json
import os
import pty
import shutil
import subprocess
from pathlib import Path

import pytest
from command_line import CommandLine
from power_cuts import small_memory_disk
from running import LAMPLIGHTER
from samples import MIDNIGHT_US, event, reading, trace
from timers import Timers

from agent.journal.hold import hold
from agent.journal.journal import Journal

S = 1_000_000


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an agent has left behind: 600 readings of `main`, one of a meter that is gone, a sag, a trace."""
    state = tmp_path_factory.mktemp("left") / "state"

    async def run() -> None:
        timers = Timers()
        opened = Journal.open(state, ["mqtt"], "gw-01", now_us=lambda: MIDNIGHT_US, call_later=timers.call_later)
        async with opened as journal:
            for number in range(600):
                journal.add_reading(reading(number, meter="main"))
            journal.add_reading(reading(600, meter="gone", values={"frequency": 50.0}, min={}, max={}))
            journal.add_event(event(meter="main"))
            closed = event(meter="main", state="closed", revision=2, end_us=MIDNIGHT_US + S)
            journal.add_event(closed)
            journal.add_trace(trace(meter="main"))

    asyncio.run(run())
    return state


@pytest.fixture
def site(site_file: Path, left: Path) -> Path:
    """A site in Berlin whose agent has run."""
    shutil.copytree(left, site_file.parent / "state")
    text = site_file.read_text(encoding="utf-8")
    site_file.write_text(text.replace("[site]", '[site]\ntime_zone = "Europe/Berlin"'), encoding="utf-8")
    return site_file


def table(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8-sig", newline="") as opened:
        return list(csv.DictReader(opened))


def test_json_tells_what_each_sink_lacks_in_mib_and_hours(lamplighter: CommandLine, site: Path) -> None:
    sink = json.loads(lamplighter("journal", site, "--json").out)["sinks"]["mqtt"]
    assert sink["rows"] == 604
    assert 0 < sink["backlog_mib"] < 1
    assert sink["backlog_h"] >= 0
    assert "hours" in lamplighter("journal", site).out


def test_a_day_for_a_spreadsheet_is_a_file_for_each_meter_and_one_of_events(
    lamplighter: CommandLine, site: Path
) -> None:
    folder = site.parent / "monday"
    done = lamplighter("journal", site, "--csv", folder)
    assert done.code == 0, done.err
    assert {file.name for file in folder.iterdir()} == {
        "events.csv", "readings-gone.csv", "readings-main.csv", "traces-main.csv"
    }  # fmt: skip
    rows = table(folder / "readings-main.csv")
    assert len(rows) == 600
    assert (rows[0]["time (UTC)"], rows[0]["time (Europe/Berlin)"]) == (
        "2026-11-23 00:00:00.000", "2026-11-23 01:00:00.000",
    )  # fmt: skip
    assert rows[-1]["voltage_l1 [V]"] == "829.0"
    (sag,) = table(folder / "events.csv")
    assert (sag["state"], sag["ended by (UTC)"]) == ("closed", "2026-11-23 00:00:01.000")
    assert len(table(folder / "traces-main.csv")) == 3
    assert "readings-main.csv  600" in done.out


def test_the_hour_asked_for_is_the_sites_own_unless_it_says_utc(lamplighter: CommandLine, site: Path) -> None:
    for number, (since, until) in enumerate(
        (("2026-11-23T01:10", "2026-11-23T01:20"), ("2026-11-23T00:10:00Z", "2026-11-23T00:20:00Z"))
    ):
        folder = site.parent / str(number)
        done = lamplighter("journal", site, "--csv", folder, "--from", since, "--to", until, "--kind", "reading")
        assert done.code == 0, done.err
        rows = table(folder / "readings-main.csv")
        assert (rows[0]["time (UTC)"], rows[-1]["time (UTC)"]) == ("2026-11-23 00:10:00.000", "2026-11-23 00:19:50.000")
        assert [file.name for file in folder.iterdir()] == ["readings-main.csv"]


def test_one_meter_and_one_kind_are_exported_alone(lamplighter: CommandLine, site: Path) -> None:
    file = site.parent / "kept.jsonl"
    done = lamplighter("journal", site, "--export", file, "--meter", "gone", "--json")
    assert json.loads(done.out) == {"file": str(file), "rows": 1}
    sags = site.parent / "sags.jsonl"
    assert lamplighter("journal", site, "--export", sags, "--kind", "sag", "--kind", "gap").code == 0
    assert [json.loads(line)["record"] for line in sags.read_text().splitlines()] == ["event", "event", "trace"]


def test_an_export_takes_the_place_of_nothing(lamplighter: CommandLine, site: Path) -> None:
    """Neither of the site file nor of the journal, however the name was meant."""
    kept = site.parent / "state" / "journal.sqlite3"
    alias = site.parent / "alias.jsonl"
    alias.symlink_to(kept)
    before = site.read_bytes(), kept.read_bytes()
    for place, said in (
        (site, "which is there already"), (alias, "which is there already"), (site.parent, "Is a directory"),
        (kept, "in the agent's state directory"), (kept.with_name("site.good"), "in the agent's state directory"),
    ):  # fmt: skip
        done = lamplighter("journal", site, "--export", place, "--meter", "main")
        assert done.code == 2
        assert said in done.err
        assert "allowed: " in done.err
    assert lamplighter("journal", site, "--csv", kept.with_name("monday")).code == 2
    assert (site.read_bytes(), kept.read_bytes()) == before
    assert not kept.with_name("site.good").exists()
    assert not kept.with_name("monday").exists()


def test_a_meter_that_never_was_leaves_no_empty_file(lamplighter: CommandLine, site: Path) -> None:
    done = lamplighter("journal", site, "--export", site.parent / "x.jsonl", "--meter", "mian")
    assert done.code == 2
    assert "--meter: found mian; allowed: main" in done.err
    assert not (site.parent / "x.jsonl").exists()


def test_a_pipe_that_nobody_reads_is_said_and_not_waited_for(lamplighter: CommandLine, site: Path) -> None:
    os.mkfifo(site.parent / "pipe")
    done = lamplighter("journal", site, "--export", site.parent / "pipe")
    assert done.code == 2
    assert "a pipe that nobody reads; allowed: a file that is new" in done.err
    assert (site.parent / "pipe").is_fifo()


def test_of_two_exports_that_adjoin_each_row_is_in_one(lamplighter: CommandLine, site: Path) -> None:
    seqs: list[int] = []
    for number, (option, other) in enumerate((("--from", "--to"), ("--to", "--from"))):
        file = site.parent / f"{number}.jsonl"
        far = "2026-11-22T00:00:00Z" if option == "--to" else "2026-11-24T00:00:00Z"
        words = (option, "2026-11-23T00:10:00Z", other, far, "--kind", "reading")
        assert lamplighter("journal", site, "--export", file, *words).code == 0
        seqs += [json.loads(line)["seq"] for line in file.read_text().splitlines()]
    assert sorted(seqs) == list(range(1, 602))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--csv", "{}/x", "--export", "{}/y"), "found both"),
        (("--from", "2026-11-23T00:00"), "name a place with --export FILE or --csv DIR"),
        (("--meter", "main", "--kind", "sag"), "--meter and --kind choose what is exported"),
        (("--csv", "{}/x", "--from", "monday"), "--from: found monday; allowed: a time as"),
        (("--csv", "{}/x", "--kind", "sags"), "--kind: found sags; allowed: reading, event, "),
        (("--csv", "{}/x", "--meter", "mian"), "--meter: found mian; allowed: main"),
        (("--csv", "{}/x", "--from", "2026-11-23T02:00", "--to", "2026-11-23T01:00"), "a time after --from"),
        (("--csv", "{}/x", "--from", "2026-11-23T02:00", "--to", "2026-11-23T02:00"), "a time after --from"),
        (("--csv", "{}"), "in which there is something; allowed: a directory that is new or empty"),
        (("--csv", "{}/site.toml"), "which is a file; allowed: a directory"),
        (("--csv", "{}/no/such"), "No such file or directory"),
        (("--export", "{}/no/such"), "No such file or directory; allowed: a file that can be written"),
    ],
)
def test_a_wrong_wish_is_said_with_what_is_allowed(
    lamplighter: CommandLine, site: Path, words: tuple[str, ...], said: str
) -> None:
    done = lamplighter("journal", site, *(word.format(site.parent) for word in words))
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.err


def test_a_journal_that_another_process_holds_is_said_and_nothing_is_begun(
    lamplighter: CommandLine, site: Path
) -> None:
    with hold(site.parent / "state"):
        for words in (("--csv", site.parent / "monday"), ("--export", site.parent / "kept.jsonl")):
            done = lamplighter("journal", site, *words)
            assert done.code == 1
            assert f"process {os.getpid()}" in done.err
            assert "allowed" not in done.err, "it is not the place that is at fault"
    assert not (site.parent / "monday").exists()
    assert not (site.parent / "kept.jsonl").exists()


def test_a_place_without_room_is_said_and_no_half_of_an_export_looks_whole(
    lamplighter: CommandLine, site: Path
) -> None:
    done = lamplighter("journal", site, "--export", "/dev/full")
    assert done.code == 1
    assert "found /dev/full: No space left on device, after " in done.err
    assert "what is there is not whole" in done.err


@pytest.mark.e2e
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_a_disk_that_fills_up_leaves_no_files_of_an_export(lamplighter: CommandLine, site: Path) -> None:
    small = site.parent / "small"
    small.mkdir()
    with small_memory_disk(small, size_mib=1):
        filler = small / "filler"
        filler.write_bytes(bytes((1 << 20) - 20_000))
        done = lamplighter("journal", site, "--csv", small / "monday")
        assert [file.name for file in small.iterdir()] == ["filler"]
    assert done.code == 1
    assert f"--csv: found {small}/monday: No space left on device, after " in done.err
    assert "nothing of them was left there" in done.err


def export_into_pipe(site: Path, lines: int) -> tuple[int, str]:
    """As `| head` does it. Exit code and stderr."""
    child = subprocess.Popen(
        [LAMPLIGHTER, "journal", str(site), "--export", "-"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"PYTHONUNBUFFERED": ""},
    )  # fmt: skip
    assert child.stdout is not None
    assert child.stderr is not None
    for _ in range(lines):
        json.loads(child.stdout.readline())
    child.stdout.close()
    with child.stderr:
        said = child.stderr.read().decode()
    return child.wait(20), said


@pytest.mark.e2e
def test_a_terminal_shows_how_far_it_is_and_nothing_is_left_of_that(site: Path) -> None:
    ours, theirs = pty.openpty()
    words = [LAMPLIGHTER, "journal", str(site), "--export", str(site.parent / "kept.jsonl")]
    assert subprocess.run(words, stderr=theirs, stdout=subprocess.DEVNULL, timeout=60).returncode == 0
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    os.close(theirs)
    assert "% of the journal read, 500 rows" in shown
    assert shown.endswith("\r\x1b[K")


@pytest.mark.e2e
def test_a_reader_of_the_pipe_that_goes_is_said_in_words(site: Path) -> None:
    code, said = export_into_pipe(site, 0)
    assert code == 1
    assert said.startswith("--export: -: whoever read this has gone, after ")
    assert "Traceback" not in said
    assert "Exception" not in said
