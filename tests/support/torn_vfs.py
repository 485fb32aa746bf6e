"""What SQLite writes, in order, as the very library that the journal runs on writes it.

A virtual file system is put in front of SQLite's own: every write, truncation, sync and deletion is noted, then done.
The store under test is opened as ever and knows nothing of it. A sync can be made slow, or fail.

Through ctypes rather than apsw: apsw brings an SQLite of its own, another version than Python's, and another
interface, so that an adapter would be tested and not the store.
"""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

# Source: sqlite.org/c3ref/vfs.html and io_methods.html: pointers in this order.
_FILE_METHODS = (
    "close", "read", "write", "truncate", "sync", "size", "lock", "unlock", "reserved", "control", "sector", "device",
    "shm_map", "shm_lock", "shm_barrier", "shm_unmap", "fetch", "unfetch",
)  # fmt: skip
_FACTORY_METHODS = (
    "open", "delete", "access", "full", "dl_open", "dl_error", "dl_sym", "dl_close", "randomness", "sleep",
    "time", "last_error", "time64", "set_call", "get_call", "next_call",
)  # fmt: skip
# Source: sqlite.org/rescode.html: (4 << 8) | SQLITE_IOERR
IOERR_FSYNC = 1034


class _FileMethods(ctypes.Structure):
    _fields_ = (("version", ctypes.c_int), *((name, ctypes.c_void_p) for name in _FILE_METHODS))


class _Factory(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int), ("file_bytes", ctypes.c_int), ("path_bytes", ctypes.c_int),
        ("next", ctypes.c_void_p), ("name", ctypes.c_char_p), ("data", ctypes.c_void_p),
        *((name, ctypes.c_void_p) for name in _FACTORY_METHODS),
    )  # fmt: skip


_P, _INT, _I64 = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
_OPEN = ctypes.CFUNCTYPE(_INT, _P, _P, _P, _INT, _P)
_DELETE = ctypes.CFUNCTYPE(_INT, _P, ctypes.c_char_p, _INT)
_WRITE = ctypes.CFUNCTYPE(_INT, _P, _P, _INT, _I64)
_TRUNCATE = ctypes.CFUNCTYPE(_INT, _P, _I64)
_SYNC = ctypes.CFUNCTYPE(_INT, _P, _INT)


@dataclass(frozen=True, slots=True)
class Op:
    """One thing done to a file. offset: of a write, or the length a file is cut to."""

    what: Literal["write", "truncate", "sync", "delete"]
    file: str
    offset: int = 0
    data: bytes = b""


@dataclass(slots=True)
class Recording:
    """ops: what was done; before_sync: called with a file's name, its result is the sync's, 0 to let it be."""

    ops: list[Op] = field(default_factory=list)
    before_sync: Callable[[str], int] = lambda file: 0


def why_no_recording() -> str:
    """Why this Python's SQLite cannot be reached, empty if it can."""
    try:
        found = _sqlite().sqlite3_vfs_find(None)
    except (OSError, AttributeError) as error:
        return f"this Python hides the SQLite it is built on ({error})"
    return "" if found else "this SQLite has no file system"


def _sqlite() -> Any:
    import _sqlite3

    # The extension module's own handle: a symbol is looked up in what it is linked with.
    library = ctypes.CDLL(getattr(_sqlite3, "__file__", None))
    library.sqlite3_vfs_find.restype = ctypes.c_void_p
    library.sqlite3_vfs_find.argtypes = (ctypes.c_char_p,)
    library.sqlite3_vfs_register.argtypes = (ctypes.c_void_p, ctypes.c_int)
    library.sqlite3_vfs_unregister.argtypes = (ctypes.c_void_p,)
    return library


@contextmanager
def recorded(recording: Recording) -> Iterator[None]:
    """All that connections opened within this do is noted. They have to be closed within it, too."""
    sqlite = _sqlite()
    own = sqlite.sqlite3_vfs_find(None)
    shim = _Shim(own, recording)
    # For ever: a connection that a failing test left open still calls its functions.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(shim))
    sqlite.sqlite3_vfs_register(ctypes.addressof(shim.factory), 1)
    try:
        yield
    finally:
        sqlite.sqlite3_vfs_unregister(ctypes.addressof(shim.factory))
        sqlite.sqlite3_vfs_register(own, 1)
        shim.recording = Recording()


class _Shim:
    """SQLite's own file system with a few of its functions replaced, first of all the one that opens files: each file
    opened gets methods of ours. The files stay its own."""

    def __init__(self, own: int, recording: Recording) -> None:
        self._own = own
        self.recording = recording
        self._names: dict[int, str] = {}
        self._methods: dict[int, _FileMethods] = {}
        theirs = _Factory.from_address(own)
        self.factory = _Factory.from_buffer_copy(theirs)
        self.factory.name = b"recording"
        self._their_open, self._their_delete = _OPEN(theirs.open), _DELETE(theirs.delete)
        self._callbacks: list[object] = []
        self.factory.open = self._kept(_OPEN(self._open))
        self.factory.delete = self._kept(_DELETE(self._delete))

    def _kept(self, callback: Any) -> int | None:
        self._callbacks.append(callback)
        return ctypes.cast(callback, ctypes.c_void_p).value

    def _open(self, _: int, name: int | None, file: int, flags: int, out: int) -> int:
        result = self._their_open(self._own, name, file, flags, out)
        if not result and name:
            self._names[file] = Path(ctypes.string_at(name).decode()).name
            methods = ctypes.c_void_p.from_address(file)
            methods.value = ctypes.addressof(self._ours(methods.value or 0))
        return int(result)

    def _delete(self, _: int, name: bytes, sync_directory: int) -> int:
        result = self._their_delete(self._own, name, sync_directory)
        if not result:
            self.recording.ops.append(Op("delete", Path(name.decode()).name))
        return int(result)

    def _ours(self, theirs: int) -> _FileMethods:
        if theirs not in self._methods:
            methods = _FileMethods.from_buffer_copy(_FileMethods.from_address(theirs))
            methods.write = self._kept(_WRITE(self._writer(_WRITE(methods.write))))
            methods.truncate = self._kept(_TRUNCATE(self._truncater(_TRUNCATE(methods.truncate))))
            methods.sync = self._kept(_SYNC(self._syncer(_SYNC(methods.sync))))
            self._methods[theirs] = methods
        return self._methods[theirs]

    def _writer(self, theirs: Callable[[int, int, int, int], int]) -> Callable[[int, int, int, int], int]:
        def write(file: int, data: int, size: int, offset: int) -> int:
            self.recording.ops.append(Op("write", self._names[file], offset, ctypes.string_at(data, size)))
            return theirs(file, data, size, offset)

        return write

    def _truncater(self, theirs: Callable[[int, int], int]) -> Callable[[int, int], int]:
        def truncate(file: int, size: int) -> int:
            self.recording.ops.append(Op("truncate", self._names[file], size))
            return theirs(file, size)

        return truncate

    def _syncer(self, theirs: Callable[[int, int], int]) -> Callable[[int, int], int]:
        def sync(file: int, flags: int) -> int:
            error = self.recording.before_sync(self._names[file])
            if error:
                return error
            result = theirs(file, flags)
            if not result:
                self.recording.ops.append(Op("sync", self._names[file]))
            return result

        return sync
