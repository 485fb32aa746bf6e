"""One living meter, both servers, and an agent whose card can be made to stall before its power is cut."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hand_meters import Sdm630, TcpLine
from servers import Influx, influx_v2_shim, influxd, mosquitto

ROOT = Path(__file__).resolve().parents[2]
SITE = """
[site]
name = "dashi"
gateway = "gw-01"
state_dir = "{state}"
nominal_voltage = 230
watch = "100ms"
poll = "1s"
publish_every = "1s"
[lines.a]
tcp = "127.0.0.1:{port}"
[meters.m]
line = "a"
unit = 1
model = "eastron-sdm630"
[mqtt]
url = "mqtt://127.0.0.1:{mqtt}"
[influxdb]
url = "{influx}"
token_file = "token"
"""


class SmallRig:
    def __init__(self, tmp: Path, stack: ExitStack) -> None:
        self.meter = Sdm630(1)
        self.broker = stack.enter_context(mosquitto(tmp, persistence=True))
        self.influx: Influx = stack.enter_context(influxd(tmp))
        shim = stack.enter_context(influx_v2_shim(tmp, self.influx, "canary-9"))
        line = stack.enter_context(TcpLine([self.meter]))
        (tmp / "token").write_text("canary-9")
        (tmp / "token").chmod(0o600)
        self.stall, self.site, self.state, self.left = (tmp / n for n in ("stall", "site.toml", "state", "left"))
        self.left.mkdir()
        self.site.write_text(SITE.format(state=self.state, port=line.port, mqtt=self.broker.port, influx=shim.url))

    def volts(self, l1: float) -> None:
        self.meter.volts(l1, 231.0, 229.0)

    def stop_storing(self) -> None:
        """From now on nothing is durable: what the card holds at this moment is what a cut of the power leaves."""
        self.stall.touch()
        for file in self.state.iterdir():
            if file.is_file():
                shutil.copy(file, self.left)

    def _cut(self) -> None:
        shutil.rmtree(self.state)
        shutil.copytree(self.left, self.state)
        self.state.chmod(0o700)

    @contextmanager
    def stalling(self) -> Iterator["subprocess.Popen[bytes]"]:
        """An agent whose power is cut in the end."""
        path = os.pathsep.join((str(ROOT), str(ROOT / "tests" / "support")))
        command = [sys.executable, str(ROOT / "tests/support/stalling_agent.py"), str(self.site), str(self.stall)]
        child = subprocess.Popen(command, env=os.environ | {"PYTHONPATH": path}, stderr=subprocess.DEVNULL)
        try:
            yield child
        finally:
            child.kill()
            child.wait(5)
            self.stall.unlink()
            self._cut()
