"""What has to be looked after, as the agent asks for it once a second."""

from pathlib import Path

import certs
import pytest
from samples import MIDNIGHT_US, event
from sysfs_card import Sysfs
from turned_clock import TurnedClock

from agent.publish.certificate import validity_of
from agent.records import ClockState, Event
from agent.status.alarm import Alarm
from agent.status.certificates import Certificates, Files
from agent.status.pulse import GROWS_WORSE
from agent.status.upkeep import Upkeep

DAY_S = 86_400.0


class Told:
    """An alarm, and what it told."""

    def __init__(self, kind: str, clock: TurnedClock) -> None:
        self.events: list[Event] = []
        self.alarm = Alarm(
            kind,  # type: ignore[arg-type]
            lambda: event(id="gw-1", kind=kind, revision=0, scope="gateway", meter=None, evidence=()),
            self.events.append,
            clock.wall_us,
            kind in GROWS_WORSE,
        )

    @property
    def words(self) -> list[tuple[str, int, str]]:
        return [(one.state, one.revision, one.evidence[0]) for one in self.events]


def test_a_certificate_that_runs_out_is_one_event_that_is_revised_at_each_step_and_closed_when_it_is_renewed(
    tmp_path: Path,
) -> None:
    ca = certs.authority(tmp_path / "pki")
    ours = ca.issue("gw-01", days=400)
    until_us = validity_of(certs.der_of(ours.cert)).until_us
    clock = TurnedClock(until_us - round(40 * DAY_S * 1e6))
    upkeep = Upkeep(clock, Certificates({"mqtt": Files(None, ours.cert)}), lambda: None)
    told = Told("certificate_expiry", clock)
    for _ in range(41 * 24):
        told.alarm.look(upkeep.expiring())
        clock.advance(3600.0)
    assert [(state, revision) for state, revision, _ in told.words] == [("open", n) for n in (1, 2, 3, 4)]
    assert [words.split("less than ")[1].split(";")[0] for _, _, words in told.words[:3]] == [
        "30 days", "7 days", "1 day",
    ]  # fmt: skip
    assert "has expired" in told.words[3][2]
    ours.cert.write_text(ca.issue("renewed", days=800).cert.read_text())
    clock.advance(3600.0)
    told.alarm.look(upkeep.expiring())
    assert told.events[-1].state == "closed"
    assert len(told.events) == 5


def test_a_clock_that_is_not_set_says_nothing_of_days(tmp_path: Path) -> None:
    ours = certs.authority(tmp_path / "pki").issue("gw-01", days=2)
    clock = TurnedClock(0)
    clock.set_wall(MIDNIGHT_US, ClockState(False, None))
    assert clock.guess
    upkeep = Upkeep(clock, Certificates({"mqtt": Files(None, ours.cert)}), lambda: None)
    assert upkeep.expiring() == {"mqtt client certificate": None, "mqtt server certificate": None}


def test_a_server_that_was_not_seen_yet_leaves_open_what_the_run_before_told(tmp_path: Path) -> None:
    clock = TurnedClock(MIDNIGHT_US)
    upkeep = Upkeep(clock, Certificates({"mqtt": Files(None, None)}), lambda: None)
    told = Told("certificate_expiry", clock)
    left = event(kind="certificate_expiry", evidence=("mqtt server certificate: it expires at 2026-12-01T00:00Z",))
    told.alarm.resume([left])
    told.alarm.look(upkeep.expiring())
    assert told.events == []


def test_a_card_that_wears_out_is_told_and_told_again_as_it_grows_worse(tmp_path: Path) -> None:
    sysfs, clock = Sysfs(tmp_path), TurnedClock(MIDNIGHT_US)
    upkeep, told = Upkeep(clock, Certificates({}), lambda: sysfs.disk), Told("card_worn", clock)
    for life in ("0x08 0x01", "0x09 0x01", "0x09 0x01", "0x0a 0x01"):
        sysfs.says(life, "0x01")
        told.alarm.look(upkeep.worn())
        clock.advance(3600.0)
    assert told.words == [
        ("open", 1, "mmcblk0: 80 to 90 % of its life is used; replace it"),
        ("open", 2, "mmcblk0: 90 to 100 % of its life is used; replace it"),
    ]


def test_what_is_written_is_told_of_the_card_beneath(tmp_path: Path) -> None:
    sysfs, clock = Sysfs(tmp_path), TurnedClock(MIDNIGHT_US)
    upkeep = Upkeep(clock, Certificates({}), lambda: sysfs.disk)
    upkeep.worn()
    clock.advance(2 * 3600.0)
    sysfs.counts(4000 + 2_000_000, 60 + 1000)
    told = upkeep.card()
    assert told is not None
    card, wear = told
    assert card.device == "mmcblk0"
    assert wear is not None
    assert wear.written_bytes_day == pytest.approx(12 * 1.024e9)
    assert wear.flushes_day == pytest.approx(12_000)


def test_a_journal_on_no_disk_has_no_card() -> None:
    upkeep = Upkeep(TurnedClock(MIDNIGHT_US), Certificates({}), lambda: None)
    assert (upkeep.worn(), upkeep.card()) == ({}, None)
