"""The console script: answers signals from its first line on, then loads the rest, which takes a third of a second.

What comes before is the bare interpreter's: the first 20 ms or so, in which it reads `site` and `re`. SIGTERM ends it
there without a word, which systemd takes for a clean end; Ctrl-C may leave Python's own traceback, or get lost.
"""

# Built in, and no stub knows it; `signal` makes its enums first, a millisecond in which Ctrl-C would leave a traceback.
import _signal  # type: ignore[import-not-found]
import os
import sys

# What runs until it is told to stop. Being told so early is no failure either.
_ENDLESS = ("run", "demo", "simulate", "watch")


def main() -> None:
    """Exit code 0 where one of the endless commands is stopped before it has really begun."""
    if len(sys.argv) > 1 and sys.argv[1] in _ENDLESS:
        for number in (_signal.SIGINT, _signal.SIGTERM):
            # Not sys.exit: what is raised inside a callback of the import system is lost, and the agent would go on.
            _signal.signal(number, lambda *_: os._exit(0))
        if sys.argv[1] == "run":
            _mind_hangups()
    _command()


def _mind_hangups() -> None:
    """A terminal that went away ends what was begun in it; a service hears it once it is up, until then it waits."""
    if os.isatty(0):
        _signal.signal(_signal.SIGHUP, lambda *_: os._exit(0))
    else:
        _signal.pthread_sigmask(_signal.SIG_BLOCK, (_signal.SIGHUP,))


def _command() -> None:
    from agent.cli.endings import errors_told
    from agent.cli.plain_run import run_apart, understood

    asked = understood(sys.argv[1:], os.environ)
    if asked is None:
        from agent.cli.main import main as command

        command()
    else:
        with errors_told():
            run_apart(asked)
