"""What doctor finds wrong with the gateway itself, and which findings only follow from others."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from samples import MIDNIGHT_US
from small_site import WORKSHOP
from sysfs_card import Sysfs

from agent.clock_discipline import BUILT_US
from agent.field.doctor import words
from agent.field.doctor.findings import Finding, chained, found, lines_of
from agent.field.doctor.gateway import Machine, examine_backlog, examine_clock, examine_disk
from agent.journal.file import FILE_NAME
from agent.records import ClockState
from agent.site import JournalSite, Site, load_site
from agent.time_source import TimeSource

UNSYNCED = "7F7F0101,,0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,Not synchronised\n"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    path = tmp_path / "site.toml"
    path.write_text(WORKSHOP, encoding="utf-8")
    return load_site(path)


def machine(tmp_path: Path, chrony: str | None = None, wall_us: int = MIDNIGHT_US) -> Machine:
    """chrony: what it answers; None: there is nobody who sets the clock."""
    if chrony is not None:
        (tmp_path / "chrony").mkdir()

    async def run(*_: object) -> str | None:
        return chrony

    source = TimeSource(
        timesync=tmp_path / "no", chrony=tmp_path / "chrony", command=("sh",), kernel=lambda: ClockState(None, None),
        boot_us=lambda: 0, run=run,
    )  # fmt: skip
    return Machine(source, lambda: wall_us)


def codes(findings: Iterable[Finding]) -> list[str]:
    told = list(findings)
    assert all(each.text and each.todo and "{" not in each.text + each.todo for each in told)
    return [each.code for each in told]


async def test_a_clock_that_cannot_be_right(site: Site, tmp_path: Path) -> None:
    assert codes(await examine_clock(site, machine(tmp_path, wall_us=BUILT_US - 1))) == [words.CLOCK_WRONG]


async def test_a_clock_that_nobody_has_set(site: Site, tmp_path: Path) -> None:
    told = await examine_clock(site, machine(tmp_path, UNSYNCED))
    assert codes(told) == [words.CLOCK_UNSYNCED]
    assert "chrony reaches its servers" in told[0].todo


async def test_a_clock_that_is_fine(site: Site, tmp_path: Path) -> None:
    assert await examine_clock(site, machine(tmp_path)) == ()


def seen(free_mib: float, flags: int = 0) -> os.statvfs_result:
    """f_bsize, f_frsize, f_blocks, f_bfree, f_bavail, f_files, f_ffree, f_favail, f_flag, f_namemax"""
    free = int(free_mib * 256)
    return os.statvfs_result((4096, 4096, 10**9, free, free, 9, 9, 9, flags, 255))


@pytest.mark.parametrize(
    ("free_mib", "flags", "expected"),
    [
        (9000, 0, []),
        (101, 0, []),
        (99, 0, [words.DISK_FULL]),
        (0, 0, [words.DISK_FULL]),
        (9000, os.ST_RDONLY, [words.DISK_READ_ONLY]),
        (0, os.ST_RDONLY, [words.DISK_READ_ONLY]),
    ],
)
def test_room_for_the_journal(site: Site, tmp_path: Path, free_mib: float, flags: int, expected: list[str]) -> None:
    site = replace(site, journal=JournalSite(cap_mib=100))
    looked = replace(machine(tmp_path), statvfs=lambda _: seen(free_mib, flags), sysfs=tmp_path)
    assert codes(examine_disk(site, looked)) == expected


def test_a_state_directory_that_cannot_be(site: Site, tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    told = examine_disk(site, machine(tmp_path))
    assert codes(told) == [words.STATE_DIR]
    assert str(tmp_path / "state") in told[0].text


def test_a_card_that_is_worn(site: Site, tmp_path: Path) -> None:
    card = Sysfs(tmp_path / "sys")
    looked = replace(machine(tmp_path), sysfs=tmp_path / "sys", statvfs=lambda _: seen(9000))
    card.says("0x01 0x02", "0x01")
    assert examine_disk(site, looked, (179, 2)) == ()
    card.says("0x01 0x0a", "0x01")
    assert codes(examine_disk(site, looked, (179, 2))) == [words.CARD_WORN]


def test_a_gateway_that_never_ran_has_no_backlog(site: Site, tmp_path: Path) -> None:
    assert examine_backlog(site, machine(tmp_path)) == ()


BACKLOG = found(words.BACKLOG, "mqtt", rows=9, hours=3.0)
DATABASE_WAITS = found(words.BACKLOG, "influxdb", rows=9, hours=3.0)
CLOSED = found(words.SINK_CLOSED, "mqtt", sink="mqtt", host="h", port=1)
ENDS = found(words.CERTIFICATE_ENDS, "mqtt", place="p", detail="d")
EARLY = found(words.TLS_EARLY, "mqtt")
WRONG = found(words.CLOCK_WRONG, "clock", time="t")


def of(findings: Iterable[Finding]) -> list[tuple[str, str, str]]:
    return [(each.code, each.because, each.because_of) for each in findings]


@pytest.mark.parametrize(
    ("findings", "expected"),
    [
        ([BACKLOG], [(words.BACKLOG, "", "")]),
        ([BACKLOG, CLOSED], [(words.SINK_CLOSED, "", ""), (words.BACKLOG, words.SINK_CLOSED, "mqtt")]),
        ([ENDS, BACKLOG], [(words.CERTIFICATE_ENDS, "", ""), (words.BACKLOG, "", "")]),
        ([EARLY], [(words.TLS_EARLY, "", "")]),
        ([WRONG, DATABASE_WAITS], [(words.CLOCK_WRONG, "", ""), (words.BACKLOG, words.CLOCK_WRONG, "clock")]),
        (
            [BACKLOG, EARLY, WRONG],
            [
                (words.CLOCK_WRONG, "", ""),
                (words.BACKLOG, words.CLOCK_WRONG, "clock"),
                (words.TLS_EARLY, words.CLOCK_WRONG, "clock"),
            ],
        ),
    ],
)
def test_what_follows_from_what(findings: list[Finding], expected: list[tuple[str, str, str]]) -> None:
    assert of(chained(findings)) == expected


def test_causes_say_what_to_do_and_consequences_do_not() -> None:
    assert lines_of(chained([BACKLOG, CLOSED])) == [
        "mqtt: nothing listens on h:1 [doctor.sink_closed]",
        f"    do: {CLOSED.todo}",
        "    follows: mqtt: 9 rows wait, the oldest for 3.0 h [doctor.backlog]",
    ]


def test_a_journal_that_cannot_be_read(site: Site, tmp_path: Path) -> None:
    site.state_dir.mkdir()
    (site.state_dir / FILE_NAME).write_bytes(b"no database" * 1000)
    assert codes(examine_backlog(site, machine(tmp_path))) == [words.JOURNAL_FAILS]
