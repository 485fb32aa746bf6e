"""The collector of cycles does not go through what stays, and has it back at the end of a life."""

import asyncio
import gc
from pathlib import Path

import pytest
from small_site import WORKSHOP

from agent.app import App, run_agent
from agent.site import load_site

pytestmark = pytest.mark.slow


async def test_what_there_is_once_all_is_up_is_left_out_until_the_stop(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(WORKSHOP, encoding="utf-8")
    up, stop = asyncio.Event(), asyncio.Event()

    def ready(_: App) -> None:
        up.set()

    before = gc.get_freeze_count()
    running = asyncio.create_task(run_agent(load_site(tmp_path / "site.toml"), stop=stop, ready=ready))
    async with asyncio.timeout(20):
        await up.wait()
        await asyncio.sleep(0)
        during = gc.get_freeze_count()
        stop.set()
        await running
    assert during > before + 1000
    assert gc.get_freeze_count() == 0
