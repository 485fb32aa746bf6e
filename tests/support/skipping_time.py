"""An event loop that skips what would only be waited for, and counts what is worked: three days in minutes, and still
nothing takes less time than this machine needs for it."""

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """Waits while a thread works for the loop; otherwise hands the time it was asked to wait to the clock."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped_s = 0.0
        self.at_work = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self.at_work or timeout is None or timeout <= 0:
            return super().select(timeout)
        ready = super().select(0)
        if not ready:
            self.skipped_s += timeout
        return ready


class SkippingLoop(asyncio.SelectorEventLoop):
    """time() is what was worked and what was skipped together."""

    def __init__(self) -> None:
        self._skipping = _Selector()
        super().__init__(self._skipping)

    def time(self) -> float:
        return time.monotonic() + self._skipping.skipped_s

    def run_in_executor(self, executor: Executor | None, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        self._skipping.at_work += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._worked)
        return future

    def _worked(self, _: object) -> None:
        self._skipping.at_work -= 1


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run `main` to its end in such time."""
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(main)
