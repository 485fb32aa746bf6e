"""A day of two feeders, as the real pipelines, desk and interval maker tell it in virtual time, and as a real journal,
forwarder and InfluxDB client carry it into a real database.

`lived()` is the day; what it tells is kept in the order in which the journal gets it: that is what dashboards are held
against. `published()` puts it into the database: the hour in which nobody could be reached arrives as backlog.
"""

import asyncio
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from math import sin, sqrt
from pathlib import Path

import servers
from samples import event
from situation_agent import Agent, Ledger
from situation_script import Seen
from situations import Case, Play

from agent.clock_door import TimeDoor
from agent.journal.journal import Journal
from agent.publish.forwarder import forward
from agent.publish.gate import Gate
from agent.publish.influxdb import InfluxSink
from agent.publish.line_protocol import LineEncoder
from agent.records import Event, Gap, Health, Incident, Interval, MeterInfo, Reading, Record, Trace
from agent.report.record.interval_maker import IntervalMaker
from agent.secret import Secret
from agent.site import InfluxSite, load_site
from agent.status.health import known, meter_health, network_numbers
from drivers.quantities import PHASES, VOLTAGES_LL

FOLDER = Path(__file__).parents[1] / "dashboards" / "day"
# Midnight in China.
MIDNIGHT_US = 1_795_363_200_000_000
DAY_S = 86_400
HOUR_S = 3_600
SITE, GATEWAY = "dashi", "gw-01"
# Seconds of the day in which the database was out of reach.
UNREACHED = (16 * HOUR_S, 17 * HOUR_S)
_TOKEN = "canary-7741"
_STORED_EACH = 2000


@dataclass(frozen=True, slots=True)
class Sent:
    """What the journal was given, and at which second of the day."""

    at_s: float
    record: Record


@dataclass(frozen=True)
class Day:
    """feeders: by meter."""

    sent: Sequence[Sent]
    infos: Sequence[MeterInfo]
    feeders: dict[str, str]

    def of(self, *kinds: type) -> Iterator[Record]:
        return (one.record for one in self.sent if isinstance(one.record, kinds))

    def between(self, from_s: float, to_s: float) -> "Day":
        return replace(self, sent=[one for one in self.sent if from_s <= one.at_s <= to_s])

    def lines(self, encoder: LineEncoder) -> bytes:
        """As the sink writes them, of each event and incident the last revision only."""
        last = {one.record.id: one.record for one in self.sent if isinstance(one.record, Event | Incident)}
        lines = [line for seq, one in enumerate(self.sent) for line in _lines(encoder, one.record, seq)]
        lines += [
            encoder.event(record) if isinstance(record, Event) else encoder.incident(record) for record in last.values()
        ]
        return b"\n".join(lines)


def _lines(encoder: LineEncoder, record: Record, seq: int) -> list[bytes]:
    match record:
        case Reading():
            return [encoder.reading(record, seq)]
        case Interval():
            return [encoder.interval(record)]
        case Health():
            return [encoder.health(record, seq)]
        case Trace():
            return encoder.trace(record)
        case Event():
            return [encoder.event_log(record)]
    return []


class _Door(Ledger):
    """The journal in memory that restarts need, and all that it was given, in order."""

    def __init__(self, play: "DayPlay") -> None:
        super().__init__(play.clock, play.told)
        self._send = play.send

    def add_reading(self, reading: Reading) -> None:
        super().add_reading(reading)
        self._send(reading)

    def add_event(self, event: Event) -> None:
        super().add_event(event)
        self._send(event)

    def add_incident(self, incident: Incident) -> None:
        super().add_incident(incident)
        self._send(incident)

    def add_trace(self, trace: Trace) -> None:
        self._send(trace)

    def shift(self, shifts: object) -> None:
        raise AssertionError("no row of this day was told by a clock that was not set")


class _Talkative(Seen):
    """Says also what the phasor world has no number for."""

    def _now(self, t_s: float, names: tuple[str, ...]) -> dict[str, float]:
        made = super()._now(t_s, names)
        volts = [made[name] for name in ("voltage_l1", "voltage_l2", "voltage_l3") if name in made]
        if len(volts) == len(PHASES):
            made |= dict(zip(VOLTAGES_LL, map(_between, volts, (*volts[1:], volts[0])), strict=True))
        wave = sin(t_s / 5_000 + self._index)
        more = {f"voltage_thd_{phase}": round(2.5 + wave + 0.1 * n, 2) for n, phase in enumerate(PHASES)}
        more |= {
            "power_factor_total": round(0.95 + 0.04 * wave, 3),
            "reactive_energy_import": 10.0 * int(t_s * 0.5 / 10),
        }
        return made | {name: value for name, value in more.items() if name in names}


def _between(one: float, other: float) -> float:
    """Of phases at 120 degrees to each other: the law of cosines."""
    return round(sqrt(one * one + other * other + one * other), 2)


class DayPlay(Play):
    meters = _Talkative

    def __init__(self, case: Case) -> None:
        self.sent: list[Sent] = []
        self._minute = -1
        super().__init__(case)

    def _agent(self) -> Agent:
        self.clock.wall_us0 = MIDNIGHT_US
        return Agent(self.case.site, self.clock, self.told, _Door(self), self._before)

    def _before(self, door: TimeDoor) -> IntervalMaker:
        judged = dict.fromkeys(self.case.site.meters, ("voltage_l1", "voltage_l2", "voltage_l3"))
        self.maker = IntervalMaker(door, judged, [self.send], door.is_sure)
        return self.maker

    def send(self, record: Record) -> None:
        self.sent.append(Sent(self.clock.now_s, record))

    def _step(self, t_s: float, what: str, name: str) -> float:
        again_s = super()._step(t_s, what, name)
        minute = int(t_s // 60)
        if what == "tick" and self.agent.runs:
            self.maker.tick(self.clock.wall_us())
            if minute != self._minute:
                self._minute = minute
                self._say_health(t_s)
        return again_s

    def _say_health(self, t_s: float) -> None:
        now_us = self.clock.wall_us()
        minute, statuses = self._minute, self.agent.statuses().values()
        for number, status in enumerate(statuses):
            more = {
                "watch_hz": 1.0 - 0.01 * number,
                "refresh_s": 1.0,
                "missed_ticks": float(minute % 9 == number),
                "mute": 0.0,
            }
            self.send(meter_health(status, now_us, more))
        for one in machine_room(t_s, now_us):
            counted = network_numbers(statuses, 0, minute // 700) if one.of == "gateway" else {}
            self.send(replace(one, numbers={**one.numbers, **known(counted)}))


def machine_room(t_s: float, now_us: int) -> Iterator[Health]:
    """How the gateway, its lines and its sink stood: by the field, something that moves."""
    minute = int(t_s // 60)
    wave = round(0.5 + 0.4 * sin(minute / 37), 4)
    behind_s = max(0.0, t_s - UNREACHED[0]) if t_s < UNREACHED[1] else 0.0
    for number, line in enumerate(("room", "town")):
        numbers = {
            "line_up": 1.0, "foreign_master": 0.0, "units": 2.0 + 2 * number, "units_silent": float(minute % 7 == 3),
            "units_doubtful": 0.0, "units_mute": 0.0, "utilisation": round(wave / (1 + number), 4),
            "lag_s": round(0.001 * wave, 6), "lag_max_s": round(0.004 * wave, 6), "watch_hz_min": 0.9,
            "watch_hz_mean": 0.95, "watch_hz_max": 1.0, "overruns": float(minute % 5 == 0),
            "exchanges_answered": 240.0, "exchanges_silent": float(minute % 11), "exchanges_garbled": float(minute % 3),
            "exchanges_foreign": 0.0, "exchanges_refused": float(minute % 2), "exchanges_down": 0.0,
            "exchanges_late": float(minute % 13 == 0), "noise_bytes": float(minute % 4), "foreign_frames": 0.0,
            "foreign_requests": 0.0, "foreign_writes": 0.0, "echoes": 0.0, "collisions": 0.0, "reconnects": 0.0,
        }  # fmt: skip
        yield Health("line", line, now_us, numbers, {"line_state": "open", "line_error": ""})
    yield Health(
        "sink", "influxdb", now_us,
        {
            "sink_ok": float(not behind_s), "blocked": 0.0, "failures": float(behind_s // 60), "accepted": 500.0,
            "rejected": 0.0, "backlog_rows": 10.0 * behind_s // 60, "backlog_bytes": 400.0 * behind_s // 60,
            "backlog_age_s": round(behind_s, 1), "backlog_traces": 0.0, "dead_letters": float(t_s > 50_000),
            "server_certificate_days_left": 40.0 - minute // 720, "client_certificate_days_left": 300.0,
            "ca_days_left": 3000.0,
        },
        {"sink_error": "no answer" if behind_s else "", "sink_blocked": ""},
    )  # fmt: skip
    restarted_s = 11_400 if t_s > 11_400 else 0
    unset = 70_000 <= t_s < 71_000
    yield Health(
        "gateway", "", now_us,
        {
            "uptime_s": t_s - restarted_s, "machine_uptime_s": t_s - restarted_s + 20.0, "rss_bytes": 60e6 + 1e6 * wave,
            "cpu_share": round(0.05 * wave, 4), "loop_lag_s": 0.0004, "loop_lag_max_s": round(0.01 * wave, 6),
            "stalled_s": 0.0, "suspended_s": 0.0, "descriptors": 40.0, "descriptors_max": 1024.0,
            "state_free_bytes": 9e9 - 1e5 * minute, "clock_synced": float(not unset),
            "clock_uncertainty_s": 0.001 if not unset else 2.5, "clock_moved_s": 5.0 if minute == 1260 else 0.0,
            "clock_guess": 0.0, "clock_waits": 0.0, "journal_ok": 1.0, "journal_bytes": 1e6 + 1e3 * minute,
            "journal_cap_bytes": 5e8, "journal_share": round((1e6 + 1e3 * minute) / 5e8, 4),
            "journal_rows": 10.0 * minute, "journal_uncommitted": 3.0, "journal_gaps": 1.0, "journal_commits": 6.0,
            "journal_trace_bytes": 2e5, "journal_traces_evicted": 0.0, "journal_oldest_unsent_s": round(behind_s, 1),
            "certificate_days_left": 40.0 - minute // 720, "supply_lost": 0.0, "card_spare": 1.0,
            "card_written_bytes_day": 2e8, "card_flushes_day": 9e3, "card_life_used_pct": 20.0,
        },
        {
            "version": "test", "session": "e1", "alarms": "", "clock_source": "kernel", "journal_error": "",
            "card_device": "mmcblk0",
        },
    )  # fmt: skip


def lived(folder: Path = FOLDER) -> Day:
    play = DayPlay(_DayCase(folder))
    play.run()
    infos = [
        MeterInfo(name, MIDNIGHT_US, meter.model.name, 1.0, 1.0, f"SN{number}", "1.0")
        for number, (name, meter) in enumerate(play.case.site.meters.items())
    ]
    # What the journal had to drop of an earlier day.
    gap = Sent(11_400.0, Gap(1, 120, "no room", MIDNIGHT_US + 11_400_000_000))
    return Day(
        sorted([*play.sent, gap, *_alarms()], key=lambda one: one.at_s),
        infos,
        {name: meter.feeder or "none" for name, meter in play.case.site.meters.items()},
    )


def _alarms() -> Iterator[Sent]:
    """What only hands can put right at the gateway, from the afternoon on."""
    at_us = MIDNIGHT_US + 50_000_000_000
    for number, kind in enumerate(("certificate_expiry", "sink_blocked", "mains_loss")):
        yield Sent(50_000.0, event(
            id=f"alarm-{number}", kind=kind, scope="gateway", meter=None, feeder=None, customers=None, state="open",
            reported_us=at_us, start_us=at_us, start_earliest_us=at_us, end_us=None, end_earliest_us=None, path=(),
            duration_min_s=None, duration_max_s=None, residual_v=None, residual_pct=None, extreme_by_channel={},
            phases=(), channels=(), evidence=("in 12 days",),
        ))  # fmt: skip


@dataclass
class _DayCase(Case):
    """Nothing is expected of it in a file."""

    def __post_init__(self) -> None:
        self.raw = tomllib.loads((self.folder / "site.toml").read_text(encoding="utf-8"))
        self.scenario = tomllib.loads((self.folder / "scenario.toml").read_text(encoding="utf-8"))
        self.expected = {}
        self.site = load_site(self.folder / "site.toml", self.folder)


@contextmanager
def database(tmp: Path, day: Day, encoder: LineEncoder | None = None) -> Iterator[servers.Influx]:
    """A database in which the day is."""
    with ExitStack() as stack:
        influx = stack.enter_context(servers.influxd(tmp))
        shim = stack.enter_context(servers.influx_v2_shim(tmp, influx, _TOKEN))
        (tmp / "state").mkdir(mode=0o700)
        asyncio.run(published(day, shim.url, tmp / "state", encoder or LineEncoder(SITE, GATEWAY, day.feeders)))
        yield influx


async def published(day: Day, url: str, state: Path, encoder: LineEncoder) -> None:
    table = InfluxSite(url, "ops", "lamplighter", Secret(_TOKEN), None, None, None)
    async with (
        Journal.open(state, ["influxdb"], GATEWAY, now_us=lambda: MIDNIGHT_US + DAY_S * 1_000_000) as journal,
        InfluxSink(table, encoder, infos=lambda: day.infos) as sink,
    ):
        send = partial(forward, Gate(journal, early=False), "influxdb", sink.send, window=1000, sleep=sink.rest)
        before, unreached, after = _parts(day.sent)
        await _filled(journal, before, asyncio.create_task(send()))
        await _filled(journal, unreached, None)
        await _filled(journal, after, asyncio.create_task(send()))


def _parts(sent: Sequence[Sent]) -> tuple[list[Sent], ...]:
    lost, back = UNREACHED
    return (
        [one for one in sent if one.at_s < lost],
        [one for one in sent if lost <= one.at_s < back],
        [one for one in sent if one.at_s >= back],
    )


async def _filled(journal: Journal, sent: Sequence[Sent], sending: "asyncio.Task[None] | None") -> None:
    """With what was sent in this part of the day; ends when the sink has it, where somebody sends."""
    for number, one in enumerate(sent, start=1):
        _put(journal, one.record)
        if number % _STORED_EACH == 0 or number == len(sent):
            journal.commit_now()
            assert await journal.stored(journal.head - 1, 10.0), journal.error
    if sending is None:
        return
    async with asyncio.timeout(60.0):
        while journal.behind("influxdb") or (await journal.stats()).sinks["influxdb"].traces:
            assert not sending.done(), sending.exception()
            await asyncio.sleep(0.02)
    sending.cancel()
    await asyncio.wait([sending])


def _put(journal: Journal, record: Record) -> None:
    match record:
        case Reading() | Interval() | Health():
            journal.add_reading(record)
        case Event():
            journal.add_event(record)
        case Incident():
            journal.add_incident(record)
        case Trace():
            journal.add_trace(record)
        case Gap():
            journal._append(record)  # as retention does: nobody else tells of a gap
