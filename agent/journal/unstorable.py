"""Which entries no file can hold: a number beyond 64 bit, half of a pair of surrogates, a type that is none. The commit
that meets one fails whole, and would each time. Runs in the journal's own thread, on a file in memory.
"""

import sqlite3
import struct
from collections.abc import Sequence
from contextlib import closing

from agent.journal.codec import CHUNKED, encode, runs
from agent.journal.entries import Entry
from agent.journal.file import create
from agent.journal.rows import insert, transaction

REASON = "cannot be stored"
# What writing raises for the sake of a value. Of SQLite's own: what may be anybody's fault is not an entry's unless
# that fails by itself, too.
UNSTORABLE = (
    ValueError, TypeError, OverflowError, struct.error,
    sqlite3.ProgrammingError, sqlite3.InterfaceError, sqlite3.IntegrityError, sqlite3.DataError,
)  # fmt: skip


def unstorable(entries: Sequence[Entry]) -> dict[int, str]:
    """By seq, why. Of readings that fail only together all of them."""
    others = ([entry] for entry in entries if not isinstance(entry.record, CHUNKED))
    found: dict[int, str] = {}
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        create(db)
        for group in (*runs(entries, CHUNKED), *others):
            fault = _fault(db, group)
            if fault:
                alone = {entry.seq: why for entry in group if (why := _fault(db, [entry]))}
                found |= alone or {entry.seq: fault for entry in group}
    return found


def escaped(text: str) -> str:
    """As any file can hold it."""
    return text.encode(errors="backslashreplace").decode()


def _fault(db: sqlite3.Connection, entries: Sequence[Entry]) -> str:
    try:
        chunks = [encode(run) for run in runs(entries, CHUNKED)]
        with transaction(db):
            insert(db, chunks, entries)
    except UNSTORABLE as error:
        return f"{type(error).__name__}: {escaped(str(error))}"[:200]
    return ""
