"""Real servers for tests: mosquitto, InfluxDB 1.6.7 and an nginx that speaks InfluxDB 2's write API in front of it.

Each is a context manager that yields a running server on a free loopback port and stops it by its process id. All of
them can `kill()` (-9), `restart()` on the same port, `freeze()` and `thaw()`. They are synchronous: a start takes
10 to 200 ms. A server that is not installed fails the test with a sentence that says what to do; nothing is skipped.
"""

import json
import os
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certs import Pair
from server_process import Server, free_port, program, running_server

__all__ = [
    "Influx", "Server", "Shim", "free_port", "influx_v2_shim", "influxd", "influxql", "mosquitto", "post", "program",
]  # fmt: skip

# --- mosquitto ---------------------------------------------------------------------------------------------------


@contextmanager
def mosquitto(
    tmp: Path,
    *,
    tls: Pair | None = None,
    ca: Path | None = None,
    tls_version: str | None = None,
    password: tuple[str, str] | None = None,
    persistence: bool = False,
    extra: Sequence[str] = (),
) -> Iterator[Server]:
    """A broker. tls: its certificate; ca: demand client certificates of this CA; tls_version: ``tlsv1.2`` or none;
    password: the one user that may enter; persistence: keep retained messages and sessions over a restart."""
    directory = _directory(tmp, "mosquitto")
    binary = program("mosquitto", "mosquitto")

    def make() -> Server:
        port = free_port()
        lines = [f"listener {port} 127.0.0.1", f"allow_anonymous {'false' if password else 'true'}", "log_type all"]
        lines += _as_root("user root") + _persistence(directory, persistence) + list(extra)
        lines += _mosquitto_tls(tls, ca, tls_version) + _mosquitto_password(directory, password)
        config = directory / "mosquitto.conf"
        config.write_text("\n".join(lines) + "\n")
        return Server("mosquitto", [binary, "-c", str(config)], port, directory / "mosquitto.log")

    with running_server(make) as server:
        yield server


def _persistence(directory: Path, wanted: bool) -> list[str]:
    # autosave after every change: the default saves twice an hour and a kill -9 forgets the rest.
    return (
        [f"persistence_location {directory}/", "persistence true", "autosave_on_changes true", "autosave_interval 1"]
        if wanted
        else ["persistence false"]
    )


def _mosquitto_tls(tls: Pair | None, ca: Path | None, version: str | None) -> list[str]:
    if tls is None:
        return []
    lines = [f"certfile {tls.cert}", f"keyfile {tls.key}"]
    lines += [f"cafile {ca}", "require_certificate true"] if ca else []
    return lines + ([f"tls_version {version}"] if version else [])


def _mosquitto_password(directory: Path, password: tuple[str, str] | None) -> list[str]:
    if password is None:
        return []
    file = directory / "passwords"
    command = [program("mosquitto_passwd", "mosquitto"), "-c", "-b", str(file), *password]
    subprocess.run(command, check=True, capture_output=True)
    return [f"password_file {file}"]


# --- InfluxDB 1.6.7 ----------------------------------------------------------------------------------------------


@dataclass
class Influx:
    """A running influxd and what tests ask of it."""

    server: Server

    @property
    def port(self) -> int:
        return self.server.port

    def query(self, text: str, database: str = "lamplighter") -> list[dict[str, Any]]:
        """The rows of an InfluxQL query, each with its columns, its tags if grouped by them, and `time` in ns."""
        return influxql(f"http://127.0.0.1:{self.port}/query", text, database)

    def series(self, text: str, database: str = "lamplighter") -> list[dict[str, Any]]:
        """The series of the answer to one statement as they came, instants in ms: what a dashboard gets."""
        return influxql_series(f"http://127.0.0.1:{self.port}/query", text, database, epoch="ms")

    def create(self, database: str) -> None:
        self.query(f'CREATE DATABASE "{database}"')

    def write(self, lines: bytes, database: str = "lamplighter") -> tuple[int, str]:
        """Status and body of a write to its own 1.x API."""
        url = f"http://127.0.0.1:{self.port}/write?db={database}&precision=ns"
        return post(url, lines)


@contextmanager
def influxd(
    tmp: Path, databases: Sequence[str] = ("lamplighter",), *, continuous_queries: bool = False
) -> Iterator[Influx]:
    """A database. continuous_queries: they run, and are looked at every second."""
    directory = _directory(tmp, "influxd")
    binary = program("influxd", "influxdb")

    def make() -> Server:
        port, rpc = free_port(), free_port()
        config = directory / "influxdb.conf"
        config.write_text(
            _INFLUXD_CONFIG.format(directory=directory, port=port, rpc=rpc, cq=str(continuous_queries).lower())
        )
        return Server("influxd", [binary, "run", "-config", str(config)], port, directory / "influxd.log")

    with running_server(make) as server:
        influx = Influx(server)
        for database in databases:
            influx.create(database)
        yield influx


_INFLUXD_CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{directory}/meta"
[data]
  dir = "{directory}/data"
  wal-dir = "{directory}/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[continuous_queries]
  enabled = {cq}
  run-interval = "1s"
"""


def influxql(url: str, text: str, database: str, headers: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
    return [
        {**series.get("tags", {}), **dict(zip(series["columns"], row, strict=True))}
        for series in influxql_series(url, text, database, headers)
        for row in series["values"]
    ]


def influxql_series(
    url: str, text: str, database: str, headers: Mapping[str, str] | None = None, epoch: str = "ns"
) -> list[dict[str, Any]]:
    form = urllib.parse.urlencode({"q": text, "db": database, "epoch": epoch}).encode()
    status, body = post(url, form, {"Content-Type": "application/x-www-form-urlencoded", **(headers or {})})
    assert status == 200, body
    result = json.loads(body)["results"][0]
    assert "error" not in result, result["error"]
    series: list[dict[str, Any]] = result.get("series", [])
    return series


def post(url: str, body: bytes, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
    request = urllib.request.Request(url, data=body, headers=dict(headers or {}), method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


# --- nginx: InfluxDB 2's write API in front of a 1.6.7 -----------------------------------------------------------


@dataclass
class Shim:
    """The nginx in front. url: what a site file says; token: what it takes."""

    server: Server
    url: str
    token: str


@contextmanager
def influx_v2_shim(
    tmp: Path, influx: Influx, token: str, *, tls: Pair | None = None, ca: Path | None = None, max_body: str = "25m"
) -> Iterator[Shim]:
    """``POST /api/v2/write`` with a token, ``/query`` with it, ``/ping`` and ``/health`` without; 404 for the rest.

    tls: serve https with this certificate; ca: demand client certificates of this CA."""
    directory = _directory(tmp, "nginx")
    binary = program("nginx", "nginx-light")

    def make() -> Server:
        port = free_port()
        listen = f"listen 127.0.0.1:{port}" + (" ssl;" if tls else ";")
        listen += f"\n ssl_certificate {tls.cert}; ssl_certificate_key {tls.key};" if tls else ""
        listen += f"\n ssl_client_certificate {ca}; ssl_verify_client on;" if ca else ""
        text = _NGINX_CONFIG
        parts = {
            "USER": "user root;" if os.geteuid() == 0 else "", "DIRECTORY": directory, "LISTEN": listen,
            "UPSTREAM": f"http://127.0.0.1:{influx.port}", "TOKEN": token, "MAX_BODY": max_body,
        }  # fmt: skip
        for key, value in parts.items():
            text = text.replace(f"@{key}@", str(value))
        config = directory / "nginx.conf"
        config.write_text(text)
        command = [binary, "-p", str(directory), "-e", str(directory / "nginx.log"), "-c", str(config)]
        return Server("nginx", command, port, directory / "nginx.log")

    with running_server(make) as server:
        scheme = "https" if tls else "http"
        yield Shim(server, f"{scheme}://127.0.0.1:{server.port}", token)


_NGINX_CONFIG = """
@USER@
daemon off;
master_process off;
worker_processes 1;
pid @DIRECTORY@/nginx.pid;
error_log @DIRECTORY@/nginx.log;
events { worker_connections 64; }
http {
  access_log off;
  default_type application/json;
  client_max_body_size @MAX_BODY@;
  client_body_temp_path @DIRECTORY@/body;
  proxy_temp_path @DIRECTORY@/proxy;
  fastcgi_temp_path @DIRECTORY@/fastcgi;
  uwsgi_temp_path @DIRECTORY@/uwsgi;
  scgi_temp_path @DIRECTORY@/scgi;
  map $http_authorization $known { default 0; "Token @TOKEN@" 1; "Bearer @TOKEN@" 1; }
  map $arg_bucket $named { default 0; "~^[A-Za-z0-9_./%-]+$" 1; }
  map $arg_precision $precision_v1 { default $arg_precision; "" ns; us u; }
  map $request_method $writes { default 0; POST 1; }
  server {
    @LISTEN@
    proxy_set_header Authorization "";
    location = /api/v2/write {
      if ($writes = 0) { return 404 '{"code":"not found","message":"path not found"}'; }
      if ($known = 0) { return 401 '{"code":"unauthorized","message":"unauthorized access"}'; }
      if ($named = 0) { return 400 '{"code":"invalid","message":"bucket missing or not a plain name"}'; }
      proxy_pass @UPSTREAM@/write?db=$arg_bucket&precision=$precision_v1;
    }
    location = /query {
      if ($known = 0) { return 401 '{"code":"unauthorized","message":"unauthorized access"}'; }
      proxy_pass @UPSTREAM@/query$is_args$args;
    }
    location = /ping { proxy_pass @UPSTREAM@/ping; }
    location = /health {
      return 200 '{"name":"influxdb","message":"ready for queries and writes","status":"pass","version":"1.6.7"}';
    }
    location / { return 404 '{"code":"not found","message":"path not found"}'; }
  }
}
"""


def _directory(tmp: Path, name: str) -> Path:
    directory = tmp / name
    directory.mkdir(parents=True, exist_ok=True)
    return directory


def _as_root(line: str) -> list[str]:
    # Started by root, a server would drop to a user of its own who may not enter pytest's directories.
    return [line] if os.geteuid() == 0 else []
