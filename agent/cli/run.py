"""`lamplighter run`: the agent itself, until SIGTERM or Ctrl-C.

The console script takes a shorter way to the same where the words are plain: `agent/cli/plain_run.py`.
"""

from typing import Annotated

import typer

from agent.cli import logs
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
    from agent.cli.agent_process import run_agent_process
    from agent.site import load_site

    run_agent_process(load_site(site, state_dir), log_level)
