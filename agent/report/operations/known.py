"""What operations answer for rests on: the site file, the maps of its meters, and what was told first of incidents."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from agent.journal.first_reports import Asked, Report
from agent.journal.view import view
from agent.report.figures import Span
from agent.report.operations.closed_loop import FirstReports
from agent.report.operations.part import OperationsKnown
from agent.site import Meter, Site
from agent.status.socket import NotRunningError, ask
from drivers.encodings import ENCODINGS


def operations_known(site: Site, period: Span, before_us: int) -> OperationsKnown:
    """before_us: incidents that began so long before the period may still have gone on in it. OSError where the journal
    cannot be read."""
    asked = Asked(since_us=period.from_us - before_us, until_us=period.to_us)
    steps = {name: step for name, meter in site.meters.items() for step in _hertz_step(meter)}
    return OperationsKnown(
        site.operations.key_customers, site.operations.targets_s, site.frequency_hz, steps, firsts(_told(site, asked))
    )


def reach_us(site: Site, period: Span) -> int:
    """Since when events have to be known: the last test of a standby lies before the period."""
    longest_s = max((one.tested_every_s for one in site.operations.key_customers), default=0.0)
    return period.to_us - round(longest_s * 1e6)


def _hertz_step(meter: Meter) -> Iterator[float | None]:
    """How finely its register resolves the frequency; nothing where it is not read. A float does, finely enough; where
    the meter itself says the scale, the map does not know."""
    for row in meter.model.registers:
        if row.quantity == "frequency" and row.quantity in meter.model.quantities:
            if not ENCODINGS[row.encoding].integer:
                yield 0.0
            else:
                yield None if any(scale.meaning != "check" for scale in row.scaled_by) else row.multiply / row.divide


def _told(site: Site, asked: Asked) -> list[Report]:
    try:
        return list(_asked(site, asked))
    except NotRunningError:
        with view(site.state_dir) as kept:
            return list(_stored(kept.look, asked))


def _asked(site: Site, asked: Asked) -> Iterator[Report]:
    """Of a running agent, a slice at a time. One of an older version, which does not know the question, has none."""
    after: int | None = 0
    while after is not None:
        told: Mapping[str, Any] = ask(site.state_dir, "first_reports", **asdict(asked) | {"after": after})
        if str(told.get("error", "")).startswith("unknown question"):
            return
        if "error" in told:
            raise OSError(told["error"])
        yield from (Report(**one) for one in told["reports"])
        after = told["after"]


def _stored(look: Any, asked: Asked) -> Iterator[Report]:
    after: int | None = 0
    while after is not None:
        found = look(Asked(after, asked.since_us, asked.until_us).slice)
        yield from found.reports
        after = found.after


def firsts(reports: Iterable[Report]) -> Mapping[str, FirstReports]:
    """By incident."""
    by_id: dict[str, list[Report]] = defaultdict(list)
    for one in reports:
        by_id[one.incident].append(one)
    return {id_: _first(sorted(told, key=lambda one: one.revision)) for id_, told in by_id.items()}


def _first(told: list[Report]) -> FirstReports:
    """It was located when it was first told at the node that it stayed at: a later revision may know better."""
    stayed = len(told)
    while stayed and told[stayed - 1].node == told[-1].node:
        stayed -= 1
    whole = told[0].revision == 1
    located_us = told[stayed].reported_us if stayed or whole else None
    return FirstReports(told[0].seen_us if whole else None, located_us, told[0].reported_us)
