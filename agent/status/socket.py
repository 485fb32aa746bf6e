"""The running agent answers the command line over a UNIX socket in its state directory.

One question a connection: a JSON object in a line, ``{"ask": "status"}``; one JSON object in a line back.
No question changes what is measured, or how; `mode` marks what is measured of a meter. The directory is the owner's
alone, and so is the socket.
"""

import asyncio
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

NAME = "agent.sock"
_LONGEST_QUESTION = 4096
_QUESTION_TIMEOUT_S = 2.0
_ANSWER_TIMEOUT_S = 10.0

Answer = Callable[[Mapping[str, Any]], Awaitable[object]]


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


@asynccontextmanager
async def serve(state_dir: Path, answers: Mapping[str, Answer]) -> AsyncIterator[None]:
    """Answer questions until the block ends. The caller holds the state directory: a left-over socket is stale."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_QUESTION_TIMEOUT_S):
                line = await reader.readline()
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                writer.write(json.dumps(await _answer(line, answers)).encode() + b"\n")
                await writer.drain()
        except (TimeoutError, ConnectionError, ValueError):
            pass  # whoever asked is gone, slow or no client of ours
        finally:
            writer.close()

    with _short_path(state_dir) as path:
        (state_dir / NAME).unlink(missing_ok=True)
        server = await asyncio.start_unix_server(handle, path, limit=_LONGEST_QUESTION)
        (state_dir / NAME).chmod(0o600)
    try:
        yield
    finally:
        server.close()
        (state_dir / NAME).unlink(missing_ok=True)


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
        with _short_path(state_dir) as path, socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(_ANSWER_TIMEOUT_S)
            sock.connect(path)
            sock.sendall(json.dumps({"ask": what, **details}).encode() + b"\n")
            with sock.makefile("rb") as file:
                line = file.readline()
    except OSError as error:
        raise NotRunningError(f"no agent answers in {state_dir}: {error.strerror or error}") from error
    if not line:
        raise NotRunningError(f"the agent in {state_dir} closed the connection without an answer")
    return json.loads(line)
