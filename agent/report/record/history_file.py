"""The file of the long record: how it is opened, what counts as damage, and where another file in its place goes."""

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from agent.private_file import ensure_private

log = logging.getLogger("lamplighter.history")

FILE_NAME = "history.sqlite3"
SCHEMA = 2  # 1: hours as the journal's chunks
_APPLICATION_ID = 0x4C414D48  # "LAMH"
_TABLE = """CREATE TABLE hour (at INTEGER NOT NULL, meter TEXT NOT NULL, crc32 INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (at, meter)) WITHOUT ROWID"""
# What sound statements never get from a sound file. SQLITE_ERROR: a column or table of another name.
_DAMAGE = (
    sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT,
    sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_MISMATCH,
)  # fmt: skip
_CACHE_KIB = 512
# A row of such a table that is longer than a quarter of its page takes whole pages beside (sqlite.org/fileformat2.html,
# section 1.6): of 4096 bytes an hour of nineteen quantities, some 1100 bytes, took four times its size.
_PAGE_BYTES = 16_384
_LOGS = ("-journal", "-wal")
_KEEP_BAD = 2
# One that was put back, as its schema is ours again, may turn out to be damaged itself.
_ATTEMPTS = 3


class NotOursError(sqlite3.DatabaseError):
    """A file of another program, or what damage made of ours."""


class OtherSchemaError(sqlite3.DatabaseError):
    """A record of another version. schema: its own"""

    def __init__(self, schema: int) -> None:
        super().__init__(f"schema {schema}, this version of lamplighter has {SCHEMA}")
        self.schema = schema


def in_spite_of_damage(path: Path, write: Callable[[], None]) -> None:
    """Where the file is damaged or another's it is moved aside, and written anew. sqlite3.Error, OSError: the card."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return write()
        except OtherSchemaError as error:
            _change_places(path, error)
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            _move_aside(path, error)
    return write()


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    """To be written, in one transaction; made where there is none. A connection each time: every ten minutes, and
    nothing is open that a failing card could spoil."""
    ensure_private(path)  # its log gets the same mode
    with _sound(path), closing(sqlite3.connect(path, isolation_level=None, timeout=5)) as db:
        _prepare(db)
        db.execute("BEGIN IMMEDIATE")
        yield db
        db.execute("COMMIT")


@contextmanager
def looked_at(path: Path) -> Iterator[sqlite3.Connection]:
    """To be read, also while an agent writes. OSError where that cannot be.

    Not opened as read-only: what a kill left half written has to be taken back first, which SQLite does under its
    locks, and nobody else's write is touched.
    """
    try:
        with _sound(path), closing(sqlite3.connect(f"file:{_quoted(path)}?mode=rw", uri=True, timeout=5)) as db:
            if not _is_empty(db):
                _check(db)
            db.execute("PRAGMA query_only=ON")
            yield db
    except OtherSchemaError as error:
        raise OSError(
            f"{path}: {error}; make the report with the version that wrote it, or start the agent: it puts the file"
            " beside and begins its own"
        ) from error
    except sqlite3.Error as error:
        raise OSError(f"{path}: {error}{_remedy(path, error)}") from error


def _quoted(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _remedy(path: Path, error: sqlite3.Error) -> str:
    if _code(error) in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN) and _beside(path)[0].exists():
        return "; a write was cut off and has to be taken back: start the agent, or make the report as its user"
    return ""


@contextmanager
def _sound(path: Path) -> Iterator[None]:
    """SQLite's own words repeat what a damaged file says; Python cannot read them."""
    with path.open("rb") as file:
        header = file.read(20)
    # Source: sqlite.org/fileformat2.html, section 1.3.3: a write version above 2 makes a file read-only.
    if header.startswith(b"SQLite format 3\0") and max(header[18:20]) > 2:
        raise NotOursError(f"{path.name}: file format {header[18]}/{header[19]}")
    try:
        yield
    except UnicodeDecodeError as error:
        raise NotOursError(f"{path.name}: its schema is no text: {error.object!r}") from error


def _prepare(db: sqlite3.Connection) -> None:
    empty = _is_empty(db)
    if not empty:
        _check(db)
    db.execute("PRAGMA synchronous=FULL")
    db.execute("PRAGMA secure_delete=OFF")
    if empty:
        db.executescript(
            f"PRAGMA page_size={_PAGE_BYTES}; PRAGMA auto_vacuum=INCREMENTAL; BEGIN; {_TABLE};"
            f" PRAGMA application_id={_APPLICATION_ID}; PRAGMA user_version={SCHEMA}; COMMIT;"
        )
    # What a write of many meters changes beyond this goes to the file before the transaction ends: the thread's heap
    # keeps what it once had. Last, as it counts pages of the size that a new file has only now.
    db.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")


def _is_empty(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM sqlite_master").fetchone() is None


def _check(db: sqlite3.Connection) -> None:
    owner, version = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
    if owner != _APPLICATION_ID:
        raise NotOursError(f"{FILE_NAME}: application {owner:#x}, schema {version}")
    if version != SCHEMA:
        raise OtherSchemaError(version)
    found = [sql for (sql,) in db.execute("SELECT CAST(sql AS BLOB) FROM sqlite_master")]
    if found != [_TABLE.encode()]:
        raise NotOursError(f"{FILE_NAME}: its schema is {found!r}")


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    return isinstance(error, NotOursError) or _code(error) in _DAMAGE


def is_torn(error: BaseException | None) -> bool:
    """A part of the file; not all of it."""
    return isinstance(error, sqlite3.Error) and _code(error) == sqlite3.SQLITE_CORRUPT


def _code(error: sqlite3.Error) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def _change_places(path: Path, error: OtherSchemaError) -> None:
    """A record of another version waits under a name of its own, and gets its place back from that version; ours that
    waits there comes back. So one that is installed and taken back again costs nothing but its own days."""
    aside = _free(path, f"schema-{error.schema}")
    _move(path, aside)
    log.warning("history.other_schema to=%s: %s; that version puts it back", aside.name, error)
    ours = path.with_name(f"{FILE_NAME}.schema-{SCHEMA}")
    if ours.exists():
        _move(ours, path)
        log.info("history.put_back from=%s", ours.name)


def _free(path: Path, word: str) -> Path:
    """A name that nothing has."""
    number, name = 1, path.with_name(f"{path.name}.{word}")
    while name.exists():
        number += 1
        name = path.with_name(f"{path.name}.{word}-{number}")
    return name


def _move_aside(path: Path, error: sqlite3.DatabaseError) -> None:
    """Of what was moved aside the largest stay: there is most to be had from them."""
    aside = _free(path, "bad")
    _move(path, aside)
    log.error("history.moved_aside to=%s error=%s", aside.name, error)
    bad = [one for one in path.parent.glob(f"{path.name}.bad*") if not one.name.endswith(_LOGS)]
    for smallest in sorted(bad, key=lambda one: one.stat().st_size)[:-_KEEP_BAD]:
        log.warning("history.removed file=%s: %d larger ones are kept", smallest.name, _KEEP_BAD)
        for part in (smallest, *_beside(smallest)):
            part.unlink(missing_ok=True)


def _move(path: Path, to: Path) -> None:
    """With what is half written: to another file it would be damage."""
    path.rename(to)
    for beside, its in zip(_beside(path), _beside(to), strict=True):
        if beside.exists():
            beside.rename(its)


def _beside(path: Path) -> tuple[Path, ...]:
    """Its log. The second kind is no setting of ours, but of damage or of another version."""
    return tuple(path.with_name(path.name + end) for end in _LOGS)
