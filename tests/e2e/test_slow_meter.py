"""A meter that renews its registers more slowly than its map says, under the real agent."""

import asyncio
import struct
import time
from collections.abc import Iterable
from pathlib import Path

import pytest
from scripted_peer import Step, on_tcp

from agent.app import App, run_agent
from agent.site import load_site
from agent.status.answers import answers

pytestmark = pytest.mark.e2e

MODEL = Path(__file__).parents[2] / "drivers" / "models" / "eastron-sdm630.toml"
MAP_S, REAL_S = 0.1, 0.2
SITE = """
[site]
name = "dashi"
gateway = "gw-01"
state_dir = "state"
nominal_voltage = 230
poll = "1s"
[lines.a]
tcp = "127.0.0.1:{port}"
[meters.m]
line = "a"
unit = 1
model = "hasty"
"""


class Meter:
    """Every float it has is its voltage, taken anew every REAL_S."""

    def __init__(self) -> None:
        self.volts, self._taken, self._seen = 230.0, 230.0, -1

    def answers(self, number: int, request: bytes) -> Iterable[Step]:
        transaction, _, _, unit, function, _, count = struct.unpack(">HHHBBHH", request)
        renewed = int(time.monotonic() / REAL_S)
        if renewed != self._seen:
            self._seen, self._taken = renewed, self.volts + renewed % 89 / 100
        head = struct.pack(">HHHBBB", transaction, 0, 3 + 2 * count, unit, function, 2 * count)
        yield head + struct.pack(">f", self._taken) * (count // 2)


async def until(what: str, holds, within_s: float) -> None:
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, f"no {what} within {within_s} s"
        await asyncio.sleep(0.1)


async def test_the_agent_learns_it_says_it_and_widens_the_bounds_of_its_events(tmp_path: Path) -> None:
    text = MODEL.read_text(encoding="utf-8")
    assert "refresh_s = 1.0" in text
    (tmp_path / "models").mkdir()
    text = text.replace("refresh_s = 1.0", f"refresh_s = {MAP_S}").replace("window_s = 1.0", "window_s = 0.01")
    (tmp_path / "models" / "hasty.toml").write_text(text, encoding="utf-8")
    meter, stop, apps = Meter(), asyncio.Event(), list[App]()
    async with on_tcp(meter.answers) as peer:
        (tmp_path / "site.toml").write_text(SITE.format(port=peer.port), encoding="utf-8")
        running = asyncio.create_task(run_agent(load_site(tmp_path / "site.toml"), stop=stop, ready=apps.append))
        try:
            await until("agent", lambda: apps, 5)
            app = apps[0]
            await until("learnt refresh", lambda: app.pollers["a"].refresh_us("m"), 25)
            await until("figures", lambda: app.pollers["a"].recent.figures(), 10)
            line = (await answers(app)["status"]({}))["lines"]["a"]
            assert line["refresh_s"]["m"] == pytest.approx(REAL_S, rel=0.2)
            assert line["last_minute"]["utilisation"] < 0.5
            assert line["last_minute"]["watch_hz"]["m"] >= 5
            meter.volts = 100.0
            await until("event", lambda: app.board.statuses()[0].open_events, 5)
            (event,) = await app.journal.events(limit=1)
            assert event.start_us - event.start_earliest_us >= 0.8 * REAL_S * 1e6
            # A look that came late makes the next one come soon after it.
            assert 0 < event.watch_s < 1.5 * MAP_S
        finally:
            stop.set()
            await running
