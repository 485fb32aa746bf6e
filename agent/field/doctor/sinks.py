"""The way to broker and database, step by step: name, connection, TLS, certificates, login, rights. The first step that
fails is the cause; what lies behind it is not asked."""

import asyncio
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from agent.errors import SinkError
from agent.field.doctor import words
from agent.field.doctor.findings import Finding, found
from agent.probe_influx import FINE, queried, written
from agent.publish.mqtt_connection import LostError, NotLetInError, connected
from agent.publish.mqtt_rules import FAILURE, REFUSALS, Timing
from agent.publish.resolver import Resolver
from agent.publish.tls import client_context, explain
from agent.publish.topics import Message
from agent.site import InfluxSite, MqttSite, Site
from agent.status.certificates import Certificates, Files, warning

_TIMEOUT_S = 3.0
# X509_V_ERR_* of OpenSSL's x509_vfy.h: not yet valid, expired; host and address mismatch; self-signed, no issuer.
_VERIFY = {
    9: words.TLS_EARLY, 10: words.TLS_EXPIRED, 62: words.TLS_NAME, 64: words.TLS_NAME,
    18: words.TLS_CA, 19: words.TLS_CA, 20: words.TLS_CA, 21: words.TLS_CA,
}  # fmt: skip
_UNSUPPORTED_VERSION = 0x84
_NO_TLS = ("wrong version number", "record layer failure", "unexpected eof")
_HTTPS = 443


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sink connects, and by which files it is known."""

    sink: str
    host: str
    port: int
    tls: bool
    ca_file: Path | None
    cert_file: Path | None
    key_file: Path | None


async def examine_sinks(site: Site, now_us: int) -> tuple[Finding, ...]:
    """now_us: UTC, by which certificates end."""
    parts = await asyncio.gather(
        _examine_mqtt(site.mqtt, now_us) if site.mqtt is not None else _nothing(),
        _examine_influx(site.influxdb, now_us) if site.influxdb is not None else _nothing(),
    )
    return tuple(finding for part in parts for finding in part)


async def _nothing() -> tuple[Finding, ...]:
    return ()


async def _examine_mqtt(table: MqttSite, now_us: int) -> tuple[Finding, ...]:
    place = Place("mqtt", table.host, table.port, table.tls, table.ca_file, table.cert_file, table.key_file)
    reached = await asyncio.to_thread(_reach, place, now_us)
    if any(finding.code != words.CERTIFICATE_ENDS for finding in reached):
        return reached
    return (*reached, *await _login(table, place))


async def _examine_influx(table: InfluxSite, now_us: int) -> tuple[Finding, ...]:
    parts = urlsplit(table.url)
    tls = parts.scheme == "https"
    port = parts.port or (_HTTPS if tls else 80)
    place = Place("influxdb", parts.hostname or "", port, tls, table.ca_file, table.cert_file, table.key_file)
    reached = await asyncio.to_thread(_reach, place, now_us)
    if any(finding.code != words.CERTIFICATE_ENDS for finding in reached):
        return reached
    return (*reached, *await asyncio.to_thread(_write, table, place))


def _reach(place: Place, now_us: int) -> tuple[Finding, ...]:
    """Name, connection, handshake; then how long the certificates last. Blocks for some seconds at most."""
    shown: list[bytes] = []
    try:
        with Resolver().connect(place.host, place.port, _TIMEOUT_S) as carrier:
            if place.tls:
                carrier.settimeout(_TIMEOUT_S)
                context = client_context(place.ca_file, place.cert_file, place.key_file, shown.append)
                _shake_hands(context, carrier, place.host)
    except OSError as error:
        return (_of_error(place, error),)
    return _ending(place, shown, now_us)


def _shake_hands(context: ssl.SSLContext, carrier: socket.socket, host: str) -> None:
    """ssl.SSLError too for a server that hangs up, as one without TLS does."""
    try:
        context.wrap_socket(carrier, server_hostname=host).close()
    except ConnectionError as error:
        raise ssl.SSLEOFError(ssl.SSL_ERROR_EOF, f"unexpected eof: {error.strerror}") from error


def _ending(place: Place, shown: list[bytes], now_us: int) -> tuple[Finding, ...]:
    if not place.tls:
        return ()
    certificates = Certificates({place.sink: Files(place.ca_file, place.cert_file)})
    for der in shown:
        certificates.seen(place.sink)(der)
    standings = [(standing, warning(standing, now_us)) for standing in certificates.look(0)]
    return tuple(
        found(words.CERTIFICATE_ENDS, place.sink, place=standing.place, detail=why)
        for standing, why in standings
        if why
    )


def _of_error(place: Place, error: OSError) -> Finding:
    code = _code(error)
    return found(
        code, place.sink, sink=place.sink, host=place.host, port=place.port, timeout_s=_TIMEOUT_S, detail=explain(error)
    )


def _code(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFY.get(error.verify_code, words.TLS_FAILS)
    if isinstance(error, ssl.SSLError):
        heard = str(error).lower().replace("_", " ")
        if any(part in heard for part in _NO_TLS):
            return words.TLS_NONE
        return words.TLS_CLIENT if "alert" in heard and "certificate" in heard else words.TLS_FAILS
    kinds: tuple[tuple[type[OSError], str], ...] = (
        (SinkError, words.TLS_FILES),
        (socket.gaierror, words.SINK_UNKNOWN),
        (ConnectionRefusedError, words.SINK_CLOSED),
        (TimeoutError, words.SINK_SILENT),
        (ConnectionError, words.SINK_MUTE),
    )
    return next((code for kind, code in kinds if isinstance(error, kind)), words.SINK_UNREACHABLE)


async def _login(table: MqttSite, place: Place) -> tuple[Finding, ...]:
    """MQTT 5 says whether a message may be published; a broker that speaks 3.1.1 only says whether we are let in."""
    # A second connection under the agent's own client id would end the first.
    guest = replace(table, client_id=f"{table.client_id}-doctor")
    try:
        return await _published(replace(guest, protocol="5"), place)
    except NotLetInError as error:
        if error.code != _UNSUPPORTED_VERSION:
            return (_shut_out(place, error),)
    except SinkError as error:
        return (_lost(place, error),)
    try:
        return await _published(replace(guest, protocol="3.1.1"), place)
    except NotLetInError as error:
        return (_shut_out(place, error),)
    except SinkError as error:
        return (_lost(place, error),)


async def _published(table: MqttSite, place: Place) -> tuple[Finding, ...]:
    """One message without content, which nobody keeps."""
    message = Message(f"{table.prefix}/doctor", b"")
    async with connected(table, table.password, message, Timing(), resolver=Resolver()) as connection:
        (code,) = await connection.publish([message], _TIMEOUT_S)
        if code is None:
            raise LostError(connection.why())
    return (found(words.BROKER_RIGHTS, place.sink, prefix=table.prefix),) if code >= FAILURE else ()


def _shut_out(place: Place, error: NotLetInError) -> Finding:
    told = REFUSALS.get(error.code, str(error)) if error.code is not None else str(error)
    return found(words.BROKER_REFUSES, place.sink, detail=told)


def _lost(place: Place, error: SinkError) -> Finding:
    """With TLS 1.3 a server says what it thinks of our certificate after the handshake."""
    code = words.TLS_CLIENT if place.tls and "certificate" in str(error) else words.SINK_MUTE
    return found(code, place.sink, sink=place.sink, host=place.host, port=place.port, detail=str(error))


def _write(table: InfluxSite, place: Place) -> tuple[Finding, ...]:
    try:
        status, body = written(table)
    except SinkError as error:
        return (_of_error(place, error),)
    except OSError as error:
        return (_lost(place, SinkError(explain(error))),)
    if status == 400 and b"SSL certificate" in body:  # nginx, of a client that shows none
        return (_lost(place, SinkError(explain(body.decode("latin-1")))),)
    if status in FINE:
        return _mapped(table, place)
    codes = {401: words.DATABASE_TOKEN, 403: words.DATABASE_RIGHTS, 404: words.DATABASE_BUCKET}
    code = codes.get(status, words.DATABASE_ANSWERS)
    return (found(code, place.sink, bucket=table.bucket, url=table.url, status=status),)


def _mapped(table: InfluxSite, place: Place) -> tuple[Finding, ...]:
    """A 2.x server without the mapping says that there is no such database. A token that may only write tells
    nothing."""
    with suppress(OSError, SinkError):
        _, body = queried(table)
        if b"database not found" in body or b"dbrp" in body.lower():
            return (found(words.DATABASE_UNMAPPED, place.sink, bucket=table.bucket),)
    return ()
