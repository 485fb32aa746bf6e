"""TLS under a wall clock that is two years off (libfaketime): refused, said in words, and never lowered."""

import json
from pathlib import Path

import certs
import pytest
import servers
from running import Agent, command, eventually
from small_site import WORKSHOP

pytestmark = pytest.mark.e2e
LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
SITE = f"""{WORKSHOP}[mqtt]
url = "mqtts://localhost:{{port}}"
ca_file = "ca.pem"
"""


@pytest.mark.skipif(LIBRARY is None, reason="libfaketime is not installed")
@pytest.mark.parametrize(
    ("off", "words"), [("+2y", "certificate has expired; renew it, or set this gateway's clock right"),
                       ("-2y", "certificate is not valid yet; this gateway's clock is probably wrong")],
)  # fmt: skip
def test_with_a_clock_two_years_off_the_broker_is_refused_in_words_until_the_clock_is_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, off: str, words: str
) -> None:
    file, turned = tmp_path / "site.toml", tmp_path / "turned"
    ca = certs.authority(tmp_path / "pki")
    (tmp_path / "ca.pem").write_text(ca.cert.read_text())
    turned.write_text(f"{off}\n", encoding="ascii")
    with servers.mosquitto(tmp_path, tls=ca.issue("server")) as broker:
        file.write_text(SITE.format(port=broker.port), encoding="utf-8")
        with monkeypatch.context() as preloaded:
            preloaded.setenv("LD_PRELOAD", str(LIBRARY))
            preloaded.setenv("DONT_FAKE_MONOTONIC", "1")
            preloaded.setenv("FAKETIME_NO_CACHE", "1")
            preloaded.setenv("FAKETIME_TIMESTAMP_FILE", str(turned))
            running = Agent(file, tmp_path / "log")
        try:
            eventually("it says why", lambda: words in running.log, 20)
            # Two more attempts, none of which gets further.
            # Whether mosquitto calls it a new connection before the alert ends it is a race; the alert is always told.
            eventually("it tries on", lambda: broker.log_text().count("sslv3 alert") >= 3, 20)
            assert "New client connected" not in broker.log_text()
            assert "mqtt.connected" not in running.log
            alarms = [one for one in _events(file) if one["kind"] == "certificate_expiry"]
            assert ["CA" in one["evidence"][0] and "clock right" in one["evidence"][0] for one in alarms] == [True] * (
                off == "+2y"
            )
            turned.write_text("+0\n", encoding="ascii")
            eventually("it is in", lambda: "mqtt.connected" in running.log, 30)
            assert "as gw-01" in broker.log_text() or "New client connected" in broker.log_text()
            assert "Traceback" not in running.log
            certificates = json.loads(command("status", str(file), "--json").stdout)["certificates"]
            known = {f"{one['sink']} {one['role']}": one["days_left"] for one in certificates}
            assert known["mqtt CA"] is not None
        finally:
            code, _ = running.stop()
    assert code == 0


def _events(site: Path) -> list[dict[str, list[str]]]:
    told: list[dict[str, list[str]]] = json.loads(command("events", str(site), "--json").stdout)["events"]
    return told
