"""Serves simulated meters on TCP and on ptys. The only file that imports pymodbus, whose framer, PDUs and store
decode every request and build every answer; sockets and ptys are ours (simulators/wire.py), because faults and
character times live between the two. pymodbus costs 200 ms and 18 MB to import: import this module only when used.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from types import TracebackType

from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerType
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from drivers.library import load_model, model_names
from drivers.model import MeterModel
from drivers.strict import hint
from simulators.faults import Exchange, Framing, Pieces, spoil
from simulators.meter import SimulatedMeter, build_feeder, check_inputs
from simulators.scenario import LineSpec, Scenario, ScenarioError
from simulators.site_text import site_text
from simulators.steps import FRAME_FAULTS, Step
from simulators.wire import Outlet, RtuInlet, TcpInlet, pty_line, tcp_line

_READS = (3, 4)


def boot_us() -> int:
    """Microseconds of CLOCK_BOOTTIME."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a simulated meter listens. address: ``host:port``, or the path of a pty; settings: ``19200 8N1``, or
    nothing where the kind is tcp."""

    meter: str
    line: str
    kind: str
    address: str
    unit: int
    model: str
    settings: str


@dataclass(frozen=True, slots=True)
class Truth:
    """What really happened. do: a step's word, or ``silent`` for one meter that did not answer; meters: all that are
    below it; end_boot_us: None while it lasts for ever."""

    do: str
    target: str
    meters: tuple[str, ...]
    phases: tuple[str, ...]
    to_pu: float
    start_boot_us: int
    end_boot_us: int | None


class Simulation:
    """A running scenario: ``async with Simulation(scenario) as simulation``. Its time starts on entering.

    now_us: boot-time microseconds, which decide what meters show; character times and delays run on the loop
    beside: a directory whose ``models/`` wins over the packaged maps
    Raises ScenarioError for an unknown model or an input that its map does not have, ModelError for a wrong map;
    OSError on entering for an address in use.
    """

    def __init__(self, scenario: Scenario, *, now_us: Callable[[], int] = boot_us, beside: Path | None = None) -> None:
        self.scenario = scenario
        self._now_us = now_us
        models = _models(scenario, beside)
        feeder = build_feeder(scenario, models)
        self.meters: Mapping[str, SimulatedMeter] = {
            name: SimulatedMeter(spec, models[spec.model], feeder, scenario) for name, spec in scenario.meters.items()
        }
        self.started_boot_us = 0
        self._addresses: dict[str, str] = {}
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> "Simulation":
        self.started_boot_us = self._now_us()
        async with contextlib.AsyncExitStack() as stack:
            for line in self.scenario.lines.values():
                self._addresses[line.name] = await stack.enter_async_context(self._line(line))
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def t_s(self) -> float:
        """Seconds since the scenario began."""
        return max(0.0, (self._now_us() - self.started_boot_us) / 1e6)

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """One per meter, in the scenario's order."""
        return tuple(self._endpoint(name) for name in self.scenario.meters)

    @property
    def truth(self) -> tuple[Truth, ...]:
        """Every disturbance and silence of the first cycle and of each that has begun, ordered by start."""
        scenario = self.scenario
        cycles = 1 if scenario.period_s == inf else 1 + int(self.t_s() // scenario.period_s)
        shifts = [0.0 if scenario.period_s == inf else cycle * scenario.period_s for cycle in range(cycles)]
        found = [self._step_truth(step, shift) for shift in shifts for step in scenario.steps]
        for name, meter in self.meters.items():
            found += [
                Truth("silent", name, (name,), (), 1.0, *self._span(silence.start_s + shift, silence.end_s + shift))
                for shift in shifts
                for silence in meter.silences
            ]
        return tuple(sorted(found, key=lambda each: each.start_boot_us))

    def site_toml(self, state_dir: Path, *, site: Mapping[str, str | float] | None = None, tail: str = "") -> str:
        """A site file for this simulation. site: further keys of [site] (``{"poll": "1s"}``); tail: further tables,
        as text (``[mqtt]`` ...)."""
        return site_text(self.scenario, self._addresses, str(state_dir), site or {}, tail)

    def _endpoint(self, name: str) -> Endpoint:
        spec = self.scenario.meters[name]
        line = self.scenario.lines[spec.line]
        settings = "" if line.kind == "tcp" else f"{line.baud} 8{line.parity}{line.stop_bits}"
        return Endpoint(name, line.name, line.kind, self._addresses[line.name], spec.unit, spec.model, settings)

    def _step_truth(self, step: Step, shift_s: float) -> Truth:
        if step.kind == "line":
            meters = tuple(name for name, spec in self.scenario.meters.items() if spec.line == step.target)
        elif step.kind == "meter":
            meters = (step.target,)
        else:
            meters = tuple(name for name in self.scenario.meters if step.target in self.scenario.path(name))
        span = self._span(step.start_s + shift_s, step.end_s + shift_s)
        return Truth(step.do, step.target, meters, step.phases, step.to_pu, *span)

    def _span(self, start_s: float, end_s: float) -> tuple[int, int | None]:
        end_us = None if end_s == inf else self.started_boot_us + round(end_s * 1e6)
        return self.started_boot_us + round(start_s * 1e6), end_us

    def _line(self, line: LineSpec) -> contextlib.AbstractAsyncContextManager[str]:
        meters = [meter for meter in self.meters.values() if meter.spec.line == line.name]
        room = _Room(line, meters, self.scenario, self.t_s)
        return pty_line(line, room.wire) if line.kind == "serial" else tcp_line(line, room.wire)


def _models(scenario: Scenario, beside: Path | None) -> Mapping[str, MeterModel]:
    names = model_names(beside)
    for spec in scenario.meters.values():
        if spec.model not in names:
            where, allowed = f"meters.{spec.name}.model", ", ".join(names)
            raise ScenarioError(scenario.file, where, repr(spec.model), allowed, hint(spec.model, names))
    models = {name: load_model(name, beside) for name in {spec.model for spec in scenario.meters.values()}}
    check_inputs(scenario, models)
    return models


class _Room:
    """The meters of one line, behind one pymodbus server; each connection gets a desk of its own."""

    def __init__(
        self, line: LineSpec, meters: Sequence[SimulatedMeter], scenario: Scenario, t_s: Callable[[], float]
    ) -> None:
        self.line = line
        self.framing = Framing(rtu=line.kind != "tcp")
        self.meters = {meter.spec.unit: meter for meter in meters}
        self.t_s = t_s
        self.requests = 0
        self.seed = scenario.seed
        self._faults = [step for step in scenario.steps if step.do in FRAME_FAULTS]
        self._period_s = scenario.period_s
        self._server: ModbusTcpServer | None = None

    def server(self) -> ModbusTcpServer:
        """Made on first use: pymodbus wants a running loop. It never listens: bytes come from our own sockets."""
        if self._server is None:
            devices = [_device(meter, self.t_s) for meter in self.meters.values()]
            framer = FramerType.RTU if self.framing.rtu else FramerType.SOCKET
            self._server = ModbusTcpServer(devices, framer=framer, trace_pdu=self._reads_only)
        return self._server

    def _reads_only(self, sending: bool, pdu: ModbusPDU) -> ModbusPDU:
        if not sending or pdu.function_code & 0x7F in _READS:
            return pdu
        return _introduction(self.meters.get(pdu.dev_id), pdu)

    def faults(self, unit_id: int) -> list[Step]:
        """What spoils an exchange with this unit now."""
        at_s = self.t_s() % self._period_s
        meter = self.meters.get(unit_id)
        targets = {("line", self.line.name), ("meter", meter.spec.name if meter else "")}
        return [
            step for step in self._faults if (step.kind, step.target) in targets and step.start_s <= at_s < step.end_s
        ]

    def wire(
        self, write: Callable[[bytes], None], abort: Callable[[], None]
    ) -> tuple[Callable[[bytes], None], Callable[[], None]]:
        """A desk for a new connection: (what takes its bytes, what ends it)."""
        desk = _Desk(self, Outlet(write, self.line.char_s if self.framing.rtu else 0.0))
        inlet = RtuInlet(desk.ask, self.line) if self.framing.rtu else TcpInlet(desk.ask, abort)
        opened_s = self.t_s()

        def feed(data: bytes) -> None:
            if self._rebooted_since(opened_s):
                abort()
            else:
                inlet.feed(data)

        def close() -> None:
            inlet.close()
            desk.close()

        return feed, close

    def _rebooted_since(self, opened_s: float) -> bool:
        """A meter with its own TCP port knows no connection from before its boot: it resets them."""
        if self.line.kind != "tcp" or len(self.meters) != 1:
            return False
        return any(opened_s < meter.booted_s(self.t_s()) for meter in self.meters.values())


class _Desk(asyncio.Transport):
    """Puts whole requests to pymodbus, one at a time, and sends what it writes through the faults."""

    def __init__(self, room: _Room, outlet: Outlet) -> None:
        super().__init__()
        self._room = room
        self._outlet = outlet
        self._waiting: list[bytes] = []
        self._asked: bytes | None = None
        self._handler = room.server().callback_new_connection()  # type: ignore[no-untyped-call]
        self._handler.connection_made(self)

    def ask(self, frame: bytes) -> None:
        self._waiting.append(frame)
        self._next()

    def close(self) -> None:
        self._waiting.clear()
        self._outlet.close()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """pymodbus' answer."""
        frame, self._asked = self._asked, None
        if frame is not None:
            self._answer(frame, bytes(data))
        self._next()

    def is_closing(self) -> bool:
        return False

    def _next(self) -> None:
        while self._waiting and self._asked is None:
            self._put(self._waiting.pop(0))

    def _put(self, frame: bytes) -> None:
        meter = self._meter(frame)
        if meter is None or not meter.answers(self._room.t_s()):
            self._answer(frame, b"")
            return
        self._asked = frame
        self._handler.recv_buffer = b""
        self._handler.data_received(frame)
        if self._asked is not None and self._handler.last_pdu is None:
            # Not a request in pymodbus' eyes (a wrong CRC): nothing will be written.
            self._asked = None
            self._answer(frame, b"")

    def _answer(self, frame: bytes, reply: bytes) -> None:
        room, meter = self._room, self._meter(frame)
        room.requests += 1
        pieces: Pieces = ((meter.turnaround_s, reply),) if meter is not None and reply else ()
        exchange = Exchange(room.framing, frame, room.seed, room.requests)
        pieces = spoil(room.faults(self._unit(frame)), exchange, pieces)
        self._outlet.send(pieces, lambda: meter is None or not reply or meter.answers(room.t_s()))

    def _unit(self, frame: bytes) -> int:
        return frame[0] if self._room.framing.rtu else frame[6]

    def _meter(self, frame: bytes) -> SimulatedMeter | None:
        return self._room.meters.get(self._unit(frame))


def _device(meter: SimulatedMeter, t_s: Callable[[], float]) -> SimDevice:
    """pymodbus' picture of a meter: its readable words, filled in whenever they are asked for."""

    async def fill(
        function: int, start: int, address: int, count: int, registers: list[int], written: object
    ) -> ExcCodes | None:
        if refusal := meter.refusal(function, address, count):
            return ExcCodes(refusal)
        words = meter.said(function, address, count) or _measured(meter, t_s(), function, address, count)
        registers[address - start : address - start + count] = words
        return None

    bits = [SimData(0, values=[False] * 16, datatype=DataType.BITS, readonly=True)]
    holding, inputs = (_block(meter.words.get(function, ())) for function in _READS)
    return SimDevice(meter.spec.unit, simdata=(bits, list(bits), holding, inputs), action=fill)


def _measured(meter: SimulatedMeter, t_s: float, function: int, address: int, count: int) -> Sequence[int]:
    image = meter.image(t_s)
    return [image.get((function, each), 0) for each in range(address, address + count)]


def _block(addresses: Sequence[int]) -> list[SimData]:
    """Runs of neighbouring addresses; pymodbus answers everything else with exception 02."""
    if not addresses:
        return [SimData(0, datatype=DataType.INVALID)]
    runs: list[list[int]] = []
    for address in addresses:
        if runs and runs[-1][-1] == address - 1:
            runs[-1].append(address)
        else:
            runs.append([address])
    return [SimData(run[0], values=[0] * len(run), datatype=DataType.REGISTERS, readonly=True) for run in runs]


def _introduction(meter: SimulatedMeter | None, pdu: ModbusPDU) -> ModbusPDU:
    """In place of what pymodbus says of itself: what the family answers to function 43/14."""
    objects = meter.model.identity.objects(meter.model.vendor) if meter else {}
    if not objects or not isinstance(pdu, ReadDeviceInformationResponse):
        # So for diagnostics (08) and the server id (11), which these families refuse too.
        return ExceptionResponse(pdu.function_code & 0x7F, ExcCodes.ILLEGAL_FUNCTION, pdu.dev_id, pdu.transaction_id)
    return ReadDeviceInformationResponse(
        read_code=pdu.read_code, information=dict(objects), dev_id=pdu.dev_id, transaction_id=pdu.transaction_id
    )
