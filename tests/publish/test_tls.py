import ssl
import subprocess
from pathlib import Path

import certs
import pytest

from agent.errors import SinkError
from agent.publish.tls import client_context, explain


@pytest.fixture
def ca(tmp_path: Path) -> certs.Authority:
    return certs.authority(tmp_path / "pki")


def test_the_context_is_strict(ca: certs.Authority) -> None:
    context = client_context(ca.cert, None, None)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED
    old = [suite["name"] for suite in context.get_ciphers() if suite["protocol"] != "TLSv1.3"]
    assert old
    assert all(name.startswith("ECDHE-") and ("GCM" in name or "CHACHA20" in name) for name in old)


def test_a_named_ca_is_the_only_one_trusted(ca: certs.Authority) -> None:
    assert [dict(part[0] for part in one["subject"])["commonName"] for one in _trusted(ca.cert)] == ["test-ca"]


def _trusted(ca_file: Path) -> list[dict[str, tuple[tuple[tuple[str, str]]]]]:
    return client_context(ca_file, None, None).get_ca_certs()  # type: ignore[return-value]


def test_a_client_certificate_and_its_key_are_taken(ca: certs.Authority) -> None:
    ours = ca.issue("gw-01")
    client_context(ca.cert, ours.cert, ours.key)


def test_a_missing_ca_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"absent\.pem: No such file .* check ca_file"):
        client_context(tmp_path / "absent.pem", None, None)


def test_a_ca_file_without_a_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not PEM")
    with pytest.raises(SinkError, match=r"ca\.pem: holds no PEM certificate"):
        client_context(tmp_path / "ca.pem", None, None)


def test_a_key_of_another_certificate_is_refused(ca: certs.Authority) -> None:
    with pytest.raises(SinkError, match="no usable pair"):
        client_context(ca.cert, ca.issue("one").cert, ca.issue("other").key)


def test_an_encrypted_key_is_refused_and_nobody_is_asked_for_its_password(ca: certs.Authority) -> None:
    ours = ca.issue("gw-01")
    locked = ours.key.with_name("locked.key")
    command = ["openssl", "pkey", "-in", str(ours.key), "-aes256", "-passout", "pass:x1y2", "-out", str(locked)]
    subprocess.run(command, check=True, capture_output=True)
    with pytest.raises(SinkError, match="unencrypted"):
        client_context(ca.cert, ours.cert, locked)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: certificate has expired (_ssl.c:1006)", "clock"),
        ("certificate verify failed: certificate is not yet valid (_ssl.c:1006)", "clock is probably wrong"),
        ("certificate verify failed: Hostname mismatch, certificate is not valid for 'x'.", "another name"),
        ("certificate verify failed: IP address mismatch, certificate is not valid for '10.0.0.1'.", "another name"),
        ("certificate verify failed: unable to get local issuer certificate (_ssl.c:1006)", "ca_file"),
        ("certificate verify failed: self-signed certificate in certificate chain", "ca_file"),
        ("Operation timed out; failed to receive on socket: [SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED]", "cert_file"),
        ("[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca (_ssl.c:2576)", "CA of our client certificate"),
        ("[SSL: SSLV3_ALERT_HANDSHAKE_FAILURE] sslv3 alert handshake failure", "client certificate"),
        ("[SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert protocol version", "TLS 1.2"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)", "does not speak TLS"),
        ("[Errno -2] Name or service not known", "host name is unknown"),
        ("[Errno -3] Temporary failure in name resolution", "name server"),
        ("[Errno 111] Connection refused", "nothing listens"),
    ],
)
def test_what_went_wrong_is_told_in_an_engineers_words(said: str, words: str) -> None:
    assert words in explain(said)


def test_an_error_is_explained_by_its_cause() -> None:
    error = OSError("failed")
    error.__cause__ = ConnectionRefusedError(111, "Connection refused")
    assert "nothing listens" in explain(error)


def test_what_is_not_known_keeps_its_own_words() -> None:
    assert explain(OSError("something new")) == "something new"
