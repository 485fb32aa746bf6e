"""Memory with 200 TCP meters, and the time from the program's start to its first poll."""

import compileall
import sysconfig
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from broker import broker
from clients import LAMPLIGHTER
from measure import FailedError, memory_mb, running
from results import Results
from sites import Pace, tcp_lines, write_site
from slaves import tcp_slave

ROOT = Path(__file__).resolve().parent.parent
MQTT, BOTH = "200 meters, MQTT", "200 meters, MQTT and InfluxDB"
_METERS = 200


def memory(results: Results, look_s: float) -> None:
    _compile()
    for work, with_influx in ((MQTT, False), (BOTH, True)):
        print(f"  {work}", flush=True)
        try:
            _run(results, work, with_influx, look_s)
        except FailedError as error:
            results.fail(work, "lamplighter", error)


def _compile() -> None:
    """Bytecode for everything that is imported, as pip leaves it on a gateway. Where neither pip nor Python may write
    it, every start compiles every source again: that takes half a second, and 5 MB stay behind."""
    for directory in (ROOT / "agent", ROOT / "drivers", Path(sysconfig.get_path("purelib"))):
        compileall.compile_dir(directory, quiet=2, workers=0)


def _run(results: Results, work: str, with_influx: bool, look_s: float) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as name, _accepting() as posts:
        directory = Path(name)
        with broker(directory) as seen, tcp_slave(_METERS) as slave:
            influx_port = posts.server_port if with_influx else None
            pace = Pace("100ms", "10s")
            site = write_site(directory, tcp_lines(slave.ports), "block", pace, seen.port, influx_port)
            command = [LAMPLIGHTER, "run", site, "--log-level", "warning"]
            with running(command, directory, client=True) as child:
                time.sleep(look_s)
                child.check()
                rss_mb, peak_mb = memory_mb(child.pid)
                first_ns = slave.count().first_request_ns
                first_s = (first_ns - child.started_ns) / 1e9
    if not first_ns or (with_influx and not posts.RequestHandlerClass.accepted):  # type: ignore[attr-defined]
        raise FailedError("nothing was asked, or nothing was posted")
    results.add(work, "lamplighter", rss_mb=rss_mb, peak_mb=peak_mb, first_poll_s=first_s)
    print(f"    rss {rss_mb:.1f} MB, peak {peak_mb:.1f} MB, first poll after {first_s:.2f} s", flush=True)


class _Accepts(BaseHTTPRequestHandler):
    """Takes every write, as InfluxDB does."""

    protocol_version = "HTTP/1.1"
    accepted = 0

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(204)
        self.send_header("Content-Length", "0")
        self.end_headers()
        type(self).accepted += 1

    def log_message(self, *words: object) -> None:
        """Silent."""


@contextmanager
def _accepting() -> Iterator[ThreadingHTTPServer]:
    class Accepts(_Accepts):
        """Its own count."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Accepts) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()
