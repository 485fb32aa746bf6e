"""`lamplighter run` in its plain form, past typer: an agent that runs for months keeps no command line of 6 MB."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from agent.cli import logs

_OPTIONS = ("--state-dir", "--log-level")
# A shell asks for completions, whatever the words are.
_COMPLETING = "_LAMPLIGHTER_COMPLETE"


@dataclass(frozen=True, slots=True)
class Run:
    """The arguments of `agent.cli.run.run`."""

    site: Path
    state_dir: Path | None
    log_level: logs.Level


def understood(words: Sequence[str], environ: Mapping[str, str]) -> Run | None:
    """``run SITE [--state-dir DIR] [--log-level LEVEL]``, well formed. None for everything else: that is typer's, to
    help with or to refuse."""
    if not words or words[0] != "run" or _COMPLETING in environ:
        return None
    places: list[str] = []
    options: dict[str, str] = {}
    rest = iter(words[1:])
    for word in rest:
        name, equals, value = word.partition("=")
        if not word.startswith("-"):
            places.append(word)
        elif name in _OPTIONS and name not in options:
            options[name] = value if equals else next(rest, "")
        else:
            return None
    return _checked(places, options)


def _checked(places: Sequence[str], options: Mapping[str, str]) -> Run | None:
    state_dir, level = options.get("--state-dir"), options.get("--log-level", "info")
    odd = any(not word or word.startswith("-") for word in (*places, *options.values()))
    if odd or len(places) != 1 or level not in get_args(logs.Level):
        return None
    return Run(Path(places[0]), None if state_dir is None else Path(state_dir), cast(logs.Level, level))


def by_service(environ: Mapping[str, str], state_dir: Path | None) -> bool:
    """Whether a service manager starts us, and nobody reads what is said at the start."""
    return "NOTIFY_SOCKET" in environ and state_dir is not None


def run_apart(asked: Run) -> None:
    """Like `agent.cli.run.run`, but the site file is read by a child, while this process imports the rest."""
    from agent.sitefile.apart import site_read_apart
    from agent.sitefile.copy import load_for

    load = load_for(service=by_service(os.environ, asked.state_dir))
    with site_read_apart(asked.site, asked.state_dir, load) as site_read:
        from agent.cli.agent_process import run_agent_process

        site = site_read()
    run_agent_process(site, asked.log_level)
