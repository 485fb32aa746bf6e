"""The card beneath the journal, by a sysfs of the test's making."""

from pathlib import Path

import pytest
from sysfs_card import Sysfs

from agent.status.card import Card, Diary, device_beneath, look

HOUR_US = 3_600_000_000


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    return Sysfs(tmp_path)


def test_a_partition_leads_to_the_whole_card(sysfs: Sysfs) -> None:
    for numbers in ((179, 0), (179, 2)):
        place = device_beneath(Path("/"), sysfs.root, numbers)
        assert place is not None
        assert look(place) == Card("mmcblk0", 4000 * 512, 60)


def test_what_lies_on_no_disk_or_nowhere_has_no_card(sysfs: Sysfs, tmp_path: Path) -> None:
    assert device_beneath(Path("/"), sysfs.root, (0, 42)) is None
    assert device_beneath(tmp_path / "absent", sysfs.root) is None


@pytest.mark.parametrize(
    ("life", "reserve", "words", "trouble"),
    [
        ("0x01 0x01", "0x01", "0 to 10 %", ""),
        ("0x02 0x08", "0x01", "70 to 80 %", ""),
        ("0x02 0x09", "0x01", "80 to 90 %", "80 to 90 % of its life is used; replace it"),
        ("0x0a 0x01", "0x01", "90 to 100 %", "90 to 100 % of its life is used; replace it"),
        ("0x0b 0x0b", "0x03", "all", "all of its life is used; replace it"),
        ("0x00 0x00", "0x02", "", "80 % of its spare blocks are used; replace it"),
        ("0x01 0x01", "0x03", "0 to 10 %", "90 % of its spare blocks are used; replace it"),
    ],
)
def test_it_says_how_worn_it_is_by_the_worse_of_its_two_kinds_of_cells(
    sysfs: Sysfs, life: str, reserve: str, words: str, trouble: str
) -> None:
    sysfs.says(life, reserve)
    card = look(sysfs.disk)
    assert (card.life_words, card.trouble) == (words, trouble)


@pytest.mark.parametrize(("life", "reserve"), [("0x00 0x00", "0x00"), ("", ""), ("worn", "0xzz")])
def test_a_card_that_says_nothing_is_not_called_sound(sysfs: Sysfs, life: str, reserve: str) -> None:
    sysfs.says(life, reserve)
    assert look(sysfs.disk).trouble is None


def test_a_kernel_that_counts_no_flushes_leaves_them_out(sysfs: Sysfs) -> None:
    (sysfs.disk / "stat").write_text("100 0 800 5 200 0 4000 9 0 7 14\n")
    assert look(sysfs.disk) == Card("mmcblk0", 4000 * 512)


def test_what_is_written_in_a_day_is_known_after_an_hour_and_is_that_of_the_last_day(sysfs: Sysfs) -> None:
    diary = Diary()
    assert diary.due_us is None
    for hour in range(40):
        # 1 GB/day in the first ten hours, from then on 0.24 GB/day; 10 flushes a minute.
        bytes_ = 1e9 / 24 * min(hour, 10) + 0.24e9 / 24 * max(0, hour - 10)
        sysfs.counts(round(bytes_ / 512), 600 * hour)
        card = look(sysfs.disk)
        wear = diary.wear(hour * HOUR_US, card)
        diary.note(hour * HOUR_US, card)
        assert (wear is None) == (hour < 1)
        if hour == 5:
            assert wear is not None
            assert wear.written_bytes_day == pytest.approx(1e9, rel=1e-3)
            assert (wear.flushes_day, wear.over_s) == (14_400, 5 * 3600)
    assert wear is not None
    assert wear.written_bytes_day == pytest.approx(0.24e9, rel=1e-3)
    assert wear.over_s == 25 * 3600


def test_counters_that_began_anew_are_no_wear(sysfs: Sysfs) -> None:
    """Another card in the same place."""
    diary = Diary()
    diary.note(0, look(sysfs.disk))
    sysfs.counts(5, 1)
    wear = diary.wear(2 * HOUR_US, look(sysfs.disk))
    assert wear is not None
    assert (wear.written_bytes_day, wear.flushes_day) == (None, None)
