"""The straightforward way: pymodbus, json and aiomqtt, a coroutine per meter, a message per poll.

usage: naive.py tcp HZ BROKER_PORT PORT,PORT,...      HZ 0: flat out
       naive.py rtu PATH BAUD STOP_BITS UNITS         flat out, nothing published
"""

import asyncio
import json
import sys

import aiomqtt
from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient

_NAMES = [f"value_{n}" for n in range(15)]


async def _poll(mqtt: aiomqtt.Client, meter: int, port: int, period_s: float) -> None:
    client = AsyncModbusTcpClient("127.0.0.1", port=port)
    await client.connect()
    loop = asyncio.get_running_loop()
    while True:
        started_s = loop.time()
        reply = await client.read_input_registers(0, count=30, device_id=1)
        if not reply.isError():
            values = client.convert_from_registers(reply.registers, client.DATATYPE.FLOAT32)
            assert isinstance(values, list)
            body = json.dumps(dict(zip(_NAMES, values, strict=True)))
            await mqtt.publish(f"naive/{meter}", body)
        await asyncio.sleep(max(0.0, started_s + period_s - loop.time()))


async def tcp(hz: float, broker_port: int, ports: list[int]) -> None:
    async with aiomqtt.Client("127.0.0.1", broker_port) as mqtt, asyncio.TaskGroup() as tasks:
        for meter, port in enumerate(ports):
            tasks.create_task(_poll(mqtt, meter, port, 1 / hz if hz else 0.0))


async def rtu(path: str, baud: int, stop_bits: int, units: int) -> None:
    """pymodbus as it comes: three retries; only the timeout is that of the other clients."""
    client = AsyncModbusSerialClient(path, baudrate=baud, stopbits=stop_bits, timeout=0.5)
    await client.connect()
    unit = 0
    while True:
        unit = unit % units + 1
        try:
            await client.read_input_registers(0, count=30, device_id=unit)
        except Exception as error:  # noqa: BLE001 - a straightforward program goes on
            print(error, flush=True)
            await asyncio.sleep(0.1)


if __name__ == "__main__":
    if sys.argv[1] == "tcp":
        asyncio.run(tcp(float(sys.argv[2]), int(sys.argv[3]), [int(port) for port in sys.argv[4].split(",")]))
    else:
        asyncio.run(rtu(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])))
