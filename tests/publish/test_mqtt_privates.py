"""What is used of paho, aiomqtt and urllib3 without being promised. A new version that changes it fails here first.

Written against paho-mqtt 2.1 and 2.2 (>= 2.1, < 3) and aiomqtt 2.5 (>= 2.5.1, < 3): `pyproject.toml` allows no others.
"""

import inspect
from importlib.metadata import version

import aiomqtt
import pytest
from paho.mqtt.client import Client
from urllib3.connection import HTTPConnection, HTTPSConnection


def test_the_versions_are_those_it_was_written_against() -> None:
    assert version("paho-mqtt").split(".")[:2] in (["2", "1"], ["2", "2"])
    assert version("aiomqtt").split(".")[:2] == ["2", "5"]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("_create_socket", ["self"]),
        ("_create_socket_connection", ["self"]),
        ("_packet_queue", ["self", "command", "packet", "mid", "qos", "info"]),
        ("_sock_close", ["self"]),
        ("_sock_recv", ["self", "bufsize"]),
    ],
)
def test_paho_still_has_the_methods_that_are_called(name: str, parameters: list[str]) -> None:
    assert list(inspect.signature(getattr(Client, name)).parameters) == parameters


def test_paho_still_connects_and_then_speaks_tls_by_the_name_of_the_host() -> None:
    opening = inspect.getsource(Client._create_socket)
    assert opening.index("self._create_socket_connection()") < opening.index("self._ssl_wrap_socket(sock)")
    assert "server_hostname=self._host" in inspect.getsource(Client._ssl_wrap_socket)


@pytest.mark.parametrize("kind", [HTTPConnection, HTTPSConnection])
def test_urllib3_still_connects_where_that_is_taken_over(kind: type[HTTPConnection]) -> None:
    assert list(inspect.signature(kind._new_conn).parameters) == ["self"]
    assert "self._new_conn()" in inspect.getsource(kind.connect)
    assert kind("influx.example", 8086)._dns_host == "influx.example"


async def test_paho_still_keeps_its_socket_and_its_keep_alive_where_they_are_taken() -> None:
    client = aiomqtt.Client("127.0.0.1", keepalive=7)
    paho = client._client
    assert paho._sock is None
    assert paho._keepalive in (7, 60)  # set by connect()
    assert "self._keepalive" in inspect.getsource(Client._check_keepalive)
    assert "self._sock = self._create_socket()" in inspect.getsource(Client.reconnect)
