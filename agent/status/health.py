"""How meters, lines, sinks and the gateway itself stand, as records for the database. Pure.

Truths are 0.0 and 1.0, so that a mean over time is a share of it. Counts are since the record before: a sum over any
time is right, and a restart is no step back. What is not known is left out; texts are said also where they are empty.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, get_args

from agent.journal.entries import JournalStats, SinkStats
from agent.journal.figures import share_bytes
from agent.records import MINUTE_US, Comms, Health, MeterStatus, Supply

if TYPE_CHECKING:
    from agent.poll.tally import Figures
    from agent.publish.forwarder import Progress
    from agent.status.card import Card, Wear
    from drivers.modbus.outcome import LineCounters

Numbers = Mapping[str, float | None]

# Of a line's counters, those that count exchanges by what came of them.
_OUTCOMES = ("answered", "silent", "garbled", "foreign", "refused", "down", "late")
# Readings end, and lines tick, on tens of seconds: five seconds after one is a quiet moment.
_QUIET_US, _GRID_US, _GRIDS = 5_000_000, 10_000_000, 6


def phase_us(gateway: int) -> int:
    """When in a minute a gateway tells how it stands: not all of them at once. gateway: a number made of its name."""
    return _QUIET_US + gateway % _GRIDS * _GRID_US


class EachMinute:
    """Once in each minute of the wall clock, from `phase_us` to the same in the next; at once after a start."""

    def __init__(self, phase_us: int) -> None:
        self._phase_us = phase_us
        self._minute: int | None = None

    def due(self, now_us: int) -> bool:
        minute, self._minute = self._minute, (now_us - self._phase_us) // MINUTE_US
        return minute != self._minute


class Since:
    """What was added to counts since they were told last; all of it at first. One that fell was begun anew."""

    def __init__(self) -> None:
        self._told: dict[tuple[str, str], float] = {}

    def of(self, place: str, counts: Mapping[str, float]) -> dict[str, float]:
        added = {}
        for name, count in counts.items():
            before = self._told.get((place, name), 0.0)
            added[name] = float(count - before if count >= before else count)
            self._told[place, name] = count
        return added


class Lag:
    """How late the event loop is: of the turns that were to come after a second."""

    def __init__(self) -> None:
        self._turns, self._sum_s, self._most_s = 0, 0.0, 0.0

    def late(self, by_s: float) -> None:
        self._turns += 1
        self._sum_s += by_s
        self._most_s = max(self._most_s, by_s)

    def told(self) -> Numbers:
        """Since it was asked last."""
        found = {"loop_lag_s": self._sum_s / self._turns, "loop_lag_max_s": self._most_s} if self._turns else {}
        self._turns, self._sum_s, self._most_s = 0, 0.0, 0.0
        return {name: round(lag_s, 6) for name, lag_s in found.items()}


def known(*some: Numbers) -> dict[str, float]:
    """Those there are."""
    return {name: float(value) for numbers in some for name, value in numbers.items() if value is not None}


def truth(told: object) -> float | None:
    return None if told is None else float(bool(told))


def meter_health(status: MeterStatus, at_us: int, more: Numbers | None = None) -> Health:
    """What the broker is told of a meter. more: what is told once a minute only."""
    numbers: dict[str, float | None] = {name: float(status.supply == name) for name in get_args(Supply)}
    numbers |= {f"comms_{name}": float(status.comms == name) for name in get_args(Comms)}
    numbers |= {"mode_normal": float(status.mode == "normal"), "events_open": float(len(status.open_events))}
    texts = {"supply": str(status.supply)}
    texts |= {f"supply_{phase}": supply for phase, supply in status.supply_by_phase.items()}
    texts |= {"comms": status.comms, "mode": status.mode, "open_events": ",".join(status.open_events)}
    instants = {} if status.last_good_us is None else {"last_good_us": status.last_good_us}
    return Health("meter", status.meter, at_us, known(numbers, more or {}), texts, instants)


def line_numbers(counters: "LineCounters", overruns: int, since: Since, line: str) -> dict[str, float]:
    """What a line counted."""
    counts = {f"exchanges_{name}" if name in _OUTCOMES else name: count for name, count in asdict(counters).items()}
    del counts["opened"]
    return since.of(f"line:{line}", counts | {"overruns": overruns})


def pace_numbers(figures: "Figures | None", meters: Iterable[str]) -> Numbers:
    """How busy and how late a line was over the last minute, and how often its meters were watched."""
    if figures is None:
        return {}
    hz = [figures.watch_hz.get(meter, 0.0) for meter in meters]
    watched = {"watch_hz_min": min(hz), "watch_hz_mean": sum(hz) / len(hz), "watch_hz_max": max(hz)} if hz else {}
    return {
        "utilisation": round(figures.utilisation, 4),
        "lag_s": round(figures.lag_s, 6),
        "lag_max_s": round(figures.worst_lag_s, 6),
        **{name: round(each, 3) for name, each in watched.items()},
    }


def sink_numbers(progress: "Progress", blocked: str | None, since: Since, sink: str) -> dict[str, float]:
    counts = {"accepted": progress.accepted, "rejected": progress.rejected}
    stands = {"sink_ok": truth(not progress.error), "blocked": truth(blocked), "failures": progress.failures}
    return known(stands, since.of(f"sink:{sink}", counts))


def backlog_numbers(sink: SinkStats, stats: JournalStats, now_us: int) -> Numbers:
    """What a sink has not got."""
    size_bytes = share_bytes(sink.rows, stats.rows, stats.size_bytes - stats.trace_bytes)
    return {
        "backlog_rows": sink.rows,
        "backlog_bytes": round(size_bytes),
        "backlog_age_s": age_s(sink, now_us),
        "backlog_traces": sink.traces,
        "dead_letters": sink.dead_letters,
    }


def age_s(sink: SinkStats, now_us: int) -> float:
    """Of the oldest that a sink has not got; 0 where it has everything."""
    return 0.0 if sink.oldest_us is None else round(max(0, now_us - sink.oldest_us) / 1e6, 1)


def journal_numbers(stats: JournalStats, since: Since, now_us: int) -> Numbers:
    added = since.of("journal", {"commits": stats.commits, "traces_evicted": stats.traces_evicted})
    return {
        "journal_ok": truth(not stats.error),
        "journal_bytes": stats.size_bytes,
        "journal_cap_bytes": stats.cap_bytes,
        "journal_share": round(stats.size_bytes / stats.cap_bytes, 4) if stats.cap_bytes else None,
        "journal_rows": stats.rows,
        "journal_uncommitted": stats.uncommitted,
        "journal_gaps": stats.gaps,
        "journal_commits": added["commits"],
        "journal_trace_bytes": stats.trace_bytes,
        "journal_traces_evicted": added["traces_evicted"],
        "journal_oldest_unsent_s": max((age_s(sink, now_us) for sink in stats.sinks.values()), default=0.0),
    }


def network_numbers(statuses: Iterable[MeterStatus], incidents: int, alarms: int) -> Numbers:
    """Of all meters together, and what is open."""
    statuses = tuple(statuses)
    return {
        "meters": len(statuses),
        **{f"meters_{supply}": sum(one.supply == supply for one in statuses) for supply in get_args(Supply)},
        "meters_lost": sum(one.comms == "lost" for one in statuses),
        "meters_not_normal": sum(one.mode != "normal" for one in statuses),
        # One of a line stands open at each of its meters.
        "events_open": len({id_ for one in statuses for id_ in one.open_events}),
        "incidents_open": incidents,
        "alarms_open": alarms,
    }


def card_numbers(card: "Card", wear: "Wear | None") -> Numbers:
    """life: of what a step may stand for, the upper end."""
    return {
        "card_written_bytes_day": None if wear is None else wear.written_bytes_day,
        "card_flushes_day": None if wear is None else wear.flushes_day,
        "card_life_used_pct": None if card.life is None else 10 * card.life,
        "card_spare": card.reserve,
    }
