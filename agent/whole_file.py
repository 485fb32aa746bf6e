"""Files that somebody else reads while they are written: all of the new one, or the one of before."""

from os import fsync
from pathlib import Path
from shutil import copymode
from tempfile import TemporaryDirectory


def write_whole(file: Path, text: str) -> None:
    """In the place of what was there, once it is on the disk; a link stays one, a mode too. What is no plain file, as
    /dev/stdout, is written as it is. OSError is the caller's, and the file is as it was."""
    if file.exists() and not file.is_file() and not file.is_dir():
        file.write_text(text, encoding="utf-8")
        return
    target = file.resolve()
    # In a directory of its own: who watches the one beside never sees half a file.
    with TemporaryDirectory(prefix=".new-", dir=target.parent) as beside:
        new = Path(beside) / target.name
        with new.open("w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            fsync(out.fileno())
        if target.exists():
            copymode(target, new)
        new.replace(target)
