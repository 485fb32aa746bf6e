"""`lamplighter demo`: a simulated substation and the agent on it, nothing else needed."""

import asyncio
import logging
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.cli import demo_view, show, stopping
from agent.cli.options import AsJson, ForSeconds


def demo(for_s: ForSeconds = None, json: AsJson = False) -> None:
    """Watch a simulated substation sag, lose supply and come back.

    Seven meters on a serial line and on TCP, and the agent reading them as it would read real ones. Within the
    first minute: a sag, a swell, a lost phase, a supply loss and a dead cable. It needs no meter, broker,
    database or root, and leaves nothing behind.

    Examples: lamplighter demo; lamplighter demo --for 60
    """
    logging.basicConfig(handlers=[logging.NullHandler()])  # the screen belongs to the table
    with TemporaryDirectory(prefix="lamplighter-") as directory:
        stopping.run_until_stopped(lambda stop: _run(Path(directory), stop, json), for_s)


async def _run(directory: Path, stop: asyncio.Event, json: bool) -> None:
    from agent.field.watch.sources import own_agent
    from agent.site import load_site
    from simulators.library import load_scenario
    from simulators.server import Simulation

    async with Simulation(load_scenario("demo")) as simulation:
        site = load_site(_site_file(directory, simulation.site_toml(directory / "state", site=demo_view.SITE_KEYS)))
        async with own_agent(site) as app:
            story = demo_view.Story(app, simulation)
            await (demo_view.wait(stop) if json else demo_view.tell(story, stop))
            told = await story.summary()
    if json:
        show.as_json(told)
    else:
        demo_view.print_summary(told)


def _site_file(directory: Path, text: str) -> Path:
    path = directory / "site.toml"
    path.write_text(text, encoding="utf-8")
    return path
