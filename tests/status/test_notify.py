import socket
from pathlib import Path

from agent.status.notify import Notify


def test_systemd_hears_ready_and_watchdog(tmp_path: Path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        notify = Notify.from_environ({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"})
        notify.ready("3 meters on 2 lines")
        notify.alive()
        assert systemd.recv(100) == b"READY=1\nSTATUS=3 meters on 2 lines"
        assert systemd.recv(100) == b"WATCHDOG=1"
        assert notify.watchdog_s == 30.0


def test_an_abstract_socket_works():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0lamplighter-test-notify")
        Notify("@lamplighter-test-notify", None).stopping()
        assert systemd.recv(100) == b"STOPPING=1"


def test_without_systemd_nothing_happens():
    Notify.from_environ({}).ready("quiet")
    Notify("/nonexistent/notify", None).alive()
