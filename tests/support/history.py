"""What was made, stored, sent and found, held against what was promised. Pure; every campaign ends in it.

    generated -> committed -> acknowledged by the sink -> present at the sink

I1  an acknowledged event is never lost
I2  no gap in the sequence without a gap record
I3  at the sink, distinct (epoch, seq) are distinct points; what is delivered again changes nothing
I4  within a lane the order never goes back
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from agent.records import Event, Gap, Health, Incident, Interval, Reading, Record

Rule = Literal["I1", "I2", "I3", "I4"]
Span = tuple[int, int]  # sequence numbers, both included

# What is promised as soon as it is told to be stored. The rest may go, but not without a gap record.
PROMISED = ("event", "incident")


@dataclass(frozen=True, slots=True)
class Point:
    """One record and its place. name: the same for the same record wherever it is met, and for no other."""

    seq: int
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class Life:
    """One run of the agent, from its start to its end or its cut.

    head:    the next seq to be given out when it began
    durable: everything that it generated below this seq was told to be stored (0: it never said so)
    """

    epoch: str
    head: int
    generated: tuple[Point, ...]
    durable: int = 0


@dataclass(frozen=True, slots=True)
class Kept:
    """What lies in the journal. gaps: spans that gap records tell of; let_go: spans that may have gone without a word,
    because every sink had them and room was needed."""

    head: int
    points: tuple[Point, ...]
    gaps: tuple[Span, ...] = ()
    let_go: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One record on its way to a sink. session: one connection; body: what was sent, or a digest of it."""

    sink: str
    session: str
    lane: str
    epoch: str
    seq: int
    name: str
    body: str = ""
    acknowledged: bool = True


@dataclass(frozen=True, slots=True)
class Sunk:
    """What a sink holds in the end: the name of each of its rows, and the spans that gap records told it of."""

    sink: str
    rows: tuple[str, ...]
    gaps: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Wrong:
    rule: Rule
    words: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.words}"


def point(seq: int, record: Record) -> Point:
    """The record's place and its name for ever."""
    if isinstance(record, Reading):
        return Point(seq, "reading", f"reading:{record.meter}@{record.time_us}")
    if isinstance(record, Event):
        return Point(seq, "event", f"event:{record.id}.{record.revision}")
    if isinstance(record, Incident):
        return Point(seq, "incident", f"incident:{record.id}.{record.revision}")
    if isinstance(record, Gap):
        return Point(seq, "gap", f"gap:{record.seq_lo}-{record.seq_hi}@{seq}")
    if isinstance(record, Interval):
        return Point(seq, "interval", f"{record.kind}:{record.meter}@{record.start_us}")
    if isinstance(record, Health):
        return Point(seq, "health", f"health:{record.of}:{record.name}@{record.time_us}")
    return Point(seq, "trace", f"trace:{record.event}.{record.part}")


def check(
    lives: Sequence[Life], kept: Kept, deliveries: Sequence[Delivery] = (), sunk: Iterable[Sunk] = ()
) -> tuple[Wrong, ...]:
    """Everything that breaks a promise, in order of the rules.

    sunk: of sinks that have had time to get everything
    """
    known = {one.name for life in lives for one in life.generated}
    found = [
        *_lost(lives, kept),
        *_holes(kept),
        *_doubled(lives),
        *_unheard_of(kept, known),
        *_confused(deliveries),
        *_gone_back(deliveries),
    ]
    for sink in sunk:
        found += _not_there(lives, sink, kept.gaps + sink.gaps, known)
    return tuple(sorted(found, key=lambda wrong: wrong.rule))


def _lost(lives: Sequence[Life], kept: Kept) -> Iterator[Wrong]:
    """What was said to be stored and is not: an event never goes; a reading goes with a gap record."""
    there = {(one.seq, one.name) for one in kept.points}
    for life in lives:
        for one in life.generated:
            if one.seq >= life.durable or (one.seq, one.name) in there:
                continue
            if one.kind in PROMISED:
                yield Wrong("I1", f"{one.name} (epoch {life.epoch}, seq {one.seq}) was said to be stored and is gone")
            elif not _within(one.seq, kept.gaps + kept.let_go):
                yield Wrong("I2", f"{one.name} (epoch {life.epoch}, seq {one.seq}) is gone without a gap record")


def _holes(kept: Kept) -> Iterator[Wrong]:
    there = {one.seq for one in kept.points}
    for seq in range(1, kept.head):
        if seq not in there and not _within(seq, kept.gaps + kept.let_go):
            yield Wrong("I2", f"seq {seq} of {kept.head - 1} is missing and no gap record tells of it")
    for one in kept.points:
        if one.seq >= kept.head:
            yield Wrong("I2", f"{one.name} has seq {one.seq}, and {kept.head} is to be given out next")
    if len(there) < len(kept.points):
        yield Wrong("I3", "one seq holds two records")


def _doubled(lives: Sequence[Life]) -> Iterator[Wrong]:
    """Two records under one (epoch, seq): a sink could not tell them apart."""
    seen: dict[tuple[str, int], str] = {}
    for life in lives:
        for one in life.generated:
            if seen.setdefault((life.epoch, one.seq), one.name) != one.name:
                yield Wrong("I3", f"epoch {life.epoch} gave seq {one.seq} to two records")


def _unheard_of(kept: Kept, known: set[str]) -> Iterator[Wrong]:
    for one in kept.points:
        if one.kind != "gap" and one.name not in known:
            yield Wrong("I3", f"{one.name} (seq {one.seq}) lies in the journal and was never made")


def _confused(deliveries: Sequence[Delivery]) -> Iterator[Wrong]:
    names: dict[tuple[str, str, int], str] = {}
    bodies: dict[tuple[str, str], str] = {}
    for one in deliveries:
        if names.setdefault((one.sink, one.epoch, one.seq), one.name) != one.name:
            yield Wrong("I3", f"{one.sink} got two records under epoch {one.epoch}, seq {one.seq}")
        if bodies.setdefault((one.sink, one.name), one.body) != one.body:
            yield Wrong("I3", f"{one.sink} got {one.name} again with other words")


def _gone_back(deliveries: Sequence[Delivery]) -> Iterator[Wrong]:
    last: dict[tuple[str, str, str], int] = {}
    for one in deliveries:
        way = (one.sink, one.session, one.lane)
        if one.seq <= last.get(way, 0):
            yield Wrong("I4", f"{one.sink}, lane {one.lane}: seq {one.seq} after {last[way]} on one connection")
        last[way] = one.seq


def _not_there(lives: Sequence[Life], sink: Sunk, gaps: tuple[Span, ...], known: set[str]) -> Iterator[Wrong]:
    """What was stored and never came, came twice, or was never made."""
    there = set(sink.rows)
    for life in lives:
        for one in life.generated:
            if one.seq >= life.durable or one.kind == "gap" or one.name in there:
                continue
            if one.kind in PROMISED:
                yield Wrong("I1", f"{one.name} (epoch {life.epoch}, seq {one.seq}) never came to {sink.sink}")
            elif not _within(one.seq, gaps):
                yield Wrong("I2", f"{one.name} (seq {one.seq}) never came to {sink.sink}, and no gap record did")
    if len(there) < len(sink.rows):
        yield Wrong("I3", f"{sink.sink} holds {len(sink.rows) - len(there)} points twice")
    for name in sorted(there - known):
        yield Wrong("I3", f"{sink.sink} holds {name}, which was never made")


def _within(seq: int, spans: tuple[Span, ...]) -> bool:
    return any(lo <= seq <= hi for lo, hi in spans)
