"""`lamplighter watch`: how does the site stand, second by second?"""

import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from agent.cli import show, stopping
from agent.cli.options import AsJson, ForSeconds, SitePath, StateDir

if TYPE_CHECKING:
    import asyncio

    from agent.field.watch.session import Look
    from agent.field.watch.terminal import Terminal
    from agent.site import Site

_PLAIN_COLUMNS = 120


def watch(
    site: SitePath,
    json: AsJson = False,
    once: Annotated[bool, typer.Option("--once", help="Print one picture as plain text, and end.")] = False,
    for_s: ForSeconds = None,
    state_dir: StateDir = None,
) -> None:
    """Watch the site live: the feeder tree, voltages, events, lines and sinks.

    Where the site's agent runs, it is asked; otherwise the meters are polled here, and nothing is stored or sent.
    In a pipe or on a dumb terminal it prints one picture. NO_COLOR takes the colour out. Exit code 1 if there was no
    picture at all.

    Example: lamplighter watch site.toml
    """
    from agent.site import load_site

    logging.basicConfig(handlers=[logging.NullHandler()])  # the screen belongs to the picture
    loaded = load_site(site, state_dir)
    plain = json or once or not _can_draw(os.environ)
    stopping.run_until_stopped(lambda stop: _watch(loaded, stop, plain=plain, json=json), for_s)


async def _watch(site: "Site", stop: "asyncio.Event", *, plain: bool, json: bool) -> None:
    from agent.field.watch.session import look_on, once

    look = _look(site)
    if plain:
        await once(look, stop)
        _print(look, json=json)
    else:
        await look_on(look, _terminal(), stop)


def _can_draw(environ: Mapping[str, str]) -> bool:
    drawn_on = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()
    return drawn_on and environ.get("TERM", "dumb") not in ("dumb", "")


def _look(site: "Site") -> "Look":
    from agent.field.watch.glyphs import glyphs_for
    from agent.field.watch.picture import Shown
    from agent.field.watch.session import Look

    shown = Shown(show.event_row, show.incident_lines, show.clock_words, show.moment)
    return Look(site, shown, glyphs_for(os.environ))


def _terminal() -> "Terminal":
    from agent.field.watch.glyphs import UNICODE, glyphs_for
    from agent.field.watch.terminal import Terminal

    encoding = "utf-8" if glyphs_for(os.environ) is UNICODE else "ascii"
    return Terminal(sys.stdin.fileno(), sys.stdout.fileno(), colour=not os.environ.get("NO_COLOR"), encoding=encoding)


def _print(look: "Look", *, json: bool) -> None:
    from agent.field.watch.layout import snapshot

    scene = look.scene
    if scene.picture is None:
        typer.echo(scene.trouble or "no picture was taken", err=True)
        raise typer.Exit(1)
    if json:
        show.as_json(asdict(scene.picture))
    else:
        typer.echo("\n".join(snapshot(scene, _PLAIN_COLUMNS)))
