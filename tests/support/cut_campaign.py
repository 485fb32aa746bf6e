"""Thousands of cuts, one state directory after the other: first starts, migrations, evictions and recoveries are cut,
too."""

import gzip
import os
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from history import Life, point
from journal_trial import ALL, Trial, Verdict
from journal_victim import GROUP_S, Work
from power_cuts import Disk, Victim

from agent.journal.file import FILE_NAME, connect_readonly
from agent.journal.reader import Reader

_SCHEMA_1 = Path(__file__).resolve().parent.parent / "cases" / "journal-schema-1.sqlite3.gz"
# Short enough to cut the start itself now and then, long enough for some commits.
_MEAN_LIFE_S = 0.06
_LONGEST_LIFE_S = 0.15
_LIVES_A_FILE = (3, 16)
# Readings only, for so long: they wait for their group, and a journal that forgets it loses more than that.
_QUIET = 0.05
_QUIET_S = 0.8
# A group, and what a flush and a start of the loop take on a busy machine.
ALLOWED_LOST_S = GROUP_S + 0.25
# As after a power cut: the next one comes before anybody looked.
_UNSEEN = 0.3
_SMALL_MIB = 1
# So many rows of noise fill nine tenths of that.
_FILL_TURNS = 45
_NOISE = 2000
_TOLD = 20


class Rig(Protocol):
    """How a victim is cut off."""

    def fresh(self) -> Path:
        """An empty state directory."""

    def cut(self, victim: Victim) -> str:
        """What it said, all of which was said before the cut."""


class Kill:
    """kill -9: what was handed to the kernel stays."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def fresh(self) -> Path:
        shutil.rmtree(self._place, ignore_errors=True)
        self._place.mkdir()
        return self._place

    def cut(self, victim: Victim) -> str:
        return victim.end()


class PowerCut:
    """The disk loses power: what was not flushed is gone."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def fresh(self) -> Path:
        self._disk.fresh()
        return self._disk.path

    def cut(self, victim: Victim) -> str:
        victim.stop()
        self._disk.shut_down()
        said = victim.end()
        self._disk.unmount()
        self._disk.mount()
        return said


@dataclass(slots=True)
class Sum:
    cuts: int = 0
    files: Counter[str] = field(default_factory=Counter)
    events: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    notes: int = 0
    refused: int = 0
    damaged: int = 0
    starts: int = 0
    slowest_start_s: float = 0.0
    most_lost: int = 0
    most_lost_s: float = 0.0
    examples: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        told = not self.lost and not self.notes and not self.damaged and not self.refused and self.events > 0
        return told and self.most_lost_s <= ALLOWED_LOST_S

    def add(self, verdict: Verdict, where: str) -> None:
        self.starts += 1
        self.slowest_start_s = max(self.slowest_start_s, verdict.start_s)
        self.most_lost = max(self.most_lost, verdict.lost)
        self.most_lost_s = max(self.most_lost_s, verdict.lost_s)
        self.notes += bool(verdict.note)
        self.refused += bool(verdict.refused)
        self.damaged += verdict.damaged
        self.lost.update(wrong.rule for wrong in verdict.wrong)
        said = [*(str(wrong) for wrong in verdict.wrong[:3]), *filter(None, (verdict.note, verdict.refused))]
        self.examples += [f"{where}: {words}" for words in said]

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.files.items()))
        broken = ", ".join(f"{rule} {count}" for rule, count in sorted(self.lost.items()))
        return (
            f"{self.cuts} cuts, {sum(self.files.values())} files ({kinds}), {self.events} events said to be stored; "
            f"broken promises: {broken or 'none'}; a cut took at most the last {self.most_lost_s * 1000:.0f} ms of "
            f"readings (groups of {GROUP_S * 1000:.0f} ms, {ALLOWED_LOST_S * 1000:.0f} allowed); "
            f"{self.notes} files moved aside, {self.damaged} rows damaged; "
            f"{self.starts} starts judged, {self.refused} refused, the slowest {self.slowest_start_s * 1000:.0f} ms"
        )


def campaign(rig: Rig, rounds: int, seed: int, sync: str = "FULL") -> Iterator[Sum]:
    """The sum so far, after every file."""
    dice, total, life = random.Random(seed), Sum(), seed * 10_000_000  # noqa: S311 - not a secret
    while total.cuts < rounds:
        kind = dice.choices(("fresh", "migrated", "evicting"), (0.7, 0.1, 0.2))[0]
        lives = min(dice.randint(*_LIVES_A_FILE), rounds - total.cuts)
        total.files[kind] += 1
        trial, work = _KINDS[kind](rig.fresh(), life, sync)
        for left in range(lives - 1, -1, -1):
            life += 1
            total.cuts += 1
            quiet = dice.random() < _QUIET
            victim = Victim(trial.state_dir, life, replace(work, quiet=quiet))
            victim.listen(_QUIET_S if quiet else min(dice.expovariate(1 / _MEAN_LIFE_S), _LONGEST_LIFE_S))
            trial.heard(rig.cut(victim))
            if not left or dice.random() >= _UNSEEN:
                verdict = trial.judge()
                total.add(verdict, f"{kind} file, life {life}")
                if verdict.wrong:
                    break
        total.events += trial.events
        yield total


def _fresh(state_dir: Path, life: int, sync: str) -> tuple[Trial, Work]:
    return Trial(state_dir), Work(sync=sync)


def _migrated(state_dir: Path, life: int, sync: str) -> tuple[Trial, Work]:
    """What an agent of the first release left."""
    file = state_dir / FILE_NAME
    file.write_bytes(gzip.decompress(_SCHEMA_1.read_bytes()))
    os.sync()
    trial = Trial(state_dir)
    trial.lives.append(_found(file))
    return trial, Work(sync=sync)


def _found(file: Path) -> Life:
    with closing(connect_readonly(file)) as db:
        reader = Reader(db)
        entries = reader.read((0, ALL), ALL).entries
        made = tuple(point(entry.seq, entry.record) for entry in entries)
        return Life(reader.epoch(), 1, made, reader.head())


def _evicting(state_dir: Path, life: int, sync: str) -> tuple[Trial, Work]:
    """Filled by a life that ends in order, under a cap that is lowered then: the rest is evicted and vacuumed."""
    trial = Trial(state_dir, _SMALL_MIB, evicting=True)
    victim = Victim(state_dir, life, Work(cap_mib=2 * _SMALL_MIB, noise=_NOISE, turns=_FILL_TURNS))
    victim.listen(60)
    trial.heard(victim.end())
    return trial, Work(cap_mib=_SMALL_MIB, noise=_NOISE, sync=sync)


_KINDS: dict[str, Callable[[Path, int, str], tuple[Trial, Work]]] = {
    "fresh": _fresh, "migrated": _migrated, "evicting": _evicting,
}  # fmt: skip


def run(name: str, rig: Rig, rounds: int, seed: int, tell: Callable[[str], None], *, weak: bool = False) -> int:
    """Tell what happens; the exit code. weak: the journal does not wait for the disk, and the rig has to notice."""
    started_s, told_s = time.monotonic(), time.monotonic()
    total = Sum()
    for total in campaign(rig, rounds, seed, "NORMAL" if weak else "FULL"):
        if time.monotonic() - told_s > 20:
            told_s = time.monotonic()
            tell(f"{name}: {total.cuts} of {rounds} cuts, {sum(total.lost.values())} promises broken")
    for example in total.examples[: 2 if weak else _TOLD]:
        tell(f"  {example}")
    passed = total.sound != weak
    control = ", negative control (synchronous=NORMAL has to lose)" if weak else ""
    spent_s = time.monotonic() - started_s
    tell(f"{name}: {'ok' if passed else 'FAILED'}{control}, seed {seed}, {total} in {spent_s:.0f} s")
    return 0 if passed else 1
