"""What a dark time of the gateway has still to tell, as text that outlives the agent: whose counters are awaited, and
what was found and is not told as an incident yet. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agent.outage import Counters, Dark, Sign, Steps
from agent.records import ClockState

# What the journal keeps them under: no meter can have such a name.
AWAITED, COLLECTED = ":dark", ":hindsight"


@dataclass(frozen=True, slots=True)
class Before:
    """A meter as it was heard last before the dark. steps: of its counters; because: ids of its open events then.

    outages: ids of the gateway_outages since then before this one, oldest first; dark_us: how long the gateway was dark
    in these at least; slack_s: what the clocks may be wrong by across them
    """

    counters: Counters
    steps: Steps
    because: tuple[str, ...] = ()
    outages: tuple[str, ...] = ()
    dark_us: int = 0
    slack_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Awaited:
    """A dark time, and whose counters are awaited. boot_id: of the boot that waits; outage: id of its gateway_outage,
    empty where that is not told yet; found: None until the clock is right; until_us: boot clock."""

    boot_id: str
    sign: Sign
    clean: bool
    outage: str
    found: Dark | None
    until_us: int
    before: Mapping[str, Before]

    def carried(self) -> dict[str, Before]:
        """What another dark time takes over: nobody has seen these meters count between the two."""
        outages = (self.outage,) if self.outage else ()
        found = self.found
        dark_us = 0 if found is None else max(0, found.end_earliest_us - found.start_us)
        slack_s = 0.0 if found is None else found.slack_s
        return {
            meter: replace(
                one, outages=(*one.outages, *outages), dark_us=one.dark_us + dark_us, slack_s=one.slack_s + slack_s
            )
            for meter, one in self.before.items()
        }

    def text(self) -> str:
        found, sign = self.found, self.sign
        times = None if found is None else _dark_row(found)
        body = {
            "boot": self.boot_id,
            "sign": [sign.at_us, sign.within_us, sign.boot_id, sign.clock.synced, sign.clock.uncertainty_s],
            "clean": self.clean,
            "outage": self.outage,
            "found": times,
            "until_us": self.until_us,
            "before": {meter: _before_row(one) for meter, one in self.before.items()},
        }
        return json.dumps(body, separators=(",", ":"))


def awaited_of(kept: str | None, steps: Mapping[str, Steps]) -> Awaited | None:
    """From what was kept as `Awaited.text`. steps: by meter; meters without are no longer there."""
    if not kept:
        return None
    try:
        body = json.loads(kept)
        at_us, within_us, boot_id, synced, uncertainty_s = body["sign"]
        sign = Sign(int(at_us), int(within_us), str(boot_id), ClockState(synced, uncertainty_s))
        found = None if body["found"] is None else Dark(*body["found"])
        before = {meter: _before(row, steps[meter]) for meter, row in body["before"].items() if meter in steps}
        return Awaited(
            body["boot"], sign, bool(body["clean"]), body["outage"], found, int(body["until_us"]), before
        )  # fmt: skip
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _dark_row(dark: Dark) -> list[float]:
    return [dark.start_earliest_us, dark.start_us, dark.end_earliest_us, dark.end_us, dark.slack_s]


def _before_row(one: Before) -> list[Any]:
    read = one.counters
    counters = [read.at_us, read.window_s, read.energy_wh, read.hours_h, read.power_w]
    return [counters, one.because, one.outages, one.dark_us, one.slack_s]


def _before(row: list[Any], steps: Steps) -> Before:
    counters, because, outages, dark_us, slack_s = row
    return Before(Counters(*counters), steps, tuple(because), tuple(outages), int(dark_us), float(slack_s))


@dataclass(frozen=True, slots=True)
class Past:
    """An incident that was found out after a dark time. outage: id of the gateway_outage that this began with"""

    incident: str
    outage: str


@dataclass(frozen=True, slots=True)
class Collected:
    """What the counters said of one dark time. died: ids of the losses, by meter; due: some of it is to be told; told:
    ids of those that were"""

    outage: str
    died: Mapping[str, str] = field(default_factory=dict)
    lived: tuple[str, ...] = ()
    slack_s: float = 0.0
    due: bool = False
    told: tuple[str, ...] = ()


def collected_text(collected: tuple[Collected, ...], past: tuple[Past, ...]) -> str:
    """Empty where there is nothing."""
    if not collected and not past:
        return ""
    darks = [[one.outage, dict(one.died), one.lived, one.slack_s, one.due, one.told] for one in collected]
    return json.dumps([darks, [[one.incident, one.outage] for one in past]], separators=(",", ":"))


def collected_of(kept: str | None) -> tuple[tuple[Collected, ...], tuple[Past, ...]]:
    """From what was kept as `collected_text`."""
    try:
        darks, past = json.loads(kept or "[[],[]]")
        collected = tuple(
            Collected(str(outage), dict(died), tuple(lived), float(slack_s), bool(due), tuple(told))
            for outage, died, lived, slack_s, due, told in darks
        )
        return collected, tuple(Past(str(id_), str(outage)) for id_, outage in past)
    except (ValueError, TypeError):
        return (), ()
