"""A boot after a dark time, second by second: the outage, then what the meters' counters say of it."""

from typing import Any

import pytest
from samples import MIDNIGHT_US, event
from turned_clock import SECOND, TurnedClock

from agent.dark_site import DarkSite
from agent.dark_state import Before
from agent.outage import Counters, Looked, Sign, Steps
from agent.records import ClockState, Event, Kind, Sample

SURE, UNSET = ClockState(True, 0.5), ClockState(False, None)
SIGN = Sign(MIDNIGHT_US, 65 * SECOND, "b1", SURE)
# Its last reading 5 s before the gateway's last sign: 4 kW, and 1000 kWh.
FOUR_KW = Counters(MIDNIGHT_US - 5 * SECOND, 10.0, 1_000_000.0, None, 4000.0)


class Rig:
    """The gateway boots `dark_s` after its last sign; the agent is up 30 s later."""

    def __init__(self, dark_s: float = 420, clock: ClockState = SURE, boot_id: str = "b2", wrong_s: float = 0) -> None:
        now_us = MIDNIGHT_US + round((dark_s + 30) * SECOND)
        self.clock = TurnedClock(now_us - round(wrong_s * SECOND), boot_s=30, state=clock)
        self.told: list[Event] = []
        self.ids = 0
        self.found: list[Looked] = []
        self.site = DarkSite(self.clock, boot_id, self.told.append, self.blank, self.found.append)

    def blank(self, kind: Kind, meter: str | None) -> Event:
        self.ids += 1
        scope = "gateway" if meter is None else "meter"
        return event(id=f"{kind}-{self.ids}", kind=kind, scope=scope, meter=meter, revision=0, evidence=())

    def resume(self, *meters: str, clean: bool = False, **changes: Any) -> None:
        known = {"counters": FOUR_KW, "steps": Steps(10.0)} | changes
        self.site.resume(SIGN, {meter: Before(**known) for meter in meters}, clean=clean)

    def answers(self, meter: str = "tx1", after_s: float = 5, quality: str = "good", **values: float) -> None:
        self.clock.advance(after_s)
        now_us = self.clock.boot_us()
        self.site.seen(Sample(meter, now_us - 20_000, now_us, values, full=True, quality=quality))  # type: ignore[arg-type]
        self.site.tick()


def at(seconds: float) -> int:
    return MIDNIGHT_US + round(seconds * SECOND)


def test_the_outage_is_told_with_bounds_at_once() -> None:
    rig = Rig()
    rig.resume()
    (closed,) = rig.told
    assert (closed.kind, closed.scope, closed.basis) == ("gateway_outage", "gateway", "inferred")
    assert (closed.revision, closed.state) == (1, "closed")
    assert "another boot" in closed.evidence[0]
    assert (closed.start_earliest_us, closed.start_us) == (at(0), at(65))
    assert (closed.end_earliest_us, closed.end_us) == (at(360), at(420))
    assert (closed.duration_min_s, closed.duration_max_s) == (294, 421)
    assert not rig.site.waits, "no meter is waited for"


def test_where_the_agent_alone_was_away_there_was_no_outage() -> None:
    rig = Rig(boot_id="b1")
    assert not rig.site.concerns("b1", rig.clock, SIGN)
    assert rig.site.concerns("b2", rig.clock, SIGN)
    assert not rig.site.concerns("b2", rig.clock, None)


def test_with_late_ntp_the_outage_is_told_at_once_and_its_end_once_the_clock_is_right() -> None:
    """A board without a battery boots at the time of its last shutdown, days ago."""
    rig = Rig(clock=UNSET, wrong_s=200_000)
    rig.resume("tx1")
    (opened,) = rig.told
    assert (opened.state, opened.start_earliest_us, opened.start_us) == ("open", at(0), at(65))
    assert (opened.end_us, opened.clock.synced) == (None, False)
    for _ in range(20):
        rig.clock.advance(1)
        rig.site.tick()
    assert len(rig.told) == 1
    rig.clock.set_wall(at(420 + 30 + 20), SURE)
    rig.site.tick()
    closed = rig.told[1]
    assert (closed.revision, closed.state, closed.start_us) == (2, "closed", at(65))
    assert (closed.end_earliest_us, closed.end_us, closed.clock.synced) == (at(360), at(420), True)


def test_what_meters_said_before_the_clock_was_right_is_judged_by_the_right_one() -> None:
    rig = Rig(clock=UNSET, wrong_s=200_000)
    rig.resume("tx1")
    rig.answers("tx1", 1, active_energy_import=1_000_030.0)
    rig.answers("tx1", 4, active_energy_import=1_000_040.0)
    assert [told.kind for told in rig.told] == ["gateway_outage"]
    rig.clock.set_wall(at(420 + 35 + 60), SURE)
    rig.clock.advance(60)
    rig.site.tick()
    assert [told.kind for told in rig.told] == ["gateway_outage", "gateway_outage", "supply_loss"]
    assert rig.told[2].end_us == at(420 + 35 + 60), "of the answer that moved, not of when the clock was set"


def test_a_short_outage_that_the_bounds_do_not_show() -> None:
    rig = Rig(dark_s=20)
    rig.resume()
    closed = rig.told[-1]
    assert (closed.start_us, closed.end_us, closed.duration_min_s) == (at(20), at(20), 0.0)
    assert closed.start_earliest_us <= closed.end_earliest_us <= closed.end_us


def test_a_shutdown_in_order_is_told_as_one_when_its_time_is_known() -> None:
    rig = Rig(clock=UNSET, wrong_s=200_000)
    rig.resume(clean=True)
    assert rig.told == []
    rig.clock.set_wall(at(450), SURE)
    rig.site.tick()
    (closed,) = rig.told
    assert (closed.revision, closed.state, closed.start_us, closed.duration_min_s) == (1, "closed", at(420), 0.0)
    assert "stopped in order" in closed.evidence[0]


# -- meters ----------------------------------------------------------------------------------------------------


def test_a_meter_whose_energy_stood_still_had_no_supply() -> None:
    """40 Wh since the last reading: 36 s at 4 kW, the rest of 460 s it was dead."""
    rig = Rig()
    rig.resume("tx1", because=("silence-7",))
    rig.answers("tx1", 1, active_energy_import=1_000_036.0, active_power_total=4000.0)
    rig.answers("tx1", 4, active_energy_import=1_000_040.0, active_power_total=4000.0)
    loss = rig.told[-1]
    assert (loss.kind, loss.scope, loss.meter, loss.basis, loss.state) == (
        "supply_loss",
        "meter",
        "tx1",
        "inferred",
        "closed",
    )
    assert loss.because == (rig.told[0].id, "silence-7")
    lived_s = 50 / 2000 * 3600  # and one step, at half the power
    assert (loss.start_earliest_us, loss.start_us) == (at(-15), at(-5 + lived_s))
    assert (loss.end_earliest_us, loss.end_us) == (at(455 - lived_s), at(455))
    assert loss.duration_min_s == pytest.approx(460 - lived_s - 1.0)
    assert loss.duration_max_s == pytest.approx(471)
    assert loss.evidence[0].startswith("its energy counter stood still while the gateway was dark")
    assert "not proof of isolation" in loss.evidence[1]
    assert not rig.site.waits


def test_a_meter_that_counted_on_lived_through() -> None:
    rig = Rig()
    rig.resume("tx1")
    rig.answers("tx1", 1, active_energy_import=1_000_000.0 + 4000 * 456 / 3600)
    rig.answers("tx1", 4, active_energy_import=1_000_000.0 + 4000 * 460 / 3600)
    assert [told.kind for told in rig.told] == ["gateway_outage"]
    assert not rig.site.waits


def test_a_cache_that_answers_with_the_words_of_before_proves_nothing() -> None:
    """It goes on so for two minutes; then the meter itself answers, and it had counted on."""
    rig = Rig()
    rig.resume("tx1", "tx2")
    for _ in range(12):
        rig.answers("tx1", 5, active_energy_import=1_000_000.0, active_power_total=4000.0)
        rig.answers("tx2", 5, active_energy_import=1_000_000.0, active_power_total=4000.0)
    assert [told.kind for told in rig.told] == ["gateway_outage"]
    rig.answers("tx1", active_energy_import=1_000_000.0 + 4000 * 600 / 3600)
    assert [told.kind for told in rig.told] == ["gateway_outage"]
    rig.answers("tx2", active_energy_import=1_000_060.0)
    assert [told.kind for told in rig.told] == ["gateway_outage", "supply_loss"]
    assert rig.told[-1].meter == "tx2"


def test_a_cache_may_hold_a_later_answer_than_the_last_that_was_kept() -> None:
    """One poll more, and then no more: it shows nothing until it moves."""
    rig = Rig()
    rig.resume("tx1")
    for _ in range(12):
        rig.answers("tx1", 5, active_energy_import=1_000_011.0, active_power_total=4000.0)
    assert [told.kind for told in rig.told] == ["gateway_outage"]
    rig.answers("tx1", active_energy_import=1_000_000.0 + 4000 * 520 / 3600)
    assert [told.kind for told in rig.told] == ["gateway_outage"]
    assert not rig.site.waits


def test_a_meter_without_a_past_and_questionable_answers_tell_nothing() -> None:
    rig = Rig()
    rig.resume("tx1")
    rig.answers("new", active_energy_import=5.0)
    rig.answers("tx1", quality="questionable", active_energy_import=1_000_040.0)
    rig.answers("tx1", voltage_l1=230.0)
    assert len(rig.told) == 1
    assert rig.site.waits


def test_a_meter_is_judged_once() -> None:
    rig = Rig()
    rig.resume("tx1")
    for more in (40, 50, 60):
        rig.answers(active_energy_import=1_000_000.0 + more)
    assert [told.kind for told in rig.told].count("supply_loss") == 1


def test_a_float_register_moves_in_steps_of_what_a_float_resolves() -> None:
    """100 GWh in float32 move by 12 kWh: no standstill of 0.5 kWh can be seen there."""
    rig = Rig()
    rig.resume("tx1", counters=Counters(FOUR_KW.at_us, 10.0, 1e11, None, 4000.0))
    rig.answers(active_energy_import=1e11 + 12_000)
    assert [told.kind for told in rig.told] == ["gateway_outage"]


def test_after_an_hour_nobody_is_waited_for() -> None:
    rig = Rig()
    rig.resume("tx1")
    rig.clock.advance(3601)
    rig.site.tick()
    assert not rig.site.waits


def test_an_outage_whose_end_another_run_could_not_tell_is_finished() -> None:
    rig = Rig(clock=UNSET, wrong_s=200_000)
    rig.resume()
    (opened,) = rig.told
    again = Rig(boot_id="b2", dark_s=420)
    then = Sign(opened.start_earliest_us, opened.start_us - opened.start_earliest_us, "", opened.clock)
    again.site.resume(then, {}, clean=False, open_=opened)
    (closed,) = again.told
    assert (closed.id, closed.revision, closed.state, closed.end_us) == (opened.id, 2, "closed", at(420))


def test_of_each_meter_is_told_who_was_dead_who_lived_and_who_is_still_awaited() -> None:
    rig = Rig()
    rig.resume("tx1", "tx2", "tx3")
    rig.answers("tx1", 1, active_energy_import=1_000_036.0)
    rig.answers("tx1", 4, active_energy_import=1_000_040.0)
    rig.answers("tx2", 1, active_energy_import=1_000_000.0 + 4000 * 461 / 3600)
    rig.answers("tx2", 4, active_energy_import=1_000_000.0 + 4000 * 465 / 3600)
    rig.answers("tx3", 1, active_energy_import=1_000_000.0 + 4000 * 250 / 3600)
    rig.answers("tx3", 4, active_energy_import=1_000_000.0 + 4000 * 255 / 3600)
    assert [(one.meter, one.supply, one.left) for one in rig.found] == [
        ("tx1", "dead", {"tx2", "tx3"}),
        ("tx2", "live", {"tx3"}),
        ("tx3", "unknown", set()),
    ]
    assert [one.event for one in rig.found] == [rig.told[-1].id, None, None]
