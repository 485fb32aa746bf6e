import os
import struct
from pathlib import Path

import pytest

from agent.secret import Secret, find_credential, find_file, read_secret


def put(path: Path, text: str = "s3cret\n", mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_secret_never_shows() -> None:
    secret = Secret("canary")
    assert "canary" not in f"{secret} {secret!r} {[secret]}"
    assert secret.value == "canary"


def test_a_secret_is_the_line_in_its_file(tmp_path: Path) -> None:
    put(tmp_path / "token", "s3 cret\r\n")
    assert read_secret("token", tmp_path, {}) == Secret("s3 cret")


def test_the_credentials_directory_comes_first(tmp_path: Path) -> None:
    put(tmp_path / "site" / "token", "beside")
    put(tmp_path / "given" / "token", "given")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "given")}
    assert read_secret("token", tmp_path / "site", environ) == Secret("given")
    assert read_secret("token", tmp_path / "site", {}) == Secret("beside")
    put(tmp_path / "site" / "other", "beside")
    assert read_secret("other", tmp_path / "site", environ) == Secret("beside")


def test_a_missing_file_says_where_it_was_looked_for(tmp_path: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": "/run/credentials/lamplighter.service"}
    with pytest.raises(ValueError, match=f"no file 'token' in /run/credentials/lamplighter.service and {tmp_path}"):
        read_secret("token", tmp_path, environ)


@pytest.mark.skipif(os.geteuid() == 0, reason="no directory is closed to root: see the next one")
def test_a_file_in_a_closed_directory_says_so(tmp_path: Path) -> None:
    put(tmp_path / "private" / "token").parent.chmod(0)
    with pytest.raises(ValueError, match=r"'private/token' in .*: permission denied"):
        find_file("private/token", tmp_path, {})


def test_a_file_that_cannot_be_reached_says_why(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'aaaa\.\.\.' in .*: file name too long; let the user"):
        find_file("a" * 300, tmp_path, {})


def test_a_literal_secret_in_place_of_a_name_is_not_repeated(tmp_path: Path) -> None:
    literal = "n8Qz" + "x" * 60
    with pytest.raises(ValueError, match=r"n8Qz\.\.\.") as caught:
        read_secret(literal, tmp_path, {})
    assert literal not in str(caught.value)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    put(tmp_path / "token", mode=mode)
    with pytest.raises(ValueError, match=f"mode {mode:04o}.*chmod 600"):
        read_secret("token", tmp_path, {})
    with pytest.raises(ValueError, match="chmod 600"):
        find_credential("token", tmp_path, {})


def test_a_certificate_may_be_read_by_anyone(tmp_path: Path) -> None:
    path = put(tmp_path / "ca.pem", mode=0o644)
    assert find_file("ca.pem", tmp_path, {"CREDENTIALS_DIRECTORY": ""}) == path


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "empty"), (b"\n", "empty"), (b"one\ntwo\n", "more than one line"), (b"\xff\xfe", "not UTF-8")],
)
def test_what_is_no_secret_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    put(tmp_path / "token").write_bytes(content)
    with pytest.raises(ValueError, match=words):
        read_secret("token", tmp_path, {})


def access_list(*entries: tuple[int, int, int]) -> bytes:
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


# user::r--, user:ID:r--, group::---, mask::r--, other::--- : what systemd gives a service with User=
def systemd_list(user: int) -> bytes:
    nobody = 0xFFFFFFFF
    return access_list((1, 4, nobody), (2, 4, user), (4, 0, nobody), (16, 4, nobody), (32, 0, nobody))


@pytest.mark.parametrize(("user", "allowed"), [(os.geteuid(), True), (os.geteuid() + 1, False)])
def test_systemds_access_list_for_our_user_is_no_other_reader(tmp_path: Path, user: int, allowed: bool) -> None:
    path = put(tmp_path / "token", mode=0o400)
    os.setxattr(path, "system.posix_acl_access", systemd_list(user))
    assert path.stat().st_mode & 0o777 == 0o440
    if allowed:
        assert read_secret("token", tmp_path, {}) == Secret("s3cret")
    else:
        with pytest.raises(ValueError, match="mode 0440"):
            read_secret("token", tmp_path, {})
