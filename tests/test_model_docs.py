"""docs/meters.md is what the maps say, and `verified` is what the vectors say."""

from dataclasses import replace
from pathlib import Path

import pytest

from agent.model_docs import (
    checked,
    floor_of,
    markdown,
    renews,
    requests,
    smallest_sag,
    summary,
    surely_seen_sag,
    transport,
    wire_times,
)
from drivers.library import load_model, model_names

ROOT = Path(__file__).resolve().parent.parent
VECTORS = ROOT / "tests" / "vectors"


def test_docs_meters_md_is_what_the_maps_say() -> None:
    wanted = markdown([load_model(name) for name in model_names()])
    found = (ROOT / "docs" / "meters.md").read_text(encoding="utf-8")
    assert found == wanted, "the maps have changed: lamplighter models --markdown > docs/meters.md"


@pytest.mark.parametrize("name", model_names())
def test_a_map_is_called_verified_where_it_has_a_vector_and_only_there(name: str) -> None:
    """The tests are not in the wheel: the map itself says what it was checked against."""
    assert bool(load_model(name).verified) == (VECTORS / f"{name}.txt").exists()


def test_without_a_vector_a_map_is_unverified_whatever_its_grades() -> None:
    model = load_model("eastron-sdm630")
    assert checked(model) == "A-C"
    assert checked(replace(model, verified="")) == "unverified"
    assert summary(replace(model, verified=""))["verified"] is None


def test_transport_and_sag_in_words() -> None:
    assert transport(load_model("schneider-pm5000")) == "TCP, RTU 19200 8E1"
    assert transport(load_model("eastron-sdm630")) == "RTU 9600 8N1"
    assert smallest_sag(load_model("eastron-sdm630")) == "0.25 s"
    # Two renewals of 1 s must show it: the least delay of one look hides a single one.
    assert surely_seen_sag(load_model("eastron-sdm630")) == "1.51 s"
    assert smallest_sag(replace(load_model("eastron-sdm630"), registers=())) == "none"


def test_what_a_meter_shows_of_sags_in_words() -> None:
    model = load_model("eastron-sdm630")
    assert floor_of(model)[0].startswith("a sag to 50 % shorter than 1.51 s may pass unseen (looks up to ")
    assert floor_of(model)[3] == "one of 253 ms or less never shows"
    assert floor_of(model)[4].startswith("refresh (1 s) and averaging window (1 s) assumed: no document says")
    assert len(floor_of(load_model("janitza-umg604"))) == 4
    assert summary(model)["floor"] == list(floor_of(model))
    assert floor_of(replace(model, registers=())) == ("its voltages are not watched: no sag is seen",)


def test_a_guessed_window_is_called_one() -> None:
    assert renews(load_model("eastron-sdm630")) == "1 s (assumed), averages over 1 s (assumed)"
    assert renews(load_model("carlo-gavazzi-em24")) == "0.6 s, averages over 0.6 s (assumed)"
    assert renews(load_model("janitza-umg604")) == "0.2 s, averages over 0.2 s"
    assert summary(load_model("eastron-sdm630"))["assumed"] == ["refresh_s", "window_s"]


def test_requests_and_wire_time_of_a_poll() -> None:
    model = load_model("eastron-sdm630")
    asked = requests(model)
    assert sum(len(one["quantities"]) for one in asked) == len(model.quantities)
    assert max(one["words"] for one in asked) <= model.max_words
    times = {one["baud"]: one for one in wire_times(model)}
    # 13 + 2 x 18 characters of 10 bits, two silences of 3.5, 40 ms of turn-around
    assert times[9600]["watch_s"] == pytest.approx((13 + 24 + 7) * 10 / 9600 + 0.04, abs=5e-4)
    assert times[2400]["poll_s"] > times[9600]["poll_s"] > times[115200]["poll_s"]
