"""Serial number and firmware out of the reads that a map has for them; what is none is absent."""

import pytest

from drivers.encodings import pack_words, unpack_words
from drivers.identity import NO_IDENTITY
from drivers.library import load_model, model_names
from drivers.nameplate import Nameplate, nameplate, plate_reads


def of(model: str, *replies: tuple[int, ...]) -> Nameplate:
    reads = plate_reads(load_model(model).identity)
    return nameplate(reads, {index: pack_words(words) for index, words in enumerate(replies) if words})


def test_only_what_brings_serial_or_firmware_is_read() -> None:
    titles = [one.title for one in plate_reads(load_model("abb-b23").identity)]
    assert titles == ["Serial number", "Firmware"]
    assert plate_reads(load_model("chint-dtsu666").identity) == ()
    assert plate_reads(NO_IDENTITY) == ()


def test_a_number_and_a_text() -> None:
    # "B1.02" in characters, two a word; 0x0001E240 is 123456.
    firmware = (0x4231, 0x2E30, 0x3200, 0, 0, 0, 0, 0)
    assert of("abb-b23", (0x0001, 0xE240), firmware) == Nameplate("123456", "B1.02")


def test_what_failed_is_absent_and_the_rest_stands() -> None:
    assert of("abb-b23", (0x0001, 0xE240)) == Nameplate("123456", None)
    assert of("abb-b23") == Nameplate()


@pytest.mark.parametrize("words", [(0, 0), (0xFFFF, 0xFFFF)])
def test_zeros_and_all_ones_are_no_serial_number(words: tuple[int, ...]) -> None:
    assert of("abb-b23", words).serial is None


@pytest.mark.parametrize("words", [(0x2020,) * 7, (0x3030,) * 7, (0,) * 7, (0x3F3F,) * 7])
def test_blanks_and_text_zeros_are_no_serial_number(words: tuple[int, ...]) -> None:
    assert of("carlo-gavazzi-em24", words).serial is None


@pytest.mark.parametrize("number", [0x80000000, 0x7FFFFFFF, 0x8000_8000, 0x7FFF_7FFF, 0xFFFFFFFE])
def test_what_maps_write_for_not_available_is_no_serial_number(number: int) -> None:
    assert of("abb-b23", (number >> 16, number & 0xFFFF)).serial is None


@pytest.mark.parametrize("number", [0x80000001, 32768, 11111111, 0xFFFF])
def test_a_number_beside_those_is_one(number: int) -> None:
    assert of("abb-b23", (number >> 16, number & 0xFFFF)).serial == str(number)


@pytest.mark.parametrize(
    "text",
    [
        b"N/A", b"n.a.", b"unknown", b"Unknown ", b"none", b"NULL", b"not set", b"-", b"........", b"00-00", b"S/N",
        b"XXXXXXXX", b"FFFFFFFF", b"\xff" * 13 + b"\0", b"\x80\0" * 7, b"********", b"Serial number", b"\x01\x02",
    ],
)  # fmt: skip
def test_words_that_stand_in_for_a_number_are_none(text: bytes) -> None:
    assert of("carlo-gavazzi-em24", unpack_words(text.ljust(14, b"\0"))).serial is None


@pytest.mark.parametrize("text", ["NA1207", "BX4020012301A", "X-1", "none7", "1"])
def test_a_text_that_only_looks_like_one_is_a_number(text: str) -> None:
    assert of("carlo-gavazzi-em24", unpack_words(text.encode().ljust(14, b"\0"))).serial == text


def test_every_packaged_map_has_a_plate_that_its_own_made_up_words_fill() -> None:
    known = {name: plate_reads(load_model(name).identity) for name in model_names()}
    assert sum(bool(reads) for reads in known.values()) >= 6
    for name, reads in known.items():
        if reads:
            plate = nameplate(reads, {n: pack_words(one.encode()) for n, one in enumerate(reads)})
            assert plate.serial or plate.firmware, name
