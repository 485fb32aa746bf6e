#!/bin/sh
# Buckets, mappings and tasks on an InfluxDB 2.x, by its command `influx`. From documentation, not run here.
#
#   setup.sh ORG
#
# `influx config` or INFLUX_HOST and INFLUX_TOKEN say where and with which right (an operator token).
set -eu
cd "$(dirname "$0")"

org=${1:-}
if [ -z "$org" ]; then
    echo "setup.sh: found no organisation; usage: setup.sh ORG" >&2
    exit 2
fi

bucket_id() {
    influx bucket list --org "$org" --name "$1" --hide-headers | awk '{print $1}'
}
for one in "lamplighter 90d" "lamplighter_years 0"; do
    # shellcheck disable=SC2086 # two words
    set -- $one
    [ -n "$(bucket_id "$1" 2>/dev/null || :)" ] || influx bucket create --org "$org" --name "$1" --retention "$2"
    # Without a mapping InfluxQL, and so every dashboard, answers "database not found". Later versions of 2 have
    # one by the bucket's name; said outright it holds for all.
    influx v1 dbrp create --org "$org" --db "$1" --rp autogen --bucket-id "$(bucket_id "$1")" --default
done
influx task create --org "$org" --file keep.flux
influx task create --org "$org" --file hours.flux

echo "A token for gateways, which write, and one for Grafana, which reads:"
influx auth create --org "$org" --description "lamplighter gateways" --write-bucket "$(bucket_id lamplighter)"
influx auth create --org "$org" --description "lamplighter grafana" \
    --read-bucket "$(bucket_id lamplighter)" --read-bucket "$(bucket_id lamplighter_years)"
