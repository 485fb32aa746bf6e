"""What exceptions mean, in words."""

import pytest

from drivers.refusals import exceptions_todo, exceptions_told


@pytest.mark.parametrize(
    ("codes", "told", "todo"),
    [
        ({6}, "exception 06 (it is busy)", "wait until"),
        ({5, 6}, "exception 05 (acknowledge, it is busy), 06 (it is busy)", "wait until"),
        ({4}, "exception 04 (device failure)", "behind a gateway"),
        ({3, 2}, "exception 02 (illegal data address), 03 (illegal data value)", "docs/add-a-meter.md"),
        ({0x0A}, "exception 0A (gateway path unavailable: the gateway's own settings or port)", "docs/add-a-meter.md"),
        ({0x0B}, "exception 0B (the gateway got no answer from this unit)", "docs/add-a-meter.md"),
        ({0x55}, "exception 55 (of its own)", "docs/add-a-meter.md"),
    ],
)
def test_exceptions_are_told_with_what_to_do(codes: set[int], told: str, todo: str) -> None:
    assert exceptions_told(codes, 12) == f"it answers every read with {told}; after 12 requests no word was read"
    assert todo in exceptions_todo(codes)
