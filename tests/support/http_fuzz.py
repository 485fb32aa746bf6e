"""Whole answers to a write, byte for byte what a server may send: through influxdb-client and urllib3 to the sink."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable

from mutation import mutated
from samples import entries, reading

from agent.errors import SinkError
from agent.publish.influxdb import InfluxSink
from agent.publish.line_protocol import LineEncoder
from agent.secret import Secret
from agent.site import InfluxSite

_ANSWERS = (
    b"HTTP/1.1 204 No Content\r\nX-Influxdb-Version: 1.6.7\r\n\r\n",
    b'HTTP/1.1 400 Bad Request\r\nContent-Length: 31\r\n\r\n{"error":"unable to parse \'x\'"}',
    b"HTTP/1.1 429 Too Many\r\nRetry-After: 30\r\nContent-Length: 2\r\n\r\n{}",
    b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n<a/>\r\n0\r\n\r\n",
    b"HTTP/1.1 502 Bad\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n",
)
_TOKENS = (
    b"\r\n", b"\n", b"\r\n\r\n", b"\0", b"\xff\xfe", b"9" * 5000, b"Content-Length: -1\r\n", b"Content-Length: x\r\n",
    b"Content-Length: 1, 2\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: deflate\r\n", b"HTTP/2 204\r\n",
    b"HTTP/1.1 204", b"HTTP/1.1 999 ", b"X: y\r\n" * 150, b"x" * 70_000, b"Location: http://[\r\n",
    b"Retry-After: 9e9\r\n", b"Content-Encoding: gzip\r\n", b"Set-Cookie: a=\xe9\r\n", b"[" * 3000,
    b"ffffffffffffffffff\r\n", b" ", b":", b"204",
)  # fmt: skip


async def fuzzed_answers(
    inputs: int, seed: int, tell: Callable[[str], None] = lambda _: None
) -> tuple[Counter[str], list[str]]:
    """What became of each, and what was wrong: an exception of another kind, an acknowledgement without a 204."""
    dice, found, wrong = random.Random(seed), Counter[str](), list[str]()  # noqa: S311 - not a secret
    answer = b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass  # it hung up
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    site = InfluxSite(url, "ops", "lamplighter", Secret("canary"), None, None, None)
    async with server:
        for number in range(inputs):
            answer = mutated(dice, _ANSWERS, _TOKENS)
            async with InfluxSink(site, LineEncoder("dashi", "gw-01", {}), timeout_s=2.0) as sink:
                said = await _said(sink)
            found[said] += 1
            if said.startswith("raised") or (said == "accept" and b"204" not in answer):
                wrong.append(f"{said}; answer {answer[:2000]!r}")
            if number % 1000 == 999:
                tell(f"answers: {number + 1} of {inputs}, {len(wrong)} findings")
    return found, wrong


async def _said(sink: InfluxSink) -> str:
    try:
        verdict = (await sink.send(entries(reading())))[0]
    except SinkError:
        return "keep"
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"raised {type(error).__name__}: {error}"
    return verdict.action
