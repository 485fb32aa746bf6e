"""Victims that are cut off: by kill -9, or by an ext4 that loses power. Linux; the second needs root and loop devices.

EXT4_IOC_SHUTDOWN with flag 2 stops a filesystem at once and flushes nothing: what lay in the page cache and in the
journal's memory is gone, as in a power cut.
"""

import asyncio
import ctypes
import fcntl
import logging
import os
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from journal_victim import Work, live

# Source: linux/fs/ext4/ext4.h, EXT4_IOC_SHUTDOWN = _IOR('X', 125, __u32), and its flags.
_SHUTDOWN = 0x8004587D
LOGFLUSH, NOLOGFLUSH = 1, 2
# Source: linux/include/uapi/linux/mount.h
_MS_RDONLY, _MS_REMOUNT, _MS_NOATIME, _MS_REC, _MS_PRIVATE = 1, 32, 1024, 1 << 14, 1 << 18
# Source: linux/include/uapi/linux/sched.h
_CLONE_NEWNS = 0x00020000
_MNT_DETACH = 2
_SECTOR_BYTES = 512
_PIPE_BYTES = 1 << 20

_libc = ctypes.CDLL(None, use_errno=True)


class Victim:
    """A journal in a child of its own. What it says is read all the time, so that nothing holds it up."""

    def __init__(self, state_dir: Path, life: int, work: Work) -> None:
        ours, theirs = os.pipe()
        fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self.pid = os.fork()
        if not self.pid:
            os.close(ours)
            _work(theirs, state_dir, life, work)
        os.close(theirs)
        os.set_blocking(ours, False)
        self._pipe = ours
        self._said = b""

    def listen(self, for_s: float) -> None:
        """Until it ends, but no longer than that."""
        until_s = time.monotonic() + for_s
        while (left_s := until_s - time.monotonic()) > 0:
            if select.select([self._pipe], [], [], left_s)[0] and not self._take():
                return

    def _take(self) -> bool:
        try:
            more = os.read(self._pipe, _PIPE_BYTES)
        except BlockingIOError:
            return False
        self._said += more
        return bool(more)

    def stop(self) -> None:
        """Frozen, and heard to the last word: nothing is acknowledged after this."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        while self._take():
            pass

    def end(self) -> str:
        """Kill it; everything it said. RuntimeError if it had ended by itself, which only a bug can bring about."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        status = os.waitpid(self.pid, 0)[1]
        while self._take():
            pass
        os.close(self._pipe)
        if os.WIFEXITED(status) and os.WEXITSTATUS(status):
            raise RuntimeError(f"the victim failed by itself, exit code {os.WEXITSTATUS(status)}")
        return self._said.decode()


def _work(pipe: int, state_dir: Path, life: int, work: Work) -> None:
    """In the child, which must never come back from here."""
    logging.disable(logging.ERROR)  # a small file says all the time what it evicts; the history says it, too
    code = 70
    try:
        asyncio.run(live(state_dir, life, work, lambda text: _say(pipe, text)))
        code = 0
    finally:
        if code:
            traceback.print_exc()
        os._exit(code)


def _say(pipe: int, text: str) -> None:
    if text:
        os.write(pipe, text.encode())


class Disk:
    """An ext4 in a file behind a loop device, mounted at `path`."""

    def __init__(self, loop: str, path: Path) -> None:
        self._loop = loop
        self.path = path
        self._mounted = False

    def fresh(self) -> None:
        self.unmount()
        subprocess.run(["mkfs.ext4", "-q", "-F", self._loop], check=True)
        self.mount()

    def mount(self) -> None:
        _mount(self._loop, self.path, _MS_NOATIME, b"errors=remount-ro")
        self._mounted = True

    def remount(self, *, readonly: bool) -> None:
        _mount(self._loop, self.path, _MS_NOATIME | _MS_REMOUNT | (_MS_RDONLY if readonly else 0))

    def unmount(self) -> None:
        if self._mounted and _libc.umount2(os.fsencode(self.path), 0):
            _fail("umount", self.path)
        self._mounted = False

    def turn_readonly(self) -> None:
        """As an error in the filesystem does it, under open files."""
        # Source: linux/Documentation/ABI/testing/sysfs-fs-ext4: trigger_fs_error.
        Path(f"/sys/fs/ext4/{Path(self._loop).name}/trigger_fs_error").write_text("1")

    def let_go(self) -> None:
        """Unmount at the end, even under files that a failed test left open."""
        if self._mounted:
            _libc.umount2(os.fsencode(self.path), _MNT_DETACH)

    def shut_down(self, flag: int = NOLOGFLUSH) -> None:
        """From here on nothing reaches the device; with LOGFLUSH what ext4's journal holds still does."""
        descriptor = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", flag))
        finally:
            os.close(descriptor)

    def written(self) -> tuple[int, int]:
        """Bytes written to the device, and flushes it was asked for, since it exists."""
        # Source: linux/Documentation/block/stat.rst: write sectors is the 7th figure, flush I/Os the 16th.
        figures = Path(f"/sys/block/{Path(self._loop).name}/stat").read_text().split()
        return int(figures[6]) * _SECTOR_BYTES, int(figures[15])


def _mount(device: str, path: Path, flags: int, options: bytes = b"", kind: bytes = b"ext4") -> None:
    if _libc.mount(os.fsencode(device), os.fsencode(path), kind, ctypes.c_ulong(flags), options):
        _fail("mount", path)


def _fail(what: str, path: Path) -> None:
    error = ctypes.get_errno()
    raise OSError(error, f"{what}: {os.strerror(error)}", str(path))


def why_no_disk() -> str:
    """Why no disk can be had here, empty if one can."""
    if os.geteuid() != 0:
        return "not root"
    for tool in ("losetup", "mkfs.ext4"):
        if not shutil.which(tool):
            return f"{tool} is not installed"
    try:
        with disk(size_mib=8) as made:
            made.fresh()
    except (OSError, subprocess.CalledProcessError) as error:
        return f"no loop devices or no ext4 ({error})"
    return ""


def _apart() -> None:
    """What is mounted from here on is this process's alone. A mount namespace that somebody else makes meanwhile, as
    `ip netns exec` does, would hold the filesystem: mounted anew it would be the one that has lost its power."""
    if _libc.unshare(_CLONE_NEWNS):
        _fail("unshare", Path("/"))
    _mount("none", Path("/"), _MS_REC | _MS_PRIVATE, kind=b"")


@contextmanager
def disk(size_mib: int = 64, under: Path | None = None) -> Iterator[Disk]:
    """A disk of its own; `fresh` makes its filesystem. The image lies in memory where there is such a place."""
    memory = Path("/dev/shm")  # noqa: S108 - a directory of its own is made in it
    place = under or (memory if memory.is_dir() else None)
    with tempfile.TemporaryDirectory(prefix="lamplighter-disk-", dir=place) as name:
        image, path = Path(name, "image"), Path(name, "mounted")
        path.mkdir()
        with image.open("wb") as file:
            file.truncate(size_mib << 20)
        _apart()
        found = subprocess.run(["losetup", "-f", "--show", image], check=True, capture_output=True, text=True)
        made = Disk(found.stdout.strip(), path)
        try:
            yield made
        finally:
            made.let_go()
            subprocess.run(["losetup", "-d", found.stdout.strip()], check=True)


@contextmanager
def small_memory_disk(path: Path, size_mib: int) -> Iterator[None]:
    """A tmpfs of that size at `path`."""
    _mount("none", path, 0, f"size={size_mib}m".encode(), b"tmpfs")
    try:
        yield
    finally:
        if _libc.umount2(os.fsencode(path), 0):
            _fail("umount", path)
