"""An agent whose card does not finish a flush while a file of the given name is there: SITE FILE."""

import asyncio
import logging
import signal
import sys
import time
from pathlib import Path

from torn_vfs import Recording, recorded

from agent.app import run_agent
from agent.site import load_site


def main(site: str, stall: Path) -> None:
    def wait(_: str) -> int:
        while stall.exists():
            time.sleep(0.02)
        return 0

    async def run() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        await run_agent(load_site(Path(site)), stop=stop)

    logging.basicConfig(level=logging.INFO)
    with recorded(Recording(before_sync=wait)):
        asyncio.run(run())


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
