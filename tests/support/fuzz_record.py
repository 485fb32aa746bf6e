"""Pieces of a campaign, run whenever and wherever, added up: one line of JSON for each that came to its end."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

from fuzzing import Findings


def record(file: Path, found: Findings) -> None:
    line = json.dumps({one.name: getattr(found, one.name) for one in fields(found)})
    with file.open("a", encoding="utf-8") as lines:
        lines.write(line + "\n")


def recorded(files: Iterable[Path]) -> Iterator[Findings]:
    for file in files:
        for line in file.read_text(encoding="utf-8").splitlines():
            told = json.loads(line)
            yield Findings(**told | {"outcomes": Counter(told["outcomes"]), "kinds": Counter(told["kinds"])})


def added(pieces: Iterable[Findings]) -> list[Findings]:
    """One for each target and seed. ValueError where two pieces share inputs: they would count twice."""
    sums: list[Findings] = []
    by_place = sorted(pieces, key=lambda one: (one.target, one.seed, one.first))
    for before, after in pairwise(by_place):
        same = (before.target, before.seed) == (after.target, after.seed)
        if same and before.first + before.inputs > after.first:
            raise ValueError(f"{after.target}, seed {after.seed}: inputs from {after.first} on are there twice")
    for piece in by_place:
        if not sums or (sums[-1].target, sums[-1].seed) != (piece.target, piece.seed):
            sums.append(Findings(piece.target, piece.seed, piece.first, 0, slowest_ms=0.0))
        _add(sums[-1], piece)
    return sums


def _add(total: Findings, piece: Findings) -> None:
    total.inputs += piece.inputs
    total.outcomes += piece.outcomes
    total.kinds += piece.kinds
    total.examples += piece.examples
    total.cpu_s += piece.cpu_s
    if piece.slowest_ms > total.slowest_ms:
        total.slowest_ms, total.slowest = piece.slowest_ms, piece.slowest


def told(found: Findings, whole: Mapping[str, int]) -> str:
    """In one line. whole: how many inputs of each target there are"""
    came = ", ".join(f"{count} {outcome}" for outcome, count in found.outcomes.most_common())
    slowest = f"the slowest, number {found.slowest}, {found.slowest_ms:.2f} ms per KiB"
    if found.slowest < 0:
        slowest = f"none slower than {found.slowest_ms:.2f} ms per KiB" if found.slowest_ms else "not timed"
    return (
        f"{found.target}, seed {found.seed}: {found.inputs} inputs of {whole[found.target]} ({came}), "
        f"{sum(found.kinds.values())} findings, {slowest}, {found.cpu_s:.0f} s of CPU"
    )
