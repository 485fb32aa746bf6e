"""The state directory at a start, and later: where it cannot be had the agent polls and publishes from memory, and
tries again until it can.

    directory                          journal                 ends the agent
    ---------------------------------  ----------------------  ------------------------------------------
    is held                            on disk                 no
    another agent holds it             -                       at the start; later it is tried again
    somebody looks at it               after a second or two   no: as anything else if that takes longer
    holds a newer version's journal    -                       yes: the file is not touched
    anything else                      in memory, bounded      no: taken when it comes, then all is stored
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

from agent.errors import StateHeldError
from agent.journal.file import JournalVersionError
from agent.journal.hold import LookedAtError
from agent.journal.place import Place, nowhere, take
from agent.journal.starts import is_restless
from agent.site import Site

log = logging.getLogger("lamplighter.state")

# A disk that is mounted late is taken soon, and a card that is ill is not worn by the tries.
AGAIN_S = 5.0
# Most looks are over by then.
LOOKS, LOOK_S = 8, 0.25

Sleep = Callable[[float], Awaitable[object]]


async def first_place(site: Site, now_us: Callable[[], int], *, sleep: Sleep = asyncio.sleep) -> Place:
    """StateHeldError, JournalVersionError: two agents, or a newer one's file."""
    try:
        return await _once_looked(site, now_us, sleep)
    except (StateHeldError, JournalVersionError):
        raise
    except OSError as error:
        why = _words(error)
        log.error("state.none %s; polling and publishing from memory until it can be had", _said(site, why))
        return await nowhere(why, cap_mib=site.journal.cap_mib)


async def _once_looked(site: Site, now_us: Callable[[], int], sleep: Sleep) -> Place:
    """Taken; where somebody looks, once that is over or has taken too long."""
    for _ in range(LOOKS):
        try:
            return await _taken(site, now_us)
        except LookedAtError:
            await sleep(LOOK_S)
    return await _taken(site, now_us)


async def later_place(site: Site, now_us: Callable[[], int], *, why: str, sleep: Sleep = asyncio.sleep) -> Place:
    """Once it can be had. why: it could not be had before. JournalVersionError: a newer agent's file.

    One that another agent has taken meanwhile is tried again: all that was kept in memory would end with this one.
    """
    while True:
        await sleep(AGAIN_S)
        try:
            place = await _taken(site, now_us)
        except JournalVersionError:
            raise
        except OSError as error:
            if _words(error) != why:
                why = _words(error)
                log.error("state.none %s", _said(site, why))
        else:
            log.warning("state.taken dir=%s: what was kept in memory is stored now", site.state_dir)
            return place


def _taken(site: Site, now_us: Callable[[], int]) -> Awaitable[Place]:
    keeping = site.journal
    taking = partial(take, site.state_dir, site.gateway, cap_mib=keeping.cap_mib, keep_us=keeping.keep_us)
    return taking(now_us=now_us, gentle=is_restless)


def without_dir(state_dir: Path, why: str) -> str:
    """Where the directory is named beside it."""
    return why.removeprefix(f"{state_dir}: ")


def _said(site: Site, why: str) -> str:
    return f"dir={site.state_dir}: {without_dir(site.state_dir, why)}"


def _words(error: OSError) -> str:
    words = error.strerror or str(error)
    return f"{error.filename}: {words}" if error.filename and error.strerror else words
