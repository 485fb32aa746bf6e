"""The desk: what is held back, what is inferred, what is joined; storms, restarts, and silence that proves nothing."""

import gc
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from desk_rig import WALL_US, Kept, Rig, site_of
from drawn import part

from agent.clock import Clock, SyncSource
from agent.desk.desk import Desk
from agent.detect.network import Network
from agent.detect.supply_evidence import Seen
from agent.detect.tracking import Bounds
from agent.records import Event
from agent.site import Site

VILLAGE = """
[lines.room]
tcp = "10.0.0.1:502"
[lines.east]
tcp = "10.0.0.2:502"
[lines.west]
tcp = "10.0.0.3:502"
[nodes.F12]
kind = "feeder"
[nodes.tx-17]
kind = "transformer"
parents = ["F12"]
[nodes.b1]
kind = "branch"
parents = ["tx-17"]
[nodes.b2]
kind = "branch"
parents = ["tx-17"]
[nodes.s-oak]
kind = "service"
parents = ["b1"]
customers = 40
[nodes.s-elm]
kind = "service"
parents = ["b1"]
customers = 30
[nodes.s-ash]
kind = "key"
parents = ["b2"]
customers = 50
critical = "hospital"
[meters.head]
line = "room"
unit = 1
model = "schneider-pm5000"
node = "tx-17"
"""
HOUSES = (("oak", "east", 1, "s-oak"), ("elm", "east", 2, "s-elm"), ("ash", "west", 1, "s-ash"))


def village(
    folder: Path, model: str = "eastron-sdm630", west: int = 1, mains: str | None = None, head: str = ""
) -> Site:
    """Houses on lines east (two units) and west (one, or with a second that hangs elsewhere). mains: the node that the
    gateway's own supply comes from, empty: not said; head: what the meter at the transformer lives on."""
    meters = [
        f'[meters.{name}]\nline = "{line}"\nunit = {unit}\nmodel = "{model}"\nnode = "{node}"\n'
        for name, line, unit, node in HOUSES
    ]
    if west > 1:
        meters.append('[meters.far]\nline = "west"\nunit = 9\nmodel = "schneider-pm5000"\nfeeder = "F15"\n')
        meters.append('[meters.near]\nline = "east"\nunit = 9\nmodel = "schneider-pm5000"\nfeeder = "F15"\n')
    if mains is not None:
        meters.append('[mains]\nsysfs = "/sys/class/power_supply/AC"\n' + (f'node = "{mains}"\n' if mains else ""))
    powered = f'powered_by = "{head}"\n' if head else ""
    return site_of(folder, VILLAGE + powered + "\n".join(meters))


def started(site: Site) -> Rig:
    rig = Rig(site)
    rig.pass_(3)
    return rig


def collapsed(rig: Rig, *names: str) -> None:
    """Every voltage was below half in their last words."""
    for name in names:
        rig.look(name, pu=dict.fromkeys(("l1", "l2", "l3"), 0.3))
    rig.falls_silent(*names)
    rig.pass_(1)
    rig.misses(*names)
    rig.pass_(1)


def test_one_silent_unit_is_told_with_its_true_start_and_stays_unknown(tmp_path: Path) -> None:
    rig = started(village(tmp_path))
    rig.falls_silent("oak")
    silent_us = rig.open["oak", "comms_loss"].start_us
    rig.turn()
    assert rig.told() == [], "nobody else of the line was heard since"
    assert rig.status("oak").open_events == ()
    rig.pass_(1)
    rig.misses("oak")
    rig.pass_(1)
    assert rig.told() == [("comms_loss", "open", "oak")]
    assert rig.kept.events[0].start_us == silent_us
    verdict = rig.desk.verdict("oak")
    assert verdict is not None
    assert (verdict.supply, verdict.row) == ("unknown", "neighbours")
    rig.pass_(600, 10)
    assert rig.told() == [("comms_loss", "open", "oak")]
    assert rig.kept.incidents == []


def test_the_log_says_of_a_dead_line_what_the_journal_is_told_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    rig = started(village(tmp_path))
    rig.falls_silent("oak", "elm")
    rig.turn()
    rig.pass_(60)
    rig.answers("oak", "elm")
    rig.pass_(2)
    line = rig.last("comms_loss", "east")
    said = [text for record in caplog.records if (text := record.getMessage()).startswith("event.")]
    assert said == [f"event.{state} id={line.id} kind=comms_loss meter=None line=east" for state in ("open", "closed")]
    caplog.clear()
    rig.falls_silent("ash")
    assert f"event.open id={rig.open['ash', 'comms_loss'].id} kind=comms_loss meter=ash" in caplog.text


def test_the_death_of_a_line_is_one_event_and_a_line_with_one_unit_has_none(tmp_path: Path) -> None:
    rig = started(village(tmp_path))
    rig.falls_silent("oak", "elm", "ash")
    rig.turn()
    assert sorted(rig.told()) == [("comms_loss", "open", "ash"), ("comms_loss", "open", "east")]
    line = rig.last("comms_loss", "east")
    assert (line.scope, line.meter) == ("line", None)
    assert rig.status("oak").comms == "lost"
    assert rig.status("oak").open_events == (line.id,)
    rig.pass_(60)
    rig.answers("oak")
    rig.pass_(2)
    assert rig.last("comms_loss", "east").state == "closed"
    rig.misses("elm")
    rig.pass_(1)
    assert rig.told()[2:] == [*[("comms_loss", "closed", "east")] * 2, ("comms_loss", "open", "elm")]
    assert rig.last("comms_loss", "elm").start_us < rig.last("comms_loss", "east").end_us


def test_a_silent_line_concerns_at_most_whoever_is_fed_at_its_units_and_each_once(tmp_path: Path) -> None:
    rig = started(village(tmp_path))
    rig.falls_silent("oak", "elm")
    rig.turn()
    assert rig.last("comms_loss", "east").customers == (0, 70)
    rig.pass_(60)
    rig.answers("oak")
    rig.pass_(2)
    assert rig.last("comms_loss", "east").customers == (0, 70)
    rig.misses("elm")
    rig.pass_(1)
    line = rig.last("comms_loss", "east")
    assert (line.state, line.customers) == ("closed", (0, 40)), "elm's own silence lies over it, and counts elm's"
    assert line.evidence[-1] == "elm is silent by itself as well: its customers count there"


def test_who_was_silent_or_dead_before_its_line_is_not_among_the_line_s_customers(tmp_path: Path) -> None:
    rig = started(village(tmp_path))
    rig.falls_silent("oak")
    rig.pass_(1)
    rig.misses("oak")
    rig.pass_(5)
    rig.falls_silent("elm")
    rig.pass_(2)
    assert rig.last("comms_loss", "east").customers == (0, 30), "oak has a silence of its own over all of it"
    again = started(village(tmp_path))
    again.dies("elm")
    again.pass_(2)
    again.falls_silent("oak", "elm")
    again.pass_(2)
    assert again.last("comms_loss", "east").customers == (0, 40), "elm's loss was measured, and is not over"


@pytest.mark.parametrize("by_s", [3600, -3600])
def test_a_clock_that_is_set_while_a_line_is_dead_changes_no_duration(tmp_path: Path, by_s: float) -> None:
    rig = started(village(tmp_path))
    rig.falls_silent("oak", "elm", "ash")
    rig.turn()
    rig.pass_(30)
    rig.set_clock(by_s)
    rig.pass_(30)
    rig.answers("oak")
    rig.pass_(2)
    line = rig.last("comms_loss", "east")
    assert line.state == "closed"
    assert 58 <= line.duration_min_s <= line.duration_max_s <= 64


def restarted(rig: Rig, after_s: float, **more: object) -> Rig:
    """Another run of the agent, whose meters are as they were."""
    told = Kept()
    told.events, told.incidents, told.texts = list(rig.kept.events), list(rig.kept.incidents), dict(rig.kept.texts)
    again = Rig(rig.site, told, at_s=rig.at_s + after_s, epoch="e2", **more)
    again.seen, again.answering = dict(rig.seen), set(rig.answering)
    for event in again.resumed:
        again.open[event.meter, event.kind] = event
        again.desk.add_event(event)
    return again


@pytest.mark.parametrize("by_s", [3600, -3600])
def test_a_clock_that_is_set_during_a_restart_changes_no_duration_of_a_dead_line(tmp_path: Path, by_s: float) -> None:
    rig = started(village(tmp_path))
    rig.falls_silent("oak", "elm", "ash")
    rig.turn()
    rig.pass_(30)
    again = restarted(rig, 30, set_by_s=by_s)
    again.pass_(30)
    again.answers("oak")
    again.pass_(2)
    line = again.last("comms_loss", "east")
    assert line.state == "closed"
    # Nobody looked for half a minute: of the time before that nothing is proven.
    assert 28 <= line.duration_min_s <= 31
    assert 90 <= line.duration_max_s <= 94
    assert line.evidence[-1] == "the agent restarted inside it"


@pytest.mark.parametrize("by_s", [3600, -3600])
def test_a_clock_that_is_set_during_a_restart_changes_no_duration_of_an_inferred_loss(
    tmp_path: Path, by_s: float
) -> None:
    rig = started(village(tmp_path))
    rig.dies("head")
    rig.pass_(1)
    rig.falls_silent("oak")
    rig.misses("oak")
    rig.pass_(30)
    assert rig.last("supply_loss", "oak").basis == "inferred"
    again = restarted(rig, 30, set_by_s=by_s)
    again.pass_(30)
    again.lives("head")
    again.answers("oak")
    again.pass_(2)
    loss = again.last("supply_loss", "oak")
    assert loss.state == "closed"
    assert 25 <= loss.duration_min_s <= 32
    assert 90 <= loss.duration_max_s <= 96


def test_after_a_reboot_under_a_clock_nobody_vouches_for_the_longest_duration_of_a_dead_line_is_not_said(
    tmp_path: Path,
) -> None:
    rig = started(village(tmp_path))
    rig.falls_silent("oak", "elm", "ash")
    rig.turn()
    rig.pass_(30)
    again = restarted(rig, 30, boot="boot-2")
    again.pass_(30)
    again.answers("oak")
    again.pass_(2)
    line = again.last("comms_loss", "east")
    assert line.state == "closed"
    assert line.duration_max_s is None
    assert line.duration_min_s <= 31
    assert "of unknown uncertainty" in line.evidence[-1]


def test_a_dead_meter_above_makes_silence_below_a_supply_loss_with_its_causes(tmp_path: Path) -> None:
    rig = started(village(tmp_path))
    head = rig.dies("head")
    rig.pass_(0.5, 0.1)
    rig.falls_silent("oak", "elm", "ash")
    rig.turn()
    loss = rig.last("supply_loss", "oak")
    line = rig.last("comms_loss", "east")
    assert (loss.basis, loss.state, loss.because) == ("inferred", "open", (head.id, line.id))
    assert (loss.start_us, loss.start_earliest_us) == (head.start_us, head.start_earliest_us)
    assert "head" in loss.evidence[0]
    status = rig.status("oak")
    assert (status.supply, status.comms, set(status.open_events)) == ("dead", "lost", {loss.id, line.id})


def test_an_inferred_loss_ends_when_the_meter_answers_with_voltage(tmp_path: Path) -> None:
    rig = started(village(tmp_path))
    rig.dies("head")
    rig.falls_silent("oak", "elm", "ash")
    rig.turn()
    rig.pass_(100)
    back = rig.lives("head")
    rig.pass_(3)
    assert rig.last("supply_loss", "oak").state == "open", "it boots"
    rig.answers("oak", "elm", "ash")
    rig.turn()
    loss = rig.last("supply_loss", "oak")
    assert loss.state == "closed"
    assert loss.end_earliest_us is not None
    assert back.end_earliest_us <= loss.end_earliest_us <= back.end_us <= loss.end_us


def test_a_meter_that_speaks_for_the_first_time_is_live_at_once_not_at_the_next_look_at_all_of_them(
    tmp_path: Path,
) -> None:
    rig = Rig(village(tmp_path))
    rig.desk.evaluate()
    assert rig.status("oak").supply == "unknown"
    rig.look("oak")
    assert rig.status("oak").supply == "live"


def unheard_below(folder: Path) -> tuple[Rig, Event]:
    """Two meters fell silent below a dead one that lives again, and were not heard since; and its event, over."""
    rig = started(folder)
    rig.dies("head")
    rig.falls_silent("oak", "elm")
    rig.turn()
    rig.pass_(100)
    back = rig.lives("head")
    rig.pass_(20)
    return rig, back


@pytest.mark.slow
def test_an_inferred_loss_whose_cause_is_over_closes_when_the_meter_does_not_return(tmp_path: Path) -> None:
    rig, back = unheard_below(village(tmp_path))
    loss = rig.last("supply_loss", "oak")
    assert (loss.state, loss.end_us, loss.duration_max_s) == ("closed", None, None)
    assert "nothing is known" in loss.evidence[-1]
    assert loss.duration_min_s == pytest.approx((back.end_earliest_us - loss.start_us) / 1e6)
    rig.pass_(600)
    rig.answers("oak")
    rig.pass_(3)
    ended = rig.last("supply_loss", "oak")
    assert (ended.id, ended.state, ended.revision) == (loss.id, "closed", loss.revision + 1)
    assert ended.end_earliest_us == back.end_earliest_us
    assert ended.end_us > back.end_us + 600_000_000, "it may have been dead as long as it was silent"
    rig.pass_(10)
    assert rig.last("supply_loss", "oak") == ended


def test_a_loss_without_an_end_gets_one_from_the_next_run(tmp_path: Path) -> None:
    rig, _ = unheard_below(village(tmp_path))
    loss = rig.last("supply_loss", "oak")
    again = Rig(rig.site, rig.kept, rig.at_s + 30, "e2")
    again.pass_(5)
    ended = again.last("supply_loss", "oak")
    assert (ended.id, ended.revision, ended.duration_min_s) == (loss.id, loss.revision + 1, loss.duration_min_s)
    assert ended.end_us is not None
    assert ended.end_us >= again.clock.wall_us(again.us(rig.at_s + 30))
    assert ended.end_earliest_us <= loss.start_us + round(1e6 * loss.duration_min_s)


def test_a_loss_without_an_end_gets_none_from_a_meter_that_comes_back_dead(tmp_path: Path) -> None:
    rig, _ = unheard_below(village(tmp_path))
    loss = rig.last("supply_loss", "oak")
    rig.answers("oak")
    rig.dies("oak")
    rig.pass_(3)
    rig.lives("oak")
    rig.pass_(3)
    assert [one for one in rig.kept.events if one.id == loss.id and one.end_us is not None] == []


def test_an_inferred_loss_whose_cause_was_taken_back_is_retracted_in_words(tmp_path: Path) -> None:
    rig = started(village(tmp_path))
    head = rig.dies("head")
    rig.falls_silent("oak", "elm")
    rig.turn()
    rig.look("head", supply="unknown", vt_failed=True)
    rig.event("head", "supply_loss", "retracted")
    rig.pass_(2)
    loss = rig.last("supply_loss", "oak")
    assert (loss.state, loss.revision) == ("retracted", 2)
    assert head.id in loss.evidence[-1]
    assert rig.kept.incidents == [] or rig.kept.incidents[-1].state == "retracted"


def test_what_a_meter_tells_itself_takes_the_place_of_what_was_inferred(tmp_path: Path) -> None:
    rig = started(village(tmp_path))
    rig.dies("head")
    rig.falls_silent("oak", "elm")
    rig.turn()
    inferred = rig.last("supply_loss", "oak")
    rig.pass_(60)
    start_us = rig.open["oak", "comms_loss"].start_us
    rig.answers("oak")
    told = rig.event("oak", "supply_loss", "closed", basis="meter_log", start_us=start_us)
    assert rig.last("supply_loss", "oak").supersedes == (inferred.id,)
    retracted = [event for event in rig.kept.events if event.id == inferred.id][-1]
    assert (retracted.state, told.id in retracted.evidence[-1]) == ("retracted", True)


def test_bounds_of_a_verdict_within_two_watch_periods(tmp_path: Path) -> None:
    """The watch of these meters is a second."""
    rig = started(village(tmp_path))
    rig.dies("head")
    rig.falls_silent("oak", "elm")
    last_s = rig.at_s
    rig.turn()
    while ("supply_loss", "open", "oak") not in rig.told():
        assert rig.at_s - last_s <= 2.0
        rig.pass_(0.1, 0.1)
    assert rig.at_s - last_s <= 2.0


def test_a_living_meter_below_says_that_a_silent_one_has_supply(tmp_path: Path) -> None:
    rig = started(village(tmp_path, model="schneider-pm5000"))
    rig.falls_silent("head")
    rig.pass_(3)
    assert rig.status("head").supply == "live"
    verdict = rig.desk.verdict("head")
    assert verdict is not None
    assert verdict.row == "live_below"


def test_self_powered_meters_of_two_living_lines_that_fall_silent_at_once(tmp_path: Path) -> None:
    """oak and elm with ash: everything self-powered below tx-17, on lines where others answer. Two cables in one duct
    look the same: nobody claims an outage."""
    rig = started(village(tmp_path, west=2))
    rig.answering.discard("head")
    rig.falls_silent("oak", "elm", "ash")
    rig.pass_(1)
    rig.misses("oak", "elm", "ash")
    rig.pass_(10)
    verdict = rig.desk.verdict("ash")
    assert verdict is not None
    assert (verdict.row, verdict.supply) == ("together", "unknown")
    assert verdict.reason.startswith("may be dark: it and ")
    assert rig.status("ash").supply == "unknown"
    assert {kind for kind, *_ in rig.told()} == {"comms_loss"}
    assert rig.kept.incidents == []


def test_meters_that_fell_silent_in_a_collapse_return_one_by_one(tmp_path: Path) -> None:
    rig = started(village(tmp_path, west=2))
    collapsed(rig, "oak", "elm", "ash")
    assert rig.desk.verdict("ash").row == "collapse"
    rig.answers("ash")
    rig.pass_(5)
    assert rig.last("supply_loss", "ash").state == "closed"
    assert rig.last("supply_loss", "oak").state == "open", "another's return is not its own"


def test_one_line_alone_is_no_second_witness(tmp_path: Path) -> None:
    """A cable cut behind the first unit: the rest falls silent at once."""
    rig = started(village(tmp_path, west=2))
    rig.falls_silent("oak", "elm")
    rig.pass_(1)
    rig.misses("oak", "elm")
    rig.pass_(10)
    assert {kind for kind, *_ in rig.told()} == {"comms_loss"}


def mains_go(tmp_path: Path, node: str, outcome: str = "silent") -> tuple[Rig, Event]:
    """The gateway's own supply goes, from `node`; with it everything falls silent."""
    rig = started(village(tmp_path, mains=node, head="self"))
    event = rig.event("head", "mains_loss", scope="gateway", meter=None)
    rig.falls_silent("head", "oak", "elm", "ash", outcome=outcome)
    rig.pass_(10)
    return rig, event


@pytest.mark.parametrize(("node", "dead"), [("tx-17", {"head", "oak", "elm", "ash"}), ("b2", {"ash"}), ("", set())])
def test_mains_are_a_second_witness_for_what_their_node_feeds(tmp_path: Path, node: str, dead: set[str]) -> None:
    rig, event = mains_go(tmp_path, node)
    assert {who for _, _, who in rig.told("supply_loss")} == dead
    for name in ("head", "oak", "elm", "ash"):
        assert (rig.desk.verdict(name).row, name in dead) in (("mains", True), ("mains_too", False))
        assert rig.status(name).supply == ("dead" if name in dead else "unknown")
    if dead:
        assert event.id in rig.last("supply_loss", "ash").because


@pytest.mark.parametrize("outcome", ["down", "refused"])
def test_mains_prove_nothing_where_the_way_is_broken(tmp_path: Path, outcome: str) -> None:
    rig, _ = mains_go(tmp_path, "tx-17", outcome)
    assert rig.desk.verdict("oak").row == "cut_off"
    assert rig.told("supply_loss") == []
    assert rig.kept.incidents == []


def test_mains_that_go_with_meters_on_a_battery_took_the_ways(tmp_path: Path) -> None:
    """The gateway's own breaker, and a switch without UPS behind it."""
    rig = started(village(tmp_path, mains="tx-17", head="dc"))
    rig.event("head", "mains_loss", scope="gateway", meter=None)
    rig.falls_silent("head", "oak", "elm", "ash")
    rig.pass_(10)
    assert rig.told("supply_loss") == []
    assert rig.desk.verdict("oak").row == "mains_too"


def test_mains_do_not_speak_for_meters_while_one_has_voltage(tmp_path: Path) -> None:
    rig = started(village(tmp_path))
    rig.event("head", "mains_loss", scope="gateway", meter=None)
    rig.falls_silent("oak", "elm")
    rig.pass_(5)
    assert rig.told("supply_loss") == []


def test_test_and_maintenance_vote_nowhere(tmp_path: Path) -> None:
    rig = started(village(tmp_path))
    rig.seen["head"] = replace(rig.seen["head"], mode="test")
    rig.look("head", supply="dead")
    rig.event("head", "supply_loss", mode="test")
    rig.falls_silent("oak", "elm", "ash")
    rig.pass_(20)
    assert rig.told("supply_loss") == [("supply_loss", "open", "head")]
    assert rig.kept.incidents == []
    assert rig.status("oak").supply == "unknown"


@pytest.mark.slow
def test_an_incident_from_the_first_meter_to_the_last_in_band(tmp_path: Path) -> None:
    rig = started(village(tmp_path, model="schneider-pm5000"))
    start_s = rig.at_s
    for name in ("head", "oak", "elm", "ash"):
        rig.dies(name)
    rig.turn()
    rig.pass_(5)
    (incident,) = rig.kept.incidents
    assert (incident.node, incident.customers, incident.critical) == ("tx-17", (120, 120), ("s-ash",))
    assert len(incident.words) == 3
    assert "transformer fuse" in incident.words[0]
    assert "120 customers without supply (among them: s-ash)" in incident.words[1]
    assert "not proof of isolation" in incident.words[2]
    rig.pass_(55)
    for name in ("head", "oak", "elm"):
        rig.lives(name)
    rig.pass_(5)
    assert (rig.kept.incidents[-1].node, rig.kept.incidents[-1].customers) == ("tx-17", (50, 50))
    assert rig.kept.incidents[-1].nested == ("s-ash",)
    rig.lives("ash")
    rig.pass_(300)
    assert rig.kept.incidents[-1].state == "open"
    rig.pass_(301)
    last = rig.kept.incidents[-1]
    assert (last.state, last.customers, last.most) == ("closed", (0, 0), (120, 120))
    assert last.duration_min_s <= 65 <= last.duration_max_s
    assert last.start_earliest_us < last.start_us
    assert rig.at_s - start_s > 600
    assert [one.revision for one in rig.kept.incidents] == list(range(1, len(rig.kept.incidents) + 1))


def test_what_dies_look_by_look_is_told_once_and_at_its_place(tmp_path: Path) -> None:
    rig = started(village(tmp_path, model="schneider-pm5000"))
    for name in ("oak", "elm", "head", "ash"):
        rig.answering.discard(name)
    for name in ("oak", "elm", "head", "ash"):
        rig.dies(name)
        rig.answering.discard(name)  # each is looked at once a second
        rig.turn()
        rig.at_s += 0.25
    rig.answering = set(rig.seen)
    rig.pass_(5)
    assert [one.node for one in rig.kept.incidents] == ["tx-17"]


def test_one_in_test_does_not_count_and_its_neighbour_does(tmp_path: Path) -> None:
    rig = started(village(tmp_path, model="schneider-pm5000"))
    rig.seen["oak"] = replace(rig.seen["oak"], mode="test")
    rig.look("oak", supply="dead")
    rig.event("oak", "supply_loss", mode="test")
    rig.dies("elm")
    rig.pass_(6)
    assert [(one.node, one.dead) for one in rig.kept.incidents] == [("s-elm", ("elm",))]
    rig.seen["oak"] = replace(rig.seen["oak"], mode="normal")
    rig.pass_(6)
    assert rig.kept.incidents[-1].dead == ("oak", "elm"), "what outlasts a test counts from its end"
    assert "counts from the end of that" in rig.kept.incidents[-1].words[2]


def test_one_in_maintenance_is_not_missed_among_the_witnesses(tmp_path: Path) -> None:
    rig = started(village(tmp_path, model="schneider-pm5000"))
    rig.seen["oak"] = replace(rig.seen["oak"], mode="maintenance")
    for name in ("head", "elm", "ash"):
        rig.dies(name)
    rig.pass_(6)
    assert (rig.kept.incidents[-1].node, rig.kept.incidents[-1].unknown) == ("tx-17", ())
    assert rig.kept.incidents[-1].confidence == 0.95


def test_what_is_silent_stays_in_the_incident_when_its_witness_returns(tmp_path: Path) -> None:
    rig = started(village(tmp_path, west=2))
    rig.answering.discard("head")
    collapsed(rig, "oak", "elm", "ash")
    rig.pass_(8)
    assert rig.kept.incidents[-1].dead == ("oak", "elm", "ash")
    rig.answers("ash")
    rig.pass_(8)
    assert rig.kept.incidents[-1].dead == ("oak", "elm")
    assert rig.status("oak").supply == "dead"


def test_what_registers_tell_afterwards_is_no_incident(tmp_path: Path) -> None:
    rig = started(village(tmp_path))
    start_us = WALL_US + round(1e6 * rig.at_s)
    rig.pass_(60)
    rig.event("oak", "supply_loss", "closed", basis="meter_log", start_us=start_us)
    rig.pass_(10)
    assert rig.kept.incidents == []


def test_evaluations_leave_most_of_the_time_to_polling(tmp_path: Path) -> None:
    rig = started(village(tmp_path))
    later: list[float] = []
    clock = Clock(lambda: rig.us(rig.at_s), lambda: WALL_US, SyncSource(Path("/no")))
    soon: list[Callable[[], None]] = []
    desk = Desk(
        rig.site, Kept(), clock, lambda: "x", soon=soon.append, later=lambda after_s, call: later.append(after_s)
    )

    def slow() -> Seen:
        rig.at_s += 0.01
        return Seen(meter="oak")

    desk.add("oak", slow)
    desk.stir()
    soon.pop()()
    desk.stir()
    soon.pop()()
    assert later == [pytest.approx(0.09)]


@pytest.mark.slow
def test_reclosing_is_one_incident_and_ends_in_lockout(tmp_path: Path) -> None:
    rig = started(village(tmp_path, model="schneider-pm5000"))
    for dead_s, live_s in ((2, 0.5), (12, 0.5), (200, 0)):
        for name in ("head", "oak", "elm", "ash"):
            rig.dies(name)
        rig.pass_(dead_s, 0.5)
        if live_s:
            for name in ("head", "oak", "elm", "ash"):
                rig.lives(name)
            rig.pass_(live_s, 0.1)
    last = rig.kept.incidents[-1]
    assert len({one.id for one in rig.kept.incidents}) == 1
    assert (last.node, last.reclosed, last.locked_out) == ("tx-17", 2, True)
    assert "2 times, locked out" in last.words[2]


def test_the_same_again_after_three_minutes_is_another_incident(tmp_path: Path) -> None:
    rig = started(village(tmp_path, model="schneider-pm5000"))
    for _ in range(2):
        rig.dies("oak")
        rig.pass_(10)
        rig.lives("oak")
        rig.pass_(200)
    assert len({one.id for one in rig.kept.incidents}) == 2
    assert {one.reclosed for one in rig.kept.incidents} == {0}


def test_a_loss_that_is_over_at_once_is_an_incident_too(tmp_path: Path) -> None:
    rig = started(village(tmp_path, model="schneider-pm5000"))
    for name in ("head", "oak", "elm", "ash"):
        rig.dies(name)
    rig.turn()
    rig.at_s += 0.8
    for name in ("head", "oak", "elm", "ash"):
        rig.lives(name)
    rig.pass_(10)
    assert {(one.node, one.state) for one in rig.kept.incidents} == {("tx-17", "open")}
    assert rig.kept.incidents[-1].customers == (0, 0)


@pytest.mark.slow
def test_networks_that_incidents_lying_in_each_other_asked_for_go_with_them(tmp_path: Path) -> None:
    rig = started(village(tmp_path, model="schneider-pm5000"))
    counts = [networks()]
    for first in ("oak", "elm", "ash"):
        rig.dies(first)
        rig.pass_(200)
        for name in {"head", "oak", "elm", "ash"} - {first}:
            rig.dies(name)
        rig.pass_(10)
        counts.append(networks())
        for name in ("head", "oak", "elm", "ash"):
            rig.lives(name)
        rig.pass_(700)
        assert rig.kept.incidents[-1].state == "closed"
    before, *during = counts
    assert during == [before + 1] * 3


def networks() -> int:
    gc.collect()
    return sum(isinstance(one, Network) for one in gc.get_objects())


def test_voltage_below_a_dead_place_is_an_alarm_and_no_proof_of_the_place_being_alive(tmp_path: Path) -> None:
    rig = started(village(tmp_path, model="schneider-pm5000"))
    for name in ("head", "oak", "elm", "ash"):
        rig.dies(name)
    rig.pass_(10)
    rig.lives("oak")
    rig.pass_(5)
    assert rig.told("backfeed") == [("backfeed", "open", "oak")]
    last = rig.kept.incidents[-1]
    assert last.node == "tx-17"
    assert "oak" in last.alarms[0]
    assert last.nested == (), "the place is not alive for it"
    assert last.customers == (80, 120), "whoever feeds in may feed oak alone, or nobody"
    rig.dies("oak")
    rig.pass_(5)
    assert rig.told("backfeed")[-1] == ("backfeed", "closed", "oak")


def test_a_restart_goes_on_inside_everything(tmp_path: Path) -> None:
    site = village(tmp_path)
    rig = started(site)
    rig.dies("head")
    rig.falls_silent("oak", "elm", "ash")
    rig.pass_(10)
    ids = {event.id for event in rig.kept.events}
    silent_us = rig.open["oak", "comms_loss"].start_us
    told = Kept()
    told.events, told.incidents, told.texts = list(rig.kept.events), list(rig.kept.incidents), dict(rig.kept.texts)
    again = Rig(site, told, at_s=rig.at_s + 30, epoch="e2")
    # Only what meters told goes back to them, and the silences that nobody was told of.
    assert {(event.kind, event.meter) for event in again.resumed} == {
        ("supply_loss", "head"), ("comms_loss", "ash"), ("comms_loss", "oak"), ("comms_loss", "elm")
    }  # fmt: skip
    assert {event.start_us for event in again.resumed if event.meter == "oak"} == {silent_us}
    again.answering = {"head"}
    for event in again.resumed:
        again.open[event.meter, event.kind] = event
        again.desk.add_event(event)
        if event.kind == "comms_loss":
            since = Bounds(again.us(4), again.us(5))
            silent = replace(again.seen[event.meter], comms="lost", silent_since=since, missed_us=again.us(50))
            again.seen[event.meter] = silent
    again.look("head", supply="dead")
    again.pass_(10)
    assert {event.id for event in told.events} == ids, "nothing is told anew"
    assert len({one.id for one in told.incidents}) == 1
    again.lives("head")
    again.answers("oak", "elm", "ash")
    again.pass_(700, 5)
    states = {event.id: event.state for event in told.events}
    assert set(states.values()) == {"closed"}
    assert told.incidents[-1].state == "closed"


def test_a_thousand_events_in_one_turn_are_one_evaluation(tmp_path: Path) -> None:
    rig = started(village(tmp_path, model="schneider-pm5000"))
    before = rig.evaluations
    for n in range(1000):
        rig.event(("head", "oak", "elm", "ash")[n % 4], "sag", "open" if n % 8 < 4 else "closed")
    assert rig.evaluations == before
    rig.turn()
    assert rig.evaluations == before + 1
    assert len([event for event in rig.kept.events if event.kind == "sag"]) == 1000


@pytest.mark.slow
def test_no_silence_ever_makes_a_supply_loss_in_ten_thousand_mixtures(tmp_path: Path) -> None:
    """Any meters, in any order, for any reason that is only about the way to them; nothing measures a loss."""
    site = village(tmp_path)
    dice = random.Random(6)  # noqa: S311 - a seed, no secret
    rig = started(site)
    for n in range(part(10_000)):
        rig.at_s += dice.choice([0.1, 0.5, 2.0, 30.0])
        name = dice.choice(["head", "oak", "elm", "ash"])
        if name not in rig.answering:
            dice.choice([rig.answers, rig.misses])(name)
        elif dice.random() < 0.6:
            code = dice.choice([0, 0, 0x0A, 0x0B])
            rig.falls_silent(name, outcome=dice.choice(["silent", "garbled", "down", "refused"]), code=code)
        else:
            for one in rig.answering:
                rig.look(one)
        rig.turn()
        if n % 10 == 0:
            rig.desk.tick()
    assert {event.kind for event in rig.kept.events} == {"comms_loss"}
    assert rig.kept.incidents == []
    told: dict[str, list[int]] = {}
    for event in rig.kept.events:
        told.setdefault(event.id, []).append(event.revision)
    assert all(revisions == sorted(revisions) for revisions in told.values())
