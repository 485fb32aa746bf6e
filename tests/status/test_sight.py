"""What `status` says that a meter may miss follows what was learnt of the meter."""

from pathlib import Path
from types import SimpleNamespace

from agent.site import load_site
from agent.status.answers import Sight

SITE = """
[site]
name = "s"
gateway = "g"
nominal_voltage = 230
[lines.ring]
tcp = "127.0.0.1:1502"
[meters.main]
line = "ring"
unit = 1
model = "schneider-pm5000"
"""


def test_a_meter_that_renews_more_slowly_than_its_map_says_shows_less(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE)
    site = load_site(tmp_path / "site.toml")
    learnt: dict[str, int] = {}
    poller = SimpleNamespace(refresh_us=learnt.get)
    sight = Sight(SimpleNamespace(site=site, pollers={"ring": poller}))  # type: ignore[arg-type]
    by_map = sight.floors()["main"]
    assert sight.floors()["main"] is by_map
    learnt["main"] = 100_000
    assert sight.floors()["main"] == by_map
    learnt["main"] = 5_000_000
    assert sight.floors()["main"] != by_map
