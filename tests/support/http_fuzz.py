"""Whole answers to a write, byte for byte what a server may send: through influxdb-client and urllib3 to the sink."""

import asyncio
import time

from fuzz_dice import Dice
from fuzzing import Findings, key_of
from mutation import Tokens, mutated
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
_TOKENS = Tokens(
    (
        b"\r\n", b"\n", b"\r\n\r\n", b"\0", b"\xff\xfe", b"Content-Length: -1\r\n", b"Content-Length: x\r\n",
        b"Content-Length: 1, 2\r\n", b"Transfer-Encoding: chunked\r\n", b"Content-Encoding: deflate\r\n",
        b"HTTP/2 204\r\n", b"HTTP/1.1 204", b"HTTP/1.1 999 ", b"Location: http://[\r\n", b"Retry-After: 9e9\r\n",
        b"Content-Encoding: gzip\r\n", b"Set-Cookie: a=\xe9\r\n", b"ffffffffffffffffff\r\n", b" ", b":", b"204",
    ),
    (b"9" * 5000, b"X: y\r\n" * 150, b"x" * 70_000, b"[" * 3000),
    8,
)  # fmt: skip


async def fuzzed_answers(numbers: range, seed: int) -> Findings:
    """What became of each; a finding is an exception of another kind, or an acknowledgement without a 204. The time is
    not judged: most of it is the client's."""
    found, key = Findings("answers", seed, numbers.start, len(numbers), slowest_ms=0.0), key_of("answers", seed)
    began_s, answer = time.process_time(), b""

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
        for number in numbers:
            answer = mutated(Dice(key, number), _ANSWERS, _TOKENS)
            async with InfluxSink(site, LineEncoder("dashi", "gw-01", {}), timeout_s=2.0) as sink:
                said = await _said(sink)
            if said.startswith("raised") or (said == "accept" and b"204" not in answer):
                found.add(said, number, answer)
            else:
                found.outcomes[said] += 1
    found.cpu_s = time.process_time() - began_s
    return found


async def _said(sink: InfluxSink) -> str:
    try:
        verdict = (await sink.send(entries(reading())))[0]
    except SinkError:
        return "keep"
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        return f"raised {type(error).__name__}: {error}"
    return verdict.action
