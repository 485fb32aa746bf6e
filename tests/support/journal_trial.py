"""One state directory through many lives: what its victims said, held against what the store finds when it starts."""

import sqlite3
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from history import Delivery, Kept, Life, Point, Span, Wrong, check, point
from journal_victim import SINKS
from samples import MIDNIGHT_US

from agent.journal.batches import Commit, Found
from agent.journal.file import FILE_NAME
from agent.journal.holes import Holes
from agent.journal.lanes import Position
from agent.journal.reader import Page, Reader
from agent.journal.retention import sent_by
from agent.journal.store import Store
from agent.records import Gap

ALL = 1 << 40
# What a start on a damaged file might fail with, if it were not to go on.
_FAILED = (OSError, sqlite3.Error, TypeError, ValueError, LookupError)

# What shows twice lies in the file, which is then moved aside.
_CHANCES = 2


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a start found. note: what recovery had to do; damaged: rows that do not read; lost: records that were made
    and are gone, as nobody had called them stored; lost_s: how long before the cut the first of them was made;
    refused: in what words the start was, which must never be."""

    wrong: tuple[Wrong, ...]
    start_s: float
    note: str
    damaged: int
    points: int
    lost: int
    head: int
    lost_s: float = 0.0
    refused: str = ""


class Clock:
    """When each seq of one life was made, and when it was cut."""

    def __init__(self) -> None:
        self.made_s: dict[int, float] = {}
        self.last_s = 0.0

    def since_s(self, head: int) -> float:
        """How long before the cut the first record from head on was made."""
        return max((self.last_s - made_s for seq, made_s in self.made_s.items() if seq >= head), default=0.0)


def told(text: str) -> tuple[Life, tuple[Delivery, ...], Clock]:
    """A victim's words. What follows the last line end was cut off in the middle."""
    epoch, head, durable, clock = "", 0, 0, Clock()
    made: list[Point] = []
    sent: list[Delivery] = []
    for what, *rest in (line.split(" ") for line in text.split("\n")[:-1]):
        if what == "up":
            epoch, head = rest[0], int(rest[1])
        elif what == "g":
            made.append(Point(int(rest[0]), rest[1], rest[2]))
            clock.made_s[int(rest[0])] = clock.last_s
        elif what == "c":
            clock.last_s = float(rest[0])
        elif what == "d":
            durable = max(durable, int(rest[0]))
        elif what == "t":
            sink, lane, seq, name, digest = rest
            sent.append(Delivery(sink, epoch, lane, epoch, int(seq), name, digest))
    return Life(epoch, head, tuple(made), durable), tuple(sent), clock


class Trial:
    """evicting: there is so little room that what every sink has may go without a word."""

    def __init__(self, state_dir: Path, cap_mib: int = 512, *, evicting: bool = False) -> None:
        self.lives: list[Life] = []
        self._sent: list[Delivery] = []
        self._clock = Clock()  # of the last life
        self.state_dir = state_dir
        self._cap_mib = cap_mib
        self._evicting = evicting

    @property
    def events(self) -> int:
        """How many were said to be stored."""
        return sum(one.kind == "event" and one.seq < life.durable for life in self.lives for one in life.generated)

    def heard(self, text: str) -> Life:
        life, sent, self._clock = told(text)
        self.lives.append(life)
        self._sent += sent
        return life

    def judge(self) -> Verdict:
        """Start the store as the agent does, read everything, and leave without a word, as a kill does."""
        began_s = time.perf_counter()
        store = Store(self.state_dir / FILE_NAME, f"judge-{len(self.lives)}", "gw-01", self._cap_mib << 20)
        try:
            found = store.start(MIDNIGHT_US)
        except _FAILED as error:
            return Verdict((), time.perf_counter() - began_s, "", 0, 0, 0, 0, refused=repr(error))
        start_s = time.perf_counter() - began_s
        try:
            head, (kept, damaged, note) = self._look(store, found)
        except _FAILED as error:
            return Verdict((), start_s, "", 0, 0, 0, found.head, refused=f"started, then {error!r}")
        finally:
            store.close(clean=False)
        made = sum(len(life.generated) for life in self.lives)
        there = sum(one.kind != "gap" for one in kept.points)
        wrong = check(self.lives, kept, self._sent)
        lost_s = self._clock.since_s(found.head)
        return Verdict(wrong, start_s, note, damaged, len(kept.points), made - there, head, lost_s)

    def _look(self, store: Store, found: Found) -> tuple[int, tuple[Kept, int, str]]:
        """Damage may show only where the file is read. The next commit opens it anew; the second time it is judged."""
        head, told = found.head, _told(found.holes, found.positions)
        for _ in range(_CHANCES):
            with suppress(OSError):
                return head, self._read(store, head, (*told, *_salvaged(store)))
            done = store.commit(Commit((), {}), MIDNIGHT_US)
            head, told = done.head, (*told, *_told(done.holes, found.positions))
        return head, self._read(store, head, (*told, *_salvaged(store)))

    def _read(self, store: Store, head: int, lost: tuple[Span, ...]) -> tuple[Kept, int, str]:
        return store.ask(lambda reader: self._kept(reader, head, lost))

    def _kept(self, reader: Reader, head: int, lost: tuple[Span, ...]) -> tuple[Kept, int, str]:
        everything = (0, ALL)
        pages = (reader.read(everything, ALL), reader.read(everything, ALL, traces=True))
        let_go = self._let_go(reader, head) if self._evicting else ()
        # The journal makes a gap record of a damaged row as soon as a sink asks for it.
        damaged = [(row.seq_lo, row.seq_hi) for page in pages for row in page.damaged]
        note = reader.figures().note
        return Kept(head, tuple(_points(pages)), (*_gaps(pages), *damaged, *lost), let_go), len(damaged), note

    def _let_go(self, reader: Reader, head: int) -> tuple[Span, ...]:
        """What every sink has: by the positions as they stand, and, since these may offer again what went already, by
        what was delivered."""
        sent = sent_by(reader.positions().values(), head)
        traces = (one.seq for life in self.lives for one in life.generated if one.kind == "trace")
        return (
            *((lo, hi - 1) for lo, hi in sent.ranges),
            *((seq, seq) for seq in traces if seq < sent.traces_below),
            *self._delivered(),
        )

    def _delivered(self) -> list[Span]:
        """What every sink took, and what the gap records tell of that every sink took."""
        took = [{(one.seq, one.name) for one in self._sent if one.sink == sink} for sink in SINKS]
        last = {one.seq: one.name for life in self.lives for one in life.generated if one.seq < life.durable}
        everywhere = [(seq, name) for seq, name in set.intersection(*took) if last.get(seq, name) == name]
        spans = [name.removeprefix("gap:").partition("@")[0] for _, name in everywhere if name.startswith("gap:")]
        return [
            *((seq, seq) for seq, _ in everywhere),
            *((int(lo), int(hi)) for lo, _, hi in (span.partition("-") for span in spans)),
        ]


def _told(holes: Holes, positions: Mapping[str, Position]) -> tuple[Span, ...]:
    """What the journal would write gap records of as soon as it is open."""
    return tuple((lo, hi - 1) for lo, hi in holes.to_tell(positions[sink] for sink in SINKS if sink in positions))


def _salvaged(store: Store) -> tuple[Span, ...]:
    """Take over all that reads of a file that was moved aside, as the journal does between its commits; the spans that
    it would write gap records of."""
    if not store.ask(Reader.salvage)[0]:
        return ()
    while not (slice_ := store.salvage()).done:
        pass
    store.commit(Commit((), {}, salvaged=True), MIDNIGHT_US)
    return tuple((lo, hi - 1) for lo, hi in slice_.lost)


def _points(pages: Iterable[Page]) -> list[Point]:
    return [point(entry.seq, entry.record) for page in pages for entry in page.entries]


def _gaps(pages: Iterable[Page]) -> list[Span]:
    records = (entry.record for page in pages for entry in page.entries)
    return [(gap.seq_lo, gap.seq_hi) for gap in records if isinstance(gap, Gap)]
