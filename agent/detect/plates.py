"""Which meter it is that answers, by its nameplate: the same as before, or another one. Pure.

said before   says now          what follows
-----------   ---------------   ----------------------------------------------------------------------------------
nothing       a serial number   events carry it from now on
a number      nothing           nothing: the read failed, or the firmware does not say it any more
a number      the same          nothing
a number      another           `meter_changed`, between the last read that gave the old one and the first that gave
                                the new one; what counters and logs said before is compared with nothing after
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from agent.detect.changes import Change, Span
from agent.detect.ending import ended
from agent.records import Event
from drivers.nameplate import Nameplate


@dataclass(frozen=True, slots=True)
class Swap:
    """Another meter answers. It came in (since_us, until_us], boot clock."""

    before: str
    after: str
    since_us: int
    until_us: int

    @property
    def change(self) -> Change:
        return Change(
            action="open", detector="log", key=0, kind="meter_changed", span=Span(self.until_us, self.since_us)
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What a meter is known to be. asked_us: when it last said its serial number, boot clock; None: never"""

    plate: Nameplate = field(default_factory=Nameplate)
    asked_us: int | None = None

    def read(self, plate: Nameplate, sent_us: int, received_us: int) -> "tuple[Known, Swap | None]":
        """After its nameplate was read."""
        if plate.serial is None:
            return replace(self, plate=replace(self.plate, firmware=plate.firmware or self.plate.firmware)), None
        before, firmware = self.plate.serial, plate.firmware
        if before is None or before == plate.serial:
            return Known(replace(plate, firmware=firmware or self.plate.firmware), sent_us), None
        since_us = sent_us if self.asked_us is None else min(self.asked_us, sent_us)
        return Known(plate, sent_us), Swap(before, plate.serial, since_us, received_us)


def told(known: Known, wall_us: Callable[[int], int]) -> str:
    """As text that outlives the agent. wall_us: boot clock -> UTC."""
    asked_us = None if known.asked_us is None else wall_us(known.asked_us)
    body = {"serial": known.plate.serial, "firmware": known.plate.firmware, "asked_us": asked_us}
    return json.dumps(body, separators=(",", ":"))


def understood(text: str | None, from_wall_us: Callable[[int], int]) -> Known:
    """Nothing where the text is no such text."""
    try:
        body = json.loads(text or "{}")
        serial, firmware, asked_us = (body.get(key) for key in ("serial", "firmware", "asked_us"))
    except (ValueError, AttributeError):
        return Known()
    plate = Nameplate(*(one if isinstance(one, str) and one else None for one in (serial, firmware)))
    return Known(plate, from_wall_us(asked_us) if isinstance(asked_us, int) else None)


def changed(blank: Event, swap: Swap, reported_us: int, wall_us: Callable[[int], int]) -> Event:
    """The event that says so. blank: before its first revision."""
    words = (
        f"serial number {swap.before} was read before, {swap.after} now",
        "its counters, energies and logs are not compared with those of the meter before",
    )
    event = replace(
        blank,
        revision=1,
        state="closed",
        reported_us=reported_us,
        evidence=words,
        meter_serial=swap.after,
        watch_s=None,
    )
    return ended(event, swap.change.span.ended(swap.until_us, swap.since_us), wall_us)
