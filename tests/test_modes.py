import json
from pathlib import Path

import pytest

from agent.errors import SiteError
from agent.mode_calendar import instant_us, load_calendar
from agent.modes import NORMAL, Modes, Planned, Standing

HOUR = 3_600_000_000
NOW = 1_795_392_000_000_000  # 2026-11-23T00:00:00Z
METERS = ("tx1", "tx2", "tx3")
BELOW = {"tx-17": ("tx1", "tx2"), "empty": ()}


def planned(mode: str = "maintenance", *meters: str, begin: int = 0, end: int = 2, reason: str = "new CTs") -> Planned:
    return Planned(meters or ("tx1",), mode, NOW + begin * HOUR, NOW + end * HOUR, reason)  # type: ignore[arg-type]


def test_by_hand_until_it_is_over() -> None:
    modes = Modes(METERS)
    assert modes.set("tx1", "test", NOW, NOW + HOUR) == Standing("test", NOW + HOUR, by_hand=True)
    assert modes.standing("tx1", NOW + HOUR - 1).mode == "test"
    assert modes.standing("tx1", NOW + HOUR) == NORMAL
    assert modes.standing("tx2", NOW) == NORMAL


def test_by_hand_without_an_end_until_it_is_taken_back() -> None:
    modes = Modes(METERS)
    modes.set("tx1", "maintenance", NOW)
    assert modes.standing("tx1", NOW + 10_000 * HOUR).mode == "maintenance"
    assert modes.set("tx1", "normal", NOW) == NORMAL


def test_the_calendar_covers_its_meters_from_its_beginning_to_just_before_its_end() -> None:
    modes = Modes(METERS, [planned()])
    covered = Standing("maintenance", NOW + 2 * HOUR, "new CTs")
    assert [modes.standing("tx1", NOW + at) for at in (-1, 0, 2 * HOUR - 1, 2 * HOUR)] == [
        NORMAL,
        covered,
        covered,
        NORMAL,
    ]
    assert modes.standing("tx2", NOW) == NORMAL


def test_the_last_entry_that_covers_counts() -> None:
    modes = Modes(METERS, [planned(end=5), planned("test", end=2), planned("test", "tx2")])
    assert [modes.standing("tx1", NOW + at * HOUR).mode for at in (1, 3, 5)] == ["test", "maintenance", "normal"]


def test_the_hand_goes_before_the_calendar_and_the_calendar_is_back_after_it() -> None:
    modes = Modes(METERS, [planned()])
    modes.set("tx1", "test", NOW, NOW + HOUR)
    assert [modes.standing("tx1", NOW + at).mode for at in (0, HOUR)] == ["test", "maintenance"]


def test_normal_by_hand_holds_against_the_entry_that_covers_now_and_no_other() -> None:
    modes = Modes(METERS, [planned(), planned(begin=3, end=4)])
    assert modes.set("tx1", "normal", NOW) == Standing("normal", NOW + 2 * HOUR, by_hand=True)
    assert [modes.standing("tx1", NOW + at * HOUR).mode for at in (1, 2, 3)] == ["normal", "normal", "maintenance"]


def test_what_changed_is_said_once() -> None:
    modes = Modes(METERS, [planned("test", "tx1", "tx2", begin=1)])
    assert modes.changed(NOW) == {}
    assert modes.changed(NOW + HOUR) == {"tx1": "test", "tx2": "test"}
    assert modes.changed(NOW + HOUR) == {}
    modes.set("tx1", "normal", NOW + HOUR)
    assert modes.changed(NOW + HOUR) == {"tx1": "normal"}
    assert modes.changed(NOW + 2 * HOUR) == {"tx2": "normal"}


def test_another_calendar_takes_the_place_of_the_one_before_and_the_hand_still_goes_before_it() -> None:
    modes = Modes(METERS, [planned("test", "tx1", "tx2")])
    modes.set("tx1", "normal", NOW)
    assert modes.changed(NOW) == {"tx2": "test"}
    modes.plan([planned("maintenance", "tx1", "tx3")])
    assert modes.changed(NOW) == {"tx2": "normal", "tx3": "maintenance"}
    assert modes.changed(NOW + 2 * HOUR) == {"tx3": "normal"}


def test_an_unknown_meter_is_refused() -> None:
    with pytest.raises(KeyError):
        Modes(METERS).set("tx9", "test", NOW)


def test_what_was_set_by_hand_survives_a_restart_without_what_is_over_or_gone() -> None:
    modes = Modes((*METERS, "gone"))
    modes.set("tx1", "test", NOW, NOW + HOUR)
    modes.set("tx2", "maintenance", NOW)
    modes.set("tx3", "test", NOW, NOW + 1)
    modes.set("gone", "test", NOW)
    assert "tx3" not in modes.to_keep(NOW + 5)
    after = Modes(METERS)
    after.resume(modes.to_keep(NOW + 5))
    assert after.changed(NOW + 5) == {"tx1": "test", "tx2": "maintenance"}
    assert after.changed(NOW + HOUR) == {"tx1": "normal"}


@pytest.mark.parametrize(
    "kept", [None, "", "nonsense", "[]", '{"tx1": 1}', '{"tx1": ["asleep", null]}', '{"tx1": ["test", "x"]}']
)
def test_what_another_version_kept_harms_nobody(kept: str | None) -> None:
    modes = Modes(METERS)
    modes.resume(kept)
    assert modes.changed(NOW) == {}


# -- the calendar file -----------------------------------------------------------------------------------------


def calendar(tmp_path: Path, text: str, zone: str = "Asia/Shanghai") -> tuple[Planned, ...]:
    file = tmp_path / "calendar.toml"
    file.write_text(text, encoding="utf-8")
    return load_calendar(file, zone, METERS, BELOW.get)


def test_an_entry_names_meters_and_nodes_in_the_time_of_the_site(tmp_path: Path) -> None:
    (entry,) = calendar(
        tmp_path,
        '[[mode]]\nmeters = ["tx3", "tx1"]\nnodes = ["tx-17", "empty"]\nmode = "test"\n'
        'from = "2026-11-23T08:00"\nuntil = 2026-11-23T09:00:00Z\nreason = "injection"\n',
    )
    assert entry == Planned(("tx3", "tx1", "tx2"), "test", NOW, NOW + 9 * HOUR, "injection")


def test_no_file_is_no_calendar_and_an_empty_one_has_no_entry(tmp_path: Path) -> None:
    assert load_calendar(None, "UTC", METERS, BELOW.get) == ()
    assert calendar(tmp_path, "") == ()


@pytest.mark.parametrize(
    ("told", "us"),
    [
        ("2026-11-23T08:00", NOW),
        ("2026-11-23 08:00:30.5", NOW + 30_500_000),
        ("2026-11-23T00:00Z", NOW),
        ("2026-11-23T02:00+02:00", NOW),
    ],
)
def test_instants_as_people_write_them(told: str, us: int) -> None:
    assert instant_us(told, "Asia/Shanghai") == us


@pytest.mark.parametrize("told", ["2026-11-23", "08:00", "tomorrow", "", 5, None, "2026-11-23T25:00"])
def test_what_is_no_instant(told: object) -> None:
    with pytest.raises(ValueError):
        instant_us(told, "UTC")


SOUND = {"meters": ["tx1"], "mode": "test", "from": "2026-11-23T08:00", "until": "2026-11-23T09:00"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"meters": ["tx9"]}, 'mode[1].meters: found "tx9"; allowed: names of meters in the site file; correct it'),
        ({"nodes": ["tx-18"]}, 'mode[1].nodes: found "tx-18"; allowed: names of nodes in the site file'),
        ({"meters": "tx1"}, 'mode[1].meters: found "tx1"; allowed: a list of names'),
        ({"meters": []}, "mode[1].meters: found []; allowed: a list of names"),
        ({"meters": None}, "mode[1].meters: found nothing; allowed: meters = [..] or nodes = [..]"),
        ({"mode": "normal"}, 'mode[1].mode: found "normal"; allowed: test or maintenance'),
        ({"from": "2026-11-23"}, 'mode[1].from: found "2026-11-23"; allowed: a time as "2026-11-23T18:00"'),
        ({"until": None}, "mode[1].until: found nothing; allowed: a time as"),
        ({"until": "2026-11-23T08:00"}, 'mode[1].until: found "2026-11-23T08:00"; allowed: a time after `from`'),
        ({"reason": 7}, "mode[1].reason: found 7; allowed: a text"),
        ({"form": "x"}, "mode[1].form: found a key of that name; allowed: meters, nodes, mode, from"),
    ],
)
def test_every_finding_says_where_what_and_what_to_do(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    entry = {key: value for key, value in (SOUND | changes).items() if value is not None}
    text = "[[mode]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in entry.items())
    with pytest.raises(SiteError) as caught:
        calendar(tmp_path, text)
    assert f"{tmp_path / 'calendar.toml'}: {message}" in str(caught.value)
    assert len(caught.value.findings) == 1


@pytest.mark.parametrize(
    "text", ["mode = 1", "[mode]\nmeters = []", "[[modes]]\n", "[[mode]", "\xff", "a = " + "[" * 3000]
)
def test_what_is_no_calendar_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "calendar.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(SiteError):
        load_calendar(tmp_path / "calendar.toml", "UTC", METERS, BELOW.get)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SiteError, match="no such file or directory; allowed: a calendar that can be read; check site"):
        load_calendar(tmp_path / "none.toml", "UTC", METERS, BELOW.get)
