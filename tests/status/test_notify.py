import socket
from contextlib import closing
from pathlib import Path

from descriptor_limits import no_descriptors_left

from agent.status.notify import Notify


def test_systemd_hears_ready_and_watchdog(tmp_path: Path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}
        with closing(Notify.from_environ(environ)) as notify:
            notify.ready("3 meters on 2 lines")
            notify.alive()
        assert systemd.recv(100) == b"READY=1\nSTATUS=3 meters on 2 lines"
        assert systemd.recv(100) == b"WATCHDOG=1"
        assert notify.watchdog_s == 30.0


def test_a_status_is_said_where_it_is_another_one(tmp_path: Path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        with closing(Notify(str(tmp_path / "notify"), None)) as notify:
            notify.ready("3 meters on 2 lines")
            notify.status("3 meters on 2 lines")
            notify.status("3 meters on 2 lines; no card")
            notify.stopping()
        said = [systemd.recv(100) for _ in range(3)]
        assert said[1:] == [b"STATUS=3 meters on 2 lines; no card", b"STOPPING=1"]


def test_a_watchdog_is_fed_without_a_descriptor_to_spare(tmp_path: Path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        with closing(Notify(str(tmp_path / "notify"), None)) as notify, no_descriptors_left():
            notify.alive()
        assert systemd.recv(100) == b"WATCHDOG=1"


def test_an_abstract_socket_works():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0lamplighter-test-notify")
        with closing(Notify("@lamplighter-test-notify", None)) as notify:
            notify.stopping()
        assert systemd.recv(100) == b"STOPPING=1"


def test_without_systemd_nothing_happens():
    Notify.from_environ({}).ready("quiet")
    with closing(Notify("/nonexistent/notify", None)) as notify:
        notify.alive()
