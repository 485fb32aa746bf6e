"""Log lines as the systemd journal wants them."""

import logging

from agent.cli.logs import ForJournal


def record(level: int, message: str) -> logging.LogRecord:
    return logging.LogRecord("lamplighter", level, __file__, 1, message, None, None)


def test_each_line_carries_its_priority() -> None:
    line = ForJournal("%(message)s").format(record(logging.WARNING, "line.silent line=a\nsecond"))
    assert line == "<4>line.silent line=a\n<4>second"


def test_an_error_is_priority_3() -> None:
    assert ForJournal("%(message)s").format(record(logging.ERROR, "x")) == "<3>x"
