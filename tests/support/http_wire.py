"""What may stand between the InfluxDB sink and its server: proxies, portals, modems. Passes requests on, or answers
them itself, as a test wants. It shares no code with the product.
"""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from serving import serving


@dataclass(frozen=True, slots=True)
class Fault:
    """What becomes of one request.

    stored:    it is passed on first, and the server's answer is not
    answer:    what the agent gets instead, before the connection ends; empty: it ends without a word
    trickle_s: the answer comes a byte at a time, with so many seconds between
    silent_s:  so long nothing is said
    over:      only requests with more readings meet it, for those can be halved: an event may have two lines
    """

    name: str
    answer: bytes = b""
    stored: bool = False
    trickle_s: float = 0.0
    silent_s: float = 0.0
    over: int = 0


def said(status: str, body: bytes = b"", *headers: str) -> bytes:
    head = "\r\n".join((f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers))
    return head.encode() + b"\r\n\r\n" + body


@dataclass
class HttpWire:
    """plan: the faults of the next requests; those after them have none."""

    target: int
    port: int = 0
    plan: list[Fault] = field(default_factory=list)
    requests: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head, body = await _message(reader)
                self.requests += 1
                fault = self._fault(head, body)
                answer = await self._asked(head + body) if fault is None or fault.stored else b""
                if fault is None:
                    writer.write(answer)
                    await writer.drain()
                    continue
                await _play(fault, writer)
                break
        except (OSError, asyncio.IncompleteReadError):
            pass  # one of them hung up
        finally:
            writer.close()

    def _fault(self, head: bytes, body: bytes) -> Fault | None:
        if not self.plan:
            return None
        text = gzip.decompress(body) if b"gzip" in head.lower().partition(b"content-encoding")[2][:10] else body
        if self.plan[0].over and self.plan[0].over >= text.count(b"\nreading,") + text.startswith(b"reading,"):
            return None
        return self.plan.pop(0)

    async def _asked(self, request: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.target)
        try:
            writer.write(request)
            await writer.drain()
            head, body = await _message(reader)
            return head + body
        finally:
            writer.close()


async def _play(fault: Fault, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(fault.silent_s)
    step = 1 if fault.trickle_s else max(1, len(fault.answer))
    for at in range(0, len(fault.answer), step):
        writer.write(fault.answer[at : at + step])
        await writer.drain()
        await asyncio.sleep(fault.trickle_s)


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Head and body of a request or an answer."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return head, await reader.readexactly(int(line.partition(b":")[2]))
    return head, b""


@asynccontextmanager
async def wire(target: int) -> AsyncIterator[HttpWire]:
    made = HttpWire(target)
    async with serving(made.serve) as made.port:
        yield made
