#!/bin/sh
# Installs what the tests meet and this machine lacks: mosquitto, InfluxDB 1.6.7, nginx-light, NUT, libmodbus, libfaketime and the like.
# What is named is wanted, too: a program, or PROGRAM=PACKAGE where Debian calls the package otherwise.
# chrony is only unpacked, beside the tests' Python: installed, it would begin to set this machine's clock.
set -eu

PATH="$PATH:/usr/sbin:/sbin"
unpacked="$(cd "$(dirname "$0")/../.." && pwd)/.venv/servers"
missing=""
need() { # program, package
    command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}
need mosquitto mosquitto
need mosquitto_sub mosquitto-clients
need influxd influxdb
need nginx nginx-light
need upsd nut-server
need openssl openssl
need gcc gcc
need faketime faketime
need mbpoll mbpoll
for more in "$@"; do need "${more%%=*}" "${more#*=}"; done
[ -e /usr/include/modbus/modbus.h ] || missing="$missing libmodbus-dev"
chrony=""
command -v chronyd >/dev/null 2>&1 || [ -x "$unpacked/usr/sbin/chronyd" ] || chrony=chrony
[ -z "$missing$chrony" ] && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests need:$missing $chrony. There is no apt-get here: install them as your system does, then try again." >&2
    exit 1
fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
        echo "The tests need:$missing $chrony. Run \"sudo $0\", or install them yourself, then try again." >&2
        exit 1
    fi
    as_root="sudo -n"
fi
$as_root apt-get update -qq
if [ -n "$chrony" ]; then
    # The libraries it is linked to are packages of their own.
    for library in $(apt-cache depends --important chrony | sed -n 's/.*Depends: \(lib.*\)/\1/p'); do
        dpkg -s "$library" >/dev/null 2>&1 || missing="$missing $library"
    done
    mkdir -p "$unpacked"
    (cd "$unpacked" && apt-get download -qq chrony && dpkg -x chrony_*.deb . && rm chrony_*.deb)
fi
[ -z "$missing" ] && exit 0

# A package may start a service of its own while it is installed. The tests do not use it: they start their servers
# themselves, on free ports.
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
