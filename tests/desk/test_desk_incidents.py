"""Incidents over time: what a clock, a restart, a silence or a flapping contact must not make of them."""

from dataclasses import replace
from pathlib import Path

import pytest
from desk_rig import HOUSES, SECOND, WALL_US, Kept, Rig, houses_below_tx_17

from agent.desk.lines import LineDesk
from agent.detect.desk_events import About, Teller
from agent.detect.register import Register
from agent.records import Event

ALL = ("head", *HOUSES)


def started(folder: Path) -> Rig:
    rig = Rig(houses_below_tx_17(folder))
    rig.pass_(3)
    return rig


def dead_village(folder: Path) -> Rig:
    rig = started(folder)
    for name in ALL:
        rig.dies(name)
    rig.pass_(10)
    return rig


def again(rig: Rig, after_s: float, *, live: bool) -> Rig:
    """Another run of the agent, in which nobody was looked at yet."""
    told = Kept()
    told.events, told.incidents, told.texts = list(rig.kept.events), list(rig.kept.incidents), dict(rig.kept.texts)
    other = Rig(rig.site, told, at_s=rig.at_s + after_s, epoch="e2")
    other.answering = set(rig.site.meters) if live else set()
    for event in other.resumed:
        if event.meter is not None:
            other.open[event.meter, event.kind] = event
    return other


def test_the_rounding_of_a_clock_makes_no_revision(tmp_path: Path) -> None:
    rig = dead_village(tmp_path)
    for name in ALL:
        rig.lives(name)
    rig.pass_(5)
    told = len(rig.kept.incidents)
    for n in range(60):
        rig.clock.offset_us += (-1) ** n * (1 + n % 7)
        rig.pass_(2)
    assert len(rig.kept.incidents) == told


@pytest.mark.slow
def test_a_wall_clock_that_is_set_moves_neither_start_nor_durations(tmp_path: Path) -> None:
    rig = dead_village(tmp_path)
    first = rig.kept.incidents[-1]
    rig.clock.offset_us -= 3600 * SECOND
    rig.pass_(60)
    assert len(rig.kept.incidents) == 1
    for name in ALL:
        rig.look(name, supply="live")
        event = rig.open.pop((name, "supply_loss"))
        now_us = rig.clock.wall_us()
        rig.desk.add_event(
            replace(event, revision=2, state="closed", end_us=now_us, end_earliest_us=now_us - SECOND // 2)
        )
    rig.clock.offset_us += 3600 * SECOND
    rig.pass_(700)
    last = rig.kept.incidents[-1]
    assert last.state == "closed"
    assert (last.start_us, last.start_earliest_us) == (first.start_us, first.start_earliest_us)
    assert last.duration_min_s <= 70 <= last.duration_max_s <= 71
    assert len({one.end_us for one in rig.kept.incidents if one.end_us}) == 1


def test_a_restart_says_nothing_until_the_meters_were_looked_at(tmp_path: Path) -> None:
    rig = dead_village(tmp_path)
    other = again(rig, 20, live=False)
    told = len(other.kept.incidents)
    other.look("head", supply="dead")
    other.pass_(20)
    assert len(other.kept.incidents) == told
    for name in ALL:
        other.look(name, supply="dead")
    other.pass_(5)
    assert len(other.kept.incidents) == told, "it is as it was"


def test_after_a_restart_who_is_never_heard_is_unknown_and_not_back(tmp_path: Path) -> None:
    other = again(dead_village(tmp_path), 20, live=False)
    other.look("head", supply="dead")
    other.pass_(40)
    last = other.kept.incidents[-1]
    assert (last.restored, last.customers, last.state) == ((), (120, 120), "open")


@pytest.mark.slow
def test_a_restart_after_the_return_keeps_the_incident_and_its_events(tmp_path: Path) -> None:
    rig = dead_village(tmp_path)
    for name in ALL:
        rig.lives(name)
    rig.pass_(120)
    before = rig.kept.incidents[-1]
    other = again(rig, 10, live=True)
    other.pass_(400)
    assert other.kept.incidents[-1] == before, "nothing is new"
    other.pass_(90)
    last = other.kept.incidents[-1]
    assert (last.state, last.events, last.end_us) == ("closed", before.events, before.end_us)


def test_reclosings_are_counted_on_and_not_anew_after_a_restart(tmp_path: Path) -> None:
    rig = dead_village(tmp_path)
    for _ in range(2):
        for name in ALL:
            rig.lives(name)
        rig.pass_(20)
        for name in ALL:
            rig.dies(name)
        rig.pass_(20)
    assert rig.kept.incidents[-1].reclosed == 2
    other = again(rig, 10, live=False)
    for name in ALL:
        other.look(name, supply="dead")
        other.answering.add(name)
    other.pass_(10)
    for name in ALL:
        other.lives(name)
    other.pass_(20)
    for name in ALL:
        other.dies(name)
    other.pass_(20)
    assert other.kept.incidents[-1].reclosed == 3


@pytest.mark.slow
def test_one_that_never_answers_is_unknown_for_a_day_and_never_back(tmp_path: Path) -> None:
    rig = dead_village(tmp_path)
    rig.falls_silent("oak")
    loss = rig.open.pop(("oak", "supply_loss"))
    now_us = WALL_US + round(1e6 * rig.at_s)
    rig.pass_(5)
    for name in ("head", "elm", "ash"):
        rig.lives(name)
    rig.desk.add_event(replace(loss, revision=2, state="closed", end_us=now_us, end_earliest_us=now_us - SECOND))
    rig.pass_(30)
    last = rig.kept.incidents[-1]
    assert (last.dead, last.unknown, last.customers) == ((), ("oak",), (0, 40))
    assert "oak" not in last.restored
    rig.pass_(23 * 3600, 60)
    assert rig.kept.incidents[-1] == last
    rig.pass_(2 * 3600, 60)
    last = rig.kept.incidents[-1]
    assert (last.state, last.unknown, last.customers) == ("closed", ("oak",), (0, 40))
    words = " ".join(one for incident in rig.kept.incidents for one in incident.words)
    assert "All back" not in words
    assert "24 h in which some were never heard" in last.words[2]


@pytest.mark.slow
def test_a_meter_that_flaps_all_day_names_a_few_of_its_events(tmp_path: Path) -> None:
    rig = started(tmp_path)
    start_us = 0
    for n in range(90):
        rig.dies("oak")
        rig.pass_(20, 5)
        start_us = start_us or rig.kept.incidents[-1].start_us
        rig.lives("oak")
        rig.pass_(20, 5)
        assert rig.kept.incidents[-1].reclosed == n
    last = rig.kept.incidents[-1]
    assert len({one.id for one in rig.kept.incidents}) == 1
    assert (len(last.events), last.start_us) == (32, start_us)
    assert "Events of it not named: 58." in last.words[2]


def test_what_a_line_remembers_of_silences_is_bounded_and_keeps_what_is_open(tmp_path: Path) -> None:
    rig = started(tmp_path)
    about = {name: About("east") for name in ("oak", "elm")}
    lines = LineDesk(
        about, Teller(about, "iec", "", rig.clock, lambda: "x"), Register(rig.clock.from_wall_us), rig.clock,
        rig.site.network,
    )  # fmt: skip
    silence = Event(
        id="oak-1", kind="comms_loss", revision=1, state="open", scope="meter", basis="measured",
        reported_us=WALL_US, start_us=WALL_US, start_earliest_us=WALL_US, meter="oak", line="east",
    )  # fmt: skip
    lines._tell_as_own("oak-1", True)
    for n in range(10_000):
        lines._tell_as_own(f"elm-{n}", True)
        lines.held_back(replace(silence, id=f"elm-{n}", meter="elm", state="closed", end_us=WALL_US))
    assert len(lines._own) <= 4096
    assert not lines.held_back(silence), "what is open stays told"
