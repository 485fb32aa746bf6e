"""A storm: 50 meters on five lines, more than 1 000 events within 25 seconds, and a real broker."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import storm_meters
from running import Listener, agent, command, eventually
from servers import mosquitto

pytestmark = [pytest.mark.e2e, pytest.mark.alone]

LINES, UNITS, SEED, FOR_S = 5, 10, 20261123, 25.0
METERS = LINES * UNITS
WATCH_S = 0.1
MODEL = """
vendor = "Storm"
name = "Storm"
wiring = "3p4w"
powered_by = "ups"
sources = ["tests/support/storm_meters.py"]
[serial]
baud = 9600
parity = "N"
stop_bits = 1
[limits]
max_words = 14
max_gap = 0
[timing]
refresh_s = 0.01
window_s = 0.02
turnaround_s = 0.005
turnaround_max_s = 0.5
[[registers]]
title = "All"
function = 4
encoding = "f32"
order = "msw"
grade = "C"
sources = "tests/support/storm_meters.py"
rows = [
  { address = 0, quantity = "voltage_l1", unit = "V" },
  { address = 2, quantity = "voltage_l2", unit = "V" },
  { address = 4, quantity = "voltage_l3", unit = "V" },
  { address = 6, quantity = "current_l1", unit = "A" },
  { address = 8, quantity = "current_l2", unit = "A" },
  { address = 10, quantity = "current_l3", unit = "A" },
  { address = 12, quantity = "active_energy_import", unit = "kWh" },
]
"""


def site_text(ports: list[str], broker: int) -> str:
    lines = [f'[lines.l{line}]\ntcp = "127.0.0.1:{port}"\n' for line, port in enumerate(ports)]
    return (
        '[site]\nname = "dashi"\ngateway = "gw-01"\nstate_dir = "state"\nnominal_voltage = 230\n'
        f'watch = "{WATCH_S}s"\npoll = "10s"\npublish_every = "10s"\n[mqtt]\nurl = "mqtt://127.0.0.1:{broker}"\n'
        + "".join(lines + [meter_text(line, unit) for line in range(LINES) for unit in range(1, UNITS + 1)])
    )


def meter_text(line: int, unit: int) -> str:
    """The first of a line stands at the head of its feeder."""
    above = f'upstream = "m{line}-1"\n' if unit > 1 else ""
    return (
        f'[meters.m{line}-{unit}]\nline = "l{line}"\nunit = {unit}\nmodel = "storm"\nfeeder = "F{line}"\n'
        f"customers = 10\n{above}"
    )


class Meters:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.ports = self._line().split()

    def storm(self) -> None:
        """Until it is over."""
        self._say()
        assert self._line() == "over\n"

    def told(self) -> dict[str, Any]:
        self._say()
        found: dict[str, Any] = json.loads(self._line())
        return found

    def _say(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


@contextmanager
def meters() -> Iterator[Meters]:
    words = [sys.executable, storm_meters.__file__, *map(str, (LINES, UNITS, SEED, FOR_S))]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield Meters(process)
        finally:
            process.kill()


@dataclass(frozen=True, slots=True)
class Passed:
    """What is left of a storm. told: by the meters; arrived: event revisions at the broker; kept: (id, revision) in the
    journal; status: while it had just ended."""

    told: dict[str, Any]
    arrived: list[dict[str, Any]]
    kept: list[tuple[str, int]]
    status: dict[str, Any]
    log: str

    @property
    def last(self) -> list[dict[str, Any]]:
        known: dict[str, dict[str, Any]] = {}
        for event in self.arrived:
            known[event["id"]] = max(known.get(event["id"], event), event, key=lambda one: one["revision"])
        return list(known.values())


@pytest.fixture(scope="module")
def passed(tmp_path_factory: pytest.TempPathFactory) -> Passed:
    tmp = tmp_path_factory.mktemp("storm")
    unlimited = ("max_queued_messages 0", "max_inflight_messages 0")  # the broker drops nothing of our listener's
    with mosquitto(tmp, extra=unlimited) as broker, meters() as those, Listener(broker.port) as listener:
        site = tmp / "site.toml"
        (tmp / "models").mkdir()
        (tmp / "models" / "storm.toml").write_text(MODEL)
        site.write_text(site_text(those.ports, broker.port))
        with agent(site) as running:

            def all_read() -> bool:
                return len({topic for topic, *_ in list(listener.messages) if topic.endswith("/reading")}) == METERS

            eventually("every meter was read", all_read, 20)
            those.storm()
            status = json.loads(command("status", site, "--json").stdout)
            told = those.told()
            eventually("every sag and loss is over, at the broker", lambda: not_over(listener) == set(), 20)
            assert running.stop()[0] == 0
            with closing(sqlite3.connect(tmp / "state" / "journal.sqlite3")) as journal:
                kept = journal.execute("SELECT id, revision FROM event").fetchall()
            eventually("the last words", lambda: len(events(listener)) >= len(kept), 5)
        return Passed(told, events(listener), kept, status, running.log)


def events(listener: Listener) -> list[dict[str, Any]]:
    """As they are stored: what went out before its commit is said once more."""
    return [event for event in listener.of("/event") if event.get("durable") is not False]


def not_over(listener: Listener) -> set[str]:
    states = {event["id"]: event["state"] for event in events(listener) if event["kind"] in ("sag", "supply_loss")}
    return {id_ for id_, state in states.items() if state == "open"}


def us(text: str) -> int:
    return (datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def test_every_revision_of_more_than_a_thousand_events_arrives_once_and_in_order(passed: Passed) -> None:
    arrived = [(event["id"], event["revision"]) for event in passed.arrived]
    assert len(passed.last) > 1000
    assert sorted(arrived) == sorted(passed.kept)
    by_id: dict[str, list[int]] = {}
    for id_, revision in arrived:
        by_id.setdefault(id_, []).append(revision)
    assert all(revisions == list(range(1, len(revisions) + 1)) for revisions in by_id.values())
    assert "Traceback" not in passed.log


def test_every_dip_that_a_meter_could_show_is_told_within_its_bounds_as_what_it_was(passed: Passed) -> None:
    """On a machine that is busy otherwise some pass between two looks."""
    told: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for event in passed.last:
        if event["state"] == "closed":
            told.setdefault((event["meter"], event["kind"]), []).append(event)
    shown = [dip for dip in passed.told["dips"] if dip[5] >= 2]
    assert len(shown) > 900
    for line, unit, from_us, until_us, part, _ in shown:
        mine = told.get((f"m{line}-{unit}", "sag" if part else "supply_loss"), ())
        around = [one for one in mine if us(one["start_earliest"]) < from_us <= us(one["start"])]
        ended = [one for one in around if us(one["end_earliest"]) < until_us <= us(one["end"])]
        assert len(ended) == 1, (line, unit, from_us, until_us, part, mine)


def test_nobody_is_watched_more_seldom_than_before_the_storm(passed: Passed) -> None:
    """By the meters' own count."""
    looks, longest = zip(*(row[2:] for row in passed.told["looks"]), strict=True)
    assert len(looks) == METERS
    assert min(looks) >= FOR_S / WATCH_S
    assert max(longest) < 2.0  # nobody is left for two seconds, whatever happens at others
    minute = [line["last_minute"] for line in passed.status["lines"].values()]
    assert max(line["lag_s"] for line in minute) < WATCH_S
    assert {state for line in passed.status["lines"].values() for state in line["health"].values()} == {"healthy"}
