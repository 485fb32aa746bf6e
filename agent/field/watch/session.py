"""A look at a site: asks, keeps what is needed to draw, and draws it, until somebody leaves."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from agent.field.watch import words
from agent.field.watch.glyphs import Glyphs
from agent.field.watch.layout import Scene, screen
from agent.field.watch.picture import History, NotUnderstoodError, Picture, Shown, picture
from agent.field.watch.sources import Ask, agent_of, answers_of, own_polling, runs
from agent.field.watch.terminal import Terminal
from agent.field.watch.view import View, keys
from agent.site import Site

_EVERY_S = 1.0
# The journal's figures are asked for at every fifth picture: they take the agent a second.
_JOURNAL_EVERY = 5
# An agent that stands still must not leave an old picture to look like a new one.
_PATIENCE_S = 5.0
# The first readings of own polling follow the first full set of each meter.
_SETTLED_S = 20.0


class Look:
    """What was seen of a site so far. changed: set whenever there is something new to draw."""

    def __init__(self, site: Site, shown: Shown, glyphs: Glyphs) -> None:
        self.site = site
        self.changed = asyncio.Event()
        self._shown = shown
        nominal_v = {name: meter.nominal_v for name, meter in site.meters.items()}
        self.scene = Scene(site.network, nominal_v, glyphs, History())
        self._asked = 0

    async def take(self, asking: Ask, *, own: bool) -> None:
        """One picture; where there is no answer, why."""
        scene = self.scene
        try:
            async with asyncio.timeout(_PATIENCE_S):
                answers = await answers_of(asking, journal=self._asked % _JOURNAL_EVERY == 1)
            now = picture(answers, self._shown, own=own)
        except NotUnderstoodError as error:
            self.scene = replace(scene, trouble=words.told(words.NOT_UNDERSTOOD, what=error))
        except (OSError, ValueError):
            since = scene.picture.time if scene.picture else "the start"
            self.scene = replace(scene, trouble=words.told(words.AGENT_GONE, since=since))
        else:
            self._asked += 1
            scene.history.add(now)
            self.scene = replace(scene, picture=_with_backlog(now, scene.picture), trouble="")
        self.changed.set()


def _with_backlog(now: Picture, before: Picture | None) -> Picture:
    """What waits for a sink is not asked every time: until then the last answer stands."""
    known = {} if before is None else {each.name: each.behind for each in before.sinks}
    sinks = tuple(each if each.behind is not None else replace(each, behind=known.get(each.name)) for each in now.sinks)
    return replace(now, sinks=sinks)


async def look_on(look: Look, terminal: Terminal, stop: asyncio.Event) -> None:
    """Draw until `stop` is set or a key says so."""
    with terminal.taken():
        async with asyncio.TaskGroup() as group:
            following = group.create_task(follow(look), name="follow")
            drawing = group.create_task(_draw(look, terminal, stop), name="draw")
            stopping = group.create_task(stop.wait(), name="stop")
            await asyncio.wait((following, drawing, stopping), return_when=asyncio.FIRST_COMPLETED)
            for task in (following, drawing, stopping):
                task.cancel()


async def follow(look: Look) -> None:
    """Pictures for ever: of the running agent; while none ran from the start on, of own polling."""
    if not await runs(look.site):
        async with own_polling(look.site) as asking:
            while not await runs(look.site):
                await look.take(asking, own=True)
                await asyncio.sleep(_EVERY_S)
    asking = agent_of(look.site)
    while True:
        await look.take(asking, own=False)
        await asyncio.sleep(_EVERY_S)


async def once(look: Look, stop: asyncio.Event) -> None:
    """One picture; of own polling once every meter has said something, or has been silent."""
    if await runs(look.site):
        await look.take(agent_of(look.site), own=False)
        return
    async with own_polling(look.site) as asking:
        deadline_s = asyncio.get_running_loop().time() + _SETTLED_S
        await look.take(asking, own=True)
        while not stop.is_set() and not _settled(look) and asyncio.get_running_loop().time() < deadline_s:
            await asyncio.sleep(_EVERY_S / 5)
            await look.take(asking, own=True)


def _settled(look: Look) -> bool:
    now = look.scene.picture
    return now is not None and all(each.reading_time or each.comms == "lost" for each in now.meters)


async def _draw(look: Look, terminal: Terminal, stop: asyncio.Event) -> None:
    view = View()
    pressed: list[str] = []
    with _woken(look.changed, terminal, pressed, stop):
        while not view.over:
            for key in pressed:
                view = view.after(key)
            pressed.clear()
            size = terminal.size()
            drawn = screen(look.scene, view, size)
            view = replace(view, top=drawn.top)
            terminal.draw(drawn.lines, size)
            if not view.over:
                await look.changed.wait()
                look.changed.clear()


@contextmanager
def _woken(changed: asyncio.Event, terminal: Terminal, pressed: list[str], stop: asyncio.Event) -> Iterator[None]:
    """Keys and a new size wake the drawing; a terminal that went away ends it."""
    loop = asyncio.get_running_loop()

    def on_keys() -> None:
        try:
            typed = terminal.keys()
        except OSError:
            typed = ""
        if not typed:
            loop.remove_reader(terminal.keys_fd)
            stop.set()
        pressed.extend(keys(typed))
        changed.set()

    loop.add_reader(terminal.keys_fd, on_keys)
    loop.add_signal_handler(signal.SIGWINCH, changed.set)
    loop.add_signal_handler(signal.SIGHUP, stop.set)
    try:
        yield
    finally:
        loop.remove_reader(terminal.keys_fd)
        loop.remove_signal_handler(signal.SIGWINCH)
        loop.remove_signal_handler(signal.SIGHUP)
