"""How a site counts interruptions, and what it sets itself. Typed object of the site file, and its defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from agent.records import MINUTE_US

# What lasts longer is a sustained interruption. ieee: IEEE 1366; iec: what EN 50160 calls a long one; gb: as counted
# under DL/T 836.1 (general knowledge: its text was not seen).
SUSTAINED_US: Mapping[Literal["iec", "gb", "ieee"], int] = MappingProxyType(
    {"iec": 3 * MINUTE_US, "gb": 3 * MINUTE_US, "ieee": 5 * MINUTE_US}
)


@dataclass(frozen=True, slots=True)
class IndicesSite:
    """sustained_us: what lasts longer is sustained; target_saidi_us: of a year, None where there is no target"""

    sustained_us: int = SUSTAINED_US["iec"]
    target_saidi_us: int | None = None
