"""At most so much of an HTTP answer is read, and for so long: what a server says may have no end.

Stands where influxdb-client has urllib3's pools, which would read all of an answer before they say its status.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

# An error has some hundred bytes. A portal's page may have more, and its beginning is enough.
LONGEST_BODY = 64 * 1024
_PIECE = 16 * 1024


@dataclass(frozen=True, slots=True)
class Heard:
    """What influxdb-client asks of an answer."""

    status: int
    reason: str | None
    headers: Mapping[str, str]
    data: bytes


class Unread(Protocol):
    """What is needed of urllib3's answer."""

    status: int
    reason: str | None

    @property
    def headers(self) -> Mapping[str, str]: ...
    def read1(self, amt: int) -> bytes: ...
    def close(self) -> object: ...


class Pools(Protocol):
    def request(self, method: str, url: str, **options: Any) -> Unread: ...
    def clear(self) -> object: ...


class BoundedPools:
    """within_s: for the body, from its beginning on; a read that waits has the pools' own time-out besides"""

    def __init__(self, pools: Pools, within_s: float, now_s: Callable[[], float] = time.monotonic) -> None:
        self._pools = pools
        self._within_s = within_s
        self._now_s = now_s

    def request(self, method: str, url: str, **options: Any) -> Heard:
        answer = self._pools.request(method, url, **(options | {"preload_content": False}))
        return Heard(answer.status, answer.reason, answer.headers, self._body(answer))

    def clear(self) -> None:
        self._pools.clear()

    def _body(self, answer: Unread) -> bytes:
        until_s, body = self._now_s() + self._within_s, b""
        while len(body) < LONGEST_BODY and self._now_s() < until_s:
            piece = answer.read1(_PIECE)
            if not piece:  # read to its end: the connection is free for the next request
                return body
            body += piece
        answer.close()
        # What is cut may be cut inside a character.
        return body[:LONGEST_BODY].decode("utf-8", "ignore").encode()
