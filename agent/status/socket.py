"""The running agent answers the command line over a UNIX socket in its state directory.

One question a connection: a JSON object in a line, ``{"ask": "status"}``; one JSON object in a line back.
No question changes what is measured, or how; `mode` marks what is measured of a meter. The directory is the owner's
alone, and so is the socket.

An agent that could not have its state directory answers under a name in the abstract namespace, made of the directory's
path; the kernel says who asks, and who answers. The name is its lock as well.
"""

import asyncio
import json
import logging
import os
import socket
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from agent.errors import StateHeldError

log = logging.getLogger("lamplighter.status")

NAME = "agent.sock"
_LONGEST_QUESTION = 4096
_QUESTION_TIMEOUT_S = 2.0
# So often asyncio tries to accept at once where no descriptor is left.
_WAITING = 8
_ANSWER_TIMEOUT_S = 10.0

Answer = Callable[[Mapping[str, Any]], Awaitable[object]]
Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class NotRunningError(OSError):
    """No agent answers in this state directory."""


@contextmanager
def _short_path(state_dir: Path) -> Iterator[str]:
    """The socket's path through a directory descriptor: AF_UNIX paths end at 107 bytes, state directories do not."""
    descriptor = os.open(state_dir, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{NAME}"
    finally:
        os.close(descriptor)


def _nameless(state_dir: Path) -> str:
    """The abstract name of an agent that has no state directory."""
    path = os.fsencode(os.path.realpath(state_dir))
    # unix(7): 108 bytes at most, and all of them count.
    return f"\0lamplighter-{zlib.crc32(path):08x}-{path[-60:].hex()[-80:]}"


def _peer(sock: socket.socket) -> tuple[int, int]:
    """Process and user at the other end. unix(7): struct ucred is pid, uid, gid."""
    pid, uid, _ = struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return pid, uid


@asynccontextmanager
async def serve(state_dir: Path, answers: Mapping[str, Answer], *, nowhere: bool = False) -> AsyncIterator[None]:
    """Answer questions until the block ends. The caller holds the state directory: a left-over socket is stale.

    nowhere: nobody holds it, as it cannot be had. StateHeldError: another agent is in the same plight
    """

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if nowhere and _peer(writer.get_extra_info("socket"))[1] not in (0, os.geteuid()):
                return
            async with asyncio.timeout(_QUESTION_TIMEOUT_S):
                line = await reader.readline()
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                writer.write(json.dumps(await _answer(line, answers)).encode() + b"\n")
                await writer.drain()
        except (TimeoutError, ConnectionError, ValueError):
            pass  # whoever asked is gone, slow or no client of ours
        finally:
            writer.close()

    serving = _abstract(state_dir, handle) if nowhere else _in_directory(state_dir, handle)
    async with serving:
        yield


@asynccontextmanager
async def _in_directory(state_dir: Path, handle: Handle) -> AsyncIterator[None]:
    with _short_path(state_dir) as path:
        (state_dir / NAME).unlink(missing_ok=True)
        server = await asyncio.start_unix_server(handle, path, limit=_LONGEST_QUESTION, backlog=_WAITING)
        (state_dir / NAME).chmod(0o600)
    try:
        yield
    finally:
        server.close()
        (state_dir / NAME).unlink(missing_ok=True)


@asynccontextmanager
async def _abstract(state_dir: Path, handle: Handle) -> AsyncIterator[None]:
    name = _nameless(state_dir)
    try:
        server = await asyncio.start_unix_server(handle, name, limit=_LONGEST_QUESTION, backlog=_WAITING)
    except OSError as error:
        _refuse_beside(name, state_dir)
        log.warning("status.none error=%s: the command line gets no answer", error)
        yield
        return
    try:
        yield
    finally:
        server.close()


def _refuse_beside(name: str, state_dir: Path) -> None:
    with suppress(ConnectionError), socket.socket(socket.AF_UNIX) as sock:
        sock.connect(name)
        pid, uid = _peer(sock)
        if uid in (0, os.geteuid()):
            raise StateHeldError(
                f"{state_dir}: wanted by another agent (process {pid}), which keeps what it reads in memory; stop it, "
                "ask it (`lamplighter status`), or use another --state-dir"
            )


async def _answer(line: bytes, answers: Mapping[str, Answer]) -> object:
    try:
        question = json.loads(line)
    except ValueError:
        return {"error": "the question is no JSON object in one line"}
    asked = question.get("ask") if isinstance(question, dict) else None
    answer = answers.get(asked) if isinstance(asked, str) else None
    if answer is None:
        return {"error": f"unknown question {asked!r}; known: {', '.join(sorted(answers))}"}
    try:
        return await answer(question)
    except OSError as error:  # the journal's storage fails: the question has an answer, and it is this
        return {"error": str(error)}


def ask(state_dir: Path, what: str, **details: object) -> Any:
    """Ask the running agent. NotRunningError where none answers; the answer is its JSON, parsed."""
    try:
        with _connected(state_dir) as sock:
            sock.sendall(json.dumps({"ask": what, **details}).encode() + b"\n")
            with sock.makefile("rb") as file:
                line = file.readline()
    except OSError as error:
        raise NotRunningError(f"no agent answers in {state_dir}: {error.strerror or error}") from error
    if not line:
        raise NotRunningError(f"the agent in {state_dir} closed the connection without an answer")
    return json.loads(line)


@contextmanager
def _connected(state_dir: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(_ANSWER_TIMEOUT_S)
        try:
            with _short_path(state_dir) as path:
                sock.connect(path)
        except OSError as error:
            _connect_nameless(sock, state_dir, error)
        yield sock


def _connect_nameless(sock: socket.socket, state_dir: Path, first: OSError) -> None:
    """first: why nobody answers in the directory, raised where nobody of ours answers for it either."""
    with suppress(OSError):
        sock.connect(_nameless(state_dir))
        if os.geteuid() in (0, _peer(sock)[1]):
            return
    raise first
