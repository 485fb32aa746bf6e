"""How late a timer of the running loop comes."""

import asyncio

TICK_S = 0.001


async def lags_s(for_s: float) -> list[float]:
    """One figure for each tick, over that long."""
    loop = asyncio.get_running_loop()
    found: list[float] = []
    until_s = loop.time() + for_s
    while (due_s := loop.time() + TICK_S) < until_s:
        await asyncio.sleep(TICK_S)
        found.append(loop.time() - due_s)
    return found


def at(lags: list[float], share: float) -> float:
    return sorted(lags)[min(len(lags) - 1, int(len(lags) * share))]
