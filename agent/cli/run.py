"""`lamplighter run`: the agent itself, until SIGTERM or Ctrl-C.

The console script takes a shorter way to the same where the words are plain: `agent/cli/plain_run.py`.
"""

import os
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
    journal of its state directory before it is sent, so that a power cut loses no event; without that directory
    it goes on from memory, says so, and stores all of it once the directory can be had.

    Example: lamplighter run site.toml --state-dir /tmp/try
    """
    from agent.cli.agent_process import run_agent_process
    from agent.cli.plain_run import by_service
    from agent.sitefile.copy import load_for

    load = load_for(service=by_service(os.environ, state_dir))
    run_agent_process(load(site, state_dir), log_level)
