"""The SQLite file: settings of every open, schema, and what to do when it does not open.

Everything here runs in the journal's own thread. One connection, exclusive, write-ahead log, full sync:
NORMAL loses acknowledged rows in a power cut, and two connections can corrupt a write-ahead log before SQLite 3.51.3.
"""

import errno
import logging
import os
import sqlite3
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from agent.errors import StateHeldError
from agent.journal.gone import gone
from agent.private_file import ensure_private

log = logging.getLogger(__name__)

FILE_NAME = "journal.sqlite3"
# 4, 5 and 6 have the tables of 3: their chunks may be of a code that the one before does not know.
SCHEMA = 6
APPLICATION_ID = 0x4C414D50  # "LAMP"
PAGE_BYTES = 4096
# The answer to a lock that is still there after this is that somebody else has the file open.
BUSY_S = 0.5
# An unclean stop is checked for at most this long: polling must begin within seconds, and each chunk has a checksum.
CHECK_STEPS = 2_000_000
KEEP_BAD = 2
# What lies beside a file that was moved aside, by the end of its name: its log, and its own first page.
FIRST_PAGE = "-page1"
_BESIDE = ("-wal", "-journal", FIRST_PAGE)

_SCHEMA = """
CREATE TABLE meta (k TEXT PRIMARY KEY, v NOT NULL) WITHOUT ROWID;
CREATE TABLE epoch (seq_lo INTEGER PRIMARY KEY, epoch TEXT NOT NULL, gateway TEXT NOT NULL,
  started_us INTEGER NOT NULL);
CREATE TABLE event (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, revision INTEGER NOT NULL, latest INTEGER NOT NULL,
  state TEXT NOT NULL, kind TEXT NOT NULL, meter TEXT, start_us INTEGER NOT NULL, end_us INTEGER,
  crc32 INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX event_latest ON event (id) WHERE latest;
CREATE INDEX event_start ON event (start_us) WHERE latest;
CREATE INDEX event_open ON event (start_us) WHERE latest AND state = 'open';
CREATE TABLE chunk (seq_lo INTEGER PRIMARY KEY, seq_hi INTEGER NOT NULL, codec INTEGER NOT NULL,
  crc32 INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE gap (seq INTEGER PRIMARY KEY, seq_lo INTEGER NOT NULL, seq_hi INTEGER NOT NULL, reason TEXT NOT NULL,
  time_us INTEGER NOT NULL);
CREATE TABLE position (sink TEXT PRIMARY KEY, live INTEGER NOT NULL, backlog_lo INTEGER NOT NULL,
  backlog_hi INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE dead (id INTEGER PRIMARY KEY, sink TEXT NOT NULL, seq INTEGER NOT NULL, reason TEXT NOT NULL,
  body TEXT NOT NULL, time_us INTEGER NOT NULL);
INSERT INTO meta VALUES ('clean', 1), ('opens', 0), ('note', ''), ('let_go', 1);
"""
# Schema 2. size: what a part counts for in meta's trace_bytes.
_TRACES = """
CREATE TABLE trace (seq INTEGER PRIMARY KEY, event TEXT NOT NULL, part INTEGER NOT NULL, meter TEXT NOT NULL,
  from_us INTEGER NOT NULL, to_us INTEGER NOT NULL, size INTEGER NOT NULL, codec INTEGER NOT NULL,
  crc32 INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE trace_position (sink TEXT PRIMARY KEY, next INTEGER NOT NULL) WITHOUT ROWID;
"""
_MORE_TRACES = """
CREATE INDEX trace_meter ON trace (meter, to_us, from_us);
INSERT INTO meta VALUES ('trace_bytes', 0), ('traces_evicted', 0);
"""

# Schema 3.
_INCIDENTS = """
CREATE TABLE incident (seq INTEGER PRIMARY KEY, id TEXT NOT NULL, revision INTEGER NOT NULL, latest INTEGER NOT NULL,
  state TEXT NOT NULL, start_us INTEGER NOT NULL, end_us INTEGER, crc32 INTEGER NOT NULL, body TEXT NOT NULL);
"""
_MORE_INCIDENTS = """
CREATE INDEX incident_latest ON incident (id) WHERE latest;
CREATE INDEX incident_start ON incident (start_us) WHERE latest;
"""
# Schema -> the tables it lacks, and what belongs to them.
_LACKS = {
    1: ((_TRACES, _MORE_TRACES), (_INCIDENTS, _MORE_INCIDENTS)),
    2: ((_INCIDENTS, _MORE_INCIDENTS),),
    3: (),
    4: (),
    5: (),
}

_OTHER_SCHEMA = (
    "no such column", "no such table", "has no column", "columns but", "not present in both tables",
    # A schema format above 4, in the file's header: none is defined (sqlite.org/fileformat2.html, section 1.3).
    "unsupported file format",
)  # fmt: skip


class JournalVersionError(OSError):
    """The file was written by a newer version. Install that version again, or name another state directory."""


class ForeignFileError(sqlite3.DatabaseError):
    """A sound SQLite file that is no journal."""


class Opened(NamedTuple):
    """note: why and where the old file was moved, or that it is gone, empty otherwise; moved: that file."""

    db: sqlite3.Connection
    note: str = ""
    moved: Path | None = None


def open_file(path: Path, cap_bytes: int, now_us: int, *, check: bool = True) -> Opened:
    """The connection, to a new file where the old one had to be moved aside. check: look for damage after a crash.

    A damaged file is opened once more before it is judged: a failing filesystem shows the same error, and the
    file behind it is sound after a remount. JournalVersionError, StateHeldError; sqlite3.Error or OSError where
    the storage itself does not work, in which case the file is left where it is.
    """
    note = gone(path)
    if note:
        log.error("journal.gone file=%s: %s", path, note)
    try:
        return Opened(connect(path, cap_bytes, check=check), note)
    except sqlite3.DatabaseError as error:
        _damage(error)
    try:
        return Opened(connect(path, cap_bytes, check=check), note)
    except sqlite3.DatabaseError as error:
        return begin_anew(path, cap_bytes, now_us, _damage(error))


def begin_anew(path: Path, cap_bytes: int, now_us: int, damage: str) -> Opened:
    """Move a damaged file aside and make a new one. OSError where it is the storage that is ill."""
    _probe_storage(path.parent)
    moved = _move_aside(path, now_us)
    note = f"{path.name} was moved to {moved.name}: {damage}"
    log.error("journal.moved_aside file=%s to=%s reason=%s", path, moved.name, damage)
    return Opened(connect(path, cap_bytes), note, moved)


def connect(path: Path, cap_bytes: int, *, check: bool = True) -> sqlite3.Connection:
    """Open, check and if need be create."""
    try:
        return _connect(path, cap_bytes, check=check)
    except UnicodeDecodeError as error:  # SQLite's own words repeat what a damaged schema says
        raise ForeignFileError(f"the schema is no text: {error.object!r}") from error


def _connect(path: Path, cap_bytes: int, *, check: bool) -> sqlite3.Connection:
    _refuse_newer(path)
    ensure_private(path)  # its log gets the same mode
    with ExitStack() as undo:
        db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)
        undo.callback(db.close)
        _configure(db, cap_bytes)
        if _is_empty(db):
            create(db)
        _check_owner(db, path)
        if check:
            _check_after_crash(db)
        _migrate(db)
        undo.pop_all()
        return db


def connect_readonly(path: Path) -> sqlite3.Connection:
    """For a look at a file nobody holds. FileNotFoundError, JournalVersionError, StateHeldError, OSError (damaged).

    Not opened as read-only: SQLite cannot read what a killed agent left in its log that way.
    """
    none_yet = FileNotFoundError(errno.ENOENT, "no journal here yet; start the agent first", str(path))
    if not path.exists() or not path.stat().st_size:
        raise none_yet
    _refuse_newer(path)
    with ExitStack() as undo:
        db = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)
        undo.callback(db.close)
        try:
            db.execute("PRAGMA locking_mode=EXCLUSIVE").fetchall()
            if _is_empty(db):
                raise none_yet  # killed in its first start, before there was anything to keep
            _check_owner(db, path)
            for tables, _ in _LACKS.get(_pragma(db, "user_version"), ()):
                # A look changes nothing: the tables an older file lacks are there for now only.
                db.executescript(tables.replace("CREATE TABLE", "CREATE TEMP TABLE"))
            db.execute("PRAGMA query_only=ON")
        except sqlite3.DatabaseError as error:
            raise OSError(f"{path}: {_damage(error)}; the agent moves it aside when it starts") from error
        undo.pop_all()
        return db


def _refuse_newer(path: Path) -> None:
    """Read the version from the file's header: not a byte of a newer file may change.

    Every version empties the log into the file right after it creates or migrates the schema, so the header is true.
    Source: sqlite.org/fileformat2.html, section 1.3: user version, big-endian, at offset 60.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        header = file.read(100)
    version = int.from_bytes(header[60:64], "big")
    if header.startswith(b"SQLite format 3\0") and header[68:72] == APPLICATION_ID.to_bytes(4, "big"):
        _refuse(path, version)


def _refuse(path: Path, version: int) -> None:
    if version > SCHEMA:
        raise JournalVersionError(
            f"{path}: schema {version}, this version of lamplighter reads up to {SCHEMA}; install the newer "
            "version again or use another --state-dir (the file was not touched)"
        )


def _configure(db: sqlite3.Connection, cap_bytes: int) -> None:
    # All but page_size and auto_vacuum belong to the connection, not to the file. Order matters: exclusive
    # locking before the log is first touched, auto_vacuum before the first table.
    for setting in (
        f"page_size={PAGE_BYTES}", "auto_vacuum=INCREMENTAL", "locking_mode=EXCLUSIVE", "journal_mode=WAL",
        "synchronous=FULL", "wal_autocheckpoint=1000", f"journal_size_limit={4 << 20}", "cell_size_check=ON",
        "trusted_schema=OFF", "mmap_size=0", "cache_size=-512", f"max_page_count={cap_bytes // PAGE_BYTES}",
        # Debian's SQLite writes zeros over what is deleted: an eighth of what a full file writes in a day.
        "secure_delete=OFF",
    ):  # fmt: skip
        db.execute(f"PRAGMA {setting}").fetchall()


def _is_empty(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def create(db: sqlite3.Connection) -> None:
    """The schema, in a file that has none."""
    # One transaction: a cut during the first start leaves an empty file, never half a schema.
    header = f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={SCHEMA};"
    since = " ".join(part for parts in _LACKS[1] for part in parts)
    db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} {since} {header} COMMIT; PRAGMA wal_checkpoint(TRUNCATE);")


def _migrate(db: sqlite3.Connection) -> None:
    """From schema 1, which knows no traces, 2, which knows no incidents, 3, which knows no dense chunks, 4, which knows
    no intervals, or 5, which knows no health. One transaction, as above: a cut leaves either schema whole."""
    lacks = _LACKS.get(_pragma(db, "user_version"))
    if lacks is not None:
        header = f"PRAGMA user_version={SCHEMA};"
        since = " ".join(part for parts in lacks for part in parts)
        try:
            db.executescript(f"BEGIN IMMEDIATE; {since} {header} COMMIT; PRAGMA wal_checkpoint(TRUNCATE);")
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode & 0xFF not in (sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT):
                raise
            # Its header says an older version than its tables: a card took one page and not the other.
            raise ForeignFileError(f"cannot be brought to schema {SCHEMA}: {error}") from error


def _check_owner(db: sqlite3.Connection, path: Path) -> None:
    version, owner = _pragma(db, "user_version"), _pragma(db, "application_id")
    if owner == APPLICATION_ID:
        _refuse(path, version)
    if owner != APPLICATION_ID or not 1 <= version <= SCHEMA:
        raise ForeignFileError(f"{path.name} is no journal (application {owner:#x}, schema {version})")


def _check_after_crash(db: sqlite3.Connection) -> None:
    if db.execute("SELECT v FROM meta WHERE k = 'clean'").fetchone() == (1,):
        return
    steps = iter(range(CHECK_STEPS // 10_000))
    db.set_progress_handler(lambda: next(steps, None) is None, 10_000)
    try:
        found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        found = "ok"  # too big to check in time
    finally:
        db.set_progress_handler(None, 0)
    if found != "ok":
        raise ForeignFileError(f"quick_check: {found}")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether it is the file that is damaged, and nothing else."""
    code = getattr(error, "sqlite_errorcode", None) or 0
    broken = code & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
    # A letter of the schema changed: sound for SQLite, and another file than the one that was created.
    other = code == sqlite3.SQLITE_ERROR and any(words in str(error) for words in _OTHER_SCHEMA)
    return isinstance(error, ForeignFileError) or broken or other


def _damage(error: sqlite3.DatabaseError) -> str:
    """Words for damage of the file itself; whatever else is raised again as it is."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None and code & 0xFF == sqlite3.SQLITE_BUSY:
        raise StateHeldError(f"the journal is open in another program ({error}); close that one") from error
    if is_damage(error):
        return str(error)
    raise error


def _probe_storage(directory: Path) -> None:
    """OSError if the filesystem does not take and keep a write: then it is the storage that is ill, not the file."""
    probe = directory / "probe"
    descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, b"lamplighter")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        probe.unlink()


def _move_aside(path: Path, now_us: int) -> Path:
    stamp = f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=now_us):%Y%m%dT%H%M%S%fZ}"
    moved = path.with_name(f"{path.name}.bad-{stamp}")
    path.rename(moved)  # the file first: a log without its file is discarded, a file without its log would look sound
    for suffix in ("-wal", "-journal"):
        beside = path.with_name(path.name + suffix)
        if beside.exists():
            beside.rename(moved.with_name(moved.name + suffix))
    _forget_old(path)
    return moved


def _forget_old(path: Path) -> None:
    """Keep the newest few: a card that goes bad again and again must not fill up with what it spoilt."""
    bad = sorted(p for p in path.parent.glob(f"{path.name}.bad-*") if not p.name.endswith(_BESIDE))
    for old in bad[:-KEEP_BAD]:
        for part in path.parent.glob(f"{old.name}*"):
            part.unlink()


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])
