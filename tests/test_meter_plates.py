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
from agent.records import ClockState, Event
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
    def __init__(
        self, folder: Path, model: str = "abb-b23", kept: Kept | None = None, at_s: float = 0.0, *,
        boot: str = "one", boot_s: float | None = None, back_s: float = 0.0,
    ) -> None:  # fmt: skip
        """at_s: by the true time; boot_s: what the boot clock says then, if it is another boot; back_s: so much the
        wall clock was set back."""
        (folder / "site.toml").write_text(SITE.format(model=model), encoding="utf-8")
        meter = load_site(folder / "site.toml", folder).meters["m"]
        self.kept = kept or Kept()
        wall_us = WALL_US + round((at_s - back_s) * 1e6)
        self.clock = TurnedClock(wall_us, 100 + at_s if boot_s is None else boot_s)
        self.clock.boot_id = boot
        rules = rules_of(meter, "gb")
        self.log = log_of(meter, rules)
        self.book = Book(MeterFacts(meter="m", rules=rules, config="c"), self.clock, id_maker("gw", f"e{at_s:g}"))
        kept_text = self.kept.texts.get(plate_name("m"))
        self.wanted: list[float] = []
        self.plate = MeterPlate(
            meter, self.book, self.log, self.clock, self.kept, kept_text,
            again=lambda at_us: self.wanted.append((at_us - self.clock.now_us) / 1e6),
        )  # fmt: skip

    def swaps(self) -> list[Event]:
        return [event for event in self.kept.events if event.kind == "meter_changed"]

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
    assert [event for event in again.kept.events if event.kind == "meter_changed"] == [], "it may have been misread"
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


def test_one_misread_number_is_asked_again_and_tells_nothing(tmp_path: Path) -> None:
    run = Run(tmp_path)
    for serial in ("123", "723", "123", "456", "123"):
        run.read(serial)
    assert run.wanted == [2.0, 2.0], "another number, each time"
    assert (run.swaps(), run.book.serial, run.log.is_unsure) == ([], "123", False)


def test_a_log_waits_for_the_second_read_of_another_number(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.read("123")
    run.read("456")
    assert run.log.is_unsure
    run.read("456")
    assert not run.log.is_unsure
    (event,) = run.swaps()
    assert (event.start_us - event.start_earliest_us) / 1e6 == pytest.approx(1.02)
    assert event.start_us == WALL_US + 2_000_000, "when the first read of it was heard"


def test_a_read_that_fails_after_a_silence_is_repeated_for_ten_minutes(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.read("123")
    run.read()
    assert run.wanted == [], "nobody doubts it"
    run.log.unsure(run.clock.now_us)
    while run.log.is_unsure:
        run.clock.advance(20)
        run.read()
    assert set(run.wanted) == {20.0}
    assert len(run.wanted) == pytest.approx(600 / 21, abs=1.5)
    assert run.book.serial == "123"
    run.log.unsure(run.clock.now_us)
    run.read()
    run.read("123")
    assert not run.log.is_unsure


def test_a_swap_between_two_runs_is_bounded_by_the_boot_clock(tmp_path: Path) -> None:
    """The wall clock was set back by more than the agent was away: what matters went on."""
    first = Run(tmp_path)
    first.read("123")
    again = Run(tmp_path, kept=first.kept, at_s=900, back_s=1200)
    again.read("456")
    again.read("456")
    (event,) = again.swaps()
    assert (event.start_earliest_us - WALL_US) / 1e6 == pytest.approx(1 - 1200, abs=0.1)
    assert (event.start_us - WALL_US) / 1e6 == pytest.approx(901 - 1200)
    assert not event.open_at_start


@pytest.mark.parametrize(("back_s", "known"), [(600.0, True), (1200.0, False)])
def test_over_a_reboot_the_wall_clocks_tell_if_they_agree(tmp_path: Path, back_s: float, known: bool) -> None:
    first = Run(tmp_path)
    first.read("123")
    again = Run(tmp_path, kept=first.kept, at_s=900, back_s=back_s, boot="two", boot_s=20.0)
    again.read("456")
    again.read("456")
    (event,) = again.swaps()
    assert event.open_at_start != known
    assert any("set back" in words for words in event.evidence) != known
    assert event.start_earliest_us <= event.start_us
    if known:
        assert (event.start_earliest_us - WALL_US) / 1e6 == pytest.approx(1, abs=0.1)


def test_a_clock_that_is_set_after_a_reboot_does_not_move_the_bound(tmp_path: Path) -> None:
    first = Run(tmp_path)
    first.read("123")
    again = Run(tmp_path, kept=first.kept, at_s=8 * 3600, back_s=8 * 3600 - 5, boot="two", boot_s=20.0)
    again.clock.set_wall(WALL_US + 8 * 3600 * 1_000_000, ClockState(True, 0.0))
    again.read("456")
    again.read("456")
    (event,) = again.swaps()
    assert (event.start_earliest_us - WALL_US) / 1e6 == pytest.approx(1, abs=0.1)
    assert event.start_us - WALL_US > 8 * 3600 * 1_000_000
