"""Recordings of a store at work, each torn at many places; every image is started and judged."""

import random
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from journal_trial import Trial, Verdict
from torn_images import TEARS, Tear, image
from torn_work import Worked, work

IMAGES_A_RECORDING = 100
MOST_LIES = 5


@dataclass(slots=True)
class Sum:
    """moved: files moved aside, and said so; short: images whose last records were gone, though said to be stored."""

    images: int = 0
    recordings: int = 0
    ops: int = 0
    events: int = 0
    moved: int = 0
    damaged: int = 0
    refused: int = 0
    short: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    slowest_start_s: float = 0.0
    examples: list[str] = field(default_factory=list)

    @property
    def kept_promises(self) -> bool:
        return not self.lost and not self.refused and self.images > 0

    def add(self, verdict: Verdict, where: str) -> None:
        self.images += 1
        self.moved += bool(verdict.note)
        self.damaged += verdict.damaged
        self.refused += bool(verdict.refused)
        self.slowest_start_s = max(self.slowest_start_s, verdict.start_s)
        for wrong in verdict.wrong:
            self.lost[wrong.rule] = self.lost.get(wrong.rule, 0) + 1
        said = [*(str(wrong) for wrong in verdict.wrong[:3]), *filter(None, (verdict.note, verdict.refused))]
        self.examples += [f"{where}: {words}" for words in said]

    def __str__(self) -> str:
        broken = ", ".join(f"{rule} {count}" for rule, count in sorted(self.lost.items()))
        return (
            f"{self.images} files of {self.recordings} recordings ({self.ops} writes, syncs and deletions, "
            f"{self.events} events); broken promises: {broken or 'none'}; {self.moved} files moved aside, "
            f"{self.damaged} rows damaged; {self.refused} starts refused, "
            f"the slowest {self.slowest_start_s * 1000:.0f} ms"
        )


def campaign(
    images: int, seed: int, place: Path, *, lying: bool = False, tears: tuple[Tear, ...] = TEARS
) -> Iterator[Sum]:
    """The sum so far, after each recording. lying: the card says of its last syncs that they are done, and they are
    not; then what was said to be stored may be gone, but not without a word."""
    total, recording = Sum(), seed * 100_000
    while total.images < images:
        worked = work(recording, emptied(place))
        total.recordings += 1
        total.ops += len(worked.ops)
        total.events += sum(one.kind == "event" for life in worked.lives for one in life.generated)
        dice = random.Random(~recording)  # noqa: S311 - not a secret
        for _ in range(min(IMAGES_A_RECORDING, images - total.images)):
            _tear(worked, dice, place, total, f"recording {recording}", lying=lying, tears=tears)
        recording += 1
        yield total


def _tear(
    worked: Worked, dice: random.Random, place: Path, total: Sum, where: str, *, lying: bool, tears: tuple[Tear, ...]
) -> None:
    at, tear = dice.randint(1, len(worked.ops)), dice.choice(tears)
    lies = dice.randint(1, MOST_LIES) if lying else 0
    trial = Trial(emptied(place), worked.cap_mib, evicting=worked.cap_mib == 1)
    for name, content in image(worked.before, worked.ops[:at], dice, tear, lies).items():
        (place / name).write_bytes(content)
    lives = worked.lives_at(at)
    trial.lives += [replace(life, durable=0) for life in lives] if lying else lives
    verdict = trial.judge()
    if lying:
        said = max((mark.durable for mark in worked.marks if mark.ops <= at), default=1)
        total.short += verdict.head < said
    total.add(verdict, f"{where}, cut at {at} of {len(worked.ops)}, {tear}, {lies} lies")


def emptied(place: Path) -> Path:
    with suppress(FileNotFoundError):
        shutil.rmtree(place)
    place.mkdir()
    return place
