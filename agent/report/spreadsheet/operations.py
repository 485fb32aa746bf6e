"""Key customers, generators and incidents as rows for spreadsheets: the same numbers as the page's. Pure."""

from collections.abc import Iterator, Sequence

from agent.report.operations.part import Operations
from agent.report.spreadsheet.cells import Cell, Table, When, two

GAPS = (
    "customer", "event", "kind", "mode", "start", "from_source", "to_source", "gap_low_s", "gap_high_s", "allowed_s",
    "verdict", "coverage",
)  # fmt: skip
STANDBYS = (
    "customer", "source", "ready", "why", "tested_surely", "tested_perhaps", "within_limits_pct", "coverage",
)  # fmt: skip
COMMON = ("customer", "start", "first_event", "second_event", "sure")
RUNS = ("meter", "start", "end", "hours_low", "hours_high", "apart_hz", "during", "coverage")
COMPARED = ("meter", "runs", "hours_low", "hours_high", "coverage", "why_not")
INCIDENTS = (
    "incident", "place", "class", "seen", "located", "restored", "verified", "detected_low_s", "detected_high_s",
    "took_low_s", "took_high_s", "target_s", "verdict", "slowest", "waits_for", "unproven",
)  # fmt: skip

Row = Sequence[Cell]


def operations_tables(told: Operations, when: When) -> Iterator[Table]:
    """Of key customers where the site names some."""
    if told.key_customers:
        yield Table("key_gaps", GAPS, list(_gaps(told, when)))
        yield Table("standbys", STANDBYS, list(_standbys(told, when)))
        yield Table("common_sags", COMMON, list(_common(told, when)))
    yield Table("generators", COMPARED, list(_compared(told)))
    yield Table("generator_runs", RUNS, list(_runs(told, when)))
    yield Table("incidents", INCIDENTS, list(_incidents(told, when)))


def _gaps(told: Operations, when: When) -> Iterator[Row]:
    for part in told.key_customers:
        for gap in part.gaps:
            yield (
                part.customer.name, gap.event, gap.kind, gap.mode, when(gap.start_us), gap.from_source, gap.to_source,
                *two(gap.gap_s), part.customer.allowed_gap_s, gap.verdict, part.coverage,
            )  # fmt: skip


def _standbys(told: Operations, when: When) -> Iterator[Row]:
    for part in told.key_customers:
        for one in part.standbys:
            ready, rate = one.readiness.is_ready, one.within_limits
            yield (
                part.customer.name, one.source, None if ready is None else str(ready).lower(),
                "; ".join(why.words for why in one.readiness.reasons), _at(one.tested.surely_us, when),
                _at(one.tested.perhaps_us, when), rate.value if isinstance(rate.value, float) else None, rate.coverage,
            )  # fmt: skip


def _common(told: Operations, when: When) -> Iterator[Row]:
    for part in told.key_customers:
        for sag in part.common:
            yield part.customer.name, when(sag.start_us), sag.first, sag.second, str(sag.surely).lower()


def _runs(told: Operations, when: When) -> Iterator[Row]:
    for part in told.generators:
        for run in part.runs:
            yield (
                run.meter, when(run.span.from_us), when(run.span.to_us), *two(run.hours), run.apart_hz,
                " ".join(run.during), part.coverage,
            )  # fmt: skip


def _compared(told: Operations) -> Iterator[Row]:
    for part in told.generators:
        why = "" if part.why is None else part.why.words
        yield part.meter, len(part.runs), *two(part.hours), part.coverage, why


def _incidents(told: Operations, when: When) -> Iterator[Row]:
    for one in told.loops:
        instants = (one.seen_us, one.located_us, one.restored_us, one.verified_us)
        yield (
            one.incident, one.node, one.target.of_class, *(_at(at_us, when) for at_us in instants),
            *two(one.detected_s), *two(one.took_s), one.target.within_s, one.verdict, one.slowest, one.waits_for,
            " ".join(one.unproven),
        )  # fmt: skip


def _at(at_us: int | None, when: When) -> str | None:
    return None if at_us is None else when(at_us)
