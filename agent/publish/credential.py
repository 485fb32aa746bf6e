"""A password or token that is read anew when its file changes: who renews it need not restart anything."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

from agent.secret import Secret, read_secret

log = logging.getLogger(__name__)

_Mark = tuple[int, int, int]


@dataclass(slots=True)
class Credential:
    """value: as it was read last; file: where it came from, None for one that never changes."""

    value: Secret | None
    file: Path | None
    _mark: _Mark | None = field(init=False)
    _asked: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._mark = self._look()

    @property
    def changed(self) -> bool:
        """Whether the file is another one than the one that was read, or somebody said that it may be."""
        return self._asked or (self.file is not None and self._look() not in (None, self._mark))

    def ask(self) -> None:
        """Whoever uses it is to take it anew, and to try again at once: also where it is no file that was renewed."""
        self._asked = True

    def fresh(self) -> Secret | None:
        """What the file holds now; what it held before while it cannot be used."""
        changed, self._asked = self.changed, False
        if self.file is not None and changed:
            self._mark = self._look()
            try:
                self.value = read_secret(self.file.name, self.file.parent, {})
            except ValueError as error:
                log.warning("credential.unusable %s", error)
            else:
                log.info("credential.renewed file=%s", self.file)
        return self.value

    def _look(self) -> _Mark | None:
        if self.file is None:
            return None
        try:
            seen = self.file.stat()
        except OSError:
            return None
        return seen.st_ino, seen.st_mtime_ns, seen.st_ctime_ns
