"""The site file: every rule of it, each with the message that a person gets."""

from pathlib import Path

import pytest
from site_findings import findings, load

from agent.errors import Finding, SiteError
from agent.site import load_site
from drivers.line import RtuOverTcpEndpoint, SerialPort, TcpEndpoint

SITE = """
[site]
name = "dashi"
gateway = "gw-01"
nominal_voltage = 220
"""
LINES = """
[lines.room]
serial = "/dev/ttyUSB0"
[lines.ring]
tcp = "10.20.0.11:502"
"""
METERS = """
[meters.incomer]
line = "room"
unit = 1
model = "eastron-sdm630"
"""
SOUND = SITE + LINES + METERS


def only(directory: Path, text: str) -> Finding:
    found = findings(directory, text)
    assert len(found) == 1, found
    return next(iter(found.values()))


def secret(directory: Path, name: str, text: str = "s3cret\n", mode: int = 0o600) -> None:
    path = directory / name
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


class TestWhatASoundFileBecomes:
    def test_the_smallest_site_takes_every_default(self, tmp_path: Path) -> None:
        site = load(tmp_path, SOUND)
        meter = site.meters["incomer"]
        assert (site.name, site.gateway, site.state_dir) == ("dashi", "gw-01", Path("/var/lib/lamplighter"))
        assert (site.frequency_hz, site.time_zone, site.profile, site.clock) == (50.0, "UTC", "iec", "auto")
        assert (site.mqtt, site.influxdb) == (None, None)
        assert site.lines == {"room": SerialPort("/dev/ttyUSB0"), "ring": TcpEndpoint("10.20.0.11", 502)}
        assert (meter.poll_us, meter.publish_every_us) == (10_000_000, 10_000_000)
        assert meter.watch_us == round(meter.model.refresh_s * 1e6)
        assert (meter.nominal_v, meter.basis, meter.wiring) == (220.0, "ln", meter.model.wiring)
        assert (meter.installation.vt, meter.installation.ct, meter.installation.direction) == (1.0, 1.0, 1)
        assert (meter.feeder, meter.upstream, meter.path, meter.customers) == (None, None, ("incomer",), None)

    def test_a_meter_overrides_the_site(self, tmp_path: Path) -> None:
        own = 'poll = "1min"\nwatch = "500ms"\npublish_every = "2s"\nnominal_voltage = 231.5\nlimits = [198, 235.4]\n'
        meter = load(tmp_path, SOUND + own).meters["incomer"]
        assert (meter.poll_us, meter.watch_us, meter.publish_every_us) == (60_000_000, 500_000, 2_000_000)
        assert (meter.nominal_v, meter.limits) == (231.5, (198.0, 235.4))

    def test_a_second_pair_of_limits_and_a_class_are_for_reports_alone(self, tmp_path: Path) -> None:
        meter = load(tmp_path, SOUND + 'assess_limits = [204.6, 231]\nclass = "C"\n').meters["incomer"]
        assert (meter.limits, meter.assess_limits, meter.voltage_class) == (None, (204.6, 231.0), "C")
        plain = load(tmp_path, SOUND).meters["incomer"]
        assert (plain.assess_limits, plain.voltage_class) == (None, None)

    def test_watch_max_is_as_fast_as_the_line_goes(self, tmp_path: Path) -> None:
        assert load(tmp_path, SOUND + 'watch = "max"\n').meters["incomer"].watch_us is None

    def test_ratios_multiply_secondary_registers(self, tmp_path: Path) -> None:
        ratios = 'vt = "10000/100"\nct = "600/5"\n'
        read = load(tmp_path, SOUND + ratios).meters["incomer"].installation
        assert (read.vt, read.ct) == (100.0, 120.0)

    def test_ratios_leave_primary_registers_alone(self, tmp_path: Path) -> None:
        ratios = 'vt = "10000/100"\nct = "600/5"\nregisters = "primary"\n'
        read = load(tmp_path, SOUND + ratios).meters["incomer"].installation
        assert (read.vt, read.ct) == (1.0, 1.0)

    def test_a_transformer_of_which_only_the_ratio_is_said_may_be_of_any_class(self, tmp_path: Path) -> None:
        ratio = 'vt = "10000/100"\nregisters = "primary"\n'
        assert load(tmp_path, SOUND).meters["incomer"].vt_error_pct == 0.0
        assert load(tmp_path, SOUND + ratio).meters["incomer"].vt_error_pct is None
        assert load(tmp_path, SOUND + ratio + 'vt_class = "0.5"\n').meters["incomer"].vt_error_pct == 0.5

    def test_three_wires_are_judged_line_to_line(self, tmp_path: Path) -> None:
        text = SOUND.replace("eastron-sdm630", "schneider-pm5000") + 'wiring = "3p3w"\n'
        assert load(tmp_path, text).meters["incomer"].basis == "ll"

    def test_feeder_comes_from_above_and_the_path_starts_at_the_root(self, tmp_path: Path) -> None:
        tree = """
feeder = "F12"
[meters.branch]
line = "room"
unit = 2
model = "eastron-sdm630"
upstream = "incomer"
customers = 182
[meters.house]
line = "room"
unit = 3
model = "eastron-sdm630"
upstream = "branch"
"""
        meters = load(tmp_path, SOUND + tree).meters
        assert meters["house"].path == ("incomer", "branch", "house")
        assert [meters[name].feeder for name in ("incomer", "branch", "house")] == ["F12"] * 3
        assert meters["branch"].customers == (182, 182)

    def test_every_meter_with_its_own_voltage_needs_none_for_the_site(self, tmp_path: Path) -> None:
        text = SOUND.replace("nominal_voltage = 220", "") + "nominal_voltage = 400\n"
        site = load(tmp_path, text)
        assert (site.nominal_v, site.meters["incomer"].nominal_v) == (None, 400.0)

    def test_unproven_rows_are_read_where_the_site_says_so(self, tmp_path: Path) -> None:
        basis = 'basis = "ll"\n'
        finding = only(tmp_path, SOUND + basis)
        assert "unproven = true" in finding.todo
        meter = load(tmp_path, SOUND + basis + "unproven = true\n").meters["incomer"]
        assert "voltage_l1_l2" in meter.model.quantities

    def test_a_ratio_that_the_meter_tells_itself_is_not_applied_twice(self, tmp_path: Path) -> None:
        acrel = SOUND.replace("eastron-sdm630", "acrel-dtsd1352") + 'vt = "10000/100"\n'
        assert "reads its own from the meter" in only(tmp_path, acrel).found
        load(tmp_path, acrel + 'registers = "primary"\n')

    def test_rtu_over_tcp_and_ipv6(self, tmp_path: Path) -> None:
        lines = '[lines.hut]\nrtu_over_tcp = "hut.example:4001"\n[lines.six]\ntcp = "[fd00::1]"\n'
        site = load(tmp_path, SOUND + lines)
        assert site.lines["hut"] == RtuOverTcpEndpoint("hut.example", 4001)
        assert site.lines["six"] == TcpEndpoint("fd00::1", 502)

    def test_state_dir_is_relative_to_the_file_and_can_be_overridden(self, tmp_path: Path) -> None:
        text = SOUND.replace('gateway = "gw-01"', 'gateway = "gw-01"\nstate_dir = "state"')
        assert load(tmp_path, text).state_dir == tmp_path / "state"
        assert load_site(tmp_path / "site.toml", Path("/elsewhere")).state_dir == Path("/elsewhere")

    def test_a_map_beside_the_site_file_is_found(self, tmp_path: Path) -> None:
        packaged = Path(load(tmp_path, SOUND).meters["incomer"].model.file)
        (tmp_path / "models").mkdir()
        (tmp_path / "models" / "own-meter.toml").write_text(packaged.read_text(encoding="utf-8"), encoding="utf-8")
        site = load(tmp_path, SOUND.replace("eastron-sdm630", "own-meter"))
        assert site.meters["incomer"].model.id == "own-meter"

    def test_the_config_hash_follows_the_file_and_nothing_else(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        (tmp_path / "b").mkdir()
        first, second = load(tmp_path / "a", SOUND), load(tmp_path / "b", SOUND)
        changed = load(tmp_path / "a", SOUND.replace("220", "230"))
        assert first.config_hash == second.config_hash != changed.config_hash
        assert len(first.config_hash) == 16


class TestSinks:
    def test_a_broker_on_this_machine_needs_no_key_at_all(self, tmp_path: Path) -> None:
        mqtt = load(tmp_path, SOUND + "[mqtt]\n").mqtt
        assert mqtt is not None
        assert (mqtt.host, mqtt.port, mqtt.tls, mqtt.prefix) == ("127.0.0.1", 1883, False, "lamplighter/dashi/gw-01")

    def test_a_remote_broker_with_everything(self, tmp_path: Path) -> None:
        secret(tmp_path, "password")
        secret(tmp_path, "gw.key")
        for name in ("ca.pem", "gw.pem"):
            secret(tmp_path, name, mode=0o644)
        text = """
[mqtt]
url = "mqtts://broker.example"
username = "gw-01"
password_file = "password"
ca_file = "ca.pem"
cert_file = "gw.pem"
key_file = "gw.key"
"""
        mqtt = load(tmp_path, SOUND + text).mqtt
        assert mqtt is not None
        assert mqtt.password is not None
        assert (mqtt.host, mqtt.port, mqtt.tls, mqtt.username) == ("broker.example", 8883, True, "gw-01")
        assert (mqtt.ca_file, mqtt.cert_file) == (tmp_path / "ca.pem", tmp_path / "gw.pem")
        assert (mqtt.key_file, mqtt.password.value) == (tmp_path / "gw.key", "s3cret")
        assert "s3cret" not in repr(mqtt)

    def test_a_remote_database(self, tmp_path: Path) -> None:
        secret(tmp_path, "influx-token")
        text = '[influxdb]\nurl = "https://influx.example:8086/base/"\norg = "ops"\ntoken_file = "influx-token"\n'
        influxdb = load(tmp_path, SOUND + text).influxdb
        assert influxdb is not None
        assert influxdb.token is not None
        assert (influxdb.url, influxdb.org) == ("https://influx.example:8086/base", "ops")
        assert (influxdb.bucket, influxdb.token.value) == ("lamplighter", "s3cret")

    def test_credentials_of_the_service_come_first(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        service = tmp_path / "service"
        service.mkdir()
        secret(service, "influx-token", "from the service")
        secret(tmp_path, "influx-token", "from beside")
        monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(service))
        influxdb = load(tmp_path, SOUND + '[influxdb]\ntoken_file = "influx-token"\n').influxdb
        assert influxdb is not None
        assert influxdb.token is not None
        assert influxdb.token.value == "from the service"

    @pytest.mark.parametrize(
        ("table", "where", "found"),
        [
            ('[mqtt]\nurl = "mqtt://broker.example:1883"', "mqtt.url", "mqtt://broker.example:1883"),
            ('[mqtt]\nurl = "mqtt://10.0.0.1"', "mqtt.url", "mqtt://10.0.0.1"),
            ('[influxdb]\nurl = "http://10.0.0.1:8086"\ntoken_file = "token"', "influxdb.url", "http://10.0.0.1:8086"),
        ],
    )
    def test_cleartext_to_another_machine(self, tmp_path: Path, table: str, where: str, found: str) -> None:
        secret(tmp_path, "token")
        finding = only(tmp_path, SOUND + table)
        assert (finding.where, finding.found) == (where, f'"{found}"')
        assert "allow_cleartext = true" in finding.todo
        load(tmp_path, f"{SOUND}{table}\nallow_cleartext = true\n")

    @pytest.mark.parametrize("host", ["127.0.0.1", "127.3.2.1", "localhost", "[::1]"])
    def test_cleartext_to_this_machine_is_fine(self, tmp_path: Path, host: str) -> None:
        site = load(tmp_path, f'{SOUND}[mqtt]\nurl = "mqtt://{host}:1883"\n[influxdb]\nurl = "http://{host}:8086"\n')
        assert site.mqtt is not None

    @pytest.mark.parametrize(
        ("line", "where"),
        [
            ('password = "hunter2"', "mqtt.password"),
            ('token = "hunter2"', "mqtt.token"),
            ('key = "hunter2"', "mqtt.key"),
            ('url = "mqtt://gw:hunter2@127.0.0.1:1883"', "mqtt.url"),
            ('url = "mqtt://127.0.0.1:1883?password=hunter2"', "mqtt.url"),
            ('username = "gw"\npassword_file = "-----BEGIN\\nhunter2"', "mqtt.password_file"),
            (f'username = "gw"\npassword_file = "hunter2{"x" * 80}"', "mqtt.password_file"),
        ],
    )
    def test_a_literal_secret_is_refused_and_not_repeated(self, tmp_path: Path, line: str, where: str) -> None:
        finding = only(tmp_path, f"{SOUND}[mqtt]\n{line}\n")
        assert finding.where == where
        assert "hunter2" not in str(finding)
        assert "not shown" in finding.found

    def test_a_literal_token_for_the_database(self, tmp_path: Path) -> None:
        finding = only(tmp_path, f'{SOUND}[influxdb]\ntoken = "hunter2"\n')
        assert "token_file" in finding.todo
        assert "hunter2" not in str(finding)

    def test_a_credential_file_that_is_missing(self, tmp_path: Path) -> None:
        finding = only(tmp_path, f'{SOUND}[influxdb]\ntoken_file = "influx-token"\n')
        assert finding.where == "influxdb.token_file"
        assert "influx-token" in finding.found
        assert str(tmp_path) in finding.found

    def test_a_credential_file_that_others_may_read(self, tmp_path: Path) -> None:
        secret(tmp_path, "influx-token", mode=0o640)
        finding = only(tmp_path, f'{SOUND}[influxdb]\ntoken_file = "influx-token"\n')
        assert "0640" in finding.found
        assert "chmod 600" in finding.todo

    def test_a_certificate_that_is_missing(self, tmp_path: Path) -> None:
        finding = only(tmp_path, f'{SOUND}[mqtt]\nurl = "mqtts://b.example"\nca_file = "ca.pem"\n')
        assert (finding.where, "ca.pem" in finding.found) == ("mqtt.ca_file", True)

    def test_keys_of_tls_without_tls(self, tmp_path: Path) -> None:
        secret(tmp_path, "ca.pem", mode=0o644)
        assert only(tmp_path, f'{SOUND}[mqtt]\nca_file = "ca.pem"\n').where == "mqtt.ca_file"

    def test_a_client_certificate_without_its_key(self, tmp_path: Path) -> None:
        secret(tmp_path, "gw.pem", mode=0o644)
        assert only(tmp_path, f'{SOUND}[mqtt]\nurl = "mqtts://b"\ncert_file = "gw.pem"\n').where == "mqtt.key_file"

    def test_a_remote_database_without_a_token(self, tmp_path: Path) -> None:
        assert only(tmp_path, f'{SOUND}[influxdb]\nurl = "https://i.example"\n').where == "influxdb.token_file"

    @pytest.mark.parametrize(
        "url",
        [
            "broker",
            "http://broker",
            "mqtts://",
            "mqtts://b:99999",
            "mqtts://b:x",
            "mqtts://b/x",
            "mqtts://[::1",
            "mqtts://b\\u0000",
        ],
    )
    def test_an_address_that_is_none(self, tmp_path: Path, url: str) -> None:
        assert only(tmp_path, f'{SOUND}[mqtt]\nurl = "{url}"\n').where == "mqtt.url"

    def test_a_password_without_a_user(self, tmp_path: Path) -> None:
        secret(tmp_path, "password")
        assert only(tmp_path, f'{SOUND}[mqtt]\npassword_file = "password"\n').where == "mqtt.username"


class TestOneKey:
    @pytest.mark.parametrize(
        ("extra", "where", "todo"),
        [
            ("untit = 3", "meters.incomer.untit", "did you mean unit?"),
            ("zzz = 3", "meters.incomer.zzz", "remove it"),
            ("[sitee]\na = 1", "sitee", "did you mean site?"),
            ('[alarms.tx]\nkind = "bus"', "alarms", ""),
            ('[status]\nlisten = "127.0.0.1:8080"', "status", ""),
            ('[lines.safe]\ntls = "10.0.0.9:802"\ntcp = "10.0.0.9:802"', "lines.safe.tls", ""),
        ],
    )
    def test_an_unknown_key(self, tmp_path: Path, extra: str, where: str, todo: str) -> None:
        finding = only(tmp_path, f"{SOUND}{extra}\n")
        assert (finding.where, finding.found) == (where, "an unknown key")
        assert todo in finding.todo

    @pytest.mark.parametrize(
        ("key", "value", "shown"),
        [
            ("unit", '"1"', '"1"'),
            ("unit", "1.5", "1.5"),
            ("unit", "true", "true"),
            ("line", "3", "3"),
            ("customers", "-1", "-1"),
            ("customers", '"many"', '"many"'),
            ("wiring", '"4p"', '"4p"'),
            ("basis", '"lx"', '"lx"'),
            ("powered_by", '"sun"', '"sun"'),
            ("registers", '"raw"', '"raw"'),
            ("direction", "0", "0"),
            ("nominal_voltage", "0", "0"),
            ("nominal_voltage", "-220", "-220"),
            ("nominal_voltage", "nan", "nan"),
            ("limits", "[235.4, 198.0]", "[235.4, 198.0]"),
            ("limits", "[198.0]", "[198.0]"),
            ("limits", '["a", "b"]', '["a", "b"]'),
            ("limits", "198.0", "198.0"),
            *(("assess_limits", value, value) for value in ("[231.0, 204.6]", "[204.6]", '"204.6"', "204.6")),
            *(("class", value, value) for value in ('"E"', '"a"', "1", '["A"]')),
            ("phase_map", '["l1", "l1", "l3"]', '["l1", "l1", "l3"]'),
            ("phase_map", '["l1", "l2"]', '["l1", "l2"]'),
            ("phase_map", '["a", "b", "c"]', '["a", "b", "c"]'),
            ("phase_map", '"l1"', '"l1"'),
            ("feeder", '"F 12"', '"F 12"'),
            ("upstream", '"a/b"', '"a/b"'),
            ("model", '"../../etc/passwd"', '"../../etc/passwd"'),
            *(("vt", value, value) for value in ('"10000:100"', '"10000/0"', '"100"', '"-1/5"', '"a/b"', "100")),
            *(("vt_class", value, value) for value in ('"0.3"', '"3P"', "0.5")),
            *(("poll", value, value) for value in ('"-10s"', '"0s"', '"10"', '"10 s"', '"soon"', '"0.0001ms"', "10")),
            *(("watch", value, value) for value in ('"fast"', '"-1s"', "1", '"0ms"')),
            *(("publish_every", value, value) for value in ('"-1s"', '""')),
        ],
    )
    def test_a_wrong_value_in_a_meter(self, tmp_path: Path, key: str, value: str, shown: str) -> None:
        text = SOUND
        if f"\n{key} = " in METERS:
            text = "\n".join(line for line in SOUND.splitlines() if not line.startswith(f"{key} = "))
        finding = only(tmp_path, f"{text}\n{key} = {value}\n")
        assert (finding.where, finding.found) == (f"meters.incomer.{key}", shown)
        assert finding.allowed
        assert finding.todo

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("profile", '"en"'),
            ("clock", '"yes"'),
            ("frequency", "16.7"),
            ("time_zone", '"Mars/Olympus"'),
            ("time_zone", '"../../etc/passwd"'),
            ("time_zone", '"Europe"'),
            ("name", '"a+b"'),
            ("name", '"a/b"'),
            ("name", '"a#b"'),
            ("name", '""'),
            ("gateway", '"gw 1"'),
            ("gateway", '"gw\\u0000"'),
            ("state_dir", '""'),
            ("state_dir", '"/var/\\u0000"'),
            ("calendar", f'"{"a/" * 2500}x"'),
            ("calendar", f'"a/{"x" * 300}"'),
            ("calendar", f'"a/{"é" * 200}"'),
        ],
    )
    def test_a_wrong_value_in_the_site(self, tmp_path: Path, key: str, value: str) -> None:
        kept = [line for line in SOUND.splitlines() if not line.startswith(f"{key} = ")]
        text = "\n".join(kept).replace("[site]", f"[site]\n{key} = {value}")
        assert only(tmp_path, text).where == f"site.{key}"

    @pytest.mark.parametrize(
        "line",
        [
            'baud = "9600"',
            "baud = 12",
            'parity = "X"',
            "stop_bits = 3",
            'tcp = "10.0.0.1:0"',
            'tcp = "a b:502"',
            'tcp = "a\\u0000:502"',
        ],
    )
    def test_a_wrong_value_in_a_line(self, tmp_path: Path, line: str) -> None:
        kind = "" if line.startswith("tcp") else 'serial = "/dev/ttyS9"\n'
        assert only(tmp_path, f"{SOUND}[lines.x]\n{kind}{line}\n").where == f"lines.x.{line.split()[0]}"

    @pytest.mark.parametrize("path", ["ttyUSB0", "", "/dev/ttyUSB\\u0000", "/dev/\\u001b"])
    def test_a_serial_port_is_an_absolute_path(self, tmp_path: Path, path: str) -> None:
        assert only(tmp_path, f'{SOUND}[lines.x]\nserial = "{path}"\n').where == "lines.x.serial"

    @pytest.mark.parametrize("name", ["a b", "a+b", "a#b", "a/b", "a.b", "é", ""])
    def test_a_name_that_is_no_topic_level(self, tmp_path: Path, name: str) -> None:
        found = findings(tmp_path, f'{SOUND}[lines."{name}"]\ntcp = "10.0.0.7"\n')
        assert list(found) == [f'lines."{name}"']

    @pytest.mark.parametrize(
        ("missing", "where"),
        [
            ('name = "dashi"', "site.name"),
            ('gateway = "gw-01"', "site.gateway"),
            ("nominal_voltage = 220", "site.nominal_voltage"),
            ('line = "room"', "meters.incomer.line"),
            ("unit = 1", "meters.incomer.unit"),
            ('model = "eastron-sdm630"', "meters.incomer.model"),
        ],
    )
    def test_a_required_key_that_is_missing(self, tmp_path: Path, missing: str, where: str) -> None:
        finding = only(tmp_path, SOUND.replace(missing, ""))
        assert finding.where == where
        assert finding.found.startswith("nothing")

    def test_a_value_where_a_table_belongs(self, tmp_path: Path) -> None:
        assert only(tmp_path, f"meters = 3\n{SITE}{LINES}").where == "meters"
        assert only(tmp_path, f"mqtt = true\n{SOUND}").where == "mqtt"
        assert (
            only(tmp_path, f"lines.x = 3\n{SITE}[lines.room]\ntcp='a'\n{METERS}".replace("lines.x", "zz")).where == "zz"
        )


class TestBetweenKeys:
    def test_no_line_at_all(self, tmp_path: Path) -> None:
        assert only(tmp_path, SITE).where == "lines"

    @pytest.mark.parametrize("keys", ["baud = 9600", ""])
    def test_a_line_of_no_kind(self, tmp_path: Path, keys: str) -> None:
        finding = only(tmp_path, f"{SOUND}[lines.x]\n{keys}\n")
        assert (finding.where, finding.found) == ("lines.x", "none of them")

    def test_a_line_of_two_kinds(self, tmp_path: Path) -> None:
        finding = only(tmp_path, f'{SOUND}[lines.x]\ntcp = "10.0.0.7"\nserial = "/dev/ttyS7"\n')
        assert (finding.where, finding.found) == ("lines.x", "serial and tcp")

    def test_a_baud_rate_on_a_network_line(self, tmp_path: Path) -> None:
        assert only(tmp_path, f'{SOUND}[lines.x]\ntcp = "10.0.0.7"\nbaud = 9600\n').where == "lines.x.baud"

    @pytest.mark.parametrize(
        "twin", ['serial = "/dev/ttyUSB0"', 'tcp = "10.20.0.11"', 'rtu_over_tcp = "10.20.0.11:502"']
    )
    def test_two_lines_on_one_port(self, tmp_path: Path, twin: str) -> None:
        finding = only(tmp_path, f"{SOUND}[lines.twin]\n{twin}\n")
        assert finding.where == "lines.twin"
        assert "which is also line" in finding.found

    def test_two_names_of_one_serial_port(self, tmp_path: Path) -> None:
        (tmp_path / "alias").symlink_to("/dev/ttyUSB0")
        assert only(tmp_path, f'{SOUND}[lines.twin]\nserial = "{tmp_path}/alias"\n').where == "lines.twin"

    def test_an_unknown_line(self, tmp_path: Path) -> None:
        finding = only(tmp_path, SOUND.replace('line = "room"', 'line = "roon"'))
        assert (finding.where, finding.todo) == ("meters.incomer.line", "did you mean room?")

    def test_an_unknown_upstream(self, tmp_path: Path) -> None:
        assert only(tmp_path, f'{SOUND}upstream = "nobody"\n').where == "meters.incomer.upstream"

    def test_an_unknown_model(self, tmp_path: Path) -> None:
        finding = only(tmp_path, SOUND.replace("eastron-sdm630", "eastron-sdm631"))
        assert (finding.where, finding.todo) == ("meters.incomer.model", "did you mean eastron-sdm630?")

    def test_an_own_map_that_is_wrong(self, tmp_path: Path) -> None:
        (tmp_path / "models").mkdir()
        (tmp_path / "models" / "own.toml").write_text("vendor = 3\n", encoding="utf-8")
        finding = only(tmp_path, SOUND.replace("eastron-sdm630", "own"))
        assert (finding.where, "own.toml" in finding.found) == ("meters.incomer.model", True)

    def test_two_meters_with_one_unit_on_one_line(self, tmp_path: Path) -> None:
        finding = only(tmp_path, SOUND + METERS.replace("incomer", "other"))
        assert (finding.where, finding.found) == ("meters.other.unit", "1, which is also incomer on room")

    @pytest.mark.parametrize(
        ("line", "unit", "allowed"),
        [
            ("room", 0, False), ("room", 1, True), ("room", 247, True), ("room", 248, False), ("room", 255, False),
            ("ring", 0, False), ("ring", 247, True), ("ring", 254, False), ("ring", 255, True), ("ring", 256, False),
            ("hut", 255, False), ("hut", 247, True), ("room", -1, False),
        ],
    )  # fmt: skip
    def test_the_range_of_units(self, tmp_path: Path, line: str, unit: int, allowed: bool) -> None:
        text = SOUND.replace("unit = 1", f"unit = {unit}").replace('line = "room"', f'line = "{line}"')
        text += '[lines.hut]\nrtu_over_tcp = "10.0.0.7:4001"\n'
        if allowed:
            assert load(tmp_path, text).meters["incomer"].unit == unit
        else:
            assert only(tmp_path, text).where == "meters.incomer.unit"

    def test_a_loop_in_the_feeder_tree_is_told_once(self, tmp_path: Path) -> None:
        meters = "".join(
            METERS.replace("incomer", name).replace("unit = 1", f'unit = {unit}\nupstream = "{above}"')
            for unit, (name, above) in enumerate((("a", "b"), ("b", "c"), ("c", "a"), ("under", "a")), 1)
        )
        finding = only(tmp_path, SITE + LINES + meters)
        assert finding.found == "a loop: a -> b -> c -> a"

    def test_a_meter_above_itself(self, tmp_path: Path) -> None:
        assert only(tmp_path, f'{SOUND}upstream = "incomer"\n').found == "a loop: incomer -> incomer"

    def test_a_sliding_reference_on_low_voltage(self, tmp_path: Path) -> None:
        finding = only(tmp_path, SOUND + 'reference = "sliding"\n')
        assert (finding.where, finding.found) == ("meters.incomer.reference", '"sliding" on 220 V line-to-neutral')
        sound = SOUND + 'reference = "sliding"\nvt = "10000/100"\nnominal_voltage = 5774\n'
        assert load(tmp_path, sound).meters["incomer"].reference == "sliding"
        assert load(tmp_path, SOUND).meters["incomer"].reference == "declared"

    def test_a_basis_the_model_does_not_measure(self, tmp_path: Path) -> None:
        # Its map has line-line voltages as grade D only: unproven, so nothing is judged by them.
        finding = only(tmp_path, SOUND + 'basis = "ll"\n')
        assert (finding.where, "line-line" in finding.found) == ("meters.incomer.basis", True)

    def test_a_poll_the_line_cannot_carry_comes_with_the_sum(self, tmp_path: Path) -> None:
        finding = only(tmp_path, f'{SOUND}poll = "100ms"\n')
        assert finding.where == "lines.room"
        assert finding.found.startswith("room needs 0.")
        assert finding.found.endswith(" s per round, 0.1 s asked")

    def test_a_watch_the_line_cannot_carry_is_best_effort(self, tmp_path: Path) -> None:
        assert load(tmp_path, f'{SOUND}watch = "1ms"\n').meters["incomer"].watch_us == 1000


class TestTheFileItself:
    @pytest.mark.parametrize("text", ["[site\nname = 3", 'a = "b\n', "a = 1\na = 2\n", "[site]\nname ="])
    def test_broken_toml_is_told_with_line_and_column(self, tmp_path: Path, text: str) -> None:
        finding = only(tmp_path, text)
        assert finding.where.startswith("line ")
        assert ", column " in finding.where

    def test_not_utf_8(self, tmp_path: Path) -> None:
        path = tmp_path / "site.toml"
        path.write_bytes(b"[site]\nname = '\xff'\n")
        with pytest.raises(SiteError) as caught:
            load_site(path)
        assert caught.value.findings[0].where == "line 2"

    def test_missing_or_a_directory(self, tmp_path: Path) -> None:
        for path in (tmp_path / "none.toml", tmp_path):
            with pytest.raises(SiteError) as caught:
                load_site(path)
            assert str(path) in str(caught.value)

    def test_an_empty_file_tells_everything_that_is_required(self, tmp_path: Path) -> None:
        assert set(findings(tmp_path, "")) == {"site.name", "site.gateway", "lines"}


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    text = """
[site]
name = "da shi"
gateway = "gw"
pol = "1s"
[lines.room]
serial = "/dev/ttyUSB0"
[lines.none]
[meters.a]
line = "romm"
unit = 300
model = "eastron-sdm630"
[meters.b]
line = "room"
unit = 248
model = "nothing-like-it"
upstream = "c"
[mqtt]
password = "x"
"""
    assert set(findings(tmp_path, text)) == {
        "site.name", "site.pol", "lines.none", "meters.a.line", "meters.a.unit", "meters.b.model", "meters.b.unit",
        "meters.b.upstream", "mqtt.password",
    }  # fmt: skip


def test_a_message_says_file_place_found_allowed_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SiteError) as caught:
        load(tmp_path, SOUND.replace("unit = 1", "unit = 0"))
    assert str(caught.value) == (
        f"{tmp_path}/site.toml: meters.incomer.unit: found 0; allowed: 1 to 247; on a tcp line also 255;"
        " read it off the meter"
    )


class TestTheJournal:
    def test_cap_and_age_are_taken_in_their_units(self, tmp_path: Path) -> None:
        journal = load(tmp_path, SOUND).journal
        assert (journal.cap_mib, journal.keep_us) == (512, None)
        journal = load(tmp_path, SOUND + '[journal]\ncap = "2 GiB"\nkeep = "72h"\n').journal
        assert (journal.cap_mib, journal.keep_us) == (2048, 72 * 3_600_000_000)
        journal = load(tmp_path, SOUND + '[journal]\ncap = "16MiB"\nkeep = "30d"\n').journal
        assert (journal.cap_mib, journal.keep_us) == (16, 720 * 3_600_000_000)

    @pytest.mark.parametrize(
        ("key", "value"),
        [("cap", "15 MiB"), ("cap", "512"), ("cap", "512 MB"), ("cap", "0 GiB"), ("keep", "0h"), ("keep", "90min")],
    )
    def test_what_is_no_size_or_age_is_refused_with_what_is(self, tmp_path: Path, key: str, value: str) -> None:
        found = only(tmp_path, SOUND + f'[journal]\n{key} = "{value}"\n')
        assert (found.where, found.found) == (f"journal.{key}", f'"{value}"')
        assert {"cap": "512 MiB", "keep": "30d"}[key] in found.allowed
