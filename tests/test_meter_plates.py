"""A meter's nameplate on its way to events, log, journal and database."""

import json
from pathlib import Path

import pytest
from rigged import Kept
from turned_clock import TurnedClock

from agent.clock import rfc3339
from agent.detect.book import Book, MeterFacts, id_maker
from agent.keeps import plate_name
from agent.meter_plates import MeterPlate, infos
from agent.site import load_site
from agent.wiring import log_of, rules_of
from drivers.nameplate import Nameplate

SITE = """
[site]
name = "dashi"
gateway = "gw-01"
nominal_voltage = 230
[lines.ring]
tcp = "10.20.0.11:502"
[meters.m]
line = "ring"
unit = 1
ct = "600/5"
registers = "secondary"
model = "{model}"
"""
WALL_US = 1_795_000_000_000_000


class Run:
    def __init__(self, folder: Path, model: str = "abb-b23", kept: Kept | None = None, at_s: float = 0.0) -> None:
        (folder / "site.toml").write_text(SITE.format(model=model), encoding="utf-8")
        meter = load_site(folder / "site.toml", folder).meters["m"]
        self.kept = kept or Kept()
        self.clock = TurnedClock(WALL_US + round(at_s * 1e6), 100 + at_s)
        rules = rules_of(meter, "gb")
        self.log = log_of(meter, rules)
        self.book = Book(MeterFacts(meter="m", rules=rules, config="c"), self.clock, id_maker("gw", f"e{at_s:g}"))
        kept_text = self.kept.texts.get(plate_name("m"))
        self.plate = MeterPlate(meter, self.book, self.log, self.clock, self.kept, kept_text)

    def read(self, serial: str | None = None, firmware: str | None = None) -> None:
        self.clock.advance(1)
        self.plate.read(Nameplate(serial, firmware), self.clock.now_us - 20_000, self.clock.now_us)


def test_a_meter_is_known_once_it_said_who_it_is(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert infos({"m": run.plate})() == ()
    run.read("123", "B1")
    (info,) = infos({"m": run.plate})()
    assert (info.meter, info.model, info.serial, info.firmware) == ("m", "abb-b23", "123", "B1")
    assert info.current_ratio == 120.0
    assert run.book.serial == run.log.serial == "123"
    assert run.kept.events == []


def test_a_model_without_a_nameplate_is_known_at_once_and_has_no_number(tmp_path: Path) -> None:
    run = Run(tmp_path, "chint-dtsu666")
    assert run.plate.info is not None
    assert run.plate.info.serial is None
    assert run.book.serial is None


def test_another_number_is_told_once_and_is_the_meter_from_then_on(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.read("123")
    first = run.plate.info
    for _ in range(3):
        run.read("456")
    (event,) = run.kept.events
    assert (event.kind, event.meter, event.meter_serial) == ("meter_changed", "m", "456")
    assert run.plate.info is not None
    assert first is not None
    assert run.plate.info.since_us > first.since_us, rfc3339(run.plate.info.since_us)
    assert run.book.serial == "456"


@pytest.mark.parametrize(("serial", "events"), [("123", 0), ("456", 1)])
def test_a_swap_while_the_agent_was_away_is_seen(tmp_path: Path, serial: str, events: int) -> None:
    run = Run(tmp_path)
    run.read("123")
    again = Run(tmp_path, kept=run.kept, at_s=3600)
    assert again.book.serial == "123"
    assert again.plate.info == run.plate.info, "what is sent again is the same point"
    again.read(serial)
    told = [event for event in again.kept.events if event.kind == "meter_changed"]
    assert len(told) == events
    for event in told:
        assert WALL_US < event.start_earliest_us < WALL_US + 2_000_000 < event.start_us


def test_a_number_that_another_map_read_is_not_compared(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.read("123")
    again = Run(tmp_path, "schneider-pm5000", run.kept, 3600)
    assert again.book.serial is None
    again.read("456")
    assert run.kept.events == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"plate":7}', json.dumps({"since_us": "x", "rest": 3})])
def test_what_cannot_be_understood_is_as_if_it_were_not_there(tmp_path: Path, text: str) -> None:
    kept = Kept()
    kept.keep(plate_name("m"), text)
    run = Run(tmp_path, kept=kept)
    assert run.plate.info is None
    run.read("123")
    assert run.book.serial == "123"
