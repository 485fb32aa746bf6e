"""Every message of `commission`, each under its code: docs/troubleshooting.md has an entry for every one. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

NO_ANSWER = "wiring.no_answer"
PARTLY = "wiring.partly_answered"
NO_VOLTAGE = "wiring.no_voltage"
VOLTAGE_MISSING = "wiring.voltage_missing"
VOLTAGE_DOUBLED = "wiring.voltage_doubled"
VT_REVERSED = "wiring.vt_reversed"
NEUTRAL_SWAPPED = "wiring.neutral_swapped"
NEUTRAL_OPEN = "wiring.neutral_open"
VOLTAGES_UNEQUAL = "wiring.voltages_unequal"
BASIS = "wiring.basis"
VT_TWICE = "wiring.vt_twice"
VT_LEFT_OUT = "wiring.vt_left_out"
NOMINAL = "wiring.nominal"
CT_TWICE = "wiring.ct_twice"
POWER_DISAGREES = "wiring.power_disagrees"
CT_REVERSED = "wiring.ct_reversed"
CTS_SWAPPED = "wiring.cts_swapped"
VOLTAGES_SWAPPED = "wiring.voltages_swapped"
CTS_SHIFTED = "wiring.cts_shifted"
ANGLES_STRANGE = "wiring.angles_strange"
POWER_BACKWARDS = "wiring.power_backwards"
SUM_DIFFERS = "wiring.sum_differs"
CURRENT_MISSING = "wiring.current_missing"
LIGHT_LOAD = "wiring.light_load"
NO_ANGLES = "wiring.no_angles"
FREQUENCY = "wiring.frequency"
COUNTER_STANDS = "wiring.counter_stands"
COUNTER_PACE = "wiring.counter_pace"
COUNTER_SLOW = "wiring.counter_slow"
FROZEN = "wiring.values_frozen"
REFRESH_SLOW = "wiring.refresh_slow"
CLOCK = "wiring.clock"


@dataclass(frozen=True, slots=True)
class Template:
    """what: was found; todo: about it, at the cabinet."""

    what: str
    todo: str


TEMPLATES: Mapping[str, Template] = MappingProxyType(
    {
        NO_ANSWER: Template(
            "the meter does not answer: {why}",
            "look at its address, line and supply: `lamplighter doctor SITE` finds the cause",
        ),
        PARTLY: Template(
            "not all of its registers were read: {why}",
            "what is missing was not judged: look again; if it stays so, the map does not fit: `lamplighter identify`",
        ),
        NO_VOLTAGE: Template(
            "no voltage on any terminal: {volts}. This is no proof of isolation",
            "look at the fuses of the voltage terminals and whether the feeder is switched on; test with an approved "
            "voltage tester before you touch anything",
        ),
        VOLTAGE_MISSING: Template(
            "voltage of {phases} is missing: {volts}. This is no proof of isolation",
            "look at the fuse and the wire of {terminals}; if both are good, the network itself lacks this phase",
        ),
        VOLTAGE_DOUBLED: Template(
            "{phases} carry the same phase: {volts} between them",
            "move one of the wires on {terminals} to the phase that is missing",
        ),
        VT_REVERSED: Template(
            "the voltage of {phases} is turned over: {volts}",
            "change over the two secondary wires of the voltage transformer of {phases}",
        ),
        NEUTRAL_SWAPPED: Template(
            "neutral and {phases} are changed over: {volts}",
            "change over the wires of the neutral terminal and {terminals}; take the supply off first",
        ),
        NEUTRAL_OPEN: Template(
            "the neutral looks open: {volts}, while the phases stand evenly to each other: {lines}",
            "look at the neutral of the meter, then of the feeder. An open neutral of the feeder puts up to 1.7 times "
            "the voltage on customers: have it looked at now",
        ),
        VOLTAGES_UNEQUAL: Template(
            "the voltages differ by {percent:.0f} %: {volts}",
            "measure at the terminals: a bad contact, a blown fuse of a voltage transformer, or the network",
        ),
        BASIS: Template(
            "the voltages are {factor} times the nominal voltage: {volts} where {nominal:g} V is declared",
            "nominal_voltage is meant on the basis in use ({basis}): write {wanted:g}",
        ),
        VT_TWICE: Template(
            "the voltage ratio is applied twice: {volts} where {nominal:g} V is declared",
            'the registers hold primary values already: write registers = "primary"',
        ),
        VT_LEFT_OUT: Template(
            "the voltage ratio is left out: {volts} where {nominal:g} V is declared",
            'the registers hold what the transformer gives: write vt (as "10000/100") and registers = "secondary", or '
            "set the ratio in the meter",
        ),
        NOMINAL: Template(
            "the voltages are {factor} times the nominal voltage: {volts} where {nominal:g} V is declared",
            "compare nominal_voltage, vt and the ratio set in the meter with the plate of the voltage transformer",
        ),
        CT_TWICE: Template(
            "the current ratio is applied twice: {amps} would be {secondary:.0f} A in the secondary circuit",
            'the registers hold primary values already: write registers = "primary"; or correct ct',
        ),
        POWER_DISAGREES: Template(
            "power does not fit voltage and current: {kva:.4g} kVA told, {ui:.4g} kVA by U times I ({phases})",
            "the map does not fit this meter, or the ratio set in it counts for powers alone: `lamplighter identify`",
        ),
        CT_REVERSED: Template(
            "the current transformer of {phases} faces the wrong way: {angles}",
            "change over k and l (S1 and S2) of the current transformer on {terminals}, shorted first; if all three "
            "are turned and may stay so, write direction = -1. If a generator feeds in there, this is its own doing",
        ),
        CTS_SWAPPED: Template(
            "the current transformers of {phases} are changed over{also}: {angles}",
            "change over the current wires of {terminals}, shorted first",
        ),
        VOLTAGES_SWAPPED: Template(
            "the voltages of {phases} are changed over, so phases turn the wrong way{also}: {angles}",
            "change over the voltage wires of {terminals}, after a look at the order of phases with a rotation meter",
        ),
        CTS_SHIFTED: Template(
            "each current transformer is on the next phase's terminal{also}: {angles}",
            "the terminals of l1, l2, l3 get the currents of {order}: move the current wires, shorted first",
        ),
        ANGLES_STRANGE: Template(
            "currents do not belong to the voltages they meet: {angles}; it may be: {guesses}",
            "follow the wires of {terminals} from the transformers; with load on all three phases look again",
        ),
        POWER_BACKWARDS: Template(
            "power flows backwards in {phases}: {angles}. Either something feeds in, or {guess}",
            "switch off what feeds in and look again; if nothing can feed in, say so with --no-feed-in",
        ),
        SUM_DIFFERS: Template(
            "the total is not the sum of the phases: {total:.4g} kW told, {sum:.4g} kW summed",
            "look at the wiring mode set in the meter (three-phase, four wires?), then at the map: "
            "`lamplighter identify`",
        ),
        CURRENT_MISSING: Template(
            "no current in {phases}, while {others} carry some: {amps}",
            "if there is load on it, the current transformer is shorted or its wire is off: never open it under load; "
            "if there is none, switch some on and look again",
        ),
        LIGHT_LOAD: Template(
            "direction and order of the currents of {phases} cannot be judged with less than {least:g} A: {amps}",
            "switch on a load of at least {least:g} A on {phases} and look again",
        ),
        NO_ANGLES: Template(
            "this meter does not tell power and current of {phases}, so their wiring cannot be judged",
            "look at its display, or measure with a clamp at the terminals",
        ),
        FREQUENCY: Template(
            "the frequency is {found:.2f} Hz where {declared:g} Hz is declared",
            "write frequency = {near:g} into [site]; if that is not it, the map does not fit: `lamplighter identify`",
        ),
        COUNTER_STANDS: Template(
            "the energy counter stands still: {expected:.4g} kWh should have come in {seconds:.0f} s",
            "look at the display: if it counts there, the map does not fit; if not, the meter is set to another mode",
        ),
        COUNTER_PACE: Template(
            "the energy counter runs at {ratio:.3g} times the power: {counted:.4g} kWh in {seconds:.0f} s, "
            "{expected:.4g} expected",
            "the ratio counts for energy or power alone: compare vt, ct and registers with the meter's own setting",
        ),
        COUNTER_SLOW: Template(
            "the energy counter cannot be judged from {seconds:.0f} s: one step takes {step_s:.0f} s at this power, "
            "and the time of a read is known within {blur:.0f} s",
            "look for longer (--for), or with more load",
        ),
        FROZEN: Template(
            "no value changed in {seconds:.0f} s, with {looks} looks",
            "a gateway answers from its memory, or the meter stands still: look at its display and at the gateway",
        ),
        REFRESH_SLOW: Template(
            "values are renewed every {found:.2g} s, the map says {expected:.2g} s",
            "shorter sags go unseen: shorten the averaging time in the meter, or the gateway's polling",
        ),
        CLOCK: Template(
            "the clock of this gateway: {why}",
            "set it right before you hand over: times in this protocol and of events rest on it",
        ),
    }
)
