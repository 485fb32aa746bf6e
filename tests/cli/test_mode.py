"""`lamplighter mode`: what it refuses without an agent; with one see tests/e2e/test_gateway_end_to_end.py."""

from pathlib import Path
from typing import Any

import pytest
from command_line import CommandLine

from agent.cli.mode import said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["mian", "test"], "METER: found mian; allowed: main; name one of these"),
        (["main", "tset"], "MODE: found tset; allowed: normal, test, maintenance; name one of these"),
        (
            ["main", "test", "--for", "2 hours"],
            '--for: found 2 hours; allowed: a duration above zero, as "30min" or "2h"',
        ),
        (["main", "test", "--for", "0s"], "--for: found 0s; allowed"),
        (["main", "test", "--until", "tonight"], '--until: found tonight; allowed: a time as "2026-11-23T18:00"'),
        (["main", "test", "--until", "2026-11-23"], "--until: found 2026-11-23; allowed"),
        (["main", "test", "--until", "2099-01-01T00:00", "--for", "1h"], "--until and --for: found both; allowed: one"),
    ],
)
def test_what_it_refuses(lamplighter: CommandLine, site_file: Path, words: list[str], message: str) -> None:
    done = lamplighter("mode", site_file, *words)
    assert (done.code, done.out, "Traceback" in done.err) == (2, "", False)
    assert message in done.err


def test_without_an_agent_it_is_exit_1(lamplighter: CommandLine, site_file: Path) -> None:
    done = lamplighter("mode", site_file, "main", "test", "--for", "2h")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("no agent answers in ")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (
            {"mode": "test", "until": "2026-11-23T10:00:00.000000Z"},
            "main: test until 2026-11-23 18:00 (Asia/Shanghai); its events are kept and marked, and count nowhere",
        ),
        (
            {"mode": "maintenance", "reason": "new CTs", "until": "2026-11-23T10:00:00Z"},
            "main: maintenance until 2026-11-23 18:00 (Asia/Shanghai), new CTs; its events are kept and marked, "
            "and count nowhere",
        ),
        (
            {"mode": "test"},
            "main: test until `lamplighter mode SITE main normal`; its events are kept and marked, and count nowhere",
        ),
        ({"mode": "normal"}, "main: normal, its events count"),
        (
            {"mode": "normal", "until": "2026-11-23T10:00:00Z"},
            "main: normal until 2026-11-23 18:00 (Asia/Shanghai), its events count",
        ),
    ],
)
def test_what_it_says(told: dict[str, Any], words: str) -> None:
    assert said({"meter": "main", **told}, "Asia/Shanghai") == words
