"""An HTTP server that answers what the test tells it to: redirects, pages, refusals, silence."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from serving import serving


@dataclass(frozen=True, slots=True)
class Reply:
    """endless: comes after the body, again and again, until the client hangs up"""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    silent: bool = False
    endless: bytes = b""


STORED = Reply(204)


@dataclass(frozen=True, slots=True)
class Request:
    line: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class ScriptedServer:
    """replies are used up one by one; the last one stays. sent: bytes of endless ones"""

    port: int
    replies: list[Reply]
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    sent: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                self.requests.append(await _request(reader))
                reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
                if reply.silent:
                    await reader.read()
                    break
                length = {} if reply.endless else {"Content-Length": str(len(reply.body))}
                fields = {**length, **reply.headers}
                head = "".join(f"{key}: {value}\r\n" for key, value in fields.items())
                writer.write(f"HTTP/1.1 {reply.status} Scripted\r\n{head}\r\n".encode() + reply.body)
                await writer.drain()
                while reply.endless:
                    writer.write(reply.endless)
                    await writer.drain()
                    self.sent += len(reply.endless)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client hung up
        finally:
            writer.transport.abort()


@asynccontextmanager
async def scripted(*replies: Reply) -> AsyncIterator[ScriptedServer]:
    script = ScriptedServer(0, list(replies))
    async with serving(script.answer) as script.port:
        yield script


async def _request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Request(head[0], headers, gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body)


def lines(request: Request) -> Sequence[bytes]:
    return request.body.split(b"\n")
