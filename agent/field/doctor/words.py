"""Every message of `doctor`, each under its code: docs/troubleshooting.md has an entry for every one. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Words:
    """text: what is wrong; todo: what to do about it."""

    text: str
    todo: str


PORT_ABSENT = "doctor.port_absent"
PORT_NO_TERMINAL = "doctor.port_no_terminal"
PORT_DENIED = "doctor.port_denied"
PORT_BUSY = "doctor.port_busy"
PORT_FAILS = "doctor.port_fails"
HOST_UNKNOWN = "doctor.host_unknown"
HOST_REFUSES = "doctor.host_refuses"
HOST_SILENT = "doctor.host_silent"
HOST_UNREACHABLE = "doctor.host_unreachable"
HOST_HANGS_UP = "doctor.host_hangs_up"
OTHER_FRAMING = "doctor.other_framing"
OTHER_MASTER = "doctor.other_master"
POLARITY = "doctor.polarity"
LINE_NOISE = "doctor.line_noise"
ECHO_ONLY = "doctor.echo_only"
OTHER_SETTINGS = "doctor.other_settings"
LINE_SILENT = "doctor.line_silent"
LINE_DAMAGED = "doctor.line_damaged"
GATEWAY_PATH = "doctor.gateway_path"
GATEWAY_UNANSWERED = "doctor.gateway_unanswered"
UNIT_TWICE = "doctor.unit_twice"
METER_SILENT = "doctor.meter_silent"
METER_LATE = "doctor.meter_late"
METER_OTHER_UNIT = "doctor.meter_other_unit"
METER_DAMAGED = "doctor.meter_damaged"
METER_CUT = "doctor.meter_cut"
METER_UNSTEADY = "doctor.meter_unsteady"
METER_BUSY = "doctor.meter_busy"
METER_FAILS = "doctor.meter_fails"
WRONG_MODEL = "doctor.wrong_model"
WRONG_VALUES = "doctor.wrong_values"
METER_UNHEARD = "doctor.meter_unheard"
UNITS_SILENT = "doctor.units_silent"
SINK_UNKNOWN = "doctor.sink_unknown"
SINK_CLOSED = "doctor.sink_closed"
SINK_SILENT = "doctor.sink_silent"
SINK_UNREACHABLE = "doctor.sink_unreachable"
SINK_MUTE = "doctor.sink_mute"
TLS_EXPIRED = "doctor.tls_expired"
TLS_EARLY = "doctor.tls_early"
TLS_NAME = "doctor.tls_name"
TLS_CA = "doctor.tls_ca"
TLS_CLIENT = "doctor.tls_client"
TLS_NONE = "doctor.tls_none"
TLS_FILES = "doctor.tls_files"
TLS_FAILS = "doctor.tls_fails"
CERTIFICATE_ENDS = "doctor.certificate_ends"
BROKER_REFUSES = "doctor.broker_refuses"
BROKER_RIGHTS = "doctor.broker_rights"
DATABASE_TOKEN = "doctor.database_token"  # noqa: S105 - a code, no token
DATABASE_RIGHTS = "doctor.database_rights"
DATABASE_BUCKET = "doctor.database_bucket"
DATABASE_ANSWERS = "doctor.database_answers"
DATABASE_UNMAPPED = "doctor.database_unmapped"
CLOCK_WRONG = "doctor.clock_wrong"
CLOCK_UNSYNCED = "doctor.clock_unsynced"
STATE_DIR = "doctor.state_dir"
DISK_READ_ONLY = "doctor.disk_read_only"
DISK_FULL = "doctor.disk_full"
CARD_WORN = "doctor.card_worn"
JOURNAL_FAILS = "doctor.journal_fails"
BACKLOG = "doctor.backlog"
ROWS_REFUSED = "doctor.rows_refused"

TEMPLATES: Mapping[str, Words] = MappingProxyType(
    {
        PORT_ABSENT: Words(
            "there is no {path}; ports here: {ports}",
            "plug the adapter in, or correct `serial` in [lines.{line}]; a name below /dev/serial/by-id stays the same",
        ),
        PORT_NO_TERMINAL: Words(
            "{path} is no serial port", "name the adapter's port as `serial` in [lines.{line}]; ports here: {ports}"
        ),
        PORT_DENIED: Words(
            "this user may not open {path}, which belongs to group {group}",
            "`sudo usermod -aG {group} USER`, then log in again; a service has the group in its unit file",
        ),
        PORT_BUSY: Words(
            "{path} is held by {holder}", "stop that program: a line has one master; then run this command again"
        ),
        PORT_FAILS: Words(
            "{path} cannot be opened: {detail}",
            "unplug the adapter and plug it in again; if it stays so, try another adapter, and look at `dmesg`",
        ),
        HOST_UNKNOWN: Words(
            "the name {host} stands for no address ({detail})",
            "correct the host in [lines.{line}] or use its address; see that this gateway has a name server",
        ),
        HOST_REFUSES: Words(
            "{host} is there, but nothing listens on port {port}",
            "compare the port in [lines.{line}], 502 as a rule; enable Modbus TCP on the device",
        ),
        HOST_SILENT: Words(
            "{host}:{port} does not answer at all: {detail}",
            "see that the device has power and this address, and that no firewall lies between",
        ),
        HOST_UNREACHABLE: Words(
            "no way leads to {host}: {detail}", "look at this gateway's own address, its cable and its default route"
        ),
        HOST_HANGS_UP: Words(
            "{host}:{port} takes the connection and ends it: {detail}",
            "end other clients of the device, many take one or two only; restart it if none is known",
        ),
        OTHER_FRAMING: Words("the device {detail}", "change that line of the site file"),
        OTHER_MASTER: Words(
            "somebody else asks on this line: {detail}",
            "find the other master and take it off the line, or read the meters through it: a line has one master",
        ),
        POLARITY: Words(
            "nothing is heard but {bytes} ({count} bytes): the wires A and B look exchanged, or the line floats",
            "exchange A and B at the adapter; if that does not help, look for a missing bias or a broken wire",
        ),
        LINE_NOISE: Words(
            "{count} bytes were heard before anybody was asked, and they are no frames: noise, or a talker with other "
            "serial settings",
            "compare baud, parity and stop bits; look at shield, termination (120 ohm at both ends) and bias",
        ),
        ECHO_ONLY: Words(
            "the adapter hears its own requests, and no meter answers them",
            "the adapter works: look at the wire behind it, at A and B, and at the serial settings of the meters",
        ),
        OTHER_SETTINGS: Words(
            "nobody answers at {settings}; {meter} answers at {found}",
            "write {toml} into [lines.{line}], or set the meters to {settings}",
        ),
        LINE_SILENT: Words(
            "no meter of this line answers, and no byte is heard ({meters})",
            "in this order: do the meters have power, are A and B connected and not exchanged, is it the right port, "
            "are baud, parity and unit as on the meter's display",
        ),
        LINE_DAMAGED: Words(
            "bytes come back, but no whole frame from any meter: {counts}",
            "compare parity, stop bits and baud first; then termination (120 ohm at both ends), bias, shield, and the "
            "length of the line",
        ),
        GATEWAY_PATH: Words(
            "the gateway answers every request with exception 0A: it does not know a way to these units",
            "set its serial port, baud and the list of units in the gateway's own settings",
        ),
        GATEWAY_UNANSWERED: Words(
            "the gateway answers for every unit that nobody answers it (exception 0B)",
            "the fault lies behind the gateway: its baud and parity, A and B there, power of the meters",
        ),
        UNIT_TWICE: Words(
            "two answers came to one request: two meters have unit {unit}",
            "take one of them off the line, give the other one a free unit, then add it to the site file",
        ),
        METER_SILENT: Words(
            "unit {unit} is silent, while {others} on this line answers",
            "compare the unit on the meter's display, its power, and its tap from the line; baud and parity too, if it "
            "was set by hand",
        ),
        METER_LATE: Words(
            "unit {unit} answers after {took_ms:.0f} ms; the agent waits {wait_ms:.0f} ms",
            "look for a setting of answer delay on the meter or gateway and lower it; or write a map of your own with "
            "its slowest answer (docs/add-a-meter.md)",
        ),
        METER_OTHER_UNIT: Words(
            "unit {unit} was asked, and unit {found} answered",
            "write unit = {found} for {meter} if that is the meter; behind a gateway look at its table of units",
        ),
        METER_DAMAGED: Words(
            "answers of unit {unit} arrive damaged ({counts}), while {others} is heard well",
            "look at this meter's tap, its terminals and its parity; another meter with the same unit looks like "
            "this as well: take one off the line",
        ),
        METER_CUT: Words(
            "answers of unit {unit} end too soon ({counts})",
            "look at the adapter and its cable; a gateway or converter may cut off long answers: see its timeouts",
        ),
        METER_UNSTEADY: Words(
            "unit {unit} answers only {good} of {asked} times: {counts}",
            "look at terminals, shield and termination, nearest to this meter first; `lamplighter doctor SITE --line "
            "{line}` measures longer",
        ),
        METER_BUSY: Words(
            "unit {unit} answers that it is busy (exception {number})",
            "see whether another master asks it; restart the meter if it stays so",
        ),
        METER_FAILS: Words(
            "unit {unit} says that it is broken, or that it is not there ({exception})",
            "look at the meter's display; behind a gateway compare the unit and the wiring there",
        ),
        WRONG_MODEL: Words(
            "unit {unit} answers, but refuses what a {model} is asked ({exception})",
            "`lamplighter identify` says which meter it is; or enable measured values on the meter; or correct `model`",
        ),
        WRONG_VALUES: Words(
            "unit {unit} answers, but as a {model} it cannot be right: {wild}",
            "`lamplighter identify` says which meter it is; compare `model` and the site's nominal_voltage",
        ),
        METER_UNHEARD: Words("unit {unit} is not heard", "nothing here: the cause above comes first"),
        UNITS_SILENT: Words(
            "{place} takes the connection, but none of these units answers: {meters}",
            "compare the units: a meter with its own port often wants 1 or 255; behind a gateway look there",
        ),
        SINK_UNKNOWN: Words(
            "the name {host} stands for no address: {detail}",
            "correct url in [{sink}]; see that this gateway has a name server (`getent hosts {host}`)",
        ),
        SINK_CLOSED: Words(
            "nothing listens on {host}:{port}",
            "compare url in [{sink}]; see that the server runs, and listens to more than itself",
        ),
        SINK_SILENT: Words(
            "{host}:{port} does not answer within {timeout_s:g} s",
            "see that the server is up, and that no firewall swallows the packets",
        ),
        SINK_UNREACHABLE: Words(
            "no way leads to {host}: {detail}", "look at this gateway's network, modem or VPN: `ip route get {host}`"
        ),
        SINK_MUTE: Words(
            "{host}:{port} takes the connection, and then: {detail}",
            "see that url in [{sink}] has the right port, and TLS or none as the server has it; look at its log",
        ),
        TLS_EXPIRED: Words(
            "the server's certificate has expired", "its operator has to renew it; look at this gateway's clock first"
        ),
        TLS_EARLY: Words(
            "the server's certificate is not valid yet", "set this gateway's clock; the server is most likely right"
        ),
        TLS_NAME: Words(
            "the server's certificate is for another name than {host}",
            "write a name that stands in the certificate in url of [{sink}]",
        ),
        TLS_CA: Words(
            "no CA that is trusted here signed the server's certificate",
            "name the certificate of your CA as ca_file of [{sink}]",
        ),
        TLS_CLIENT: Words(
            "the server wants another certificate from us: {detail}",
            "look at cert_file and key_file of [{sink}]: are they made for this gateway, by the CA the server trusts",
        ),
        TLS_NONE: Words(
            "{host}:{port} does not speak TLS, or ends the handshake",
            "compare url in [{sink}], and whether the server has TLS there",
        ),
        TLS_FILES: Words("{detail}", "put that file right; the agent takes it with its next attempt"),
        TLS_FAILS: Words(
            "the TLS handshake with {host}:{port} fails: {detail}", "compare TLS versions; the server's log says more"
        ),
        CERTIFICATE_ENDS: Words("{place}: {detail}", "renew it before that day: then this sink is shut"),
        BROKER_REFUSES: Words(
            "the broker does not let us in: {detail}", "look at username and password_file of [mqtt], and at its users"
        ),
        BROKER_RIGHTS: Words(
            "the broker lets us in, but not publish below {prefix}",
            "give this user the right to write {prefix}/# (mosquitto: acl_file)",
        ),
        DATABASE_TOKEN: Words(
            "the database refuses the token", "look at token_file of [influxdb]: is it whole, and not revoked"
        ),
        DATABASE_RIGHTS: Words(
            "the token may not write to bucket {bucket}", "give it the right, or make a token that has it"
        ),
        DATABASE_BUCKET: Words(
            "there is no bucket {bucket} (a database, with InfluxDB 1.x)", "create it, or correct bucket of [influxdb]"
        ),
        DATABASE_ANSWERS: Words(
            "{url} answers {status} to a write",
            "see that the url leads to InfluxDB itself, and what lies in front of it",
        ),
        DATABASE_UNMAPPED: Words(
            "rows are taken, but InfluxQL knows no database {bucket}: dashboards stay empty",
            "map it: `influx v1 dbrp create --db {bucket} --rp autogen --default --bucket-id ID`",
        ),
        CLOCK_WRONG: Words(
            "the clock says {time}, which cannot be",
            "set it, and see that chrony or timesyncd runs and reaches a server",
        ),
        CLOCK_UNSYNCED: Words("the clock is {detail}", "see that {source} reaches its servers: `chronyc sources`"),
        STATE_DIR: Words("the journal has no place: {detail}", "make the directory, or name another as state_dir"),
        DISK_READ_ONLY: Words(
            "the filesystem of {path} is read-only",
            "a card that fails is mounted so: look at `dmesg`, save what is on it, and replace it",
        ),
        DISK_FULL: Words(
            "{free_mib:.0f} MiB are free below {path}; the journal may need {wanted_mib:.0f} more",
            "make room, or lower journal.cap: a full disk stops what is kept, not what is watched",
        ),
        CARD_WORN: Words("{device}: {detail}", "copy what is on it, and put a new one in"),
        JOURNAL_FAILS: Words(
            "the journal cannot be read: {detail}", "look at the disk below it; `lamplighter journal SITE` says more"
        ),
        BACKLOG: Words(
            "{rows} rows wait, the oldest for {hours:.1f} h",
            "where a cause stands above, put that right: they follow by themselves; else see that the agent runs",
        ),
        ROWS_REFUSED: Words("{count} rows were refused for good", "`lamplighter journal SITE --refused` says why"),
    }
)
