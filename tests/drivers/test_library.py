from pathlib import Path

import pytest

from drivers.errors import ModelError
from drivers.library import load_model, model_names

FOLDER = Path(__file__).parents[2] / "drivers" / "models"
PACKAGED = tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def own_map(folder: Path, name: str, vendor: str) -> None:
    text = (FOLDER / "carlo-gavazzi-em24.toml").read_text(encoding="utf-8")
    (folder / "models").mkdir(exist_ok=True)
    (folder / "models" / f"{name}.toml").write_text(text.replace("Carlo Gavazzi", vendor), encoding="utf-8")


def test_the_packaged_maps_are_found_and_parse() -> None:
    assert model_names() == PACKAGED
    assert [load_model(name).id for name in PACKAGED] == list(PACKAGED)


def test_a_map_beside_the_site_file_adds_and_overrides(tmp_path: Path) -> None:
    own_map(tmp_path, "our-meter", "Ours")
    own_map(tmp_path, "carlo-gavazzi-em24", "Corrected")
    assert model_names(tmp_path) == tuple(sorted((*PACKAGED, "our-meter")))
    assert load_model("our-meter", tmp_path).vendor == "Ours"
    assert load_model("carlo-gavazzi-em24", tmp_path).vendor == "Corrected"
    assert load_model("carlo-gavazzi-em24").vendor == "Carlo Gavazzi"


def test_only_the_map_asked_for_is_parsed(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "broken.toml").write_text("[[", encoding="utf-8")
    assert load_model("eastron-sdm630", tmp_path).id == "eastron-sdm630"
    with pytest.raises(ModelError, match=r"broken\.toml: broken TOML"):
        load_model("broken", tmp_path)


@pytest.mark.parametrize("name", ["eastron-sdm-630", "../models/eastron-sdm630", "EASTRON-SDM630"])
def test_an_unknown_name_is_answered_with_close_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        load_model(name, tmp_path)
    message = str(caught.value)
    assert repr(name) in message
    assert " ".join(PACKAGED) in message
    assert str(tmp_path / "models") in message


def test_a_near_miss_names_the_one_meant() -> None:
    with pytest.raises(ModelError, match="did you mean eastron-sdm630"):
        load_model("eastron-sdm63")


def test_a_map_that_is_no_text_is_a_model_error(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "bytes.toml").write_bytes(b"vendor = '\xff'")
    with pytest.raises(ModelError, match=r"bytes\.toml: cannot be read"):
        load_model("bytes", tmp_path)


# What the maps claim apart from their rows, from the vendors' documents.
@pytest.mark.parametrize(
    ("name", "max_words", "function", "powered_by", "wiring"),
    [
        ("abb-b23", 125, 3, "self", "3p4w"),
        ("carlo-gavazzi-em24", 11, 4, "self", "3p4w"),
        ("carlo-gavazzi-em24-e1", 125, 4, "self", "3p4w"),
        ("carlo-gavazzi-em340", 20, 4, "self", "3p4w"),
        ("eastron-sdm120", 2, 4, "self", "1p2w"),
        ("eastron-sdm630", 80, 4, "self", "3p4w"),
        ("janitza-umg604", 56, 3, "dc", "3p4w"),
        ("janitza-umg96rm", 52, 3, "dc", "3p4w"),
        ("schneider-iem3000", 20, 3, "self", "3p4w"),
        ("schneider-pm5000", 125, 3, "dc", "3p4w"),
        ("siemens-pac2200", 125, 3, "dc", "3p4w"),
        ("siemens-pac3200", 125, 3, "dc", "3p4w"),
    ],
)
def test_block_limits_function_supply_and_wiring(name: str, max_words: int, function: int, powered_by, wiring) -> None:
    model = load_model(name)
    assert {row.function for row in model.registers} == {function}
    assert (model.max_words, model.powered_by, model.wiring) == (max_words, powered_by, wiring)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("eastron-sdm120", (2400, "N", 1)),
        ("eastron-sdm630", (9600, "N", 1)),
        ("janitza-umg96rm", (115200, "N", 1)),
    ],
)
def test_serial_settings_that_a_document_gives(name: str, settings: tuple[int, str, int]) -> None:
    model = load_model(name)
    assert (model.baud, model.parity, model.stop_bits) == settings


@pytest.mark.parametrize(
    ("name", "refresh_s"), [("carlo-gavazzi-em24", 0.6), ("carlo-gavazzi-em340", 2.0), ("janitza-umg96rm", 0.2)]
)
def test_refresh_intervals_that_a_source_gives(name: str, refresh_s: float) -> None:
    assert load_model(name).refresh_s == refresh_s


def test_em24_turnaround_is_the_documented_one() -> None:
    model = load_model("carlo-gavazzi-em24")
    assert (model.turnaround_s, model.turnaround_max_s) == (0.04, 0.5)
