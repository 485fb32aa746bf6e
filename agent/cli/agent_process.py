"""This process as the agent of a site: log lines on stderr, until SIGTERM or Ctrl-C."""

import asyncio
import signal
import sys
from functools import partial

from agent.app import App, run_agent
from agent.cli import logs, stopping
from agent.site import Site


def run_agent_process(site: Site, log_level: logs.Level) -> None:
    logs.set_up(log_level)
    stopping.run_until_stopped(partial(_agent, site))


async def _agent(site: Site, stop: asyncio.Event) -> None:
    """SIGHUP: a terminal that went away ends what ran in it; of a service it asks to read credentials anew."""
    if sys.stdin is not None and sys.stdin.isatty():
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, stop.set)
        await run_agent(site, stop=stop)
    else:
        await run_agent(site, stop=stop, ready=_renew_when_asked)


def _renew_when_asked(app: App) -> None:
    """From here on, and upon what waited since the command's first lines: see `agent/cli/entry.py`."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, app.renew)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGHUP,))
