"""Once a second: alarms at their edges, the line for the service manager, and the watchdog fed while work gets on."""

import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
from samples import MIDNIGHT_US, event

from agent.app import App
from agent.records import Event, Kind
from agent.status.notify import Notify
from agent.status.pulse import Pulse

SECOND = 1_000_000


@dataclass
class Agent:
    """As much of an App as is looked at once a second; it is its own clock, journal, desk, gateway and line as well."""

    state_dir: Path
    now_us: int = 1000 * SECOND
    last_round_us: int = 1000 * SECOND
    stored_below: int = 1
    head: int = 1
    error: str = ""
    why: str = ""
    gentle: bool = True
    told: list[Event] = field(default_factory=list)
    alarms: dict[Kind, Any] = field(default_factory=dict)

    @property
    def clock(self) -> "Agent":
        return self

    journal = desk = gateway = site = clock

    @property
    def pollers(self) -> dict[str, "Agent"]:
        return {"a": self}

    @property
    def meters(self) -> tuple[str, ...]:
        return ("m", "n")

    lines = pollers

    def boot_us(self) -> int:
        return self.now_us

    def wall_us(self) -> int:
        return MIDNIGHT_US + self.now_us

    def open_events(self) -> tuple[Event, ...]:
        return ()

    def alarm(self, kind: Kind) -> Event:
        return event(id=f"gw-{len(self.told)}", kind=kind, revision=0, scope="gateway", meter=None)

    def add_event(self, told: Event) -> None:
        self.told.append(told)

    def on_disk(self) -> bool:
        return False

    def at_ease(self) -> None:
        self.gentle = False


class Rig:
    def __init__(self, tmp: Path, systemd: socket.socket, notify: Notify) -> None:
        self.agent = Agent(tmp)
        self.why = ""
        self._systemd = systemd
        troubles = {"descriptors_low": lambda: {"this process": self.why}}
        agent: Any = self.agent
        self._pulse = Pulse(cast(App, agent), notify, agent, troubles)  # type: ignore[arg-type]

    def looks(self, seconds: int, *, rounds: bool = True) -> list[str]:
        """What the service manager heard meanwhile."""
        heard: list[str] = []
        for _ in range(seconds):
            self.agent.now_us += SECOND
            if rounds:
                self.agent.last_round_us = self.agent.now_us
            self._pulse.look()
            with suppress(BlockingIOError):  # few wait at such a socket at a time
                while True:
                    heard.append(self._systemd.recv(1000).decode())
        return heard


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.setblocking(False)
        with closing(Notify(str(tmp_path / "notify"), None)) as notify:
            yield Rig(tmp_path, systemd, notify)


def test_the_watchdog_is_fed_each_second_while_lines_go_round(rig: Rig) -> None:
    assert rig.looks(3) == ["STATUS=2 meters on 1 lines", *["WATCHDOG=1"] * 3]
    assert rig.looks(59, rounds=False) == ["WATCHDOG=1"] * 59
    assert rig.looks(3, rounds=False) == []
    assert rig.looks(1) == ["WATCHDOG=1"]


def test_it_is_left_hungry_while_an_entry_waits_for_no_reason(rig: Rig, caplog: pytest.LogCaptureFixture) -> None:
    rig.agent.head = 2
    assert rig.looks(150).count("WATCHDOG=1") == 120
    assert caplog.text.count("watchdog.hungry") == 1
    rig.agent.error = "disk I/O error"
    assert rig.looks(2) == ["WATCHDOG=1"] * 2


def test_an_alarm_is_an_event_and_stands_in_the_line_for_the_service_manager(rig: Rig) -> None:
    rig.looks(1)
    rig.why = "80 of 100 are open"
    assert rig.looks(2)[0] == "STATUS=2 meters on 1 lines; this process: 80 of 100 are open"
    rig.why = ""
    assert rig.looks(2)[0] == "STATUS=2 meters on 1 lines"
    assert [(told.kind, told.state) for told in rig.agent.told] == [
        ("descriptors_low", "open"), ("descriptors_low", "closed"),
    ]  # fmt: skip


def test_what_waited_at_the_start_waits_for_two_minutes_and_without_a_directory_for_ever(rig: Rig) -> None:
    rig.agent.why = "Permission denied"
    rig.looks(200)
    assert rig.agent.gentle
    rig.agent.why = ""
    rig.looks(1)
    assert not rig.agent.gentle
