"""Log lines as the systemd journal wants them."""

import logging

from agent.cli.logs import ForJournal, set_up


def record(level: int, message: str) -> logging.LogRecord:
    return logging.LogRecord("lamplighter", level, __file__, 1, message, None, None)


def test_each_line_carries_its_priority() -> None:
    line = ForJournal("%(message)s").format(record(logging.WARNING, "line.silent line=a\nsecond"))
    assert line == "<4>line.silent line=a\n<4>second"


def test_an_error_is_priority_3() -> None:
    assert ForJournal("%(message)s").format(record(logging.ERROR, "x")) == "<3>x"


def test_an_odd_header_is_no_traceback_in_the_log() -> None:
    urllib3 = logging.getLogger("urllib3")
    before = urllib3.level
    try:
        urllib3.setLevel(logging.NOTSET)
        set_up("debug")
        assert not logging.getLogger("urllib3.connection").isEnabledFor(logging.WARNING)
    finally:
        urllib3.setLevel(before)
