"""A site file that a cut of the power tore does not stop a service that started with it before; a wrong one does."""

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from small_site import DASHI

from agent.errors import SiteError
from agent.site import Site, load_site
from agent.sitefile.copy import NAME, SiteFile, is_torn, keep, load_for

SITE = f"""{DASHI}limits = [198.0, 235.4]
[meters.n]
line = "a"
unit = 2
model = "eastron-sdm630"
"""
load = load_for(service=True)


@pytest.fixture
def good(tmp_path: Path) -> Site:
    """It has started once."""
    (tmp_path / "state").mkdir()
    (tmp_path / "site.toml").write_text(SITE)
    site = load(tmp_path / "site.toml", tmp_path / "state")
    keep(site)
    return site


def started(good: Site, raw: bytes) -> Site:
    good.file.write_bytes(raw)
    return load(good.file, good.state_dir)


@pytest.mark.slow
def test_the_file_cut_at_any_byte_starts_with_the_copy_or_says_less_and_is_sound(good: Site) -> None:
    raw, copies = SITE.encode(), 0
    for length in range(len(raw)):
        site = started(good, raw[:length])
        if site.torn:
            copies += 1
            assert replace(site, torn="") == good
        else:
            assert site.text == raw[:length]
    assert copies > 0.8 * len(raw)


@pytest.mark.slow
def test_another_file_cut_at_any_byte_starts_with_the_copy_or_is_refused_in_words(good: Site) -> None:
    raw = SITE.replace("dashi", "yongfu").encode()
    refused = 0
    for length in range(len(raw)):
        try:
            site = started(good, raw[:length])
        except SiteError:
            refused += 1
        else:
            assert site.text == (SITE.encode() if site.torn else raw[:length])
    assert refused < 0.3 * len(raw)


def test_the_copy_cut_at_any_byte_or_with_a_bit_flipped_is_not_believed(good: Site) -> None:
    good.file.unlink()
    copy = good.state_dir / NAME
    whole = copy.read_bytes()
    spoilt = [whole[:length] for length in range(len(whole))]
    spoilt += [whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :] for at in range(len(whole))]
    for content in spoilt:
        copy.write_bytes(content)
        with pytest.raises(SiteError):
            load(good.file, good.state_dir)
    copy.write_bytes(whole)
    assert load(good.file, good.state_dir).torn.startswith("the file itself: found no such file")


@pytest.mark.parametrize(
    "raw",
    [b"", b"\n \n", bytes(len(SITE)), SITE.encode()[:80] + bytes(100), SITE.encode()[:80] + b"\xff\xfe",
     b'[site]\nname = "yongfu"\ngateway = "gw-', b'[site]\nname = "yongfu"\nclock = tru'],
    ids=["empty", "blank", "NULs", "NULs at the end", "no text", "another, cut in a word", "cut in a value"],
)  # fmt: skip
def test_what_a_cut_leaves_starts_with_the_copy(good: Site, raw: bytes) -> None:
    site = started(good, raw)
    assert site.torn
    assert replace(site, torn="") == good


@pytest.mark.parametrize(
    "change",
    [lambda text: text.replace("unit = 1", "unit = 300"), lambda text: text.replace('line = "a"', 'line = "b"'),
     lambda text: text.replace('"gw-01"', "gw-01"), lambda text: text.replace("[site]", "[site"),
     lambda text: text + "colour = 1\n"],
    ids=["value", "name", "no quotes", "no bracket", "key"],
)  # fmt: skip
def test_what_somebody_wrote_wrong_is_refused(good: Site, change: Callable[[str], str]) -> None:
    with pytest.raises(SiteError):
        started(good, change(SITE).encode())


def test_a_file_that_the_agent_may_not_open_is_somebodys_doing() -> None:
    assert not is_torn(PermissionError(errno.EACCES, "Permission denied"), b"")
    assert not is_torn(IsADirectoryError(errno.EISDIR, "Is a directory"), b"")
    assert is_torn(FileNotFoundError(errno.ENOENT, "No such file"), b"")
    assert is_torn(OSError(errno.EIO, "Input/output error"), b"")


def test_whoever_starts_it_by_hand_sees_the_refusal(good: Site) -> None:
    good.file.write_bytes(b"")
    with pytest.raises(SiteError):
        load_for(service=False)(good.file, good.state_dir)
    with pytest.raises(SiteError):
        load(good.file, None)


def test_the_copy_of_another_file_is_none_of_this_one(good: Site) -> None:
    with pytest.raises(SiteError):
        load(good.file.with_name("other.toml"), good.state_dir)


def test_a_copy_that_is_no_sound_site_any_more_is_none(good: Site) -> None:
    keep(replace(good, text=SITE.replace("eastron-sdm630", "gone").encode()))
    good.file.unlink()
    with pytest.raises(SiteError, match="the file itself"):
        load(good.file, good.state_dir)


def test_the_copy_is_written_where_it_is_another_one_and_for_its_owner_only(good: Site) -> None:
    copy = good.state_dir / NAME
    assert copy.stat().st_mode & 0o777 == 0o600
    before = copy.stat().st_mtime_ns
    os.utime(copy, ns=(1, 1))
    keep(good)
    assert copy.stat().st_mtime_ns == 1 != before
    keep(replace(good, text=SITE.replace("dashi", "yongfu").encode()))
    assert copy.stat().st_mtime_ns != 1
    assert not list(good.state_dir.glob("*.new"))


def test_the_alarm_stands_until_the_file_says_what_the_agent_runs_on(good: Site) -> None:
    says: list[bytes | OSError] = [b"", SITE.encode()[:40], OSError(errno.EIO, "I/O"), SITE.encode(), b""]
    site_file = SiteFile(replace(good, torn="line 1: empty"), lambda _: says[0])
    for _ in range(3):
        told = {site_file.trouble() for _ in range(10)}
        assert len(told) == 1
        assert told.pop().startswith("line 1: empty; the agent runs on the last good copy")
        says.pop(0)
    assert {site_file.trouble() for _ in range(10)} == {""}
    says.pop(0)
    assert {site_file.trouble() for _ in range(20)} == {""}
    assert SiteFile(good, lambda _: b"").trouble() == ""


def test_a_site_file_as_it_is_read_every_day_is_no_copy(good: Site) -> None:
    assert load_site(good.file, good.state_dir) == load(good.file, good.state_dir) == good
