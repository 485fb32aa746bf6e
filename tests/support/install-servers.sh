#!/bin/sh
# Installs what the tests meet and this machine lacks: mosquitto, InfluxDB 1.6.7, nginx-light, NUT, libmodbus, libfaketime and the like.
set -eu

PATH="$PATH:/usr/sbin:/sbin"
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
[ -e /usr/include/modbus/modbus.h ] || missing="$missing libmodbus-dev"
[ -z "$missing" ] && exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "The tests need:$missing. There is no apt-get here: install them as your system does, then try again." >&2
    exit 1
fi
as_root=""
if [ "$(id -u)" -ne 0 ]; then
    if ! sudo -n true 2>/dev/null; then
        echo "The tests need:$missing. Run \"sudo apt-get install$missing\", then try again." >&2
        exit 1
    fi
    as_root="sudo -n"
fi

# A package may start a service of its own while it is installed. The tests do not use it: they start their servers
# themselves, on free ports.
$as_root apt-get update -qq
# shellcheck disable=SC2086 # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >&2
