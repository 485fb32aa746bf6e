"""Whether enough meters were looked at to say anything of the network, one fault is not told meter by meter. Pure.

what happened                     what is waited for                                       but no longer than
--------------------------------  -------------------------------------------------------  ------------------------
the agent started                 every meter was looked at, or is lost                    30 s
a supply went or came back        every meter that speaks was looked at since              4 s, in a chain 8 s
a phase was lost at a meter       others that show a phase as low: they tell of it soon    4 s
"""

from collections.abc import Mapping, Sequence

from agent.detect.cases import Loss
from agent.detect.supply_evidence import Seen

_FIRST_US, _SETTLE_US, _CHAIN_US = 30_000_000, 4_000_000, 8_000_000
# As a phase loss has it: one phase below, another above.
_LOW_PU, _HIGH_PU = 0.6, 0.8


class Looks:
    def __init__(self, started_us: int) -> None:
        self._started_us = started_us
        self._started = False
        self._unsettled_us: int | None = None
        self._phases_us: int | None = None

    @property
    def waits(self) -> bool:
        return not self._started or self._unsettled_us is not None

    def done(self, now_us: int, seen: Sequence[Seen], losses: Mapping[str, Sequence[Loss]]) -> bool:
        """seen: of the meters that count."""
        all_seen = all(one.as_of_us is not None or one.silent for one in seen)
        self._started = self._started or all_seen or now_us - self._started_us >= _FIRST_US
        settled = self._settled(now_us, seen, _last_change_us(losses))
        return self._phases_settled(now_us, seen, losses) and settled and self._started

    def _settled(self, now_us: int, seen: Sequence[Seen], changed_us: int) -> bool:
        """Every meter that speaks was looked at since the last change."""
        waits = any(
            one.speaks and one.as_of_us is not None and one.as_of_us < changed_us and one.comms == "ok" for one in seen
        )
        if not (waits and now_us - changed_us < _SETTLE_US):
            self._unsettled_us = None
            return True
        if self._unsettled_us is None:
            self._unsettled_us = now_us
        if now_us - self._unsettled_us >= _CHAIN_US:
            self._unsettled_us = now_us  # one change after the other: say what is known, and go on
            return True
        return False

    def _phases_settled(self, now_us: int, seen: Sequence[Seen], losses: Mapping[str, Sequence[Loss]]) -> bool:
        """Nobody is about to tell of a phase that others have lost already."""
        lost = {name for name, own in losses.items() for loss in own if loss.kind == "phase_loss" and _is_open(loss)}
        coming = (one for one in seen if one.meter not in lost and one.comms == "ok" and one.speaks and _lacks(one))
        if not lost or not any(coming):
            self._phases_us = None
            return True
        if self._phases_us is None:
            self._phases_us = now_us
        return now_us - self._phases_us >= _SETTLE_US


def _lacks(seen: Seen) -> bool:
    return len(seen.pu) > 1 and min(seen.pu.values()) < _LOW_PU and max(seen.pu.values()) > _HIGH_PU


def _is_open(loss: Loss) -> bool:
    return loss.state == "open"


def _last_change_us(losses: Mapping[str, Sequence[Loss]]) -> int:
    """When a supply, or a phase, went or came back last."""
    known = [loss for own in losses.values() for loss in own if loss.kind in ("supply_loss", "phase_loss")]
    ends = [loss.ended.latest_us for loss in known if loss.ended is not None]
    return max((*(loss.began_us for loss in known), *ends), default=0)
