"""Gets what the bench needs without touching the system: compiles its slaves, unpacks Debian packages, fills venvs.

Everything lands in bench/.build and bench/.venvs and is found there the next time. What cannot be had raises
UnavailableError with the reason, and the runner reports it in the peer's row.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BUILD = HERE / ".build"
VENVS = HERE / ".venvs"
_SYSTEM_PATH = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))


class UnavailableError(Exception):
    """A peer or a tool that cannot be had here. The text says why."""


def program(name: str, package: str) -> str:
    """Path of a program that must be on the system; installs its package where it may."""
    if shutil.which(name, path=_SYSTEM_PATH) is None and os.geteuid() == 0:
        _apt(["apt-get", "install", "-y", "-qq", "--no-install-recommends", package])
    found = shutil.which(name, path=_SYSTEM_PATH)
    if found is None:
        raise UnavailableError(f"{name} is missing: apt-get install {package}")
    return found


def compiled(name: str, *libraries: str) -> Path:
    """bench/NAME.c as a program, compiled anew when its source is newer."""
    source, made = HERE / f"{name}.c", BUILD / name
    if made.exists() and made.stat().st_mtime > source.stat().st_mtime:
        return made
    BUILD.mkdir(exist_ok=True)
    command = [program("gcc", "gcc"), "-O2", "-Wall", "-o", str(made), str(source), *libraries]
    _run(command, f"{name}.c does not compile")
    return made


def libmodbus_client() -> Path:
    header = Path("/usr/include/modbus/modbus.h")
    if not header.exists() and os.geteuid() == 0:
        _apt(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "libmodbus-dev"])
    return compiled("libmodbus_client", "-I/usr/include/modbus", "-lmodbus")


def libmodbus_version() -> str:
    header = Path("/usr/include/modbus/modbus-version.h").read_text()
    return header.partition("LIBMODBUS_VERSION_STRING")[2].split('"')[1]


def unpacked(name: str, *packages: str) -> Path:
    """Debian packages unpacked into bench/.build/NAME: no service is started, no root is needed."""
    made, partial = BUILD / name, BUILD / f"{name}.partial"
    if made.exists():
        return made
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    _apt(["apt-get", "download", *packages], cwd=partial)
    for archive in partial.glob("*.deb"):
        _run(["dpkg-deb", "-x", str(archive), str(partial)], f"{archive.name} cannot be unpacked")
    return partial.rename(made)


def venv(name: str, requirement: str) -> Path:
    """The bin directory of a virtual environment of its own that holds one requirement."""
    # Made where it stays and marked when whole: scripts of one that was renamed name a Python that is gone.
    made = VENVS / name
    whole = made / "whole"
    if not whole.exists():
        shutil.rmtree(made, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(made)], "no virtual environment can be made")
        pip = [str(made / "bin/python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", requirement]
        _run(pip, f"{requirement} cannot be installed")
        whole.touch()
    return made / "bin"


def version_of(package: str, directory: Path) -> str:
    """The version of an unpacked package, from the name of its archive."""
    archives = sorted(directory.glob(f"{package}_*.deb"))
    return archives[-1].name.split("_")[1] if archives else "unknown"


def _apt(command: list[str], cwd: Path | None = None) -> None:
    if shutil.which("apt-get") is None:
        raise UnavailableError(f"there is no apt-get here for: {' '.join(command)}")
    try:
        _run(command, "apt-get failed", cwd)
    except UnavailableError:
        if os.geteuid() != 0:
            raise
        _run(["apt-get", "update", "-qq"], "apt-get update failed")
        _run(command, "apt-get failed", cwd)


def _run(command: list[str], what: str, cwd: Path | None = None) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise UnavailableError(f"{what}: {last}")
