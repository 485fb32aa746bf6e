"""The last site file that an agent started with, kept in its state directory for the day on which the file is torn.

    the site file                                          a start by the service     any other start, `check`
    -----------------------------------------------------  -------------------------  ------------------------
    is missing, or a medium does not give it               goes on with the copy      is refused
    is empty, has NULs in it, is no text                   goes on with the copy      is refused
    is the beginning of the copy, and no sound site        goes on with the copy      is refused
    ends in the middle of what it says                     goes on with the copy      is refused
    says something that is wrong, or may not be opened     is refused                 is refused

The last row is what people do; the others are what a cut of the power or a card does.
"""

import asyncio
import errno
import logging
import os
import zlib
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from agent.errors import SiteError
from agent.private_file import write_private
from agent.site import Site, load_site

log = logging.getLogger("lamplighter.site")

NAME = "site.good"
# What hands have done to a file, and hands must undo.
_BY_HAND = (errno.EACCES, errno.EPERM, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG)
_LOOK_EVERY = 10


def load_for(*, service: bool) -> Callable[[Path, Path | None], Site]:
    """How a start reads its site file. service: nobody reads what is said at the start"""
    return load_or_copy if service else load_site


def load_or_copy(path: Path, state_dir: Path | None) -> Site:
    """As `load_site`; of a torn file the copy, where that is one of this file and still good."""
    try:
        return load_site(path, state_dir)
    except SiteError as error:
        kept = None if state_dir is None else _kept(path, state_dir)
        if kept is None or not is_torn(_raw(path), kept):
            raise
        with suppress(SiteError):
            site = load_site(path, state_dir, raw=kept)
            return replace(site, torn=str(error.findings[0]))
        raise


def is_torn(raw: bytes | OSError, kept: bytes) -> bool:
    """Whether a file that is no sound site is what a cut of the power or a card leaves. raw: of the file, or why it
    does not read; kept: the copy"""
    if isinstance(raw, OSError):
        return raw.errno not in _BY_HAND
    return not raw.strip() or b"\0" in raw or kept.startswith(raw) or _ends_within(raw)


def _ends_within(raw: bytes) -> bool:
    """Text that stops in the middle of a word or a line. Another mistake further above is somebody's."""
    from drivers.toml_text import read_toml

    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return True
    try:
        read_toml(text)
    except ValueError as error:
        # tomllib: "... (at line 3, column 7)", "... (at end of document)"
        last = f"(at line {text.count(chr(10)) + 1}," in str(error) and not text.endswith("\n")
        return last or "(at end of document)" in str(error)
    return False


async def keep_apart(site: Site, thread: Executor) -> None:
    """In a thread: a card may take its time."""
    try:
        await asyncio.get_running_loop().run_in_executor(thread, keep, site)
    except OSError as error:
        why = error.strerror or error
        log.warning(
            "site.not_kept dir=%s error=%s: no copy to start with if the site file is torn", site.state_dir, why
        )


def keep(site: Site) -> None:
    """Write the copy, where it is another one. OSError is the caller's."""
    file, content = site.state_dir / NAME, _sealed(site.file, site.text)
    with suppress(FileNotFoundError):
        if file.read_bytes() == content:
            return
    temporary = file.with_suffix(".new")
    write_private(temporary, content, flushed=True)
    temporary.replace(file)
    directory = os.open(site.state_dir, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _kept(path: Path, state_dir: Path) -> bytes | None:
    """The copy, if it is one of this file and whole."""
    try:
        content = (state_dir / NAME).read_bytes()
    except OSError:
        return None
    raw = content.partition(b"\n")[2]
    return raw if content == _sealed(path, raw) else None


def _sealed(path: Path, raw: bytes) -> bytes:
    """With a checksum over itself, and over whose copy it is."""
    whose = os.fsencode(path.absolute())
    return b"%08x %d\n" % (zlib.crc32(whose + b"\0" + raw), len(raw)) + raw


def _raw(path: Path) -> bytes | OSError:
    try:
        return path.read_bytes()
    except OSError as error:
        return error


class SiteFile:
    """The site file while the agent runs; asked once a second, looks every ten. raw: reads it"""

    def __init__(self, site: Site, raw: Callable[[Path], bytes | OSError] = _raw) -> None:
        self._site = site
        self._raw = raw
        self._asked = 0
        self._told = site.torn

    def trouble(self) -> str:
        """Empty where the agent runs on the file itself, and again once the file says what the agent runs on."""
        if self._told and self._asked % _LOOK_EVERY == 0 and self._raw(self._site.file) == self._site.text:
            self._told = ""
        self._asked += 1
        if not self._told:
            return ""
        return f"{self._told}; the agent runs on the last good copy: put the file right, then restart the agent"
