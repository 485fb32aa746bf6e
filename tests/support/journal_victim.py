"""Writes to a journal until it is killed; says on stdout what was acknowledged: ``event id``, one a line.

python journal_victim.py STATE_DIR SEED
"""

import asyncio
import os
import random
import sys
from functools import partial
from pathlib import Path

from samples import event, reading, trace

from agent.journal.journal import Journal


def say(name: str, durable: asyncio.Future[None]) -> None:
    if not durable.cancelled():
        os.write(1, f"{name}\n".encode())


async def main(state_dir: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    os.write(1, b"up\n")
    async with Journal.open(state_dir, ["mqtt", "influxdb"], "gw-01", group_s=0.02) as journal:
        number = 0
        while True:
            for _ in range(chance.randrange(20)):
                journal.add_reading(reading(chance.randrange(1000)))
            if chance.random() < 0.3:
                number += 1
                name = f"{journal.epoch}-{number}"
                if chance.random() < 0.5:
                    journal.add_trace(trace(event=name, count=chance.randrange(1, 300)))
                durable = journal.add_event(event(id=name))
                durable.add_done_callback(partial(say, name))
            window = await journal.fetch("mqtt", "live", 20)
            journal.advance("mqtt", "live", window.next)
            journal.advance("mqtt", "trace", (await journal.fetch("mqtt", "trace", 1)).next)
            await asyncio.sleep(chance.random() * 0.004)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
