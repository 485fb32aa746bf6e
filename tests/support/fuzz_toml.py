"""Site files and maps: small ones that have every key, now and then the shipped ones, of which nearly all is as it was.

A shipped file takes twenty times as long to read as a small one, nearly all of it on what was not changed.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from fuzz_dice import Dice
from mutation import Tokens, by_lines, changed_lines, mutated

from agent.errors import SiteError
from agent.site import Site
from agent.sitefile.reading import read_site
from drivers.errors import ModelError
from drivers.model import MeterModel, parse_model

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "support" / "fuzz_corpus"


def _texts(folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.toml"))}


_SMALL_SITES, _SMALL_MAPS = tuple(_texts(CORPUS / "sites").values()), tuple(_texts(CORPUS / "maps").values())
_SITES = tuple(text for name, text in _texts(ROOT / "config").items() if name != "calendar")
_MAPS = tuple(_texts(ROOT / "drivers" / "models").values())
_NAMED = {
    name.encode(): len(text)
    for folder in (CORPUS / "maps", ROOT / "drivers" / "models")
    for name, text in _texts(folder).items()
}
_TOKENS = Tokens(
    (
        b"nan", b"-inf", b"1e999", b"true", b'""', b"[]", b"{}", b"0", b"-1", b"1.5", b"0x7fffffffffffffff",
        b"1979-05-27T07:32:00Z", b"07:32:00", b'"\\u0000"', b"\\u0000", b'"\\U0010ffff"', b'"\\ud800"', b"[[1]]",
        b"[07:32:00]", b'["a", 1]', b"'''", b'"""', b"{unit = 1}", b'{address = 0, type = "u16"}',
        b'"-99999999999999999999 h"',
        b'"1e9d"', "٣".encode(), b"\xff", b"\x00", b'"../../../etc/passwd"', b'"%s%n"', b"unit", b"address", b"line",
        b"[meters.x]", b"[[blocks]]", b"= ", b"\n", b"#", b"'", b'"/\\u0000"', b'"' + b"a/" * 40 + b'"',
    ),
    (
        b"9" * 5000, b"[" * 3000, b"{a=" * 1000, b"a." * 3000 + b"b = 1", b"[" + b"a." * 3000 + b"b]",
        b'"' + b"x" * 5000 + b'"', b'"' + b"a/" * 2500 + b'"',
    ),
    8,
)  # fmt: skip
_WHOLE_ONE_IN = 64


def _make(dice: Dice, small: Callable[[Dice], bytes], whole: Callable[[Dice], bytes]) -> bytes:
    return small(dice) if dice.below(_WHOLE_ONE_IN) else whole(dice)


def _maker(files: tuple[bytes, ...]) -> Callable[[Dice], bytes]:
    tomls = by_lines(files)

    def make(dice: Dice) -> bytes:
        if dice.below(10) < 3:
            return mutated(dice, files, _TOKENS)
        return changed_lines(dice, tomls, _TOKENS)

    return make


_HEAD = b'[site]\nname = "many"\ngateway = "gw"\nnominal_voltage = 230\n[lines.a]\ntcp = "10.0.0.1"\n'
_METER = b'[meters.m%d]\nline = "a"\nunit = %d\nmodel = "floats"\n'
_MANY_ONE_IN = 8


def _whole_site(dice: Dice) -> bytes:
    return _shipped_site(dice) if dice.below(_MANY_ONE_IN) else _many(dice)


def _many(dice: Dice) -> bytes:
    """A chain, a star or a tree of meters or of nodes: the time that it takes has to grow with it and no faster."""
    count, reach, nodes = 20 + dice.below(100), dice.one_of((1, 2, 120)), dice.below(2)
    text = [_HEAD + _METER % (count, 247) + b'node = "n0"\n' * nodes]
    for number in range(count):
        above = number - 1 - dice.below(min(number, reach)) if number else dice.below(4 * count)
        if nodes:
            text.append(b'[nodes.n%d]\nkind = "branch"\n' % number)
            text.append(b'parents = ["n%d"]\n' % above if above < count else b"")
        else:
            text.append(_METER % (number, number + 1))
            text.append(b'upstream = "m%d"\n' % above if above < count else b"")
            text.append(b'feeder = "F%d"\n' % dice.below(count) if dice.below(2) else b"")
    return b"".join(text)


_shipped_site = _maker(_SITES)
make_site = partial(_make, small=_maker(_SMALL_SITES), whole=_whole_site)
make_map = partial(_make, small=_maker(_SMALL_MAPS), whole=_maker(_MAPS))


def put_beside(place: Path) -> None:
    """What the sites name: maps, certificates, a secret, a calendar."""
    (place / "models").mkdir(exist_ok=True)
    for path in (CORPUS / "maps").glob("*.toml"):
        (place / "models" / path.name).write_bytes(path.read_bytes())
    for name in ("ca.pem", "gw.pem", "calendar.toml", "secret", "mqtt-password", "influx-token"):
        (place / name).write_text("secret\n")
        (place / name).chmod(0o600)


def read_bytes(site: bytes) -> int:
    """A site file and the maps that it names."""
    return len(site) + sum(size for name, size in _NAMED.items() if name in site)


def feed_site(file: Path, data: bytes, reader: Callable[[Path, Path], Site] = read_site) -> str:
    file.write_bytes(data)
    try:
        site = reader(file, file.parent / "state")
    except SiteError as error:
        refusal = error
    else:
        return _judged_site(site)
    assert refusal.findings, "refused without a finding"
    str(refusal).encode()
    return "refused"


def _judged_site(site: Site) -> str:
    for meter in site.meters.values():
        assert meter.line in site.lines, f"on no line: {meter.line}"
        assert 1 <= meter.unit <= 255, f"unit {meter.unit}"
        assert meter.nominal_v > 0, f"nominal {meter.nominal_v} V"
        assert min(meter.poll_us, meter.publish_every_us) >= 100_000, f"every {meter.poll_us}, {meter.publish_every_us}"
        assert meter.path[-1] == meter.name, f"path {meter.path}"
        assert meter.upstream in (None, *site.meters), f"below {meter.upstream}"
    shown = [repr(line) for line in site.lines.values()] + [repr(site.mqtt), repr(site.influxdb), repr(site.mains)]
    assert not [text for text in shown if "\\x" in text], f"no name of anything: {shown}"
    return "read"


def feed_map(data: bytes, reader: Callable[[str, str], MeterModel] = parse_model) -> str:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "no text"
    try:
        model = reader(text, "fuzzed.toml")
    except ModelError as error:
        str(error).encode()
        return "refused"
    return _judged_map(model)


def _judged_map(model: MeterModel) -> str:
    for row in (*model.registers, *model.scales, *model.bridges):
        assert row.function in (3, 4), f"function {row.function}"
        assert 0 <= row.address < row.end <= 65536, f"{row.address} to {row.end}"
        assert row.words <= model.max_words <= 125, f"{row.words} words of {model.max_words}"
    for register in model.registers:
        assert all(0 <= bits < 1 << 16 * register.words for bits in register.sentinels), f"never: {register.sentinels}"
        assert min(register.multiply, register.divide) > 0, f"times {register.multiply} / {register.divide}"
    return "read"
