"""How a site counts interruptions: keys of the site file, and what is said of wrong ones."""

from pathlib import Path

import pytest
from site_findings import findings, load

SITE = """
[site]
name = "dashi"
gateway = "gw-01"
nominal_voltage = 220
profile = "{profile}"
[lines.room]
tcp = "10.20.0.11"
[meters.incomer]
line = "room"
unit = 1
model = "eastron-sdm630"
node = "tx-17"
[nodes.tx-17]
kind = "transformer"
"""
MIN = 60_000_000


def site(more: str = "", profile: str = "gb") -> str:
    return SITE.format(profile=profile) + more


@pytest.mark.parametrize(("profile", "minutes"), [("iec", 3), ("gb", 3), ("ieee", 5)])
def test_what_is_sustained_is_by_default_what_the_profile_says(tmp_path: Path, profile: str, minutes: int) -> None:
    told = load(tmp_path, site(profile=profile)).indices
    assert (told.sustained_us, told.target_saidi_us) == (minutes * MIN, None)
    told = load(tmp_path, site("[indices]\n", profile)).indices
    assert told.sustained_us == minutes * MIN


def test_a_site_may_say_it_and_set_itself_a_target(tmp_path: Path) -> None:
    told = load(tmp_path, site('[indices]\nsustained_over = "1min"\ntarget_saidi = "1.84h"\n')).indices
    assert (told.sustained_us, told.target_saidi_us) == (MIN, round(110.4 * MIN))


def test_medium_voltage_users_are_a_nodes_own(tmp_path: Path) -> None:
    assert load(tmp_path, site("mv_users = 3\n")).network.nodes["tx-17"].mv_users == 3
    assert load(tmp_path, site("mv_users = 0\n")).network.nodes["tx-17"].mv_users == 0
    assert load(tmp_path, site()).network.nodes["tx-17"].mv_users is None


@pytest.mark.parametrize(
    ("wrong", "where", "allowed"),
    [
        ('[indices]\nsustained_over = "30s"\n', "indices.sustained_over", '"1min" to "1h"'),
        ("[indices]\nsustained_over = 5\n", "indices.sustained_over", '"1min" to "1h"'),
        ('[indices]\ntarget_saidi = "often"\n', "indices.target_saidi", '"1.84h"'),
        ('[indices]\ntarget = "1h"\n', "indices.target", "sustained_over, target_saidi"),
        ("mv_users = -1\n", "nodes.tx-17.mv_users", "a count, 0 or more"),
        ("mv_users = 1.5\n", "nodes.tx-17.mv_users", "a count, 0 or more"),
    ],
)
def test_a_wrong_key_says_what_is_allowed(tmp_path: Path, wrong: str, where: str, allowed: str) -> None:
    (found,) = findings(tmp_path, site(wrong)).values()
    assert found.where == where
    assert allowed in found.allowed


def test_the_table_is_a_table(tmp_path: Path) -> None:
    text = site().replace("\n[site]", "\nindices = 5\n[site]")
    (found,) = findings(tmp_path, text).values()
    assert (found.where, found.found, found.todo) == ("indices", "5", "write it as [indices]")
