"""A write of nothing against the real database, and against what is none."""

from dataclasses import replace
from pathlib import Path

import pytest
from servers import free_port, influx_v2_shim, influxd

from agent.probe_influx import trouble_of
from agent.secret import Secret
from agent.site import InfluxSite

TOKEN = "canary-88"


def table(url: str, token: str = TOKEN, bucket: str = "lamplighter") -> InfluxSite:
    return InfluxSite(url, "ops", bucket, Secret(token), None, None, None)


@pytest.mark.e2e
def test_a_database_that_takes_rows_and_what_keeps_it_from_it(tmp_path: Path):
    with influxd(tmp_path) as influx, influx_v2_shim(tmp_path, influx, TOKEN) as shim:
        fine = table(shim.url)
        assert trouble_of(fine) == ""
        assert "refuses the token" in trouble_of(replace(fine, token=Secret("wrong")))
        assert "no such bucket" in trouble_of(replace(fine, bucket="elsewhere"))
        assert influx.query("SHOW MEASUREMENTS") == []


def test_nobody_there_is_told_in_words():
    assert trouble_of(table(f"http://127.0.0.1:{free_port()}"))
