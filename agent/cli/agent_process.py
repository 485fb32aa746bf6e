"""This process as the agent of a site: log lines on stderr, until SIGTERM or Ctrl-C."""

from agent.app import run_agent
from agent.cli import logs, stopping
from agent.site import Site


def run_agent_process(site: Site, log_level: logs.Level) -> None:
    logs.set_up(log_level)
    stopping.run_until_stopped(lambda stop: run_agent(site, stop=stop))
