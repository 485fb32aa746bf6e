"""The units of one line: who answers, how long each is waited for, which silent one is probed next. Pure."""

from collections.abc import Callable, Collection, Iterable

from agent.poll import health as unit_health
from agent.poll import patience
from agent.poll.health import HEALTHY, Budget, Health
from agent.poll.patience import Patience, limit_us
from agent.poll.unit import Ask
from drivers.modbus.outcome import Exchange

# A line on which nothing will ever fall due.
_IDLE_US = 1_000_000
# A line that is down says so at once, and of all its units: it is asked through one of them, this often.
_DOWN_PROBE_US = 100_000


class Roll:
    """health: by meter. jitter: in [0, 1)."""

    def __init__(self, meters: Iterable[str], jitter: Callable[[], float]) -> None:
        self.health: dict[str, Health] = dict.fromkeys(meters, HEALTHY)
        self._patience: dict[str, Patience] = dict.fromkeys(self.health, Patience())
        self._budget = Budget()
        self._living_us = 0
        self._down_until_us = 0  # no probe before: the line was just seen down
        self._jitter = jitter

    def limit_us(self, ask: Ask) -> int:
        """How long to wait for the answer, from the request on."""
        return ask.wire_us + limit_us(self._patience[ask.unit.meter], ask.floor_us, ask.ceiling_us)

    def answered(self, ask: Ask, asked_us: int, exchange: Exchange) -> None:
        """asked_us: when the line was given the request; it may have had to be opened, or a silence to be kept, before
        the request left."""
        received_us, meter = exchange.received_boot_us, ask.unit.meter
        self._living_us += received_us - asked_us
        taken_us = received_us - exchange.sent_boot_us
        self._patience[meter] = patience.heard(self._patience[meter], taken_us - ask.wire_us)

    def alive(self, meter: str) -> Health:
        """It said something. What it was before."""
        before, self.health[meter] = self.health[meter], HEALTHY
        return before

    def missed(self, meter: str, now_us: int, outcome: str, *, hurried: bool) -> tuple[Health, Health]:
        """No answer. hurried: it was not waited for in full. Before and after."""
        if outcome == "down":
            self._down_until_us = now_us + _DOWN_PROBE_US
        if outcome == "silent" and not hurried:
            self._patience[meter] = patience.missed(self._patience[meter])
        before = self.health[meter]
        after = self.health[meter] = unit_health.missed(before, now_us, self._jitter(), hurried=hurried)
        return before, after

    def probe(self, asks: Iterable[Ask], now_us: int, next_due_us: int | None) -> tuple[Ask, int, bool] | None:
        """Which silent unit may be asked now, how long to wait for it, and whether that is less than in full.

        asks: the cheapest read of each; next_due_us: of a living unit
        """
        self._budget.earn(self._living_us, now_us)
        self._living_us = 0
        if now_us < self._down_until_us:
            return None
        gap_us = None if next_due_us is None else max(0, next_due_us - now_us)
        for ask in asks:
            full_us = self.limit_us(ask)
            least_us = ask.wire_us + ask.floor_us
            health = self.health[ask.unit.meter]
            wait_us = unit_health.probe_us(health, now_us, gap_us, full_us, least_us, self._budget)
            if wait_us:
                return ask, wait_us, wait_us < full_us
        return None

    def next_us(self, silent: Collection[str], now_us: int, next_due_us: int | None) -> int:
        """When anything of this line is worth another look."""
        if not silent and next_due_us is not None:
            return next_due_us
        if now_us < self._down_until_us:
            return self._down_until_us if next_due_us is None else min(next_due_us, self._down_until_us)
        instants = [next_due_us, *(unit_health.wake_us(self.health[meter], now_us) for meter in silent)]
        return min((instant for instant in instants if instant is not None), default=now_us + _IDLE_US)
