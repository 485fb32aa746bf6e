"""The `[identity]` table of a map: parsed strictly, and what it makes of an answer."""

import pytest

from drivers.errors import ModelError, wrong_map
from drivers.identity import NO_IDENTITY, IdField, parse_identity
from drivers.library import load_model, model_names
from drivers.modbus.pdu import Read
from drivers.strict import Table

GOOD = {
    "device_id": ["METER 7", "M7"],
    "device_id_sources": "manual p9",
    "reads": [
        {
            "title": "Type", "function": 3, "address": 64001, "words": 12, "grade": "A", "sources": "manual p59",
            "fields": [
                {"at": 0, "name": "manufacturer", "encoding": "u16", "numbers": [42]},
                {"at": 1, "name": "order number", "words": 8, "begins": ["7KM2"]},
                {"at": 9, "name": "serial number", "encoding": "u32"},
            ],
        }
    ],
}  # fmt: skip
WORDS = (42, 0x376B, 0x4D32, 0x3131, 0x3200, 0x2020, 0, 0, 0, 0x0001, 0x0002, 0)


def parsed(**changes: object) -> object:
    return parse_identity(Table("m.toml", "", {"identity": GOOD | changes}, wrong_map), 27)


def changed(place: str, **changes: object) -> dict[str, object]:
    """GOOD's reads with one table changed: the read itself, or one of its fields. None takes a key out."""
    read = GOOD["reads"][0]  # type: ignore[index]
    fields = list(read["fields"])
    if place == "read":
        read = read | changes
    else:
        number = ["manufacturer", "order number", "serial number"].index(place)
        fields[number] = {key: value for key, value in (fields[number] | changes).items() if value is not None}
        read = read | {"fields": fields}
    return {"reads": [read]}


def test_a_map_without_the_table_says_nothing_of_itself() -> None:
    assert parse_identity(Table("m.toml", "", {}, wrong_map), 27) == NO_IDENTITY
    assert not NO_IDENTITY.proves
    assert NO_IDENTITY.called(["anything"]) is None


def test_the_words_of_an_answer_are_told_and_judged() -> None:
    identity = parse_identity(Table("m.toml", "", {"identity": GOOD}, wrong_map), 27)
    (one,) = identity.reads
    assert (one.read, one.grade, one.proves) == (Read(3, 64001, 12), "A", True)
    manufacturer, order, serial = one.fields
    assert [field.value(WORDS) for field in one.fields] == [42, "7kM2112", 0x10002]
    assert manufacturer.agrees(42)
    assert not manufacturer.agrees(43)
    assert order.agrees("7kM2112")  # capitals or small letters
    assert not order.agrees("A7KM2")
    assert (order.proves, serial.proves) == (True, False)


def test_a_device_is_known_by_a_part_of_what_it_calls_itself() -> None:
    identity = parse_identity(Table("m.toml", "", {"identity": GOOD}, wrong_map), 27)
    assert identity.called(["Acme", "The meter 7 of Acme"]) == "The meter 7 of Acme"
    assert identity.called(["Acme", "Meter 8"]) is None


def test_text_may_have_one_character_in_each_word() -> None:
    wide = IdField("maker", at=1, words=4, encoding="text", begins=("SOCO",), wide=True)
    assert wide.encode() == (0x53, 0x4F, 0x43, 0x4F)
    assert wide.value((0, *wide.encode())) == "SOCO"


def test_what_cannot_be_printed_is_told_as_a_question_mark() -> None:
    assert IdField("serial", at=0, words=2, encoding="text").value((0x4101, 0x4200)) == "A?B"


@pytest.mark.parametrize("name", model_names())
def test_a_simulated_meter_answers_as_its_family_does(name: str) -> None:
    model = load_model(name)
    for one in model.identity.reads:
        words = one.encode()
        assert len(words) == one.read.count <= model.max_words
        assert all(field.agrees(field.value(words)) for field in one.fields if field.proves)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"colour": 1}, ["identity.colour", "an unknown key", "device_id"]),
        ({"device_id": "M7"}, ["device_id", "'M7'", "a list of texts"]),
        ({"device_id_sources": 3}, ["device_id_sources", "found 3"]),
        (changed("read", words=28), ["read 1 (Type)", "words", "found 28", "1..27"]),
        (changed("read", address=65530), ["address", "65530", "0..65524"]),
        (changed("read", function=6), ["function", "found 6", "3..4"]),
        (changed("read", grade="E"), ["grade", "'E'", "A B C D"]),
        (changed("read", fields=[]), ["fields", "at least one"]),
        (changed("manufacturer", at=12), ["field 1 (manufacturer)", "at", "found 12", "0..11"]),
        (changed("manufacturer", at=3), ["field 2 (order number)", "word 3 of 'manufacturer'", "overlap"]),
        (changed("manufacturer", numbers=[70000]), ["numbers", "70000", "0..65535"]),
        (changed("manufacturer", numbers=["x"]), ["numbers", "'x'", "whole numbers"]),
        (changed("manufacturer", begins=["x"]), ["field 1 (manufacturer)", "begins", "an unknown key"]),
        (changed("manufacturer", words=2), ["words", "found 2", "1, what u16 takes"]),
        (changed("manufacturer", encoding="f32"), ["encoding", "'f32'", "text"]),
        (changed("order number", words=None), ["field 2 (order number)", "words", "found nothing"]),
        (changed("order number", numbers=[1]), ["numbers", "an unknown key"]),
    ],
)
def test_a_wrong_identity_gets_one_line_with_place_found_and_allowed(
    changes: dict[str, object], words: list[str]
) -> None:
    with pytest.raises(ModelError) as caught:
        parsed(**changes)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(("m.toml: identity.", "m.toml: identity, read 1 (Type)"))
    assert [word for word in words if word not in message] == []
