"""What a meter's own registers said of an event, as text that outlives the agent. Pure."""

from collections.abc import Mapping
from typing import Any

from agent.detect.evidence import LATCHES, Latch, Move
from agent.detect.notes import Kept, Note


def told(kept: Kept) -> dict[str, Any]:
    """As JSON says it."""
    note = kept.note
    moves, first = ([_row(move) for move in each.values()] for each in (note.moves, note.first))
    body = {"moves": moves, "first": first, "shared": note.shared, "words": list(note.words)}
    own = None if kept.own is None else dict(kept.own)
    return {**body, "counted": sorted(note.counted), "deepest": dict(kept.deepest), "own": own}


def understood(body: Mapping[str, Any], shift_us: int) -> Kept:
    """shift_us: from the boot clock that it was told by to that of now. ValueError, KeyError, TypeError,
    AttributeError: it is something else."""
    moves, first = (_moves(body[key], shift_us) for key in ("moves", "first"))
    words, names = tuple(map(str, body["words"])), frozenset(map(str, body["counted"]))
    note = Note(moves, bool(body["shared"]), words, names, first)
    return Kept(note, _volts(body["deepest"]), None if body["own"] is None else _volts(body["own"]))


def _row(move: Move) -> list[Any]:
    latch = [move.latch.name, move.latch.stem, move.latch.phase, move.latch.turn, move.latch.step]
    return [latch, [move.before, move.after, move.count], [move.asked_us, move.since_us, move.until_us], move.back]


def _volts(by_phase: Mapping[str, Any]) -> dict[str, float]:
    return {str(phase): float(volts) for phase, volts in by_phase.items()}


def _moves(rows: list[Any], shift_us: int) -> dict[str, Move]:
    return {move.latch.name: move for move in (_move(row, shift_us) for row in rows)}


def _move(row: list[Any], shift_us: int) -> Move:
    (name, stem, phase, turn, step), (before, after, count), instants, back = row
    if stem not in LATCHES:
        raise ValueError(f"{stem} is none of the registers that are read")
    latch = Latch(str(name), stem, phase, None if turn is None else float(turn), float(step))
    asked_us, since_us, until_us = (int(us) + shift_us for us in instants)
    gone = None if back is None else (int(back[0]) + shift_us, int(back[1]) + shift_us)
    return Move(latch, float(before), float(after), int(count), asked_us, since_us, until_us, gone)
