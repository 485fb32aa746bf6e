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

    def __post_init__(self) -> None:
        self._mark = self._look()

    @property
    def changed(self) -> bool:
        """Whether the file is another one than the one that was read."""
        return self.file is not None and self._look() not in (None, self._mark)

    def fresh(self) -> Secret | None:
        """What the file holds now; what it held before while it cannot be used."""
        if self.file is not None and self.changed:
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
