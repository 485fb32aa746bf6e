"""Ctrl-C, SIGTERM and --for end a command in order: they set an event, the work ends by itself."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

from agent.fine_timers import new_loop


def run_until_stopped(work: Callable[[asyncio.Event], Awaitable[None]], for_s: float | None = None) -> None:
    """Run `work(stop)` on a loop of its own; `stop` is set by the first signal, or after `for_s` seconds."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(_run(work, for_s))


async def _run(work: Callable[[asyncio.Event], Awaitable[None]], for_s: float | None) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if for_s is not None:
        loop.call_later(for_s, stop.set)
    await work(stop)
