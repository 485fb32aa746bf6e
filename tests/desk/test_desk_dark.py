"""What is found out afterwards: a dark time as one incident, whoever speaks late; and losses that were none."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from desk_rig import HOUSES, SECOND, WALL_US, Rig, houses_below_tx_17

from agent.dark_state import COLLECTED
from agent.outage import Counters, Dark, Looked
from agent.records import ClockState, Event, Incident, Sample

EVERYONE = frozenset(("head", *HOUSES))


def back_after_the_dark(folder: Path, model: str = "schneider-pm5000") -> Rig:
    """The gateway was dark from -400 s until -60 s of the rig's time."""
    rig = Rig(houses_below_tx_17(folder, model))
    rig.desk.add_event(event("gateway_outage", "gateway", -400, -60, because=()))
    rig.pass_(3)
    return rig


def event(kind: str, who: str, start_s: float, end_s: float, **more: Any) -> Event:
    start_us, end_us = (WALL_US + round(at_s * SECOND) for at_s in (start_s, end_s))
    event = Event(
        id=f"{kind} {who}", kind=kind, revision=1, state="closed", scope="meter", basis="inferred",  # type: ignore[arg-type]
        reported_us=end_us, start_us=start_us, start_earliest_us=start_us - 20 * SECOND, end_us=end_us,
        end_earliest_us=end_us - 30 * SECOND, duration_min_s=end_s - start_s - 30, duration_max_s=end_s - start_s + 20,
        meter=who, because=("gateway_outage gateway",), evidence=("its energy counter stood still",),
        clock=ClockState(True, 1.0),
    )  # fmt: skip
    return replace(event, **more)


def looked(rig: Rig, meter: str, supply: str, left: frozenset[str] = frozenset()) -> None:
    dark = Dark(WALL_US - 400 * SECOND, WALL_US - 340 * SECOND, WALL_US - 120 * SECOND, WALL_US - 60 * SECOND, 1.0)
    died = supply == "dead"
    id_ = f"supply_loss {meter}" if died else None
    rig.desk.after_dark.looked(Looked(meter, supply, dark, id_, left))  # type: ignore[arg-type]
    if died:
        rig.desk.add_event(event("supply_loss", meter, -390, -50))


def last(rig: Rig) -> Incident:
    return rig.kept.incidents[-1]


def test_losses_of_a_dark_time_are_told_as_one_closed_incident(tmp_path: Path) -> None:
    rig = back_after_the_dark(tmp_path)
    for name in ("oak", "elm", "ash"):
        looked(rig, name, "dead", EVERYONE - {"head"})
        rig.pass_(5)
    assert rig.kept.incidents == [], "the head has not moved yet"
    looked(rig, "head", "dead")
    rig.pass_(2)
    (one,) = rig.kept.incidents
    assert (one.state, one.revision, one.node, one.most) == ("closed", 1, "tx-17", (120, 120))
    assert (one.start_us, one.end_us) == (WALL_US - 390 * SECOND, WALL_US - 50 * SECOND)
    assert one.duration_min_s == pytest.approx(310 - 1.0)
    assert one.duration_max_s == pytest.approx(360 + 1.0)
    assert set(one.events) == {f"supply_loss {name}" for name in EVERYONE}
    assert len(one.words) == 3
    assert "Found out afterwards" in one.words[2]


def test_nobody_is_waited_for_longer_than_two_minutes(tmp_path: Path) -> None:
    rig = back_after_the_dark(tmp_path)
    looked(rig, "oak", "dead", EVERYONE - {"oak"})
    rig.pass_(118)
    assert rig.kept.incidents == []
    rig.pass_(4)
    assert (last(rig).node, last(rig).state) == ("s-oak", "closed")


def test_who_speaks_late_changes_the_incident_that_was_told(tmp_path: Path) -> None:
    rig = back_after_the_dark(tmp_path)
    looked(rig, "oak", "dead")
    rig.pass_(2)
    assert (last(rig).node, last(rig).most) == ("s-oak", (40, 40))
    looked(rig, "elm", "dead")
    looked(rig, "head", "dead")
    rig.pass_(15)
    first, second = rig.kept.incidents
    assert (second.id, second.revision, second.state) == (first.id, 2, "closed")
    assert (second.node, second.most) == ("tx-17", (120, 120))


def test_who_lived_parts_the_faults(tmp_path: Path) -> None:
    rig = back_after_the_dark(tmp_path)
    for name, supply in (("oak", "dead"), ("elm", "live"), ("head", "live")):
        looked(rig, name, supply, frozenset({"ash"}))
    looked(rig, "ash", "dead")
    rig.pass_(2)
    assert sorted((one.node, one.most) for one in rig.kept.incidents) == [("s-ash", (50, 50)), ("s-oak", (40, 40))]


def test_a_dark_time_in_which_all_lived_is_no_incident(tmp_path: Path) -> None:
    rig = back_after_the_dark(tmp_path)
    for name in EVERYONE:
        looked(rig, name, "live")
    rig.pass_(150)
    assert rig.kept.incidents == []
    assert not rig.desk.after_dark.waits


@pytest.mark.slow
def test_one_that_is_silent_keeps_it_open_and_closes_it_later(tmp_path: Path) -> None:
    rig = back_after_the_dark(tmp_path)
    rig.falls_silent("ash")
    looked(rig, "head", "dead", frozenset({"ash"}))
    rig.pass_(3)
    assert (last(rig).state, last(rig).unknown, last(rig).customers) == ("open", ("ash",), (0, 50))
    rig.answers("ash")
    rig.pass_(700)
    assert (last(rig).state, last(rig).unknown, last(rig).customers) == ("closed", (), (0, 0))


# -- over a restart --------------------------------------------------------------------------------------------


def restarted(rig: Rig, awaited: frozenset[str] = frozenset()) -> Rig:
    """As the gateway does it: what was collected, with its losses out of the journal."""
    again = Rig(rig.site, rig.kept, rig.at_s, "e2")
    ids = again.desk.after_dark.resume(rig.kept.texts.get(COLLECTED))
    last = {one.id: one for one in rig.kept.events}
    again.desk.after_dark.know([last[id_] for id_ in sorted(ids)], awaited)
    return again


def test_what_was_collected_before_a_restart_is_told_after_it(tmp_path: Path) -> None:
    rig = back_after_the_dark(tmp_path)
    looked(rig, "oak", "dead", EVERYONE - {"oak"})
    looked(rig, "elm", "live", EVERYONE - {"oak", "elm"})
    again = restarted(rig, frozenset({"ash", "head"}))
    again.pass_(3)
    assert again.kept.incidents == [], "the others are awaited still"
    looked(again, "head", "live", frozenset({"ash"}))
    looked(again, "ash", "dead")
    again.pass_(3)
    assert sorted((one.node, one.most) for one in again.kept.incidents) == [("s-ash", (50, 50)), ("s-oak", (40, 40))]


@pytest.mark.slow
def test_who_speaks_after_a_restart_changes_the_open_incident_of_the_dark_time(tmp_path: Path) -> None:
    rig = back_after_the_dark(tmp_path)
    rig.falls_silent("ash")
    looked(rig, "head", "dead", frozenset({"ash"}))
    rig.pass_(3)
    assert (last(rig).node, last(rig).unknown) == ("tx-17", ("ash",))
    again = restarted(rig, frozenset({"ash"}))
    again.pass_(3)
    again.answers("ash")
    looked(again, "ash", "dead")
    again.pass_(700)
    assert {one.id for one in again.kept.incidents} == {last(rig).id}
    assert {"supply_loss head", "supply_loss ash"} <= set(last(again).events)
    assert (last(again).state, "Found out afterwards" in last(again).words[2]) == ("closed", True)


def test_what_an_incident_told_that_is_over_is_not_told_anew_after_a_restart(tmp_path: Path) -> None:
    rig = back_after_the_dark(tmp_path)
    looked(rig, "oak", "dead", frozenset({"ash"}))
    rig.pass_(150)
    assert (last(rig).node, last(rig).state) == ("s-oak", "closed")
    again = restarted(rig, frozenset({"ash"}))
    looked(again, "ash", "dead")
    again.pass_(30)
    assert [(one.node, one.state) for one in again.kept.incidents] == [("s-oak", "closed"), ("s-ash", "closed")]


# -- the meter's own log ---------------------------------------------------------------------------------------


def log_of(meter: str, **more: Any) -> Event:
    words = ("its power failure counter rose",)
    return event(
        "supply_loss", meter, -1, 0, id=f"log {meter}", basis="meter_log", because=(), evidence=words,
        start_earliest_us=WALL_US - 450 * SECOND, end_earliest_us=WALL_US - 450 * SECOND, duration_min_s=0.0,
        duration_max_s=450.0, **more,
    )  # fmt: skip


def standing(rig: Rig, meter: str) -> list[Event]:
    latest = {one.id: one for one in rig.kept.events if one.meter == meter and one.kind == "supply_loss"}
    return [one for one in latest.values() if one.state != "retracted"]


@pytest.mark.parametrize("log_first", [True, False])
def test_a_log_and_counters_that_stood_still_are_one_loss(tmp_path: Path, log_first: bool) -> None:
    rig = back_after_the_dark(tmp_path)
    if log_first:
        rig.desk.add_event(log_of("oak"))
    looked(rig, "oak", "dead")
    if not log_first:
        rig.desk.add_event(log_of("oak"))
    rig.pass_(2)
    (one,) = standing(rig, "oak")
    assert (one.basis, one.because) == ("meter_log", ("gateway_outage gateway",))
    assert (one.start_us, one.start_earliest_us) == (WALL_US - 390 * SECOND, WALL_US - 410 * SECOND)
    assert (one.end_us, one.end_earliest_us) == (WALL_US - 50 * SECOND, WALL_US - 80 * SECOND)
    assert (one.duration_min_s, one.duration_max_s) == (310.0, 360.0)
    assert {"its power failure counter rose", "its energy counter stood still"} <= set(one.evidence)
    assert one.supersedes == (("log oak",) if log_first else ())
    assert (last(rig).node, last(rig).events) == ("s-oak", (one.id,))


def test_what_the_log_adds_later_is_told_of_the_one_loss(tmp_path: Path) -> None:
    rig = back_after_the_dark(tmp_path)
    rig.desk.add_event(log_of("oak"))
    looked(rig, "oak", "dead")
    rig.desk.add_event(replace(log_of("oak"), revision=2, evidence=("its restart counter rose",)))
    (one,) = standing(rig, "oak")
    assert (one.revision, "its restart counter rose" in one.evidence) == (2, True)


def test_a_log_of_another_time_is_a_loss_of_its_own(tmp_path: Path) -> None:
    rig = back_after_the_dark(tmp_path)
    looked(rig, "oak", "dead")
    rig.desk.add_event(event("supply_loss", "oak", -20, -10, id="log oak", basis="meter_log", because=()))
    assert len(standing(rig, "oak")) == 2


# -- counters that ran on --------------------------------------------------------------------------------------


def counts(rig: Rig, meter: str, **values: float) -> None:
    now_us = rig.us(rig.at_s)
    rig.desk.after_dark.counted(Sample(meter, now_us - 20_000, now_us, values, full=True))


def dead_for_ten_minutes(rig: Rig, **values: float) -> None:
    """The head measures nothing, so the silent oak and elm are taken for dead. values: of the oak, before."""
    counts(rig, "oak", **values)
    rig.dies("head")
    rig.falls_silent("oak", "elm", "ash")
    rig.pass_(600)
    assert standing(rig, "oak")[-1].state == "open"
    rig.lives("head")


@pytest.mark.slow
def test_an_energy_that_ran_on_takes_the_loss_back_and_its_customers_with_it(tmp_path: Path) -> None:
    rig = back_after_the_dark(tmp_path, "eastron-sdm630")
    dead_for_ten_minutes(rig, active_energy_import=1e6, active_power_total=3000.0)
    assert last(rig).most == (120, 120)
    rig.answers("oak", "elm", "ash")
    counts(rig, "oak", active_energy_import=1e6 + 500, active_power_total=3000.0)
    assert standing(rig, "oak") == []
    told = rig.last("supply_loss", "oak")
    assert (told.state, "energy counter ran on" in told.evidence[-1]) == ("retracted", True)
    rig.pass_(10)
    assert last(rig).most == (80, 80)
    assert told.id not in last(rig).events


@pytest.mark.slow
@pytest.mark.parametrize("counted_wh", [0.0, 10.0, 150.0])
def test_an_energy_that_stood_still_or_hardly_moved_takes_nothing_back(tmp_path: Path, counted_wh: float) -> None:
    """150 Wh are 18 s at 30 kW, and less if the load swung: they prove nothing of ten minutes."""
    rig = back_after_the_dark(tmp_path, "eastron-sdm630")
    dead_for_ten_minutes(rig, active_energy_import=1e6, active_power_total=30_000.0)
    rig.answers("oak", "elm", "ash")
    counts(rig, "oak", active_energy_import=1e6 + counted_wh, active_power_total=30_000.0)
    rig.pass_(10)
    (one,) = standing(rig, "oak")
    assert (one.state, one.basis) == ("closed", "inferred")
    assert last(rig).most == (120, 120)


@pytest.mark.slow
def test_hours_speak_for_a_self_powered_meter_only(tmp_path: Path) -> None:
    rig = back_after_the_dark(tmp_path, "carlo-gavazzi-em24")
    dead_for_ten_minutes(rig, operating_hours=100.0)
    rig.answers("oak", "elm", "ash")
    counts(rig, "oak", operating_hours=100.17)
    told = rig.last("supply_loss", "oak")
    assert (told.state, "hour counter ran on" in told.evidence[-1]) == ("retracted", True)


def test_an_hour_counter_of_a_meter_on_an_auxiliary_supply_says_nothing_of_the_network(tmp_path: Path) -> None:
    rig = back_after_the_dark(tmp_path)
    rig.desk.after_dark.recall({"oak": Counters(WALL_US - 500 * SECOND, 0.0, None, 100.0)})
    looked(rig, "oak", "dead")
    counts(rig, "oak", operating_hours=100.5)
    assert len(standing(rig, "oak")) == 1


@pytest.mark.slow
def test_what_is_counted_long_after_the_return_proves_nothing(tmp_path: Path) -> None:
    rig = back_after_the_dark(tmp_path, "eastron-sdm630")
    dead_for_ten_minutes(rig, active_energy_import=1e6, active_power_total=3000.0)
    rig.answers("oak", "elm", "ash")
    rig.pass_(120)
    counts(rig, "oak", active_energy_import=1e6 + 600, active_power_total=3000.0)
    assert len(standing(rig, "oak")) == 1
