"""`lamplighter run`: the agent itself, until SIGTERM or Ctrl-C."""

from typing import Annotated

import typer

from agent.cli import logs, stopping
from agent.cli.options import SitePath, StateDir


def run(
    site: SitePath,
    state_dir: StateDir = None,
    log_level: Annotated[logs.Level, typer.Option(help="What to log on stderr.")] = "info",
) -> None:
    """Poll the meters of a site, detect, keep and publish, until SIGTERM or Ctrl-C.

    It starts and keeps trying where a port, broker or database is absent. What it reads and finds is in the
    journal of its state directory before it is sent, so that a power cut loses no event.

    Example: lamplighter run site.toml --state-dir /tmp/try
    """
    from agent.app import run_agent
    from agent.site import load_site

    loaded = load_site(site, state_dir)
    logs.set_up(log_level)
    stopping.run_until_stopped(lambda stop: run_agent(loaded, stop=stop))
