from scripted_peer import sealed

from drivers.modbus.late import CAP_US, Delays, Outstanding
from drivers.modbus.pdu import Read, ReadServerId

READ = Read(3, 0, 2)
REPLY = sealed(bytes.fromhex("010304AABBCCDD"))


def test_a_unit_that_never_answered_taught_nothing() -> None:
    assert Delays().p999_us() is None


def test_the_percentile_lies_just_above_the_delays() -> None:
    delays = Delays()
    for _ in range(1000):
        delays.add(20_000)
    assert 20_000 <= (delays.p999_us() or 0) <= 24_000


def test_one_straggler_in_two_thousand_is_beyond_the_percentile() -> None:
    delays = Delays()
    for _ in range(2000):
        delays.add(20_000)
    delays.add(900_000)
    assert (delays.p999_us() or 0) < 25_000
    delays.add(900_000)
    delays.add(900_000)
    assert (delays.p999_us() or 0) > 800_000


def test_old_habits_fade() -> None:
    delays = Delays()
    for _ in range(100):
        delays.add(1_500_000)
    for _ in range(60_000):
        delays.add(20_000)
    assert (delays.p999_us() or 0) < 25_000


def test_delays_of_any_size_are_taken() -> None:
    delays = Delays()
    for delay_us in (0, 1, 10**12):
        delays.add(delay_us)
    assert (delays.p999_us() or 0) > 10_000_000


def test_a_reply_is_matched_to_the_oldest_request_it_fits() -> None:
    outstanding = Outstanding()
    outstanding.add(1, READ, 100, 1000)
    outstanding.add(1, READ, 200, 1000)
    assert [entry.sent_us for entry in (outstanding.take(REPLY), outstanding.take(REPLY)) if entry] == [100, 200]
    assert outstanding.take(REPLY) is None


def test_unit_function_and_length_tell_replies_apart() -> None:
    outstanding = Outstanding()
    outstanding.add(1, READ, 100, 1000)
    for other in ("020304AABBCCDD", "010404AABBCCDD", "010306AABBCCDDEEFF", "018402"):
        assert outstanding.take(sealed(bytes.fromhex(other))) is None
    assert outstanding.take(sealed(bytes.fromhex("018302"))) is not None


def test_ambiguous_is_what_would_look_the_same() -> None:
    outstanding = Outstanding()
    outstanding.add(1, READ, 100, 1000)
    assert outstanding.ambiguous(1, Read(3, 77, 2))
    assert not outstanding.ambiguous(1, Read(3, 0, 3))
    assert not outstanding.ambiguous(1, Read(4, 0, 2))
    assert not outstanding.ambiguous(2, READ)
    outstanding.add(1, ReadServerId(), 100, 1000)
    assert outstanding.ambiguous(1, ReadServerId())


def test_what_is_long_overdue_is_forgotten() -> None:
    outstanding = Outstanding()
    outstanding.add(1, READ, 0, 300_000)
    outstanding.forget(CAP_US - 1)
    assert outstanding.ambiguous(1, READ)
    outstanding.forget(CAP_US)
    assert not outstanding.ambiguous(1, READ)


def test_a_long_timeout_is_remembered_longer() -> None:
    outstanding = Outstanding()
    outstanding.add(1, READ, 0, 1_000_000)
    outstanding.forget(3_000_000)
    assert outstanding.ambiguous(1, READ)


def test_the_list_does_not_grow_without_end() -> None:
    outstanding = Outstanding()
    for number in range(10_000):
        outstanding.add(1, READ, number, 1000)
    taken = [outstanding.take(REPLY) for _ in range(300)]
    assert sum(entry is not None for entry in taken) == 256
