"""Limits of demand in the site file: what they become, and each mistake with the message that a person gets."""

from pathlib import Path

import pytest
from site_findings import findings, load

from agent.sitefile.days import Days, Workdays, read_date
from agent.sitefile.demand import DemandLimit

SITE = """
[site]
name = "dashi"
gateway = "gw-01"
nominal_voltage = 220
[lines.room]
tcp = "10.20.0.11:502"
[meters.factory]
line = "room"
unit = 1
model = "eastron-sdm630"
[meters.silent]
line = "room"
unit = 2
model = "siemens-pac3200"
"""
PEAK = '[demand.peak]\nmeter = "factory"\nlimit_kw = 800\n'


def test_a_limit_of_all_days_is_three_lines(tmp_path: Path) -> None:
    site = load(tmp_path, SITE + PEAK)
    assert site.demand.limits == (DemandLimit("peak", "factory", 800e3, ((0, 1440),), Days("all")),)
    assert site.demand.workdays == Workdays()


def test_a_limit_with_everything(tmp_path: Path) -> None:
    more = (
        'windows = ["18:00-21:00", "09:00-12:00"]\ndays = "workdays"\nfrom = "2026-07-01"\nuntil = 2026-09-30\n'
        'ordered = true\n[workdays]\nholidays = ["2026-10-01..2026-10-03"]\nworked = ["2026-10-10"]\n'
    )
    site = load(tmp_path, SITE + PEAK + more)
    (limit,) = site.demand.limits
    assert (limit.windows, limit.days, limit.ordered) == (((540, 720), (1080, 1260)), Days("workdays"), True)
    assert (limit.from_day, limit.until_day) == (read_date("2026-07-01"), read_date("2026-09-30"))
    assert (limit.times, limit.dates) == ("09:00-12:00, 18:00-21:00", "2026-07-01..2026-09-30")
    first = read_date("2026-10-01")
    assert site.demand.workdays == Workdays(frozenset({first, first + 1, first + 2}), frozenset({first + 9}))


def test_a_site_without_limits_has_none(tmp_path: Path) -> None:
    assert load(tmp_path, SITE).demand.limits == ()


WINDOWS = 'times of day on quarter hours, as ["09:00-12:00", "22:00-06:00"], the last until the next day'


@pytest.mark.parametrize(
    ("text", "where", "found", "todo"),
    [
        ('[demand.p]\nmeter = "factory"\n', "demand.p.limit_kw", "nothing", "add this key"),
        (PEAK.replace("800", '"800"'), "demand.peak.limit_kw", '"800"', "correct the value"),
        (PEAK.replace("800", "-1"), "demand.peak.limit_kw", "-1", "correct the value"),
        (PEAK.replace("800", "true"), "demand.peak.limit_kw", "true", "correct the value"),
        (PEAK.replace("factory", "factry"), "demand.peak.meter", '"factry"', "did you mean factory?"),
        (
            PEAK.replace("factory", "silent"), "demand.peak.meter",
            "silent, whose model siemens-pac3200 reads no active_energy_import",
            "name another meter of the same load, or another model",
        ),
        (PEAK + 'windows = ["09:10-12:00"]\n', "demand.peak.windows", '["09:10-12:00"]', "correct the value"),
        (PEAK + "windows = []\n", "demand.peak.windows", "[]", "correct the value"),
        (
            PEAK + 'windows = ["09:00-12:00", "11:00-13:00"]\n', "demand.peak.windows",
            "09:00-12:00, within which another begins at 11:00",
            "make one of them, or write a table of its own for each limit",
        ),
        (
            PEAK + 'windows = ["05:00-07:00", "22:00-06:00"]\n', "demand.peak.windows",
            "22:00-06:00, within which another begins at 05:00",
            "make one of them, or write a table of its own for each limit",
        ),
        (PEAK + 'days = "weekdays"\n', "demand.peak.days", '"weekdays"', "correct the value"),
        (PEAK + 'from = "July"\n', "demand.peak.from", '"July"', "correct the value"),
        (
            PEAK + 'from = "2026-07-01"\nuntil = "2026-06-30"\n', "demand.peak.until",
            '"2026-06-30", which is before from = "2026-07-01"', "correct one of them",
        ),
        (PEAK + "limit = 3\n", "demand.peak.limit", "an unknown key", "did you mean limit_kw?"),
        (PEAK + "since = 3\n", "demand.peak.since", "an unknown key", "remove it"),
        ('[demand]\npeak = "800"\n', "demand.peak", '"800"', "write it as [demand.peak]"),
        ("[demnd]\n", "demnd", "an unknown key", "did you mean demand?"),
        ('[workdays]\nholidays = "2026-10-01"\n', "workdays.holidays", '"2026-10-01"', "correct the value"),
        (
            '[workdays]\nworked = ["2026-10-09"]\n', "workdays.worked", "2026-10-09, no Saturday or Sunday",
            "take it out: it is a working day anyway",
        ),
        (
            '[workdays]\nholidays = ["2026-10-10"]\nworked = ["2026-10-10"]\n', "workdays.worked",
            "2026-10-10, also a holiday", "take it out of one of them",
        ),
    ],
)  # fmt: skip
def test_every_mistake_is_said_with_what_to_do(tmp_path: Path, text: str, where: str, found: str, todo: str) -> None:
    told = findings(tmp_path, SITE + text)
    assert set(told) == {where}
    assert (told[where].found, told[where].todo) == (found, todo)


def test_what_windows_may_be_is_said(tmp_path: Path) -> None:
    told = findings(tmp_path, SITE + PEAK + 'windows = ["9-12"]\n')
    assert told["demand.peak.windows"].allowed == WINDOWS


def test_windows_that_touch_are_apart(tmp_path: Path) -> None:
    (limit,) = load(tmp_path, SITE + PEAK + 'windows = ["06:00-09:00", "09:00-12:00", "22:00-06:00"]\n').demand.limits
    assert limit.windows == ((360, 540), (540, 720), (1320, 1800))


def test_transformers_that_face_the_other_way_need_the_other_register(tmp_path: Path) -> None:
    turned = SITE.replace("unit = 1\n", "unit = 1\ndirection = -1\n")
    assert load(tmp_path, turned + PEAK).demand.limits[0].meter == "factory"
