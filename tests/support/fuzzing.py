"""Feeds a target thousands of inputs: what is raised is a finding, and so is what takes too long."""

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from fuzz_targets import Target

# Of CPU, for each KiB of input or part of one.
SLOWEST_MS_PER_KIB = 10.0
_TOLD_EVERY_S = 20.0
_KEPT = 20


@dataclass
class Findings:
    """One target's. outcomes: how many inputs came to what; kinds: of findings, how often each came"""

    target: str
    inputs: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    slowest_ms: float = 0.0
    took_s: float = 0.0

    def __str__(self) -> str:
        came = ", ".join(f"{count} {outcome}" for outcome, count in self.outcomes.most_common())
        return (
            f"{self.target}: {self.inputs} inputs ({came}), {sum(self.kinds.values())} findings, slowest "
            f"{self.slowest_ms:.2f} ms per KiB, in {self.took_s:.0f} s"
        )

    def add(self, kind: str, data: bytes) -> None:
        self.kinds[kind] += 1
        if self.kinds[kind] == 1 and len(self.examples) < _KEPT:
            self.examples.append(f"{kind}; input {data[:2000]!r}{'...' * (len(data) > 2000)}")


def fuzzed(
    target: Target, inputs: int, seed: int, tell: Callable[[str], None] = lambda _: None, for_s: float = 1e9
) -> Findings:
    """Ends after so many inputs, or so long. The same seed makes the same inputs."""
    dice, found = random.Random(f"{target.name} {seed}"), Findings(target.name)  # noqa: S311 - not a secret
    began_s = told_s = time.monotonic()
    while found.inputs < inputs:
        _one(target, target.make(dice), found)
        now_s = time.monotonic()
        if now_s - began_s > for_s:
            break
        if now_s - told_s > _TOLD_EVERY_S:
            told_s = now_s
            tell(f"{target.name}: {found.inputs} of {inputs}, {sum(found.kinds.values())} findings")
    found.took_s = time.monotonic() - began_s
    return found


def _one(target: Target, data: bytes, found: Findings) -> None:
    found.inputs += 1
    kibs = max(1.0, target.size(data) / 1024)
    began_ns = time.thread_time_ns()
    try:
        outcome = target.feed(data)
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        found.add(f"{type(error).__name__}: {str(error)[:200]}", data)
        return
    took_ms = (time.thread_time_ns() - began_ns) / 1e6 / kibs
    found.outcomes[outcome] += 1
    if took_ms > SLOWEST_MS_PER_KIB:
        # Not the input's fault if it does not come again: a collection of garbage, say.
        took_ms = min(took_ms, *(_again_ms(target, data) / kibs for _ in range(3)))
        if took_ms > SLOWEST_MS_PER_KIB:
            found.add(f"{took_ms:.0f} ms per KiB", data)
    found.slowest_ms = max(found.slowest_ms, took_ms)


def _again_ms(target: Target, data: bytes) -> float:
    began_ns = time.thread_time_ns()
    target.feed(data)
    return (time.thread_time_ns() - began_ns) / 1e6
