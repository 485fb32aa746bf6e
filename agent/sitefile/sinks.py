"""[mqtt] and [influxdb] of a site file: addresses, who may be told in cleartext, credentials."""

import ipaddress
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, urlsplit

from agent.errors import Finding
from agent.publish.topics import topic_prefix
from agent.secret import find_credential, find_file, read_secret
from agent.site import InfluxSite, MqttSite
from agent.sitefile.schema import InfluxTable, MqttTable, SinkTable
from agent.sitefile.values import as_toml

_MQTT_PORTS = {"mqtt": 1883, "mqtts": 8883}
_HTTP = ("http", "https")
_CLEARTEXT = ("mqtt", "http")
_PRIVATE_ALLOWED = "a file in $CREDENTIALS_DIRECTORY or beside the site file that only its owner may read"
_PUBLIC_ALLOWED = "a file in $CREDENTIALS_DIRECTORY or beside the site file"
Found = TypeVar("Found")


@dataclass(slots=True)
class _Files:
    """Looks up the files that one sink's table names, and notes what is wrong with them."""

    where: str
    beside: Path
    findings: list[Finding]

    def look(self, key: str, name: str | None, how: Callable[[str, Path, Mapping[str, str]], Found]) -> Found | None:
        """What `how` makes of the file under `key`; None if the key is absent or the file no good."""
        if name is None:
            return None
        try:
            return how(name, self.beside, os.environ)
        except ValueError as error:
            found, _, todo = str(error).partition("; ")
            allowed = _PUBLIC_ALLOWED if how is find_file else _PRIVATE_ALLOWED
            self.findings.append(Finding(f"{self.where}.{key}", found, allowed, todo))
            return None

    def tls(self, table: SinkTable) -> dict[str, Path | None]:
        return {
            "ca_file": self.look("ca_file", table.ca_file, find_file),
            "cert_file": self.look("cert_file", table.cert_file, find_file),
            "key_file": self.look("key_file", table.key_file, find_credential),
        }


def mqtt_site(table: MqttTable, site: str, gateway: str, beside: Path) -> tuple[MqttSite | None, list[Finding]]:
    """[mqtt] as the publisher wants it; None with findings where something is wrong with it."""
    url, findings = _url(table.url, "mqtt", tuple(_MQTT_PORTS))
    files = _Files("mqtt", beside, findings)
    password, tls = files.look("password_file", table.password_file, read_secret), files.tls(table)
    if url is not None:
        findings.extend(_cleartext("mqtt", table, url))
        if url.path.strip("/"):
            findings.append(Finding("mqtt.url", f"a path, {url.path}", '"mqtts://HOST:PORT"', "remove the path"))
    if table.password_file and not table.username:
        findings.append(Finding("mqtt.username", "nothing, beside password_file", "a name", "add this key"))
    if url is None or findings:
        return None, findings
    broker = MqttSite(
        host=url.hostname or "",
        port=url.port or _MQTT_PORTS[url.scheme],
        tls=url.scheme == "mqtts",
        username=table.username,
        password=password,
        prefix=topic_prefix(site, gateway),
        client_id=f"lamplighter-{site}-{gateway}",
        password_file=files.look("password_file", table.password_file, find_credential),
        protocol=table.protocol,
        replay_limit=table.replay_limit,
        **tls,
    )
    return broker, findings


def influx_site(table: InfluxTable, beside: Path) -> tuple[InfluxSite | None, list[Finding]]:
    """[influxdb] as the publisher wants it; None with findings where something is wrong with it."""
    url, findings = _url(table.url, "influxdb", _HTTP)
    files = _Files("influxdb", beside, findings)
    token, tls = files.look("token_file", table.token_file, read_secret), files.tls(table)
    if url is not None:
        findings.extend(_cleartext("influxdb", table, url))
        if table.token_file is None and not _is_loopback(url.hostname or ""):
            allowed = "the name of a file; it may be left out only where the server is on this machine"
            findings.append(Finding("influxdb.token_file", "nothing", allowed, "add this key"))
    if url is None or findings:
        return None, findings
    address = f"{url.scheme}://{url.netloc}{url.path}".rstrip("/")
    file = files.look("token_file", table.token_file, find_credential)
    database = InfluxSite(
        url=address, org=table.org, bucket=table.bucket, token=token, token_file=file,
        replay_limit=table.replay_limit, read_back=table.read_back, **tls,
    )  # fmt: skip
    return database, findings


def _url(text: str, where: str, schemes: tuple[str, ...]) -> tuple[SplitResult | None, list[Finding]]:
    """What is wrong is told without repeating a URL that carries a secret."""
    path = f"{where}.url"
    key = "password_file" if where == "mqtt" else "token_file"
    try:
        url = urlsplit(text)
        sound = url.scheme in schemes and bool(url.hostname) and url.port != 0 and text.isprintable()
    except ValueError:
        sound = False
    if "@" in text or "?" in text or "#" in text:
        todo = f"keep scheme, host and port; name users and secrets by {'username and ' * (where == 'mqtt')}{key}"
        found = "a user, password or query in the URL (not shown)"
        return None, [Finding(path, found, "no literal secret in the site file", todo)]
    if not sound:
        allowed = " or ".join(f"{scheme}://HOST:PORT" for scheme in schemes)
        return None, [Finding(path, as_toml(text), allowed, "correct the URL")]
    return url, []


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _cleartext(where: str, table: SinkTable, url: SplitResult) -> Iterator[Finding]:
    """No TLS: only to this machine, or where the site says so; and then no key may promise TLS."""
    if url.scheme not in _CLEARTEXT:
        if (table.cert_file is None) != (table.key_file is None):
            missing = "key_file" if table.key_file is None else "cert_file"
            yield Finding(f"{where}.{missing}", "nothing", "cert_file and key_file, both or none", "add this key")
        return
    safe = f"{url.scheme}s"
    if not table.allow_cleartext and not _is_loopback(url.hostname or ""):
        allowed = f"{safe}:// to another machine; {url.scheme}:// only to this one"
        todo = f"use {safe}://, or write allow_cleartext = true if the network is yours alone"
        yield Finding(f"{where}.url", f'"{url.geturl()}"', allowed, todo)
    for key in ("ca_file", "cert_file", "key_file"):
        if getattr(table, key) is not None:
            yield Finding(
                f"{where}.{key}", f"{key} beside {url.scheme}://", f"{key} beside {safe}://", f"use {safe}://"
            )
