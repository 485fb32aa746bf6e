"""`lamplighter ...` inside the test's own process: quick, and its exit code, stdout and stderr to look at."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.cli.main import main


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


class CommandLine:
    """Runs one command after the other. No command may end otherwise than by SystemExit."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *words: str | Path) -> Done:
        with pytest.raises(SystemExit) as end:
            main([str(word) for word in words])
        out, err = self._capture.readouterr()
        code = end.value.code
        assert code is None or isinstance(code, int)
        return Done(code or 0, out, err)
