"""The journal in figures: what lies in the file, what waits in memory, how far each sink is."""

from collections.abc import Awaitable, Callable, Sequence

from agent.journal.entries import Batch, JournalStats, Lane, Range
from agent.journal.kept_rows import kept_rows
from agent.journal.lanes import Position, unsent
from agent.journal.reader import Reader
from agent.journal.stands import Stands
from agent.journal.tail import Tail
from agent.journal.writer import Writer
from agent.records import Record

_LANES: tuple[Lane, ...] = ("backlog", "live")

Fetch = Callable[[str, Lane, int], Awaitable[Batch]]


async def census(writer: Writer, tail: Tail, stands: Stands, fetch: Fetch, *, epoch: str, cap_mib: int) -> JournalStats:
    """OSError while the file cannot be read."""
    figures = await writer.ask(Reader.figures)
    sinks = {
        sink: figures.sink(
            sink,
            position,
            await _rows(writer, tail, unsent(position, tail.head)) + len(stands.owed(sink).lacking),
            await _oldest_unsent(fetch, sink, tail, stands.owed(sink).lacking),
            await _unsent_traces(writer, tail, position),
            marked=len(stands.owed(sink).seqs) - len(stands.owed(sink).lacking),
        )
        for sink, position in stands.items()
    }
    rows = await _rows(writer, tail, ((figures.oldest or tail.first, tail.head),))
    return figures.stats(
        epoch=epoch, head=tail.head, rows=rows, sinks=sinks, uncommitted=len(tail), cap_bytes=cap_mib << 20,
        commits=writer.commits, error=writer.error,
    )  # fmt: skip


async def _rows(writer: Writer, tail: Tail, ranges: Sequence[Range]) -> int:
    """Of the tail as it was when the file was asked: a commit meanwhile moves rows from one to the other."""
    stored = tail.first
    pending = sum(len(tail.within(one, len(tail))) for one in ranges)
    within = tuple((lo, min(hi, stored)) for lo, hi in ranges)
    return pending + await writer.ask(lambda reader: kept_rows(reader, within))


async def _unsent_traces(writer: Writer, tail: Tail, position: Position) -> int:
    pending = len(tail.within((position.trace, tail.head), len(tail), traces=True))
    return pending + await writer.ask(lambda reader: reader.unsent_traces(position))


async def _oldest_unsent(fetch: Fetch, sink: str, tail: Tail, lacking: Sequence[int]) -> Record | None:
    # What is owed lies in the tail until it is durable, and is sent then.
    found = [*tail.within((lacking[0], lacking[0] + 1), 1)] if lacking else []
    for lane in _LANES:
        found += (await fetch(sink, lane, 1)).entries
    return min(found, key=lambda entry: entry.seq).record if found else None
