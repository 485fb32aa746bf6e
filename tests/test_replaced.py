"""Records that are replaced slot by slot are those that `dataclasses.replace` gives."""

from dataclasses import dataclass, replace

import pytest
from samples import event, reading

from agent.records import MeterStatus
from agent.replaced import replaced


@dataclass(frozen=True, slots=True)
class Judged:
    value: float

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError("negative")


def test_an_event_is_replaced_as_by_the_standard_library_and_the_one_before_stays() -> None:
    before = event()
    after = replaced(before, revision=7, evidence=("words",))
    assert after == replace(before, revision=7, evidence=("words",))
    assert hash(after.id) == hash(before.id)
    assert before == event()
    assert (type(after), after.revision, after.evidence) == (type(before), 7, ("words",))


def test_fields_that_are_not_compared_come_along() -> None:
    assert replaced(reading(1, seen_s=4.0), window_s=2.0).seen_s == 4.0


def test_a_record_of_one_class_is_never_made_with_the_slots_of_another() -> None:
    status = MeterStatus("m", "live", {}, "ok", 7, (), "normal")
    assert replaced(event(), revision=3).revision == 3
    assert replaced(status, last_good_us=None) == replace(status, last_good_us=None)


def test_a_field_that_there_is_not_is_an_error() -> None:
    with pytest.raises(TypeError, match="Event has no field colour"):
        replaced(event(), colour="red")  # type: ignore[call-arg]


def test_a_record_that_is_judged_when_it_is_made_is_refused() -> None:
    with pytest.raises(TypeError, match="__post_init__"):
        replaced(Judged(1.0), value=-1.0)
