"""What a site file says of those who must not be without supply, and of how fast it has to come back. Typed objects."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

# A transfer to the standby at least as often: a month, and some days for who tests on the first Monday of each.
TESTED_EVERY_US = 35 * 86_400_000_000
# IEC 60364-7-710, safety supply of medical locations: within 15 s; general, the standard's text was not seen.
ALLOWED_GAP_US = 15_000_000
# The class of those that no other target is for.
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class KeyCustomer:
    """A customer with two or more supplies.

    load: the meter behind the transfer switch; sources: those before it, the usual one first
    allowed_gap_s: how long a transfer may leave the load without; tested_every_s: so often one to each standby is due
    """

    name: str
    load: str
    sources: tuple[str, ...]
    allowed_gap_s: float = ALLOWED_GAP_US / 1e6
    tested_every_s: float = TESTED_EVERY_US / 1e6


@dataclass(frozen=True, slots=True)
class OperationsSite:
    """targets_s: from seen to restored, by the class of who was without: a word of nodes' `critical`, or `default`"""

    key_customers: tuple[KeyCustomer, ...] = ()
    targets_s: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
