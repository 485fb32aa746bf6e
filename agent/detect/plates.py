"""Which meter it is that answers, by its nameplate: the same as before, or another one. Pure.

said before   says now          what follows
-----------   ---------------   ----------------------------------------------------------------------------------
nothing       a serial number   events carry it from now on
a number      nothing           nothing: the read failed, or the firmware does not say it any more
a number      the same          nothing
a number      another, once     nothing yet: it is read again, a byte may have been wrong
a number      another, again    `meter_changed`, between the last read that gave the old one and the first that gave
                                the new one; what counters and logs said before is compared with nothing after

The last read of a run on another boot of the gateway lies where the wall clock of then put it. Where by the wall clock
of now it has not come yet, that was set back, and since when another meter answers is not known.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from agent.detect.changes import Change, Span
from agent.detect.ending import ended
from agent.records import Event
from drivers.nameplate import Nameplate, is_word

_SINCE = "since when another meter answers is not known: the wall clock was set back since the number before was read"


@dataclass(frozen=True, slots=True)
class Swap:
    """Another meter answers. It came in (since_us, until_us], boot clock; since_us None: not known"""

    before: str
    after: str
    since_us: int | None
    until_us: int

    @property
    def earliest_us(self) -> int:
        return self.until_us if self.since_us is None else self.since_us

    @property
    def change(self) -> Change:
        span = Span(self.until_us, self.earliest_us)
        never = self.since_us is None
        return Change(action="open", detector="log", key=0, kind="meter_changed", span=span, open_at_start=never)


@dataclass(frozen=True, slots=True)
class Known:
    """What a meter is known to be. asked_us: when it last said its serial number, boot clock; None: never

    asked_wall_us: the same as UTC, where a run on another boot asked; other: another number it said since, once, and
    other_us when that was heard
    """

    plate: Nameplate = field(default_factory=Nameplate)
    asked_us: int | None = None
    asked_wall_us: int | None = None
    other: str | None = None
    other_us: int = 0

    def read(self, plate: Nameplate, sent_us: int, received_us: int) -> "tuple[Known, Swap | None]":
        """After its nameplate was read."""
        firmware = plate.firmware or self.plate.firmware
        if plate.serial is None:
            return replace(self, plate=replace(self.plate, firmware=firmware)), None
        before = self.plate.serial
        if before is None or before == plate.serial:
            return Known(replace(plate, firmware=firmware), sent_us), None
        if plate.serial != self.other:
            return replace(self, other=plate.serial, other_us=received_us), None
        since_us = self.asked_us if self.asked_us is not None and self.asked_us < self.other_us else None
        return Known(plate, sent_us), Swap(before, plate.serial, since_us, self.other_us)

    def placed(self, from_wall_us: Callable[[int], int]) -> "Known":
        """With what a run on another boot asked where the wall clock of now puts it."""
        return self if self.asked_wall_us is None else replace(self, asked_us=from_wall_us(self.asked_wall_us))


def told(known: Known, wall_us: Callable[[int], int], boot_id: str) -> str:
    """As text that outlives the agent. wall_us: boot clock -> UTC; boot_id: of now."""
    asked_us, by_boot = known.asked_wall_us, {}
    if asked_us is None and known.asked_us is not None:
        asked_us, by_boot = wall_us(known.asked_us), {"boot": boot_id, "asked_boot_us": known.asked_us}
    body = {"serial": known.plate.serial, "firmware": known.plate.firmware, "asked_us": asked_us, **by_boot}
    return json.dumps(body, separators=(",", ":"))


def understood(text: str | None, boot_id: str) -> Known:
    """Nothing where the text is no such text."""
    try:
        body = json.loads(text or "{}")
        serial, firmware, asked_us = (body.get(key) for key in ("serial", "firmware", "asked_us"))
        boot, asked_boot_us = body.get("boot"), body.get("asked_boot_us")
    except (ValueError, AttributeError):
        return Known()
    plate = Nameplate(*(one if isinstance(one, str) and is_word(one) else None for one in (serial, firmware)))
    if boot_id and boot == boot_id and isinstance(asked_boot_us, int):
        return Known(plate, asked_boot_us)
    return Known(plate, asked_wall_us=asked_us if isinstance(asked_us, int) else None)


def changed(blank: Event, swap: Swap, reported_us: int, wall_us: Callable[[int], int]) -> Event:
    """The event that says so. blank: before its first revision."""
    words = (
        f"serial number {swap.before} was read before, {swap.after} now",
        "its counters, energies and logs are not compared with those of the meter before",
        *((_SINCE,) if swap.since_us is None else ()),
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
    return ended(event, swap.change.span.ended(swap.until_us, swap.earliest_us), wall_us)
