"""What is to be reached, and what was. One row per figure; a row without both its sides says so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import latency
import memory
import serial_lines
import throughput
from clients import COLLECTD, DEFAULT, DEFAULT_ALL, EACH, EACH_ALL, FLAT_OUT, FLOOR, MODPOLL, NAIVE
from results import Results, brief


@dataclass(frozen=True, slots=True)
class Row:
    """good: None where nothing was measured."""

    work: str
    wanted: str
    measured: str
    good: bool | None


Figure = tuple[str, str, str]


def rows(results: Results) -> list[Row]:
    return [row for part in (_costs, _rates, _lines, _dead, _latencies, _sizes) for row in part(results)]


def _costs(results: Results) -> list[Row]:
    """CPU per meter poll at 10 Hz: ours over theirs."""
    return [
        _share(results, DEFAULT.name, "default publishing", COLLECTD.name, 1 / 6),
        _share(results, DEFAULT.name, "default publishing", MODPOLL.name, 1 / 4),
        _share(results, DEFAULT.name, "default publishing", NAIVE.name, 1 / 4),
        _share(results, DEFAULT_ALL.name, "all 15 values at 10 Hz", COLLECTD.name, 1 / 6),
        _share(results, EACH.name, "every poll published", COLLECTD.name, 1 / 3),
        _share(results, EACH_ALL.name, "every poll published, all 15 values", COLLECTD.name, 1 / 3),
    ]


def _share(results: Results, ours: str, what: str, theirs: str, most: float) -> Row:
    at = throughput.TEN_HZ
    share = _ratio(results, (at, ours, "us_per_poll"), (at, theirs, "us_per_poll"))
    work = f"100 TCP meters x 30 registers at 10 Hz, {what}: CPU per poll"
    return _row(work, f"<= 1/{1 / most:.0f} of {theirs}", share, lambda x: f"1/{1 / x:.1f}", lambda x: x <= most)


def _rates(results: Results) -> list[Row]:
    flat, at = throughput.FLAT_OUT, throughput.TEN_HZ
    faster = _ratio(results, (flat, FLAT_OUT.name, "polls_s"), (flat, COLLECTD.name, "polls_s"))
    paced = _ratio(results, (at, DEFAULT.name, "us_per_poll"), (at, FLOOR.name, "us_per_poll"))
    unpaced = _ratio(results, (flat, FLAT_OUT.name, "us_per_poll"), (flat, FLOOR.name, "us_per_poll"))
    return [
        _row("watch = max, 100 connections, one core: meter polls/s", ">= 5x collectd", faster, _times, _at_least(5)),
        _row("CPU per watch poll, 10 Hz", "<= 5x the bare epoll loop", paced, _times, _at_most(5)),
        _row("CPU per watch poll, flat out", "<= 5x the bare epoll loop", unpaced, _times, _at_most(5)),
    ]


def _lines(results: Results) -> list[Row]:
    made = []
    violations = requests = 0.0
    for work in _works(results, "RTU"):
        violations += sum(results.values(work, DEFAULT.name, "violations"))
        requests += sum(results.values(work, DEFAULT.name, "requests"))
        if " dead" in work:
            continue
        least = 96.0 if "115200" in work else 98.0
        reached = results.median(work, DEFAULT.name, "of_legal_pct")
        floor = results.median(work, serial_lines.LEGAL, "of_legal_pct")
        beside = "" if floor is None else f" (a C master that keeps the silence: {floor:.1f} %)"
        show = partial("{1:.1f} %{0}".format, beside)
        made.append(_row(f"{work}: of the legal maximum", f">= {least:.0f} %", reached, show, _at_least(least)))
    text = f"{violations:.0f} in {requests:.0f} requests"
    kept = violations if requests else None
    return [*made, _row("RTU: requests within t3.5", "0", kept, lambda _: text, _at_most(0))]


def _dead(results: Results) -> list[Row]:
    made = []
    for units, dead, least in ((8, 1, 95), (32, 16, 90)):
        one, base = (serial_lines.DEAD.format(units, number) for number in (dead, 0))
        share = _ratio(results, (one, DEFAULT.name, "polls_s"), (base, DEFAULT.name, "polls_s"))
        share = None if share is None else 100 * share
        work = f"{one}: polls of the living against the line with none dead"
        made.append(_row(work, f">= {least} %", share, _percent, _at_least(least)))
    return made


def _latencies(results: Results) -> list[Row]:
    one = results.median(latency.ONE, DEFAULT.name, "p99_ms")
    every = results.median(latency.ALL, DEFAULT.name, "worst_ms")
    return [
        _row("one meter's crossing to its event at the broker, p99", "<= 100 + 20 ms", one, _ms, _at_most(120)),
        _row("100 meters in one tick, to the last event, worst", "<= 100 + 300 ms", every, _ms, _at_most(400)),
    ]


def _sizes(results: Results) -> list[Row]:
    plain, both, first = (
        results.median(work, "lamplighter", metric)
        for work, metric in ((memory.MQTT, "rss_mb"), (memory.BOTH, "rss_mb"), (memory.MQTT, "first_poll_s"))
    )
    return [
        _row("RSS, 200 meters, MQTT alone", "<= 45 MB", plain, _mb, _at_most(45)),
        _row("RSS, 200 meters, MQTT and InfluxDB", "<= 85 MB", both, _mb, _at_most(85)),
        _row("start to first poll, 200 meters", "<= 1.5 s", first, lambda x: f"{x:.2f} s", _at_most(1.5)),
    ]


def _row(
    work: str, wanted: str, value: float | None, show: Callable[[float], str], judge: Callable[[float], bool]
) -> Row:
    if value is None:
        return Row(work, wanted, "not measured", None)
    return Row(work, wanted, show(value), judge(value))


def _ratio(results: Results, over: Figure, under: Figure) -> float | None:
    top, bottom = results.median(*over), results.median(*under)
    return top / bottom if top is not None and bottom else None


def _works(results: Results, prefix: str) -> Sequence[str]:
    return [work for work in dict.fromkeys(work for work, _, _ in results.figures) if work.startswith(prefix)]


def _at_most(limit: float) -> Callable[[float], bool]:
    return lambda value: value <= limit


def _at_least(limit: float) -> Callable[[float], bool]:
    return lambda value: value >= limit


def _times(value: float) -> str:
    return f"{value:.2g}x"


def _percent(value: float) -> str:
    return f"{value:.1f} %"


def _ms(value: float) -> str:
    return f"{value:.0f} ms"


def _mb(value: float) -> str:
    return f"{brief(value)} MB"
