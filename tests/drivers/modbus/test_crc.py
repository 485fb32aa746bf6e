from hypothesis import given
from hypothesis import strategies as st
from scripted_peer import crc

from drivers.modbus.crc import checked, crc16


def test_the_check_value_of_the_algorithm() -> None:
    # CRC-16/MODBUS, check value in Greg Cook's catalogue of parametrised CRC algorithms
    assert crc16(b"123456789") == 0x4B37


def test_the_low_byte_goes_first() -> None:
    # Serial Line guide V1.02, appendix B: the frame 02 07 has the check 41 12
    assert checked(bytes.fromhex("0207")) == bytes.fromhex("02074112")


@given(st.binary(max_size=300))
def test_the_table_agrees_with_the_flow_chart(data: bytes) -> None:
    assert crc16(data).to_bytes(2, "little") == crc(data)
    assert crc16(checked(data)) == 0
