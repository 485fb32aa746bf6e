"""The tables, as Markdown that also reads well in a terminal."""

import os
import platform
from collections.abc import Sequence
from pathlib import Path

import latency
import memory
import throughput
from clients import mosquitto_version
from results import Results
from targets import rows

_BEGIN, _END = "<!-- bench: begin -->", "<!-- bench: end -->"
_COLUMNS = {
    throughput.TEN_HZ: ("us_per_poll", "polls_s", "requests_s", "messages_s", "cpu_pct", "rss_mb"),
    throughput.FLAT_OUT: ("us_per_poll", "polls_s", "requests_s", "messages_s", "cpu_pct", "rss_mb"),
    latency.ONE: ("p50_ms", "p99_ms"),
    latency.ALL: ("p50_ms", "worst_ms"),
    memory.MQTT: ("rss_mb", "peak_mb", "first_poll_s"),
    memory.BOTH: ("rss_mb", "peak_mb", "first_poll_s"),
}
_RTU_COLUMNS = (
    "polls_s",
    "of_legal_pct",
    "violations",
    "requests",
    "mean_gap_ms",
    "shortest_gap_ms",
    "dead_asked_s",
    "slave_late_ms",
)


def report(results: Results, how: str) -> str:
    """how: the words that say which run this was."""
    parts = [_machine(results, how), "### Reached against wanted", _targets(results), "### Figures"]
    parts.append("Medians over the rounds, in brackets the least and the greatest. A poll is 30 registers served.")
    works = dict.fromkeys([*(work for work, _, _ in results.figures), *(work for work, _ in results.failed)])
    lines = [work for work in works if work.startswith("RTU")]
    parts += [_figures(results, work, _COLUMNS[work]) for work in works if work in _COLUMNS]
    if lines:
        parts.append(_line_figures(results, lines))
    failed = [f"- {work}: {client}: {why}" for (work, client), why in results.failed.items()]
    if failed:
        parts += ["### Without a figure, or with a doubtful one", "\n".join(failed)]
    return "\n\n".join(parts) + "\n"


def _machine(results: Results, how: str) -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    load = " ".join(f"{value:.2f}" for value in os.getloadavg())
    versions = ", ".join(f"{peer} {version}".strip() for peer, version in results.versions.items())
    return (
        f"{how} {platform.machine()}, {os.cpu_count()} cores ({cpu}), {memory_gb:.0f} GB, Linux {platform.release()}, "
        f"Python {platform.python_version()}, mosquitto {mosquitto_version()}; {versions}. "
        f"Load average at the end: {load}."
    )


def _targets(results: Results) -> str:
    words = {True: "reached", False: "**missed**", None: "-"}
    return _table(
        ("work", "wanted", "measured", ""),
        [(row.work, row.wanted, row.measured, words[row.good]) for row in rows(results)],
    )


def _figures(results: Results, work: str, metrics: Sequence[str]) -> str:
    rows = [(client, *(results.cell(work, client, metric) for metric in metrics)) for client in results.clients(work)]
    return f"**{work}**\n\n{_table(('client', *metrics), rows)}"


def _line_figures(results: Results, works: Sequence[str]) -> str:
    rows = [
        (work, client, *(results.cell(work, client, metric) for metric in _RTU_COLUMNS))
        for work in works
        for client in results.clients(work)
    ]
    return f"**RTU lines, paced slave, 5 ms turn-around**\n\n{_table(('line', 'client', *_RTU_COLUMNS), rows)}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def replace(page: Path, text: str) -> None:
    """Puts the text between the page's two markers."""
    before, begin, rest = page.read_text().partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"{page}: the markers {_BEGIN} and {_END} are missing; put them where the tables belong")
    page.write_text(f"{before}{begin}\n\n{text}\n{end}{after}")
