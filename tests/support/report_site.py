"""A site of twenty meters with a month in its long record: what `lamplighter report` is measured on."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random

from samples import MIDNIGHT_US, interval

from agent.journal.journal import Journal
from agent.records import Interval
from agent.report.record.history import History
from agent.report.record.history_file import FILE_NAME

PERIOD = "2026-10"
METERS = 20
DAYS = 31
# 2026-11-23 is the template's day; October is the month before.
FIRST_DAY = -54
_NOISY = ("voltage", "current", "active_power", "reactive_power", "power_factor")
_NAMES = (*(f"{what}_l{phase}" for what in _NOISY for phase in (1, 2, 3)), "frequency", "active_power_total",
          "apparent_power_total", "current_n")  # fmt: skip
_REGISTERS = ("active_energy_import", "active_power_demand", "active_energy_import_register",
              "reactive_energy_import", "reactive_energy_import_register")  # fmt: skip
_METER = """
[meters.m{n}]
line = "l"
unit = {unit}
model = "eastron-sdm630"
node = "tx-{n}"
[nodes.tx-{n}]
kind = "transformer"
rated_kva = 400
customers = 100
"""
# What the sites of reports have in common, before their meters.
HEAD = """
[site]
name = "dashi"
gateway = "gw-01"
nominal_voltage = 220
profile = "gb"
time_zone = "Asia/Shanghai"
state_dir = "state"
[lines.l]
tcp = "127.0.0.1:1"
"""


async def month_of_twenty(directory: Path) -> Path:
    """The site file. Every day of every meter is one noisy day, its evening low, some of its minutes seen in part."""
    (directory / "site.toml").write_text(HEAD + "".join(_METER.format(n=n, unit=n + 1) for n in range(METERS)))
    (directory / "state").mkdir()
    async with History.open(directory / "state", lambda: MIDNIGHT_US) as history:
        for one in _day():
            history.add(one)
    async with Journal.open(directory / "state", [], "gw-01"):
        pass
    with closing(sqlite3.connect(directory / "state" / FILE_NAME)) as db, db:
        for place in range(METERS * DAYS):
            meter, day = place % METERS, FIRST_DAY + place // METERS
            db.execute(
                "INSERT INTO hour SELECT at + ?, ?, crc32, body FROM hour WHERE meter = 'tx1'", (24 * day, f"m{meter}")
            )
    return directory / "site.toml"


def _day() -> Iterator[Interval]:
    dice = Random(3)  # noqa: S311 - not for secrets
    for n in range(1440):
        usual = 190.0 if 700 < n < 760 else 225.0
        values = {name: round(dice.gauss(usual if name.startswith("v") else 50, 1.5), 4) for name in _NAMES}
        low, high = ({key: round(value + by, 4) for key, value in values.items()} for by in (-0.5, 0.5))
        coverage = 1.0 if n % 20 else 0.9833
        yield interval(n, values=values, min=low, max=high, coverage=coverage)
        if n % 10 == 0:
            yield interval(n, kind="interval_10min", values=values, min=low, max=high, coverage=coverage)
        if n % 15 == 0:
            said = {name: 12e3 + n + round(dice.random(), 3) for name in _REGISTERS}
            yield interval(n, kind="demand_15min", values=said, min=said, max=said, coverage=1.0)


# A child's peak begins with its parent's: a small parent in between.
MEASURED = """import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)"""
