"""Mutated journals, each started and judged: no start is refused, and what is missing is told of."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from journal_trial import Trial, Verdict
from torn_campaign import Sum, emptied
from torn_files import displaced, mutated
from torn_images import Tear, image
from torn_work import Worked, work

FILES_A_RECORDING = 100
_WHOLE = Tear(1.0, 0.0)
# A file whose header says, after a flip, that a newer version wrote it. That one is refused on purpose, untouched.
_NEWER = "JournalVersionError"


def campaign(files: int, seed: int, place: Path) -> Iterator[Sum]:
    """The sum so far, after each recording."""
    total, recording = Sum(), seed * 100_000
    while total.images < files:
        worked, dice = _worked(recording, place, total)
        for n in range(min(FILES_A_RECORDING, files - total.images)):
            at = dice.randint(worked.marks[0].ops, len(worked.ops))
            found, how = mutated(image(worked.before, worked.ops[:at], dice, _WHOLE), dice)
            total.add(_judged(worked, at, found, place), f"recording {recording}, file {n}, {how}")
        recording += 1
        yield total


def places(files: int, seed: int, place: Path) -> Iterator[Sum]:
    """Likewise, of files that are sound but for one page or key: it is in the place of another."""
    total, recording = Sum(), seed * 100_000
    while total.images < files:
        worked, dice = _worked(recording, place, total)
        for n in range(min(FILES_A_RECORDING, files - total.images)):
            at = dice.randint(worked.marks[0].ops, len(worked.ops))
            found, how = displaced(image(worked.before, worked.ops[:at], dice, _WHOLE), dice, emptied(place))
            total.add(_judged(worked, at, found, place), f"recording {recording}, place {n}, {how}")
        recording += 1
        yield total


def _worked(recording: int, place: Path, total: Sum) -> tuple[Worked, random.Random]:
    worked = work(recording, emptied(place))
    total.recordings += 1
    total.ops += len(worked.ops)
    return worked, random.Random(~recording)  # noqa: S311 - not a secret


def _judged(worked: Worked, at: int, files: Mapping[str, bytes], place: Path) -> Verdict:
    trial = Trial(emptied(place), worked.cap_mib, evicting=worked.cap_mib == 1)
    for name, content in files.items():
        (place / name).write_bytes(content)
    trial.lives += [replace(life, durable=0) for life in worked.lives_at(at)]
    verdict = trial.judge()
    if _NEWER in verdict.refused:
        verdict = replace(verdict, refused="", note="refused: written by a newer version")
    return verdict
