"""What limits of demand are held against: blocks of the long record, and what the running agent says of those that go
on."""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from agent.report.demand.outlook import NO_AGENT, NO_BLOCK
from agent.report.demand.part import DemandKnown
from agent.report.figures import Bounds, Span
from agent.report.record.columns import Columns
from agent.report.record.demand_blocks import OpenBlock
from agent.report.record.readable import Reading
from agent.site import Site
from agent.status.socket import NotRunningError, ask


def demand_known(site: Site, period: Span, made_us: int) -> DemandKnown:
    """Blocks that go on are asked for where the period does."""
    quarters = partial(_quarters, site)
    if made_us >= period.to_us or not site.demand.limits:
        return DemandKnown(site.demand, quarters)
    try:
        told = ask(site.state_dir, "demand")
    except NotRunningError:
        return DemandKnown(site.demand, quarters, {}, NO_AGENT)
    return DemandKnown(site.demand, quarters, open_blocks(told), NO_BLOCK)


def _quarters(site: Site, meter: str, span: Span) -> Iterator[Columns]:
    told = Reading(site.state_dir).of_meter(meter, span)
    yield from (columns for columns in told if columns.kind == "demand_15min")


def open_blocks(told: Mapping[str, Any]) -> Mapping[str, OpenBlock]:
    """Of an agent's answer; one that does not know the question has none."""
    return {
        one["meter"]: OpenBlock(
            one["meter"], one["start_us"], one["from_us"], one["to_us"], Bounds(*one["used_wh"]), one["power_w"]
        )
        for one in told.get("blocks", ())
    }
