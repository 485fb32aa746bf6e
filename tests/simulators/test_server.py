"""Simulated meters met over real sockets and ptys, by pymodbus' client, by mbpoll and by hand."""

import asyncio
import fcntl
import os
import shutil
import socket
import subprocess
import termios
import time
import tomllib
import tty
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

from simulators.faults import Framing, crc16
from simulators.library import load_scenario
from simulators.scenario import Scenario, ScenarioError, parse_scenario
from simulators.server import Simulation, boot_us

HEAD = """
[scenario]
name = "lab"
nominal = 230
duration_s = 60
[lines.bus]
kind = "serial"
baud = 19200
[lines.lan]
kind = "tcp"
[meters.sdm]
model = "eastron-sdm630"
line = "bus"
unit = 2
turnaround_s = 0.005
[meters.em24]
model = "carlo-gavazzi-em24"
line = "bus"
unit = 3
turnaround_s = 0.005
[meters.pm]
model = "schneider-pm5000"
line = "lan"
unit = 1
turnaround_s = 0.005
boot_s = 0.5
"""
RTU = Framing(rtu=True)
VOLTS = RTU.close(b"", 2, bytes.fromhex("04 0000 0006"))  # voltages of the SDM630


class Stopwatch:
    """Boot time that stands still until it is moved."""

    def __init__(self) -> None:
        self.us = boot_us()

    def __call__(self) -> int:
        return self.us

    def advance(self, seconds: float) -> None:
        self.us += round(seconds * 1e6)


def scenario(steps: str = "") -> Scenario:
    return parse_scenario(HEAD + steps, "lab.toml")


def step(do: str, target: str, at_s: float = 0, **keys: object) -> str:
    rows = "".join(f"{key} = {value}\n" for key, value in keys.items())
    return f'[[steps]]\nat_s = {at_s}\ndo = "{do}"\n{target}\n{rows}'


def port_of(simulation: Simulation, meter: str) -> int:
    return int(next(each for each in simulation.endpoints if each.meter == meter).address.split(":")[1])


def path_of(simulation: Simulation, meter: str) -> str:
    return next(each for each in simulation.endpoints if each.meter == meter).address


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


class Tty:
    """The master's end of a pty, by hand."""

    def __init__(self, path: str) -> None:
        self.descriptor = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.descriptor)

    def close(self) -> None:
        os.close(self.descriptor)

    async def ask(self, frame: bytes, listen_s: float) -> list[tuple[float, bytes]]:
        """Chunks heard within ``listen_s`` with the seconds since the request was written.

        Where the machine is late the loop turns as often all the same: the line has had its time."""
        start, turns = time.monotonic(), 0
        os.write(self.descriptor, frame)
        heard = []
        while (passed := time.monotonic() - start) < listen_s or turns < listen_s / 0.002:
            await asyncio.sleep(0.001)
            turns += 1
            try:
                heard.append((time.monotonic() - start, os.read(self.descriptor, 512)))
            except BlockingIOError:
                continue
        assert passed < listen_s + 1
        return heard

    async def answer(self, frame: bytes, listen_s: float = 0.15) -> bytes:
        return b"".join(data for _, data in await self.ask(frame, listen_s))


@pytest.fixture
async def tcp() -> AsyncIterator[tuple[Simulation, Stopwatch, AsyncModbusTcpClient]]:
    clock = Stopwatch()
    steps = step("supply_loss", 'node = "pm"', 10, for_s=4) + step("meter_off", 'meter = "pm"', 30, for_s=4)
    async with Simulation(scenario(steps), now_us=clock) as simulation:
        client = AsyncModbusTcpClient("127.0.0.1", port=port_of(simulation, "pm"), timeout=0.5, retries=0)
        await client.connect()
        yield simulation, clock, client
        client.close()
    await asyncio.sleep(0)


async def volts(client: AsyncModbusTcpClient) -> float:
    answer = await client.read_holding_registers(3027, count=2, device_id=1)
    assert not answer.isError(), answer
    value = client.convert_from_registers(answer.registers, client.DATATYPE.FLOAT32)
    assert isinstance(value, float)
    return value


async def test_pymodbus_reads_over_tcp(tcp: tuple[Simulation, Stopwatch, AsyncModbusTcpClient]) -> None:
    simulation, clock, client = tcp
    clock.advance(5)
    assert await volts(client) == pytest.approx(simulation.meters["pm"].values(5.0)["voltage_l1"], rel=1e-3)


async def test_zero_volts_are_measured_while_the_supply_is_lost(
    tcp: tuple[Simulation, Stopwatch, AsyncModbusTcpClient],
) -> None:
    _, clock, client = tcp
    seen = []
    for _ in range(3):
        clock.advance(6)
        seen.append(await volts(client))
    assert seen[0] > 200
    assert seen[1] == 0.0
    assert seen[2] > 200


async def test_reads_a_meter_refuses_get_its_exceptions(
    tcp: tuple[Simulation, Stopwatch, AsyncModbusTcpClient],
) -> None:
    _, _, client = tcp
    assert (await client.read_holding_registers(0x7000, count=2, device_id=1)).exception_code == 2
    assert (await client.read_input_registers(3027, count=2, device_id=1)).exception_code == 2
    assert (await client.write_register(3027, 1, device_id=1)).exception_code == 1
    assert (await client.read_coils(0, count=1, device_id=1)).exception_code == 1
    assert (await client.report_device_id(device_id=1)).exception_code == 1


async def test_a_meter_that_has_booted_knows_no_old_connection(
    tcp: tuple[Simulation, Stopwatch, AsyncModbusTcpClient],
) -> None:
    simulation, clock, _ = tcp
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(simulation, "pm"))
    request = Framing(rtu=False).close(b"\x00\x01", 1, bytes.fromhex("03 0BD3 0002"))
    clock.advance(32)
    writer.write(request)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.1)
    clock.advance(4)
    writer.write(request)
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(1), 1)
    writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(simulation, "pm"))
    writer.write(request)
    assert (await asyncio.wait_for(reader.readexactly(13), 1))[:2] == b"\x00\x01"
    writer.close()
    await writer.wait_closed()


async def test_requests_in_pieces_and_requests_in_one_go_are_all_answered_in_order() -> None:
    async with Simulation(scenario()) as simulation:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(simulation, "pm"))
        frames = [Framing(rtu=False).close(bytes((0, n)), 1, bytes.fromhex("03 0BD3 0002")) for n in range(4)]
        for byte in frames[0]:
            writer.write(bytes((byte,)))
            await asyncio.sleep(0)
        writer.write(b"".join(frames[1:]))
        answers = [await asyncio.wait_for(reader.readexactly(13), 1) for _ in frames]
        assert [answer[1] for answer in answers] == [0, 1, 2, 3]
        writer.write(b"\x00\x01\x12\x34 nonsense")
        with pytest.raises(ConnectionResetError):
            await asyncio.wait_for(reader.read(1), 1)
        writer.close()


async def test_pymodbus_reads_over_a_pty() -> None:
    async with Simulation(scenario()) as simulation:
        client = AsyncModbusSerialClient(path_of(simulation, "sdm"), baudrate=19200, timeout=0.5, retries=0)
        assert await client.connect()
        answer = await client.read_input_registers(0, count=6, device_id=2)
        value = client.convert_from_registers(answer.registers[:2], client.DATATYPE.FLOAT32)
        assert value == pytest.approx(230, rel=0.06)
        answer = await client.read_input_registers(0, count=2, device_id=3)
        assert 0.94 * 2300 < answer.registers[0] < 1.06 * 2300  # tenths of a volt, low word first
        client.close()


async def test_bytes_come_not_faster_than_the_baud_rate_allows() -> None:
    async with Simulation(scenario()) as simulation:
        master = Tty(path_of(simulation, "sdm"))
        heard = await master.ask(VOLTS, 0.15)
        master.close()
    char_s = 10 / 19200
    answer = b"".join(data for _, data in heard)
    assert len(answer) == 17
    assert crc16(answer[:-2]) == answer[-2:]
    begins_s = 8 * char_s + 3.5 * char_s + 0.005  # the request, the silence, the meter's own time
    count = 0
    for at_s, data in heard:
        count += len(data)
        assert at_s >= begins_s + count * char_s - 1e-4
    assert len(heard) >= 2
    assert heard[-1][0] < begins_s + 17 * char_s + 0.05


async def test_three_and_a_half_characters_of_silence_end_a_request() -> None:
    slow = HEAD.replace("baud = 19200", "baud = 1200")
    async with Simulation(parse_scenario(slow, "lab.toml")) as simulation:
        master = Tty(path_of(simulation, "sdm"))
        heard = await master.ask(VOLTS, 0.15)
        master.close()
    assert heard[0][0] > (8 + 3.5 + 1) * 10 / 1200 + 0.005


@pytest.mark.parametrize(("asked_s", "heard_s"), [(9.9, 10.1), (14.9, 15.1)])
async def test_who_is_dead_when_asked_or_when_it_is_time_to_answer_says_nothing(asked_s: float, heard_s: float) -> None:
    clock = Stopwatch()
    text = HEAD.replace("boot_s = 0.5", "boot_s = 0").replace(
        "turnaround_s = 0.005\nboot_s", "turnaround_s = 0.1\nboot_s"
    )
    steps = step("cable_dead", 'meter = "pm"', 10, for_s=5)
    async with Simulation(parse_scenario(text + steps, "lab.toml"), now_us=clock) as simulation:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(simulation, "pm"))
        clock.advance(asked_s)
        writer.write(Framing(rtu=False).close(b"\x00\x01", 1, bytes.fromhex("03 0BD3 0002")))
        await asyncio.sleep(0.03)
        clock.advance(heard_s - asked_s)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.15)
        writer.close()
        await writer.wait_closed()


async def test_a_master_that_has_gone_does_not_lock_its_successor_out() -> None:
    async with Simulation(scenario()) as simulation:
        master = Tty(path_of(simulation, "sdm"))
        fcntl.ioctl(master.descriptor, termios.TIOCEXCL)
        await master.answer(VOLTS, 0.05)
        master.close()
        successor = Tty(path_of(simulation, "sdm"))
        # Linux: TIOCGEXCL, which the termios module does not name; root may open a locked tty all the same.
        exclusive = fcntl.ioctl(successor.descriptor, 0x80045440, bytes(4))
        successor.close()
    assert exclusive == bytes(4)


async def test_dead_and_unknown_units_and_broken_requests_are_met_with_silence() -> None:
    clock = Stopwatch()
    steps = step("cable_dead", 'meter = "sdm"', 10, for_s=5)
    async with Simulation(scenario(steps), now_us=clock) as simulation:
        master = Tty(path_of(simulation, "sdm"))
        assert await master.answer(RTU.close(b"", 9, bytes.fromhex("04 0000 0006"))) == b""
        assert await master.answer(VOLTS[:-1] + b"\x00") == b""
        assert len(await master.answer(VOLTS)) == 17
        clock.advance(12)
        assert await master.answer(VOLTS) == b""
        assert len(await master.answer(RTU.close(b"", 3, bytes.fromhex("04 0000 0002")))) == 9
        clock.advance(5)
        assert len(await master.answer(VOLTS)) == 17
        master.close()


async def test_a_request_in_two_halves_with_silence_between_is_none() -> None:
    async with Simulation(scenario()) as simulation:
        master = Tty(path_of(simulation, "sdm"))
        assert await master.answer(VOLTS[:4], 0.02) == b""
        assert await master.answer(VOLTS[4:]) == b""
        assert len(await master.answer(VOLTS)) == 17
        master.close()


FAULTY = {
    "noise": (3 + 17, {"bytes": 3}),
    "truncation": (12, {"bytes": 5}),
    "echo": (8 + 17, {}),
    "foreign": (17 + 17, {}),
    "exception": (5, {"code": 6}),
    "lost": (0, {}),
    "slow": (1, {}),
}


@pytest.mark.parametrize(("do", "length", "keys"), [(do, *rest) for do, rest in FAULTY.items()])
async def test_faults_arrive_on_the_wire(do: str, length: int, keys: dict[str, int]) -> None:
    async with Simulation(scenario(step(do, 'meter = "sdm"', **keys))) as simulation:
        master = Tty(path_of(simulation, "sdm"))
        assert len(await master.answer(VOLTS, 0.1)) == length
        master.close()


async def test_a_late_answer_comes_after_that_to_the_next_request() -> None:
    async with Simulation(scenario(step("late", 'meter = "sdm"', late_s=0.25))) as simulation:
        master = Tty(path_of(simulation, "sdm"))
        assert await master.answer(VOLTS, 0.05) == b""
        heard = await master.answer(RTU.close(b"", 3, bytes.fromhex("04 0000 0002")), 0.35)
        master.close()
    assert len(heard) == 9 + 17
    assert (heard[0], heard[9]) == (3, 2)


async def test_rtu_over_tcp_carries_rtu_frames_at_the_pace_of_the_line_behind() -> None:
    async with Simulation(load_scenario("steady")) as simulation:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(simulation, "flats"))
        start = time.monotonic()
        writer.write(RTU.close(b"", 3, bytes.fromhex("04 0000 0006")))
        answer = await asyncio.wait_for(reader.readexactly(17), 1)
        assert crc16(answer[:-2]) == answer[-2:]
        assert time.monotonic() - start > (8 + 3.5 + 17) * 10 / 19200
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("meter", ["pm", "sdm"])
@pytest.mark.e2e
async def test_mbpoll_reads_the_simulated_meters(meter: str) -> None:
    mbpoll = shutil.which("mbpoll")
    assert mbpoll, "install Debian's package mbpoll"
    async with Simulation(scenario()) as simulation:
        how = {
            "pm": [
                "-m",
                "tcp",
                "-p",
                str(port_of(simulation, "pm")),
                "-a",
                "1",
                "-t",
                "4:float",
                "-r",
                "3027",
                "127.0.0.1",
            ],
            "sdm": [
                "-m",
                "rtu",
                "-b",
                "19200",
                "-P",
                "none",
                "-a",
                "2",
                "-t",
                "3:float",
                "-r",
                "0",
                path_of(simulation, "sdm"),
            ],
        }[meter]
        call = [mbpoll, "-0", "-1", "-q", "-B", "-c", "1", *how]
        done = await asyncio.to_thread(subprocess.run, call, capture_output=True, text=True, timeout=10, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    value = float(next(line for line in done.stdout.splitlines() if line.startswith("[")).split()[-1])
    assert value == pytest.approx(230, rel=0.06)


async def test_it_starts_and_stops_within_a_second_and_leaves_nothing_behind(caplog: pytest.LogCaptureFixture) -> None:
    async def once() -> None:
        async with Simulation(scenario(step("late", 'meter = "sdm"', late_s=0.1))) as simulation:
            master = Tty(path_of(simulation, "sdm"))
            await master.answer(VOLTS, 0.02)
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(simulation, "pm"))
            writer.write(Framing(rtu=False).close(b"\x00\x01", 1, bytes.fromhex("03 0BD3 0002")))
            await reader.readexactly(13)
            master.close()
        writer.close()
        await writer.wait_closed()

    await once()
    before, start = open_files(), time.monotonic()
    await once()
    await asyncio.sleep(0)
    assert time.monotonic() - start < 1.0
    assert open_files() == before
    await asyncio.sleep(0.15)  # what was still to be said is not said
    assert asyncio.all_tasks() == {asyncio.current_task()}
    assert not caplog.records


async def test_ports_are_freed_when_a_later_line_cannot_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = HEAD.replace(
            '[lines.lan]\nkind = "tcp"', f'[lines.lan]\nkind = "tcp"\nlisten = "127.0.0.1:{taken.getsockname()[1]}"'
        )
        before = open_files()
        with pytest.raises(OSError, match="in use"):
            async with Simulation(parse_scenario(text, "lab.toml")):
                pass
        assert open_files() == before


async def test_a_line_may_have_a_stable_name(tmp_path: Path) -> None:
    link = tmp_path / "ttySIM"
    text = HEAD.replace('kind = "serial"', f'kind = "serial"\nlink = "{link}"')
    async with Simulation(parse_scenario(text, "lab.toml")) as simulation:
        assert path_of(simulation, "sdm") == str(link)
        master = Tty(str(link))
        assert len(await master.answer(VOLTS)) == 17
        master.close()
    assert not link.is_symlink()
    link.write_text("not ours")
    with pytest.raises(FileExistsError, match="no symbolic link"):
        async with Simulation(parse_scenario(text, "lab.toml")):
            pass
    assert link.read_text() == "not ours"


async def test_truth_tells_disturbances_and_silences_in_boot_time() -> None:
    clock = Stopwatch()
    steps = step("supply_loss", 'node = "sdm"', 10, for_s=4) + step("line_silent", 'line = "bus"', 30)
    async with Simulation(scenario(steps), now_us=clock) as simulation:
        begun = clock.us
        told = {(each.do, each.meters): each for each in simulation.truth}
    loss, silent = told["supply_loss", ("sdm",)], told["silent", ("em24",)]
    assert (loss.start_boot_us - begun, loss.to_pu) == (10_000_000, 0.0)
    assert loss.end_boot_us == begun + 14_000_000
    assert (silent.start_boot_us - begun, silent.end_boot_us) == (30_000_000, None)
    assert ("silent", ("sdm",)) in told


async def test_the_site_file_says_where_everything_is(tmp_path: Path) -> None:
    async with Simulation(load_scenario("demo")) as simulation:
        text = simulation.site_toml(tmp_path, site={"poll": "1s"}, tail='[mqtt]\nurl = "mqtt://127.0.0.1:1"\n')
        endpoints = {each.meter: each for each in simulation.endpoints}
    site = tomllib.loads(text)
    assert site["site"]["state_dir"] == str(tmp_path)
    assert site["site"]["poll"] == "1s"
    assert site["lines"]["feeder-room"] == {
        "serial": endpoints["blk-a"].address, "baud": 19200, "parity": "N", "stop_bits": 1,
    }  # fmt: skip
    assert site["lines"]["school"] == {"tcp": endpoints["school"].address}
    assert site["meters"]["blk-b"]["upstream"] == "tx1-incomer"
    assert site["meters"]["blk-b"]["feeder"] == "F12"
    assert site["mqtt"]["url"]


async def test_endpoints_say_where_meters_listen() -> None:
    async with Simulation(scenario()) as simulation:
        told = [(each.meter, each.unit, each.kind, each.settings) for each in simulation.endpoints]
    assert told == [("sdm", 2, "serial", "19200 8N1"), ("em24", 3, "serial", "19200 8N1"), ("pm", 1, "tcp", "")]


async def test_a_repeating_story_tells_the_truth_of_every_cycle_so_far() -> None:
    clock = Stopwatch()
    text = HEAD.replace("duration_s = 60", "duration_s = 60\nrepeat = true")
    steps = step("sag", 'node = "pm"', 10, to_pu=0.5, for_s=1)
    async with Simulation(parse_scenario(text + steps, "lab.toml"), now_us=clock) as simulation:
        begun = clock.us
        clock.advance(130)
        starts = [(each.start_boot_us - begun) / 1e6 for each in simulation.truth]
    assert starts == [10.0, 70.0, 130.0]


def test_an_unknown_model_is_said_with_those_there_are() -> None:
    text = HEAD.replace("eastron-sdm630", "eastron-sdm360")
    with pytest.raises(ScenarioError, match="did you mean eastron-sdm630") as caught:
        Simulation(parse_scenario(text, "lab.toml"))
    assert caught.value.where == "meters.sdm.model"


def test_a_contact_on_an_input_that_the_map_does_not_have_is_said_with_those_it_has() -> None:
    told = {"em24": "found 4; allowed: input_1, input_2, input_3;", "pm": "none, schneider-pm5000 has no inputs"}
    for meter, words in told.items():
        text = HEAD + step("input_closed", f'meter = "{meter}"', 10, input=4)
        with pytest.raises(ScenarioError, match=words):
            Simulation(parse_scenario(text, "lab.toml"))
