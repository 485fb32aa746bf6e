"""Events that are over: the latest as they are, those before as bytes, a third of the room. Pure.

Whoever asks for one gets an event that is equal to the one that was told.
"""

import json
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

from agent.records import ClockState, Event

# Those that were told so long before the newest, and are over for so long on the boot clock, are packed: by then hardly
# anybody asks for them. Either alone would pack a storm in the middle of which the wall clock is set.
_PACKED_US = 900_000_000
_NAMES = tuple(one.name for one in fields(Event))
_CLOCK = _NAMES.index("clock")
_text = json.JSONEncoder(separators=(",", ":"), default=dict).encode
# A window of 4 KiB and small tables: an event is no longer; zlib's own 256 KiB would be filled with zeros each time.
_WINDOW_BITS, _MEMORY_LEVEL = -12, 5
# What most events have in common, in the order of the fields: half of the bytes that zlib makes without it.
_COMMON = (
    b'"],"supply_loss",2,"closed","gateway","inferred","meter_log",null,"phase_loss","comms_loss","undervoltage",'
    b'"sag",2,"closed","meter","measured","normal",null,[],[],"ln",230.0,"declared",'
    b'{"voltage_l1":,"voltage_l2":,"voltage_l3":},["voltage_l1","voltage_l2","voltage_l3"],["l1","l2","l3"],'
    b'[true,null],"iec",null,false,null,null,null,null,null,null,null,null,'
    b'{"en50160":"","ieee1159":"instantaneous","itic":"","semi_f47":"","iec61000_4_11":"","iec61000_4_34":""},null]'
)


def packed(event: Event) -> bytes:
    """As `unpacked` reads it, and nothing else does: it never leaves the process."""
    told = [getattr(event, name) for name in _NAMES]
    told[_CLOCK] = (event.clock.synced, event.clock.uncertainty_s)
    coder = zlib.compressobj(wbits=_WINDOW_BITS, memLevel=_MEMORY_LEVEL, zdict=_COMMON)
    return coder.compress(_text(told).encode()) + coder.flush()


def unpacked(body: bytes) -> Event:
    told: list[Any] = json.loads(zlib.decompressobj(_WINDOW_BITS, zdict=_COMMON).decompress(body))
    told[_CLOCK] = ClockState(*told[_CLOCK])
    return Event(**{name: _tuple(value) for name, value in zip(_NAMES, told, strict=True)})


def _tuple(value: Any) -> Any:
    """JSON knows lists only."""
    return tuple(value) if isinstance(value, list) else value


@dataclass(frozen=True, slots=True)
class _Past:
    """An event from the past. kept: as it is, or packed; over_us: from when it is over"""

    kept: Event | bytes
    over_us: int
    told_us: int
    supersedes: tuple[str, ...]

    def event(self) -> Event:
        return unpacked(self.kept) if isinstance(self.kept, bytes) else self.kept

    def packed(self) -> "_Past":
        """What was taken back is asked for all the time, and stays as it is."""
        if isinstance(self.kept, bytes) or self.is_retracted:
            return self
        return _Past(packed(self.kept), self.over_us, self.told_us, self.supersedes)

    @property
    def is_retracted(self) -> bool:
        return isinstance(self.kept, Event) and self.kept.state == "retracted"

    def is_old(self, told_us: int, now_us: int) -> bool:
        """told_us: when the newest was told, UTC; now_us: on the boot clock."""
        is_over = self.is_retracted or now_us - self.over_us > _PACKED_US
        return is_over and abs(told_us - self.told_us) > _PACKED_US


class PastEvents:
    """In the order in which they were noted last."""

    def __init__(self) -> None:
        self._old: OrderedDict[str, _Past] = OrderedDict()  # before all of the late ones
        self._late: OrderedDict[str, _Past] = OrderedDict()

    def __len__(self) -> int:
        return len(self._old) + len(self._late)

    def note(self, event: Event, over_us: int, now_us: int) -> tuple[str, ...]:
        """Its latest revision; over_us, now_us: on the boot clock. Gives the ids of those that became old by it."""
        self._old.pop(event.id, None)
        self._late.pop(event.id, None)
        self._late[event.id] = _Past(event, over_us, event.reported_us, event.supersedes)
        ids = []
        while next(iter(self._late.values())).is_old(event.reported_us, now_us):
            id_, first = self._late.popitem(last=False)
            self._old[id_] = first.packed()
            ids.append(id_)
        return tuple(ids)

    def first_told_us(self) -> int:
        """When the first of them was told."""
        return next(self._all()).told_us

    def pop_first(self) -> str:
        return (self._old or self._late).popitem(last=False)[0]

    def get(self, id_: str) -> Event | None:
        past = self._late.get(id_) or self._old.get(id_)
        return None if past is None else past.event()

    def successor(self, id_: str) -> Event | None:
        """The first that superseded it."""
        return next((past.event() for past in self._all() if id_ in past.supersedes), None)

    def since(self, since_us: int) -> Iterator[Event]:
        """Those that are over since then."""
        return (past.event() for past in self._all() if past.over_us >= since_us)

    def _all(self) -> Iterator[_Past]:
        return chain(self._old.values(), self._late.values())
