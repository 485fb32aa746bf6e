"""The kernel kills the agent for want of memory: as any kill, and known by the kernel's own count."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from memory_group import MemoryGroup, memory_group, why_no_memory_group
from running import Listener, agent, eventually, retained
from small_rig import SmallRig

WHY_NOT = why_no_memory_group()
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(bool(WHY_NOT), reason=f"no group with a bound on memory can be had: {WHY_NOT}"),
]
_LIMIT_BYTES = 96 << 20
# Together with the agent more than there is, without it less; piece by piece until told to stop.
_TAKEN_BYTES = 80 << 20
_TAKE = """
import select, sys
sys.stdin.readline()
taken = []
for _ in range(int(sys.argv[1]) >> 20):
    taken.append(b"x" * (1 << 20))
    if select.select((sys.stdin,), (), (), 0.02)[0]:
        break
sys.stdin.readline()
"""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[SmallRig]:
    with ExitStack() as stack:
        yield SmallRig(tmp_path, stack)


@contextmanager
def crowded(group: MemoryGroup) -> Iterator["subprocess.Popen[str]"]:
    """Somebody else takes the memory; it has ended when the block is left."""
    other = subprocess.Popen([sys.executable, "-c", _TAKE, str(_TAKEN_BYTES)], stdin=subprocess.PIPE, text=True)
    assert other.stdin is not None
    group.add(other.pid)
    try:
        other.stdin.write("\n")
        other.stdin.flush()
        yield other
    finally:
        other.communicate("\n", timeout=10)


def sags(listener: Listener) -> list[dict[str, Any]]:
    return [body for body in listener.of("/m/event") if body["kind"] == "sag"]


def test_an_agent_killed_for_want_of_memory_has_lost_nothing_that_was_stored(rig: SmallRig) -> None:
    with memory_group(_LIMIT_BYTES) as group, agent(rig.site) as running, Listener(rig.broker.port) as listener:
        group.add(running.process.pid)
        eventually("readings", lambda: len(listener.of("/m/reading")) > 2, 30)
        rig.volts(160.0)
        sag = eventually("a sag, stored", lambda: [one for one in sags(listener) if one.get("durable", True)], 20)[0]
        # Of two the kernel takes the agent first. proc(5)
        Path(f"/proc/{running.process.pid}/oom_score_adj").write_text("1000")
        with crowded(group) as other:
            assert running.process.wait(30) == -signal.SIGKILL
        # While the agent dies, its memory not yet given back, the kernel may take the one that asks as well.
        assert group.kills == 1 + (other.returncode == -signal.SIGKILL)
        running.start()
        eventually("the next life", lambda: running.log.count("agent.started") == 2, 30)
        status = "lamplighter/dashi/gw-01/m/status"
        eventually("the sag goes on", lambda: sag["id"] in retained(rig.broker.port, status)["open_events"], 20)
        rig.volts(230.0)
        eventually("and ends", lambda: any(one["state"] == "closed" for one in sags(listener)), 20)
        assert {one["id"] for one in sags(listener)} == {sag["id"]}
        assert "Traceback" not in running.log
