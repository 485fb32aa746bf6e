"""Spans of time and numbers between bounds."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from agent.report.figures import Bounds, Figure, Span, common, merged, total_us, without

_SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda ends: Span(min(ends), max(ends))))


def _points(spans: tuple[Span, ...] | list[Span]) -> set[int]:
    return {at for span in spans for at in range(span.from_us, span.to_us)}


@given(_SPANS, _SPANS)
def test_spans_are_sets_of_instants(some: list[Span], others: list[Span]) -> None:
    left, right = _points(some), _points(others)
    assert _points(merged(some)) == left
    assert _points(common(some, others)) == left & right
    assert _points(without(some, others)) == left - right
    assert total_us(some) == len(left)


@given(_SPANS)
def test_merged_spans_lie_in_order_and_apart(spans: list[Span]) -> None:
    found = merged(spans)
    assert all(one.to_us < other.from_us for one, other in pairwise(found))


@given(*[st.floats(-1e6, 1e6)] * 4, st.floats(-1e3, 1e3))
def test_bounds_hold_what_their_parts_hold(a: float, b: float, c: float, d: float, factor: float) -> None:
    one, other = Bounds(min(a, b), max(a, b)), Bounds(min(c, d), max(c, d))
    assert a + c in one + other
    assert a - c in one - other
    assert a * factor in one.scaled(factor)


def test_a_figure_is_covered_from_95_percent_on_and_never_without_a_value() -> None:
    assert Figure(1.0, 0.95, "h").is_covered
    assert not Figure(1.0, 0.949, "h").is_covered
    assert not Figure(None, 1.0, "h", "no meter measures it").is_covered
