"""A step from one steady voltage to another, without a sag or swell: ``rapid_change``.

In the style of IEC 61000-4-30, 5.11, on means of one second of at least three looks:

    state    this second's means                               becomes  says
    -------  ------------------------------------------------  -------  ----------------------------------------------
    unknown  -                                                 moving   -
    steady   all within 2.5 % of the steady ones               steady   -
    steady   a channel further off                             moving   -
    moving   all within 2.5 % of the second before             steady   a change, if it was steady before and a channel
                                                                        now stands 5 % or more from there
    moving   a channel further off                             moving   - (after 10 s: unknown)
    any      a sag, swell or loss begins or ends; a meter      unknown  -
             whose window is too long or that is read too
             seldom never leaves it

A tap change moves a few percent less; a motor start that stays in band comes back to where it was. Both say nothing; a
start that holds the voltage 5 % down for two seconds and more does, going down and coming back.

    start_earliest  last look before it, moved back by age and window
    end             last reply of the second that was steady again; the earliest end is the earliest start
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from agent.detect.blocks import Block
from agent.detect.changes import Change, Figure, Span
from agent.detect.thresholds import Rules
from agent.detect.voltage import Look

# IEC 61000-4-30, 5.11: a threshold of 1 to 6 % of the difference between steady states; steady within half of it.
_STEP, _CALM = 0.05, 0.025
_SECOND_US = 1_000_000
_FEWEST_LOOKS = 3
_LONGEST = 10

Means = tuple[float, ...]


class Second(NamedTuple):
    """bound_us: its first request, moved back; end_us: its last reply."""

    bound_us: int
    end_us: int
    means: Means


class Rapid(NamedTuple):
    """steady: as it last was; moved: seconds since then, the latest last; both empty in the state unknown."""

    steady: Second | None = None
    moved: tuple[Second, ...] = ()


UNKNOWN = Rapid()


def step(rapid: Rapid, block: Block, rules: Rules, next_key: Callable[[], int]) -> tuple[Rapid, tuple[Change, ...]]:
    """Judge the looks of one block."""
    slow = rules.window_us > _SECOND_US or rules.age_us > _SECOND_US or not _fast(block.looks)
    if slow or None in block.lows:
        return UNKNOWN, ()
    calm_v = _CALM * rules.nominal_v
    steady = rapid.steady
    if steady is not None and not rapid.moved and _all_near(block, steady.means, calm_v):
        last = block.looks[-1]
        means: Means = block.means  # type: ignore[assignment]
        return Rapid(Second(last.sent_boot_us - rules.reach_us, last.received_boot_us, means)), ()
    changes: list[Change] = []
    for second in _seconds(block.looks, rules):
        rapid, found = _judge(rapid, second, rules, next_key)
        changes += found
    return rapid, tuple(changes)


def _all_near(block: Block, means: Means, calm_v: float) -> bool:
    return all(
        low is not None and high is not None and low >= mean - calm_v and high <= mean + calm_v
        for low, high, mean in zip(block.lows, block.highs, means, strict=True)
    )


def _fast(looks: Sequence[Look]) -> bool:
    span_us = looks[-1].received_boot_us - looks[0].received_boot_us
    return span_us * _FEWEST_LOOKS <= len(looks) * _SECOND_US


def _seconds(looks: Sequence[Look], rules: Rules) -> Iterator[Second]:
    """Whole seconds; what is left at the end is seen by its effect on the next one."""
    first = 0
    for i, look in enumerate(looks):
        if look.received_boot_us - looks[first].received_boot_us >= _SECOND_US:
            if i - first >= _FEWEST_LOOKS and not any(None in one.volts for one in looks[first:i]):
                yield _second(looks[first:i], rules)
            first = i


def _second(looks: Sequence[Look], rules: Rules) -> Second:
    columns = zip(*[look.volts for look in looks], strict=True)
    means = tuple(sum(column) / len(looks) for column in columns)
    return Second(looks[0].sent_boot_us - rules.reach_us, looks[-1].received_boot_us, means)


def _judge(rapid: Rapid, second: Second, rules: Rules, next_key: Callable[[], int]) -> tuple[Rapid, tuple[Change, ...]]:
    calm_v = _CALM * rules.nominal_v
    steady, moved = rapid
    if steady is not None and not moved and _near(second.means, steady.means, calm_v):
        return Rapid(second), ()
    if not moved or not _near(second.means, moved[-1].means, calm_v):
        return (Rapid(steady, (*moved, second)) if len(moved) < _LONGEST else Rapid(None, (second,))), ()
    if steady is None or _near(second.means, steady.means, _STEP * rules.nominal_v):
        return Rapid(second), ()
    return Rapid(second), _told(steady, moved[0], second, rules, next_key())


def _near(means: Means, others: Means, within_v: float) -> bool:
    return all(abs(one - other) < within_v for one, other in zip(means, others, strict=True))


def _told(before: Second, first: Second, after: Second, rules: Rules, key: int) -> tuple[Change, ...]:
    """It is over when it can be told: opened and closed in one go."""
    steps = [now - then for now, then in zip(after.means, before.means, strict=True)]
    most = max(steps, key=abs)
    crossed = tuple(i for i, volts in enumerate(steps) if abs(volts) >= _STEP * rules.nominal_v)
    moved = ", ".join(f"{rules.phases[i]} from {before.means[i]:.1f} to {after.means[i]:.1f} V" for i in crossed)
    opened = Change(
        action="open",
        detector="voltage",
        key=key,
        kind="rapid_change",
        span=Span(first.end_us, before.bound_us),
        extremes=after.means,
        crossed=crossed,
        evidence=(f"{moved}: steady before and after, {_STEP:.0%} of {rules.nominal_v:g} V or more apart",),
        figure=Figure("change", 100 * most / rules.nominal_v),
    )
    span = opened.span.ended(after.end_us, before.bound_us)
    return opened, Change(
        action="close",
        detector="voltage",
        key=key,
        kind="rapid_change",
        span=span,
        extremes=opened.extremes,
        crossed=crossed,
        evidence=opened.evidence,
        figure=opened.figure,
    )
