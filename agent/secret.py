"""Secrets are files, named in the site file, found in two places and readable by their owner alone."""

import os
import stat
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# An access list as an extended attribute: u32 version, then u16 tag, u16 permissions, u32 id each.
# Layout and tags from linux/posix_acl_xattr.h and linux/posix_acl.h.
_ACL_ATTRIBUTE = "system.posix_acl_access"
_ACL_ENTRY = struct.Struct("<HHI")
_ACL_USER, _ACL_GROUP_OBJ, _ACL_GROUP, _ACL_OTHER = 0x02, 0x04, 0x08, 0x20

# A longer name is probably the secret itself in the wrong place: it must not reach a screen or a log.
_LONGEST_SHOWN = 40
_LONGEST_FILE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Secret:
    """A password or token that no log, repr or traceback shows. `value` is for the one call that sends it."""

    value: str = field(repr=False)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


def find_file(name: str, beside: Path, environ: Mapping[str, str]) -> Path:
    """The file called `name`: in ``$CREDENTIALS_DIRECTORY`` if it is there, else in the directory `beside`.

    For certificates, which anyone may read. ValueError if there is none.
    """
    given = environ.get("CREDENTIALS_DIRECTORY")
    places = [Path(given), beside] if given else [beside]
    shown = name if len(name) <= _LONGEST_SHOWN else f"{name[:4]}..."
    for place in places:
        try:
            there = (place / name).is_file()
        except OSError as error:  # a directory that is closed to us, say
            told = (error.strerror or "unreadable").lower()
            raise ValueError(f"{shown!r} in {place}: {told}; let the user the agent runs as reach it") from None
        if there:
            return place / name
    looked = " and ".join(str(place) for place in places)
    raise ValueError(f"no file {shown!r} in {looked}; create it there, with `install -m 600` if it is secret")


def find_credential(name: str, beside: Path, environ: Mapping[str, str]) -> Path:
    """Like `find_file`, for keys, passwords, tokens: also a ValueError if others than its owner may read it."""
    path = find_file(name, beside, environ)
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & (stat.S_IRWXG | stat.S_IRWXO) and not _only_for_us(path):
        raise ValueError(f"{path}: mode {mode:04o}, others than its owner may use it; run `chmod 600 {path}`")
    return path


def read_secret(name: str, beside: Path, environ: Mapping[str, str]) -> Secret:
    """The one line of the credential file `name`, without its line end. ValueError if it cannot be used."""
    path = find_credential(name, beside, environ)
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LONGEST_FILE).rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not UTF-8 text; it holds one line of text, the password or token") from None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}; `chown` it to the user the agent runs as") from None
    if not text.strip():
        raise ValueError(f"{path}: empty; write the password or token into it, on one line")
    if not text.isprintable():
        raise ValueError(f"{path}: more than one line, or control characters; it holds one line of text")
    return Secret(text)


def _only_for_us(path: Path) -> bool:
    """Whether an access list explains the group bits: systemd hands a credential to ``User=`` by an ACL entry
    for that user, and stat then shows the list's mask as r for the group (0440)."""
    try:
        packed = os.getxattr(path, _ACL_ATTRIBUTE)
    except OSError:
        return False
    for tag, permissions, owner in _ACL_ENTRY.iter_unpack(packed[4:]):
        other_user = tag == _ACL_USER and owner != os.geteuid()
        if permissions and (other_user or tag in (_ACL_GROUP_OBJ, _ACL_GROUP, _ACL_OTHER)):
            return False
    return True
