"""A second network in a namespace of its own, at the end of a cable that can swallow everything: both ends then go on
believing in their connections. Root is needed.

The cable is a veth pair. It goes dark where both ends address their frames to nobody: no error is told, as behind a
modem that has lost its cell.
"""

import ctypes
import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_NOBODY = "02:00:00:00:00:66"
# RFC 2544: 198.18.0.0/15 is for tests of networks. Runs side by side have a cable each.
_NET = f"198.18.{os.getpid() >> 6 & 255}.{{}}"
_HERE, _THERE = (_NET.format(4 * (os.getpid() & 63) + n) for n in (1, 2))


@dataclass(frozen=True, slots=True)
class Cable:
    """host: the far end's address; listener: a socket that listens there."""

    host: str
    listener: socket.socket
    space: str
    near: str
    near_mac: str
    far_mac: str

    def dark(self) -> None:
        self._address(_NOBODY, _NOBODY)

    def light(self) -> None:
        self._address(self.near_mac, self.far_mac)

    def _address(self, near_mac: str, far_mac: str) -> None:
        _ip(f"neigh replace {_THERE} lladdr {far_mac} dev {self.near} nud permanent")
        _ip(f"-n {self.space} neigh replace {_HERE} lladdr {near_mac} dev far nud permanent")


def why_no_cable() -> str:
    """Why there can be none here; empty if there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    try:
        with cable():
            return ""
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or error
        return f"no network namespace can be had: {said}".strip()


@contextmanager
def cable() -> Iterator[Cable]:
    space, near = f"lamp{os.getpid()}", f"lamp{os.getpid()}"
    _ip(f"netns add {space}")
    try:
        _ip(f"link add {near} type veth peer name far netns {space}")
        _ip(f"addr add {_HERE}/30 dev {near}")
        _ip(f"-n {space} addr add {_THERE}/30 dev far")
        _ip(f"link set {near} up")
        _ip(f"-n {space} link set far up")
        made = Cable(_THERE, _listening_in(space), space, near, _mac(near), _mac("far", f"-n {space}"))
        made.light()
        with made.listener:
            yield made
    finally:
        with suppress(subprocess.CalledProcessError):
            _ip(f"link del {near}")
        _ip(f"netns del {space}")


def _listening_in(space: str) -> socket.socket:
    """A socket belongs to the namespace of the thread that made it, whoever uses it later."""
    made: list[socket.socket | int] = []

    def listen() -> None:
        fd = os.open(Path("/run/netns") / space, os.O_RDONLY)
        try:
            if ctypes.CDLL(None, use_errno=True).setns(fd, _CLONE_NEWNET):
                made.append(ctypes.get_errno())
                return
            made.append(socket.create_server((_THERE, 0)))
        finally:
            os.close(fd)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    if not isinstance(made[0], socket.socket):
        raise OSError(made[0], os.strerror(made[0]))
    made[0].setblocking(False)
    return made[0]


def _mac(device: str, space: str = "") -> str:
    words = _ip(f"{space} -o link show {device}").split()
    return words[words.index("link/ether") + 1]


def _ip(words: str) -> str:
    return subprocess.run(["ip", *words.split()], check=True, capture_output=True, text=True).stdout
