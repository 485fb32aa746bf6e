"""A site's meters as the poller's units: what they share."""

from pathlib import Path

from agent.poll.unit import Unit
from agent.site import load_site
from agent.units import unit_of

SITE = """
[site]
name = "dashi"
gateway = "gw-01"
nominal_voltage = 220
[lines.ring]
tcp = "10.20.0.11:502"
"""


def units(directory: Path, *keys: str) -> list[Unit]:
    """One meter for each text of keys, all of one model."""
    tables = (
        f'[meters.m{n}]\nline = "ring"\nunit = {n + 1}\nmodel = "eastron-sdm630"\n{own}' for n, own in enumerate(keys)
    )
    path = directory / "site.toml"
    path.write_text("\n".join([SITE, *tables]), encoding="utf-8")
    site = load_site(path)
    return [unit_of(meter, site.lines[meter.line], directory, tight=False) for meter in site.meters.values()]


def test_meters_of_one_model_share_their_decoders(tmp_path: Path) -> None:
    """Two hundred copies would take 2.8 MB, and compiling them a second."""
    first, second = units(tmp_path, "", 'feeder = "F12"')
    assert (first.watch, first.poll) == (second.watch, second.poll)


def test_what_a_meter_was_told_of_its_transformers_is_its_own(tmp_path: Path) -> None:
    plain, reversed_, rated = units(tmp_path, "", "direction = -1", 'ct = "600/5"')
    assert len({id(unit.poll) for unit in (plain, reversed_, rated)}) == 3


def test_a_map_that_is_trusted_is_kept_once(tmp_path: Path) -> None:
    trusted, too, plain = units(tmp_path, "unproven = true", "unproven = true", "")
    assert trusted.poll.plan.model is too.poll.plan.model
    assert trusted.poll.plan.model is not plain.poll.plan.model
