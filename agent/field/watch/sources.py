"""Where pictures come from: the running agent's socket, or an agent of our own that nobody else hears of."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from agent.field.watch.picture import Answers
from agent.site import Site
from agent.status.socket import NotRunningError, ask

if TYPE_CHECKING:
    from agent.app import App

_MOST_EVENTS = 100
_START_TIMEOUT_S = 30.0
# Memory, where the system has it as a directory: what a look leaves behind must not wear the card.
_IN_MEMORY = Path("/dev/shm")  # noqa: S108
# So often a reading is made of what was polled.
_READING_US = 1_000_000

Ask = Callable[..., Awaitable[Any]]


def agent_of(site: Site) -> Ask:
    """Asks the agent that runs for this site. NotRunningError where none does."""

    async def asking(what: str, **details: object) -> Any:
        return await _apart(partial(ask, site.state_dir, what, **details))

    return asking


async def runs(site: Site) -> bool:
    """Whether an agent answers for this site."""
    try:
        await agent_of(site)("demand")
    except NotRunningError:
        return False
    return True


@asynccontextmanager
async def own_polling(site: Site) -> AsyncIterator[Ask]:
    """An agent without sinks, in a directory of its own that goes with it; the site's state directory is not touched.
    LineError where a serial path is no terminal."""
    from agent.status.answers import answers

    where = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else None
    with TemporaryDirectory(prefix="lamplighter-watch-", dir=where) as directory:
        async with own_agent(_alone(site, Path(directory))) as app:
            answered = answers(app)

            async def asking(what: str, **details: object) -> Any:
                return await answered[what](details)

            yield asking


def _alone(site: Site, directory: Path) -> Site:
    meters = {name: replace(meter, publish_every_us=_READING_US) for name, meter in site.meters.items()}
    return replace(site, state_dir=directory / "state", mqtt=None, influxdb=None, meters=meters)


@asynccontextmanager
async def own_agent(site: Site) -> AsyncIterator["App"]:
    """An agent within this process, until the block ends. systemd is not told: it is no service."""
    from agent.app import run_agent
    from agent.status.notify import Notify

    stop = asyncio.Event()
    started: asyncio.Future[App] = asyncio.get_running_loop().create_future()
    async with asyncio.TaskGroup() as group:
        group.create_task(run_agent(site, stop=stop, ready=started.set_result, notify=Notify(None, None)), name="agent")
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                app = await started
            yield app
        finally:
            stop.set()


async def answers_of(asking: Ask, *, journal: bool) -> Answers:
    """journal: its figures too, which take a second."""
    status = await asking("status")
    readings = await asking("readings")
    events = await asking("events", limit=_MOST_EVENTS)
    return Answers(status, readings, events, await asking("journal") if journal else {})


async def _apart(work: Callable[[], Any]) -> Any:
    """In a thread that nobody waits for at the end: an agent that stands still keeps a question for ten seconds."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: OSError | ValueError | None) -> None:
        if not answer.done():
            answer.set_exception(error) if error else answer.set_result(value)

    def run() -> None:
        value, failed = None, None
        try:
            value = work()
        except (OSError, ValueError) as error:
            failed = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(settle, value, failed)

    threading.Thread(target=run, daemon=True, name="ask").start()
    return await answer
