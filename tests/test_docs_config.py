"""What operators copy from: config/*.toml are sound, and the reference knows every key."""

import re
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from agent.mode_calendar import calendar_of
from agent.site import load_site
from agent.sitefile.schema import (
    InfluxTable,
    JournalTable,
    LineTable,
    MainsTable,
    MeterTable,
    MqttTable,
    NodeTable,
    SiteTable,
)
from agent.sitefile.schema_reports import DemandTable, IndicesTable, KeyCustomerTable, WorkdaysTable
from agent.sitefile.tables import Table, fields_of

CONFIG = Path(__file__).resolve().parent.parent / "config"
KINDS: dict[str, type[Table]] = {
    "site": SiteTable,
    "lines": LineTable,
    "meters": MeterTable,
    "nodes": NodeTable,
    "mains": MainsTable,
    "demand": DemandTable,
    "workdays": WorkdaysTable,
    "indices": IndicesTable,
    "key_customers": KeyCustomerTable,
    "journal": JournalTable,
    "mqtt": MqttTable,
    "influxdb": InfluxTable,
}
_ROW = re.compile(r"(# )?(\w+) = (\"[^\"]*\"|\[[^\]]*\]|\{[^}]*\}|\S+)(?: +# (.*))?")


@dataclass(frozen=True)
class Row:
    """A key in the reference. optional: written as a comment; words: what is said about it."""

    table: str
    key: str
    value: str
    words: str
    optional: bool


def rows() -> Iterator[Row]:
    table = ""
    for line in (CONFIG / "reference.toml").read_text(encoding="utf-8").splitlines():
        match = _ROW.fullmatch(line)
        if line.startswith("["):
            table = line.strip("[]").split(".")[0]
        elif table and match:
            yield Row(table, match[2], match[3], match[4] or "", match[1] is not None)


REQUIRED: dict[str, dict[str, object]] = {
    "site": {"name": "a", "gateway": "b"},
    "lines": {},
    "meters": {"line": "l", "unit": 1, "model": "m"},
    "nodes": {"kind": "bus"},
    "mains": {},
    "demand": {"meter": "m", "limit_kw": 1},
    "workdays": {},
    "indices": {},
    "key_customers": {"load": "m", "sources": ["a", "b"]},
    "journal": {},
    "mqtt": {},
    "influxdb": {},
}


def copied(directory: Path, name: str) -> Path:
    """The file with the credential files that it names."""
    path = directory / name
    shutil.copy(CONFIG / name, path)
    for file in re.findall(r'^(?:# )?\w+_file = "([^"]+)"', path.read_text(encoding="utf-8"), re.MULTILINE):
        (directory / file).write_text("x\n", encoding="utf-8")
        (directory / file).chmod(0o600)
    return path


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIG.glob("*.toml") if path.name != "calendar.toml"))
def test_every_example_is_sound(tmp_path: Path, name: str) -> None:
    assert load_site(copied(tmp_path, name)).meters


@pytest.mark.parametrize("table", KINDS)
def test_the_reference_names_every_key_and_no_other(table: str) -> None:
    assert {row.key for row in rows() if row.table == table} == set(fields_of(KINDS[table]))


def test_every_key_says_what_it_is_for() -> None:
    said = {(row.table, row.key) for row in rows() if row.words}
    assert {(row.table, row.key) for row in rows()} == said


@pytest.mark.parametrize("row", [row for row in rows() if row.optional], ids=lambda row: f"{row.table}.{row.key}")
def test_the_default_it_shows_is_the_default(row: Row) -> None:
    default = fields_of(KINDS[row.table])[row.key].default
    if any(words in row.words for words in ("no default", "default the ", "default from ", "default ll ")):
        assert default is None
        return
    shown = {**REQUIRED[row.table], **tomllib.loads(f"{row.key} = {row.value}")}
    assert getattr(KINDS[row.table].model_validate(shown), row.key) == default


def test_the_calendar_is_sound_beside_the_reference(tmp_path: Path) -> None:
    """Also with every key that stands there commented out."""
    site = load_site(copied(tmp_path, "reference.toml"))
    text = (CONFIG / "calendar.toml").read_text(encoding="utf-8")
    (tmp_path / "whole.toml").write_text(re.sub(r"(?m)^# (nodes|reason) =", r"\1 =", text), encoding="utf-8")
    (entry,) = calendar_of(replace(site, calendar=CONFIG / "calendar.toml"))
    assert (entry.meters, entry.mode) == (("tx1-incomer",), "maintenance")
    (whole,) = calendar_of(replace(site, calendar=tmp_path / "whole.toml"))
    assert set(whole.meters) == {"tx1-incomer", *site.network.meters_below("tx-17")}
