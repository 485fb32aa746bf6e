"""What one exchange on a line came to, and what a line counts."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

# answered: the asked data    refused: an exception (``code``)    silent: nothing came
# garbled: bytes came, no valid frame    foreign: valid frames came, none was the reply    down: no port
Outcome = Literal["answered", "silent", "garbled", "foreign", "refused", "down"]


# A named tuple: one is made per poll, and a frozen dataclass costs three times as much to make.
class Exchange(NamedTuple):
    """One request and what came of it.

    data:             register or bit bytes of exactly the asked read (a spare's surplus is cut off);
                      for the identification functions the reply's PDU after the function code
    sent_boot_us:     when the request had left; 0 if none left
    received_boot_us: when the accepted frame was complete; 0 if none was
    code:             the exception code of ``refused``
    questionable:     the reply may belong to an earlier request of the same shape that had timed out
    """

    outcome: Outcome
    data: bytes = b""
    sent_boot_us: int = 0
    received_boot_us: int = 0
    code: int = 0
    detail: str = ""
    questionable: bool = False


@dataclass(slots=True)
class LineCounters:
    """Plain counts since the line was made. The first six count exchanges by outcome, the rest what was heard."""

    answered: int = 0
    silent: int = 0
    garbled: int = 0
    foreign: int = 0
    refused: int = 0
    down: int = 0
    late: int = 0
    foreign_frames: int = 0
    foreign_requests: int = 0
    foreign_writes: int = 0
    noise_bytes: int = 0
    echoes: int = 0
    collisions: int = 0
    opened: int = 0
    reconnects: int = 0
