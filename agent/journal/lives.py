"""The runs before this one: what they stored of their events, and how their open events are said again."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from agent.journal.reader import Reader
from agent.journal.rows import ANY
from agent.records import Event, Incident

Told = TypeVar("Told", Event, Incident)

# So many runs are told of. More of them between two connections to a broker, each dead before its first, is no gateway.
LIVES = 8
# Revisions that went out before they were stored may be in use beyond the last that was. Few are made while a card
# stalls; an hour on a full card makes some ten of an event.
SKIPPED = 100
_EPOCHS = "SELECT epoch, seq_lo FROM epoch ORDER BY seq_lo DESC LIMIT ?"
_BARREN = "SELECT v FROM meta WHERE k = 'barren'"
_IDS = "SELECT DISTINCT id FROM event WHERE seq >= ?"


@dataclass(frozen=True, slots=True)
class Ended:
    """A run that is over. events: the highest number among its stored events; own: likewise of the gateway's own."""

    epoch: str
    events: int = 0
    own: int = 0


def ended(reader: Reader, gateway: str, epoch: str) -> tuple[Ended, ...]:
    """The last runs before `epoch`, the youngest first. One of which nothing is left any more is not told of: what it
    had stored is not known. Last, for as many runs, ANY where a journal was lost: those before it, of any name.
    """
    oldest = reader.figures().oldest or 1
    runs = [(str(name), int(seq_lo)) for name, seq_lo in reader._all(_EPOCHS, (LIVES + 1,)) if name != epoch]
    ids = [str(id_) for (id_,) in reader._all(_IDS, (runs[-1][1],))] if runs else []
    told = (
        (Ended(name, _highest(ids, f"{gateway}-{name}-"), _highest(ids, f"{gateway}-{name}-g-")), seq_lo)
        for name, seq_lo in runs
    )
    barren = " ".join(str(names) for (names,) in reader._all(_BARREN)).split()
    kept = tuple(one for one, seq_lo in told if one.events or one.own or seq_lo >= oldest)
    return kept + tuple(Ended(name) for name in reversed(barren) if name != ANY or len(kept) < LIVES)


def _highest(ids: list[str], before: str) -> int:
    numbers = (id_.removeprefix(before) for id_ in ids if id_.startswith(before))
    return max((int(number) for number in numbers if number.isdecimal()), default=0)


def said_again(told: Iterable[Told], now_us: int) -> tuple[Told, ...]:
    """The next revisions of what a run that was cut off left open: higher than whatever it said and did not store, so
    that nobody goes on with what was lost."""
    return tuple(replace(one, revision=one.revision + SKIPPED, reported_us=now_us) for one in told)
