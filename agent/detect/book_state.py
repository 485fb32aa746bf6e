"""What a book knows beside its events, as text that outlives the agent: where they lie on the boot clock, which goes on
if only the agent was restarted, what began lately, and what the meter's own registers said of them. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from agent.detect import note_state
from agent.detect.changes import Span
from agent.detect.notes import Kept
from agent.records import Event, Kind

# The wall clock may have been slewed by so much between the runs; by more, it was set.
_SLEWED_US = 500_000

# Of a kind: when it was told, when it began (`Span`), its id.
Began = tuple[int, Span, str]


@dataclass(frozen=True, slots=True)
class Said:
    """starts: event id -> boot time of its start; began: by kind, the latest; counts: of the open chatter; notes: by
    event id, what the meter's own registers said"""

    starts: Mapping[str, int] = field(default_factory=dict)
    began: Mapping[Kind, Sequence[Began]] = field(default_factory=dict)
    counts: Mapping[Kind, int] = field(default_factory=dict)
    notes: Mapping[str, Kept] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Earlier:
    """What the run before said, by the boot clock of now. from_wall_us: where its wall times lie on it.

    same_boot: `starts` are exact; stepped: the wall clock was set since it said this; last_us: UTC of its last sign,
    as far as it is known
    """

    from_wall_us: Callable[[int], int]
    said: Said = Said()
    same_boot: bool = False
    stepped: bool = False
    last_us: int | None = None

    def over_by(self, last_us: int, now_us: int) -> "Earlier":
        """last_us: UTC of the last that it left. Whatever clocks say, that was before now, on the boot clock."""
        known = replace(self, last_us=max(last_us, self.last_us or last_us))
        ahead_us = self.from_wall_us(last_us) - now_us
        if self.same_boot or ahead_us <= 0:
            return known
        from_wall_us = self.from_wall_us
        return replace(known, from_wall_us=lambda at_us: from_wall_us(at_us) - ahead_us)

    def start_us(self, event: Event) -> int:
        at_us = self.said.starts.get(event.id) if self.same_boot else None
        return self.from_wall_us(event.start_us) if at_us is None else at_us

    def exact(self, event: Event) -> bool:
        return self.same_boot and event.id in self.said.starts


def told(said: Said, boot_id: str, offset_us: int) -> str:
    """offset_us: from the boot clock to UTC, now."""
    began = {kind: [[at, *_pair(span), id_] for at, span, id_ in recent] for kind, recent in said.began.items()}
    body = {"boot": boot_id, "offset_us": offset_us, "starts": dict(said.starts), "began": began}
    body |= {"counts": dict(said.counts), "notes": {id_: note_state.told(kept) for id_, kept in said.notes.items()}}
    return json.dumps(body, separators=(",", ":"))


def _pair(span: Span) -> tuple[int, int]:
    return span.start_boot_us, span.start_earliest_boot_us


def understood(text: str | None, boot_id: str, offset_us: int) -> Earlier:
    """boot_id, offset_us: of now. A text that is no such text tells nothing."""
    by_wall = Earlier(lambda at_us: at_us - offset_us)
    try:
        body = json.loads(text or "")
        same_boot, then_us = bool(boot_id) and body["boot"] == boot_id, int(body["offset_us"])
        shift_us = 0 if same_boot else then_us - offset_us
        began = {
            kind: [(int(at) + shift_us, Span(int(start) + shift_us, int(earliest) + shift_us), str(id_))
                   for at, start, earliest, id_ in recent]
            for kind, recent in body["began"].items()
        }  # fmt: skip
        starts = {str(id_): int(at) for id_, at in body["starts"].items()}
        counts = {kind: int(count) for kind, count in body["counts"].items()}
        notes = {str(id_): note_state.understood(one, shift_us) for id_, one in body.get("notes", {}).items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return by_wall
    said = Said(starts if same_boot else {}, began, counts, notes)
    if not same_boot:
        return Earlier(by_wall.from_wall_us, said)
    return Earlier(lambda at_us: at_us - then_us, said, True, abs(offset_us - then_us) > _SLEWED_US)
