"""deploy/mosquitto, tried as its README says: commands are taken from there, places and ports are the test's."""

import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import certs
import pytest
from running import Listener, agent, eventually
from server_process import Server, free_port, program, running_server
from small_site import DASHI

pytestmark = pytest.mark.e2e
SHIPPED = Path(__file__).resolve().parents[2] / "deploy" / "mosquitto"
README = (SHIPPED / "README.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
SITES = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
A, B, CERTIFIED = "dashi/gw-01", "dashi/gw-03", "dashi/gw-02"
UNIT = Path("/lib/systemd/system/mosquitto.service")


@dataclass(frozen=True)
class Deployed:
    """directory: where the README was followed; etc: what stands for /etc/mosquitto; broker listens with passwords."""

    directory: Path
    etc: Path
    broker: Server
    certified_port: int

    @property
    def ca(self) -> Path:
        return self.directory / "ca" / "ca.pem"

    def login(self, user: str) -> list[str]:
        password = (self.directory / f"{user.replace('/', '-')}.mqtt-password").read_text()
        return ["-p", str(self.broker.port), "-u", user, "-P", password]

    def certificate(self, name: str) -> list[str]:
        files = [str(self.directory / "ca" / f"{name}{ending}") for ending in (".pem", ".key")]
        return ["-p", str(self.certified_port), "--cert", files[0], "--key", files[1]]

    def client(self, kind: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """mosquitto_pub or mosquitto_sub, by MQTT 5: there a broker says what it forbids."""
        whole = [f"mosquitto_{kind}", "-h", "127.0.0.1", "-V", "5", "-q", "1", *map(str, words)]
        return subprocess.run(whole, capture_output=True, text=True, timeout=20, check=False)

    def publish(self, who: Sequence[str], topic: str) -> str:
        """What the broker said against it."""
        done = self.client("pub", "--cafile", self.ca, *who, "-t", topic, "-m", '"said"')
        return done.stdout + done.stderr


def _run(script: str, directory: Path, etc: Path) -> None:
    """A README's commands, but for those that need a machine of their own."""
    lines = [line for line in script.splitlines() if "systemctl" not in line and "/etc/systemd" not in line]
    text = "\n".join(lines).replace("/etc/mosquitto", str(etc)).replace("install -g mosquitto", "install")
    text = re.sub(r"(add-user\.sh \S+)", rf"\1 {etc}", text)
    text = text.replace("broker.example 192.0.2.10", "localhost 127.0.0.1")
    done = subprocess.run(["sh", "-eu", "-c", text], cwd=directory, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    directory = tmp_path_factory.mktemp("deploy")
    etc = directory / "etc"
    (etc / "conf.d").mkdir(parents=True)
    for file in SHIPPED.iterdir():
        (directory / file.name).write_bytes(file.read_bytes())
        (directory / file.name).chmod(file.stat().st_mode)
    authority, places, broker, trial, certificates = SHELL[0], SHELL[1], SHELL[2], SHELL[4], SHELL[5]
    assert "mosquitto_sub" in trial
    for script in (authority, places, broker, certificates, f"./add-user.sh {B}"):
        _run(script, directory, etc)
    certified = free_port()

    def make() -> Server:
        port = free_port()
        return Server("mosquitto", _command(directory, etc, port, certified), port, directory / "mosquitto.log")

    with running_server(make) as server:
        yield Deployed(directory, etc, server, certified)


def _command(directory: Path, etc: Path, port: int, certified: int) -> list[str]:
    for file in (etc / "conf.d").iterdir():
        shipped = (SHIPPED / file.name).read_text().replace("/etc/mosquitto", str(etc))
        shipped = shipped.replace("listener 8883", f"listener {port} 127.0.0.1")
        file.write_text(shipped.replace("listener 8884", f"listener {certified} 127.0.0.1"))
    # As Debian's own file, which ours go beside: a word that stands in both is an error of mosquitto's.
    kept = directory / "kept"
    kept.mkdir(exist_ok=True)
    lines = [f"pid_file {kept}/mosquitto.pid", "persistence true", f"persistence_location {kept}/", "log_dest stderr"]
    lines += [f"include_dir {etc}/conf.d", "log_type all"] + ["user root"] * (os.geteuid() == 0)
    config = directory / "mosquitto.conf"
    config.write_text("\n".join(lines) + "\n")
    return [program("mosquitto", "mosquitto"), "-c", str(config)]


@pytest.fixture
def heard(deployed: Deployed) -> Iterator[Listener]:
    """A reader of operations on everything."""
    reader = deployed.login("reader.operations")
    before = deployed.broker.log_text().count("Sending SUBACK")
    with Listener(
        deployed.broker.port, ["--cafile", str(deployed.ca), *reader[2:], "-i", f"test-{before}"]
    ) as listener:
        eventually("its subscription", lambda: deployed.broker.log_text().count("Sending SUBACK") > before)
        yield listener


def _of_these(heard: Listener, topics: Sequence[str]) -> list[str]:
    said = list(heard.messages)
    return [topic for topic, _, _ in said if topic in topics]


@pytest.mark.parametrize("by", ["password", "certificate"])
def test_a_gateway_writes_below_its_own_place_and_nowhere_else(deployed: Deployed, heard: Listener, by: str) -> None:
    who, place = (deployed.login(A), A) if by == "password" else (deployed.certificate("dashi-gw-02"), CERTIFIED)
    own = [f"lamplighter/{place}/m/reading", f"lamplighter/{place}/state"]
    foreign = [
        f"lamplighter/{B}/m/reading", f"lamplighter/{place}x/state", "lamplighter/dashi/state",
        f"lamplighter/other/{place.split('/')[1]}/state", "lamplighter/state", f"else/{place}/state", "$SYS/broker/x",
    ]  # fmt: skip
    refused = [topic for topic in foreign if "Not authorized" in deployed.publish(who, topic)]
    assert refused == foreign
    assert [deployed.publish(who, topic) for topic in own] == ["", ""]
    eventually("its own", lambda: len(_of_these(heard, own)) == len(own))
    assert _of_these(heard, foreign) == []


@pytest.mark.parametrize("by", ["password", "certificate"])
def test_a_gateway_reads_nothing_not_even_its_own(deployed: Deployed, by: str) -> None:
    who = deployed.login(A) if by == "password" else deployed.certificate("dashi-gw-02")
    kept = deployed.client(
        "pub", "--cafile", deployed.ca, *deployed.login(A), "-r", "-t", f"lamplighter/{A}/m/status", "-m", '"live"'
    )
    assert kept.returncode == 0
    read = deployed.client("sub", "--cafile", deployed.ca, *who, "-t", "#", "-t", f"lamplighter/{A}/#", "-v", "-W", "1")
    assert read.stdout == ""
    reader = deployed.login("reader.operations")
    read = deployed.client(
        "sub", "--cafile", deployed.ca, *reader, "-t", f"lamplighter/{A}/m/status", "-C", "1", "-W", "5"
    )
    assert read.stdout == '"live"\n', "who may read has it"


def test_a_reader_writes_nothing_that_a_gateway_could_have_said(deployed: Deployed, heard: Listener) -> None:
    reader = deployed.login("reader.operations")
    assert "Not authorized" in deployed.publish(reader, f"lamplighter/{A}/reader")
    assert "Not authorized" in deployed.publish(reader, "lamplighter/reader/state")
    assert heard.of("/reader") == []


def test_nobody_enters_without_a_name_a_password_and_tls(deployed: Deployed, tmp_path: Path) -> None:
    port, own = str(deployed.broker.port), f"lamplighter/{A}/state"
    stranger = certs.authority(tmp_path, "another-ca").issue("dashi-gw-01")
    stranger_words = ["-p", str(deployed.certified_port), "--cert", str(stranger.cert), "--key", str(stranger.key)]
    assert "Not authorized" in deployed.publish(["-p", port], own)
    assert "Not authorized" in deployed.publish(["-p", port, "-u", A, "-P", "guessed"], own)
    assert "Not authorized" in deployed.publish(["-p", port, "-u", "dashi/+", "-P", "guessed"], own)
    without_tls = deployed.client("pub", *deployed.login(A), "-t", own, "-m", "x")
    assert without_tls.returncode != 0
    before = deployed.broker.log_text().count("New client connected")
    assert deployed.publish(["-p", str(deployed.certified_port)], own) != ""
    assert deployed.publish(stranger_words, own) != ""
    assert deployed.broker.log_text().count("New client connected") == before


def test_the_agent_gets_in_with_the_site_file_of_the_readme(deployed: Deployed, heard: Listener) -> None:
    denied = deployed.broker.log_text().count("Denied PUBLISH")
    for section, user in ((SITES[0], A), (SITES[1], CERTIFIED)):
        directory = deployed.directory / user.replace("/", "-")
        directory.mkdir()
        for name in ("ca.pem", "dashi-gw-02.pem", "dashi-gw-02.key"):
            (directory / name).write_bytes((deployed.directory / "ca" / name).read_bytes())
            (directory / name).chmod(0o600)
        password = directory / "mqtt-password"
        password.touch(0o600)
        password.write_bytes((deployed.directory / f"{A.replace('/', '-')}.mqtt-password").read_bytes())
        site = directory / "site.toml"
        known = section.replace("broker.example:8883", f"localhost:{deployed.broker.port}")
        known = known.replace("broker.example:8884", f"localhost:{deployed.certified_port}")
        site.write_text(
            DASHI.replace("gw-01", user.split("/")[1]).replace("230\n", '230\nstate_dir = "state"\n') + known
        )
        state = f"lamplighter/{user}/state"
        with agent(site) as running:
            eventually("it is in", lambda topic=state: heard.of(topic), 20)
            running.kill()
            eventually(
                "its will", lambda topic=state: [one["state"] for one in heard.of(topic)] == ["online", "offline"]
            )
    assert deployed.broker.log_text().count("Denied PUBLISH") == denied


def test_a_new_password_takes_the_place_of_the_old_one_and_a_wrong_name_is_refused(deployed: Deployed) -> None:
    script = deployed.directory / "add-user.sh"

    def add(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [script, *words], cwd=deployed.directory, capture_output=True, text=True, check=False
        )  # fmt: skip

    old = deployed.login("reader.operations")
    assert add("reader.operations", str(deployed.etc)).returncode == 0
    names = [line.split(":")[0] for line in (deployed.etc / "lamplighter.passwords").read_text().splitlines()]
    assert sorted(names) == sorted([A, B, "reader.operations"])
    assert deployed.login("reader.operations") != old
    for wrong in ("dashi", "dashi/+", "dashi/gw 1", "reader", "reader.a/b", "a/b/c", ""):
        refused = add(wrong, str(deployed.etc))
        assert refused.returncode == 2
        assert "allowed: SITE/GATEWAY or reader.NAME" in refused.stderr
    assert "no directory" in add(A, "/no/such").stderr


@pytest.mark.skipif(not UNIT.exists(), reason="Debian's mosquitto unit is not installed")
def test_the_hardened_unit_scores_as_the_readme_says(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_bytes(UNIT.read_bytes())
    dropped_in = tmp_path / f"{UNIT.name}.d"
    dropped_in.mkdir()
    (dropped_in / "hardening.conf").write_bytes((SHIPPED / "hardening.conf").read_bytes())
    analyze = ["systemd-analyze", "--no-pager"]
    scored = subprocess.run(
        [*analyze, "security", "--offline=true", unit], capture_output=True, text=True, check=False
    )  # fmt: skip
    said = re.search(r"exposure level for mosquitto.service: ([\d.]+)", scored.stdout)
    assert said, scored.stderr
    assert f"says {said[1]} instead of 9.6" in README
    verified = subprocess.run([*analyze, "verify", unit], capture_output=True, text=True, check=False)
    assert "Unknown key" not in verified.stderr
    assert "hardening.conf" not in verified.stderr
