"""Readings, events, incidents, traces and statuses as the sinks get them."""

from typing import Any

from agent.journal.entries import Entry
from agent.records import ClockState, Event, Health, Incident, Interval, MeterStatus, Reading, Record, Trace
from agent.trace_rows import GOOD, TraceSample, pack

# 2026-11-23T00:00:00Z
MIDNIGHT_US = 1_795_392_000_000_000


def reading(number: int = 0, meter: str = "tx1", **changes: Any) -> Reading:
    known: dict[str, Any] = {
        "meter": meter,
        "time_us": MIDNIGHT_US + number * 10_000_000,
        "window_s": 10.0,
        "quality": "good",
        "flags": (),
        "values": {"voltage_l1": 230.0 + number, "active_energy_import": 12345678.9},
        "min": {"voltage_l1": 229.5},
        "max": {"voltage_l1": 231.25},
    }
    return Reading(**(known | changes))


def interval(number: int = 0, meter: str = "tx1", **changes: Any) -> Interval:
    known: dict[str, Any] = {
        "kind": "interval_1min",
        "meter": meter,
        "start_us": MIDNIGHT_US + number * 60_000_000,
        "coverage": 0.9833,
        "flagged": 0.0,
        "values": {"voltage_l1": 230.0 + number},
        "min": {"voltage_l1": 229.5},
        "max": {"voltage_l1": 231.25},
    }
    return Interval(**(known | changes))


def health(number: int = 0, name: str = "tx1", **changes: Any) -> Health:
    """Of a meter."""
    known: dict[str, Any] = {
        "of": "meter",
        "name": name,
        "time_us": MIDNIGHT_US + number * 60_000_000,
        "numbers": {"live": 1.0, "dead": 0.0, "watch_hz": 4.983 + number},
        "texts": {"supply": "live", "open_events": "ev-1,ev-2", "comms": "ok"},
        "instants": {"last_good_us": MIDNIGHT_US + number * 60_000_000 - 1},
    }
    return Health(**(known | changes))


def event(**changes: Any) -> Event:
    known: dict[str, Any] = {
        "id": "ev-1", "kind": "sag", "revision": 1, "state": "open", "scope": "meter", "basis": "measured",
        "reported_us": MIDNIGHT_US + 60_000_000, "start_us": MIDNIGHT_US, "start_earliest_us": MIDNIGHT_US - 100_000,
        "meter": "tx1", "line": "feeder-room", "feeder": "F12", "path": ("tx0", "tx1"), "evidence": ("L1 at 40 %",),
        "reference_v": 230.0, "reference": "declared", "residual_v": 92.25, "residual_pct": 40.1, "channels": ("l1",),
        "extreme_by_channel": {"voltage_l1": 92.25}, "customers": (180, 182), "clock": ClockState(True, 0.5),
    }  # fmt: skip
    return Event(**(known | changes))


def incident(**changes: Any) -> Incident:
    known: dict[str, Any] = {
        "id": "in-1", "revision": 1, "state": "open", "reported_us": MIDNIGHT_US + 60_000_000, "cause": "supply_loss",
        "node": "tx-17", "start_us": MIDNIGHT_US, "start_earliest_us": MIDNIGHT_US - 100_000,
        "device": "transformer fuse", "path": ("F12", "tx-17"), "feeder": "F12", "confidence": 0.75,
        "dead": ("tx1", "tx2"), "alive": ("tx0",),
        "unknown": ("tx3",), "customers": (180, 240), "most": (180, 240), "by_phase": {"l1": (60, 80), "l2": (60, 80)},
        "events": ("ev-1", "ev-2"), "critical": ("hospital",), "clock": ClockState(True, 0.5),
        "words": ("No supply below tx-17 on F12: transformer fuse.", "180 to 240 customers since 00:00:00.",
                  "Sure to 75 %: two meters say so, one is silent. No voltage measured is not proof of isolation."),
    }  # fmt: skip
    return Incident(**(known | changes))


def trace(part: int = 1, count: int = 3, **changes: Any) -> Trace:
    """`count` samples, one every 50 ms from the event's start, of voltage_l1 and current_l1."""
    first_us = 1_000_000 + (part - 1) * count * 50_000
    samples = [TraceSample(first_us + n * 50_000, GOOD, (92.25 + n, 1.5)) for n in range(count)]
    known: dict[str, Any] = {
        "event": "ev-1", "also": (), "meter": "tx1", "kind": "sag", "start_us": MIDNIGHT_US, "part": part,
        "columns": ("voltage_l1", "current_l1"), "rows": pack(samples, 2), "offset_us": MIDNIGHT_US - 1_000_000,
    }  # fmt: skip
    return Trace(**(known | changes))


def status(meter: str = "tx1", **changes: Any) -> MeterStatus:
    known: dict[str, Any] = {
        "meter": meter,
        "supply": "live",
        "supply_by_phase": {"l1": "live", "l2": "live", "l3": "live"},
        "comms": "ok",
        "last_good_us": MIDNIGHT_US,
        "open_events": (),
    }
    return MeterStatus(**(known | changes))


def entries(*records: Record) -> list[Entry]:
    return [Entry(seq, record) for seq, record in enumerate(records, start=1)]
