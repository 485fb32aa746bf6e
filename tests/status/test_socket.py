import asyncio
import os
import socket
import stat
import sys
from pathlib import Path

import pytest

from agent.errors import StateHeldError
from agent.status.socket import NAME, NotRunningError, ask, serve

ROOT = Path(__file__).resolve().parents[2]


async def echo(question: object) -> object:
    return {"heard": question}


async def test_a_question_is_answered(tmp_path: Path):
    async with serve(tmp_path, {"echo": echo}):
        assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
        answer = await asyncio.to_thread(ask, tmp_path, "echo", limit=3)
        assert answer == {"heard": {"ask": "echo", "limit": 3}}
    assert not (tmp_path / NAME).exists()


async def test_an_unknown_question_names_the_known_ones(tmp_path: Path):
    async with serve(tmp_path, {"echo": echo}):
        assert "known: echo" in (await asyncio.to_thread(ask, tmp_path, "stop"))["error"]


async def test_a_state_directory_with_a_long_name_works(tmp_path: Path):
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    async with serve(deep, {"echo": echo}):
        assert "heard" in await asyncio.to_thread(ask, deep, "echo")


async def test_a_stale_socket_is_replaced(tmp_path: Path):
    with socket.socket(socket.AF_UNIX) as left_over:
        left_over.bind(str(tmp_path / NAME))
    with pytest.raises(NotRunningError):
        ask(tmp_path, "echo")
    async with serve(tmp_path, {"echo": echo}):
        assert "heard" in await asyncio.to_thread(ask, tmp_path, "echo")


@pytest.mark.parametrize("noise", [b"\n", b"[1]\n", b"{", b"\x00" * 9000, b'{"ask": []}\n'])
async def test_noise_on_the_socket_harms_nobody(tmp_path: Path, noise: bytes):
    async with serve(tmp_path, {"echo": echo}):
        _, writer = await asyncio.open_unix_connection(str(tmp_path / NAME))
        writer.write(noise)
        writer.close()
        assert "heard" in await asyncio.to_thread(ask, tmp_path, "echo")


def test_no_agent_is_one_clear_error(tmp_path: Path):
    with pytest.raises(NotRunningError, match="no agent answers in"):
        ask(tmp_path / "nowhere", "status")


async def test_without_a_state_directory_it_is_answered_under_its_name(tmp_path: Path):
    nowhere = tmp_path / "none" / "state"
    async with serve(nowhere, {"echo": echo}, nowhere=True):
        assert "heard" in await asyncio.to_thread(ask, nowhere, "echo")
        with pytest.raises(NotRunningError):
            await asyncio.to_thread(ask, tmp_path / "none" / "other", "echo")
    with pytest.raises(NotRunningError):
        ask(nowhere, "echo")


async def test_a_second_agent_in_the_same_plight_is_refused(tmp_path: Path):
    async with serve(tmp_path / "none", {"echo": echo}, nowhere=True):
        with pytest.raises(StateHeldError, match=f"process {os.getpid()}"):
            async with serve(tmp_path / "none", {"echo": echo}, nowhere=True):
                pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
async def test_only_its_own_user_and_root_are_answered(tmp_path: Path):
    # Once all is imported: the interpreter may lie where nobody else can read.
    script = """
import os, sys
from pathlib import Path
from agent.status.socket import NotRunningError, ask
if len(sys.argv) > 2:
    os.setuid(int(sys.argv[2]))
try:
    print("heard" in ask(Path(sys.argv[1]), "echo"))
except NotRunningError as error:
    print(error)
"""
    async with serve(tmp_path / "none", {"echo": echo}, nowhere=True):
        told = []
        for user in ((), ("65534",)):
            asking = await asyncio.create_subprocess_exec(
                sys.executable, "-c", script, tmp_path / "none", *user, stdout=asyncio.subprocess.PIPE, cwd=ROOT
            )
            told.append((await asking.communicate())[0].decode())
    assert told[0] == "True\n"
    assert "no agent answers" in told[1] or "closed the connection" in told[1]
