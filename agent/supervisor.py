"""Keeps one failing child from taking its siblings along: log it, wait, start it anew.

This is the one place in the product that catches every exception. A child that fails has a defect or met
something nobody thought of; the others go on polling, and the log says what broke, once per failure.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

log = logging.getLogger("lamplighter.supervisor")

_FIRST_WAIT_S = 0.5
_LONGEST_WAIT_S = 30.0
_CALM_S = 60.0


async def supervise(
    name: str,
    child: Callable[[], Awaitable[None]],
    *,
    jitter: Callable[[], float] = random.random,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Run `child` until it returns; restart it when it raises, after a capped and jittered wait.

    name is the task's name and the log's key (``line:feeder-room``). A child that ran calmly for a minute
    starts again with the shortest wait. Cancellation passes through.
    """
    wait_s = _FIRST_WAIT_S
    loop = asyncio.get_running_loop()
    while True:
        started_s = loop.time()
        try:
            await child()
        except Exception as error:
            if loop.time() - started_s > _CALM_S:
                wait_s = _FIRST_WAIT_S
            log.exception("task.failed task=%s error=%s restart_in_s=%.1f", name, type(error).__name__, wait_s)
        else:
            return
        await sleep(wait_s * (0.5 + jitter() / 2))
        wait_s = min(2 * wait_s, _LONGEST_WAIT_S)


class Relay:
    """Around the body of a callback: what it raises goes to the coroutine that waits for `over`, and so to its
    supervisor. The event loop would only log it."""

    def __init__(self) -> None:
        self.over: asyncio.Future[None] | None = None

    def __enter__(self) -> None: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Exception) or self.over is None or self.over.done():
            return False
        self.over.set_exception(error)
        return True
