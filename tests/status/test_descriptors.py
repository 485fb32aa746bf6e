"""How many descriptors are open, told in time."""

import asyncio
import errno
from pathlib import Path
from typing import Any

import pytest
from descriptor_limits import no_descriptors_left

from agent.status.descriptors import OPEN, Descriptors, NothingLeft, limit


class VirtualLoop(asyncio.AbstractEventLoop):
    def __init__(self) -> None:
        self.now_s = 100.0
        self.defaults: list[str] = []

    def time(self) -> float:
        return self.now_s

    def default_exception_handler(self, context: dict[str, Any]) -> None:
        self.defaults.append(context["message"])


def told(descriptors: Descriptors, directory: Path, used: int) -> str:
    for file in directory.iterdir():
        file.unlink()
    for number in range(used):
        (directory / str(number)).touch()
    said = descriptors.trouble()
    assert all(descriptors.trouble() == said for _ in range(9))  # it looks at one of ten
    return said


def test_it_is_told_at_80_of_100_and_over_below_75(tmp_path: Path) -> None:
    descriptors = Descriptors(tmp_path, lambda: 100)
    assert told(descriptors, tmp_path, 79) == ""
    assert told(descriptors, tmp_path, 80).startswith("80 of 100 are open")
    assert told(descriptors, tmp_path, 75)
    assert told(descriptors, tmp_path, 74) == ""
    assert told(descriptors, tmp_path, 75) == ""


def test_with_none_left_it_is_told_as_well() -> None:
    descriptors = Descriptors()
    assert OPEN.is_dir()
    assert descriptors.trouble() == ""
    descriptors = Descriptors()
    with no_descriptors_left():
        assert descriptors.trouble().startswith(f"{limit()} of {limit()} are open")


def test_what_cannot_be_accepted_is_a_line_a_minute_and_every_other_error_keeps_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop, handler = VirtualLoop(), NothingLeft()
    for _ in range(100):
        handler(loop, {"message": "accept", "exception": OSError(errno.EMFILE, "Too many open files")})
    assert caplog.text.count("descriptors.none error=Too many open files") == 1
    loop.now_s += 60.0
    handler(loop, {"message": "accept", "exception": OSError(errno.ENFILE, "Too many open files in system")})
    assert caplog.text.count("descriptors.none") == 2
    handler(loop, {"message": "a defect", "exception": KeyError("x")})
    assert loop.defaults == ["a defect"]
