"""Log lines on stderr: with a time for people, with a priority and no time for the systemd journal."""

import logging
import os
import time
from typing import Literal

Level = Literal["debug", "info", "warning", "error"]

# sd-daemon(3): "<N>" in front of a line is its syslog priority.
_PRIORITIES = {logging.DEBUG: 7, logging.INFO: 6, logging.WARNING: 4, logging.ERROR: 3, logging.CRITICAL: 2}


class ForJournal(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        # Every line of a traceback needs the prefix, else it counts as "info".
        prefix = f"<{_PRIORITIES.get(record.levelno, 6)}>"
        return "\n".join(prefix + line for line in super().format(record).splitlines())


class ForPeople(logging.Formatter):
    """Beside events and exports a local time would mislead, in autumn for an hour."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")


def set_up(level: Level) -> None:
    """Once, before the agent starts."""
    handler = logging.StreamHandler()
    if "JOURNAL_STREAM" in os.environ:  # set by systemd for what it connects to the journal
        handler.setFormatter(ForJournal("%(message)s"))
    else:
        handler.setFormatter(ForPeople())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    # It tells of each odd header with a traceback; what matters of an answer the sink says.
    logging.getLogger("urllib3").setLevel(logging.ERROR)
