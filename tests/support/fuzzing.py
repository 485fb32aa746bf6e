"""Feeds a target thousands of inputs: what is raised is a finding, and so is what takes too long."""

import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from fuzz_dice import Dice
from fuzz_targets import Target

# Of CPU, for each KiB of input or part of one.
SLOWEST_MS_PER_KIB = 10.0
# What takes less is not told from what takes nothing.
_LOOKED_AT_MS = 1.0
_AGAIN = 3
# Beside other work an input was seen to take three times as long, several times in a row.
_AGAIN_BEFORE_TOLD = 40
_KEPT = 20


@dataclass(slots=True)
class Findings:
    """Of the inputs of one target from `first` on.

    outcomes: how many inputs came to what; kinds: of findings, how often each came; slowest_ms: for a KiB, no input
    took more, 0 where it was not looked at; slowest: the number of the one that took so much, -1 if none was worth it
    """

    target: str
    seed: int
    first: int
    inputs: int
    outcomes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    slowest_ms: float = _LOOKED_AT_MS
    slowest: int = -1
    cpu_s: float = 0.0

    def add(self, kind: str, number: int, data: bytes) -> None:
        self.kinds[kind] += 1
        if self.kinds[kind] == 1 and len(self.examples) < _KEPT:
            self.examples.append(f"{kind}; input {number}: {data[:2000]!r}{'...' * (len(data) > 2000)}")


def key_of(target: str, seed: int) -> bytes:
    return f"{target} {seed}".encode()


def fuzzed(target: Target, numbers: range, seed: int) -> Findings:
    """The same seed and number make the same input, whatever was fed before it."""
    found, key = Findings(target.name, seed, numbers.start, len(numbers)), key_of(target.name, seed)
    began_s = time.process_time()
    for first in range(numbers.start, numbers.stop, target.batch):
        batch = range(first, min(first + target.batch, numbers.stop))
        _feed(target, {number: target.make(Dice(key, number)) for number in batch}, found)
    found.cpu_s = time.process_time() - began_s
    return found


def _feed(target: Target, batch: Mapping[int, bytes], found: Findings) -> None:
    """What no input took is known by what all of them took together: to read the clock for each is dear."""
    began_ns = time.thread_time_ns()
    for number, data in batch.items():
        try:
            found.outcomes[target.feed(data)] += 1
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            found.add(f"{type(error).__name__}: {str(error)[:200]}", number, data)
    took_ms = (time.thread_time_ns() - began_ns) / 1e6
    if took_ms > min(found.slowest_ms, SLOWEST_MS_PER_KIB):
        for number, data in batch.items():
            _look_at(target, number, data, took_ms, found)


def _look_at(target: Target, number: int, data: bytes, at_most_ms: float, found: Findings) -> None:
    """Not the input's fault if it does not come again: a collection of garbage, say."""
    kibs = max(1.0, target.size(data) / 1024)
    took_ms, told_from_ms = at_most_ms / kibs, min(found.slowest_ms, SLOWEST_MS_PER_KIB)
    for turn in range(_AGAIN_BEFORE_TOLD):
        if took_ms <= told_from_ms or (turn >= _AGAIN and took_ms <= SLOWEST_MS_PER_KIB):
            break
        took_ms = min(took_ms, _again_ms(target, data) / kibs)
    if took_ms > SLOWEST_MS_PER_KIB:
        found.add(f"more than {SLOWEST_MS_PER_KIB:g} ms per KiB", number, data)
    if took_ms > found.slowest_ms:
        found.slowest_ms, found.slowest = took_ms, number


def _again_ms(target: Target, data: bytes) -> float:
    began_ns = time.thread_time_ns()
    with suppress(Exception):
        target.feed(data)
    return (time.thread_time_ns() - began_ns) / 1e6
