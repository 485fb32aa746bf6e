import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import certs
import pytest

from agent.clock import rfc3339
from agent.publish.certificate import certificates_in, validity_of


def dated(directory: Path, begin: str, end: str) -> Path:
    """A certificate that is valid between these, as `openssl ca` writes them: YYYYMMDDHHMMSSZ."""
    ca = certs.authority(directory)
    request = directory / "dated.csr"
    (directory / "index.txt").touch()
    (directory / "ca.cnf").write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={directory}/index.txt\nrand_serial=yes\nnew_certs_dir={directory}\n"
        "default_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n"
    )
    made = directory / "dated.pem"
    subprocess.run(
        ["openssl", "req", "-new", "-key", ca.key, "-subj", "/CN=dated", "-out", request], check=True,
        capture_output=True,
    )  # fmt: skip
    subprocess.run(
        ["openssl", "ca", "-batch", "-config", directory / "ca.cnf", "-cert", ca.cert, "-keyfile", ca.key,
         "-startdate", begin, "-enddate", end, "-in", request, "-out", made],
        check=True, capture_output=True,
    )  # fmt: skip
    return made


@pytest.mark.parametrize(
    ("begin", "end", "years"),
    [
        ("19550102030405Z", "20260708091011Z", ("1955-01-02T03:04:05", "2026-07-08T09:10:11")),
        ("19990102030405Z", "20260708091011Z", ("1999-01-02T03:04:05", "2026-07-08T09:10:11")),
        ("20260102030405Z", "20491231235959Z", ("2026-01-02T03:04:05", "2049-12-31T23:59:59")),
        ("20500101000000Z", "20771231235959Z", ("2050-01-01T00:00:00", "2077-12-31T23:59:59")),
        ("20260101000000Z", "99991231235959Z", ("2026-01-01T00:00:00", "9999-12-31T23:59:59")),
    ],
)
def test_it_is_read_as_openssl_wrote_it_in_both_forms_of_time(
    tmp_path: Path, begin: str, end: str, years: tuple[str, str]
) -> None:
    validity = validity_of(certificates_in(dated(tmp_path, begin, end).read_text())[0])
    assert (rfc3339(validity.from_us)[:19], rfc3339(validity.until_us)[:19]) == years


def test_a_file_of_several_has_all_of_them_in_their_order(tmp_path: Path) -> None:
    ca = certs.authority(tmp_path)
    ours = ca.issue("gw-01", days=20)
    found = certificates_in("words before\n" + ours.cert.read_text() + ca.cert.read_text())
    assert found == [certs.der_of(ours.cert), certs.der_of(ca.cert)]
    left = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=validity_of(found[0]).until_us) - datetime.now(UTC)
    assert timedelta(days=19, hours=23) < left < timedelta(days=20, minutes=1)


def test_what_is_no_base64_is_said() -> None:
    with pytest.raises(ValueError, match="no base64"):
        certificates_in("-----BEGIN CERTIFICATE-----\n*?*\n-----END CERTIFICATE-----")
    assert certificates_in("nothing of that kind") == []


@pytest.mark.slow
def test_whatever_is_wrong_with_it_it_is_a_value_error(tmp_path: Path) -> None:
    """A server hands over what it likes."""
    sound, dice = certs.der_of(certs.authority(tmp_path).cert), Random(5)  # noqa: S311 - drawn for a test
    for cut in range(len(sound)):
        _read(sound[:cut])
    for _ in range(20_000):
        spoilt = bytearray(sound)
        for _ in range(dice.choice((1, 2, 8))):
            spoilt[dice.randrange(120)] = dice.randrange(256)
        _read(bytes(spoilt))


def _read(der: bytes) -> None:
    try:
        validity_of(der)
    except ValueError:
        return
