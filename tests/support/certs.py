"""A small PKI for TLS tests, made by the openssl command: a CA, another CA, and certificates of both."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pair:
    cert: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Authority:
    """Issues certificates into its directory."""

    directory: Path
    cert: Path
    key: Path

    def issue(self, name: str, san: str = "DNS:localhost,IP:127.0.0.1", days: int = 2) -> Pair:
        """A certificate for `name`; days below 1 make one that has expired."""
        pair = Pair(self.directory / f"{name}.pem", self.directory / f"{name}.key")
        request, extensions = self.directory / f"{name}.csr", self.directory / f"{name}.ext"
        extensions.write_text(f"subjectAltName={san}\n")
        _openssl("req", "-new", *_NEW_KEY, "-keyout", pair.key, "-out", request, "-subj", f"/CN={name}")
        _openssl(
            "x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-CAcreateserial",
            "-days", days, "-extfile", extensions, "-out", pair.cert,
        )  # fmt: skip
        pair.key.chmod(0o600)
        return pair


def der_of(cert: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(cert.read_text())


_NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


def authority(directory: Path, name: str = "test-ca", days: int = 3) -> Authority:
    directory.mkdir(parents=True, exist_ok=True)
    made = Authority(directory, directory / f"{name}.pem", directory / f"{name}.key")
    _openssl("req", "-x509", *_NEW_KEY, "-keyout", made.key, "-out", made.cert, "-days", days, "-subj", f"/CN={name}")
    return made


def _openssl(*arguments: object) -> None:
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"openssl {arguments[0]}: {done.stderr}"
