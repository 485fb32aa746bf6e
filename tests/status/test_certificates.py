"""Certificates that run out are told of ahead: the files, what servers show, and the days before."""

from pathlib import Path

import certs
import pytest
from samples import MIDNIGHT_US

from agent.publish.certificate import Validity, validity_of
from agent.status.certificates import Certificates, Files, Standing, warning

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
YEAR = Validity(MIDNIGHT_US - 365 * DAY_US, MIDNIGHT_US)


@pytest.fixture
def ca(tmp_path: Path) -> certs.Authority:
    return certs.authority(tmp_path / "pki")


def validity(cert: Path) -> Validity:
    return validity_of(certs.der_of(cert))


def test_each_file_that_a_sink_names_is_known_with_its_last_day(ca: certs.Authority) -> None:
    ours = ca.issue("gw-01", days=20)
    found = Certificates({"mqtt": Files(ca.cert, ours.cert), "influxdb": Files(None, None)}).look(0)
    assert [(one.place, one.validity) for one in found] == [
        ("mqtt client certificate", validity(ours.cert)),
        ("mqtt CA", validity(ca.cert)),
        ("mqtt server certificate", None),
        ("influxdb server certificate", None),
    ]


def test_what_a_server_shows_is_known_at_once(ca: certs.Authority) -> None:
    certificates, server = Certificates({"mqtt": Files(None, None)}), ca.issue("server", days=9)
    certificates.look(0)
    certificates.seen("mqtt")(certs.der_of(server.cert))
    (found,) = certificates.look(1_000_000)
    assert found.validity == validity(server.cert)


def test_a_renewed_file_is_seen_within_the_hour(ca: certs.Authority) -> None:
    ours = ca.issue("gw-01", days=2)
    certificates = Certificates({"mqtt": Files(None, ours.cert)})
    before = certificates.look(0)[0].validity
    ours.cert.write_text(ca.issue("renewed", days=300).cert.read_text())
    assert certificates.look(HOUR_US - 1)[0].validity == before
    assert certificates.look(HOUR_US)[0].validity == validity(ours.cert) != before


def test_of_a_chain_the_first_counts_and_of_several_cas_the_last_to_expire(ca: certs.Authority, tmp_path: Path) -> None:
    young, old = ca.issue("gw-01", days=1), certs.authority(tmp_path / "pki", "old-ca", days=400)
    both, chain = tmp_path / "both.pem", tmp_path / "chain.pem"
    both.write_text(ca.cert.read_text() + old.cert.read_text())
    chain.write_text(young.cert.read_text() + old.cert.read_text())
    found = Certificates({"mqtt": Files(both, chain)}).look(0)
    assert [one.validity for one in found[:2]] == [validity(young.cert), validity(old.cert)]


@pytest.mark.parametrize("text", ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_a_file_that_is_none_says_nothing_here(tmp_path: Path, text: str) -> None:
    file = tmp_path / "gw.pem"
    assert Certificates({"mqtt": Files(None, file)}).look(0)[0].validity is None
    file.write_text(text)
    assert Certificates({"mqtt": Files(None, file)}).look(0)[0].validity is None


@pytest.mark.parametrize(
    ("left_us", "words"),
    [
        (30 * DAY_US, ""),
        (30 * DAY_US - 1, "/etc/gw.pem expires at 2026-11-23T00:00Z, in less than 30 days; renew it"),
        (7 * DAY_US, "in less than 30 days"),
        (7 * DAY_US - 1, "in less than 7 days"),
        (DAY_US - 1, "in less than 1 day;"),
        (0, "in less than 1 day;"),
        (-1, "/etc/gw.pem has expired, at 2026-11-23T00:00Z; renew it; the new file is taken"),
    ],
)
def test_it_is_said_thirty_seven_and_one_days_ahead_and_when_it_has_happened(left_us: int, words: str) -> None:
    standing = Standing("mqtt", "client certificate", Path("/etc/gw.pem"), YEAR)
    told = warning(standing, MIDNIGHT_US - left_us)
    assert words in (told or "") if words else told == ""


def test_who_has_to_act_is_named() -> None:
    for role, words in (("CA", "its successor"), ("server certificate", "its operator")):
        told = warning(Standing("mqtt", role, None, YEAR), MIDNIGHT_US)  # type: ignore[arg-type]
        assert words in (told or "")
    assert warning(Standing("mqtt", "server certificate", None, None), MIDNIGHT_US) is None


@pytest.mark.parametrize(("life", "first"), [(90, 30), (60, 30), (47, 7), (14, 7), (6, 1), (2, 1), (1, 0)])
def test_one_that_is_made_for_days_is_not_called_old_when_it_is_new(life: int, first: int) -> None:
    standing = Standing("mqtt", "server certificate", None, Validity(MIDNIGHT_US - life * DAY_US, MIDNIGHT_US))
    told = [hours for hours in range(life * 24, -25, -1) if warning(standing, MIDNIGHT_US - hours * HOUR_US)]
    assert told[0] == 24 * first - 1
    assert "has expired" in (warning(standing, MIDNIGHT_US + 1) or "")
