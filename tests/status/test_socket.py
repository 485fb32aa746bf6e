import asyncio
import socket
import stat
from pathlib import Path

import pytest

from agent.status.socket import NAME, NotRunningError, ask, serve


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
