"""Until when a certificate is valid: the one thing that is read out of it. Pure.

The standard library decodes certificates of a handshake only, and of files none.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
# ITU-T X.690, 8.1: SEQUENCE; INTEGER; context tag 0; UTCTime; GeneralizedTime.
_SEQUENCE, _VERSION, _UTC_TIME, _GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
# RFC 5280, 4.1.2.5.1: a year below 50 is one of this century.
_CENTURY_ENDS = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Validity:
    """UTC microseconds, both included."""

    from_us: int
    until_us: int


def validity_of(der: bytes) -> Validity:
    """ValueError if these bytes are no certificate."""
    # RFC 5280, 4.1: Certificate { TBSCertificate { [0] version, serial, algorithm, issuer, validity, ...
    rest = _inside(_inside(der, _SEQUENCE)[0], _SEQUENCE)[0]
    if rest[:1] == bytes((_VERSION,)):
        rest = _element(rest)[2]
    for _ in ("serial", "algorithm", "issuer"):
        rest = _element(rest)[2]
    times = _inside(rest, _SEQUENCE)[0]
    tag, begin, times = _element(times)
    end_tag, end, _ = _element(times)
    return Validity(_instant_us(tag, begin), _instant_us(end_tag, end))


def certificates_in(pem: str) -> list[bytes]:
    """Every certificate of a PEM file, as DER. ValueError if one of them is no base64."""
    try:
        return [base64.b64decode("".join(body.split()), validate=True) for body in _PEM.findall(pem)]
    except binascii.Error:
        raise ValueError("a certificate in it is no base64") from None


def _inside(data: bytes, wanted: int) -> tuple[bytes, bytes]:
    """What the first element holds, and what follows it."""
    tag, content, rest = _element(data)
    if tag != wanted:
        raise ValueError(f"no certificate: tag 0x{tag:02x} where 0x{wanted:02x} belongs")
    return content, rest


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """Tag, content and what follows. X.690, 8.1.3: a length below 128 in one byte, else the number of its bytes."""
    if len(data) < 2:
        raise ValueError("no certificate: it ends too soon")
    length, at = data[1], 2
    if length > 0x7F:
        at += length & 0x7F
        length = int.from_bytes(data[2:at], "big")
    if at > len(data) or length > len(data) - at:
        raise ValueError("no certificate: it ends too soon")
    return data[0], data[at : at + length], data[at + length :]


def _instant_us(tag: int, text: bytes) -> int:
    """RFC 5280, 4.1.2.5: YYMMDDHHMMSSZ until 2049, YYYYMMDDHHMMSSZ from 2050 on."""
    told = text.decode("ascii")
    if tag == _UTC_TIME:
        told = ("20" if told[:2].isdecimal() and int(told[:2]) < _CENTURY_ENDS else "19") + told
    elif tag != _GENERALIZED_TIME:
        raise ValueError(f"no certificate: tag 0x{tag:02x} where a time belongs")
    moment = datetime.strptime(told, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(microseconds=1)
