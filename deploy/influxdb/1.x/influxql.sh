#!/bin/sh
# Sends a file of InfluxQL to an InfluxDB 1.x and fails if any statement of it fails.
#
#   influxql.sh FILE
#
# INFLUX_URL: the server, by default http://127.0.0.1:8086
# INFLUX_LOGIN: a file of curl's, mode 600, with the line  user = "admin:password"  where the server asks for one
set -eu

file=${1:-}
if [ ! -r "$file" ]; then
    echo "influxql.sh: found no file \"$file\" to read; usage: influxql.sh FILE" >&2
    exit 2
fi
answer=$(curl -sS ${INFLUX_LOGIN:+--config "$INFLUX_LOGIN"} --max-time 600 \
    --data-urlencode "q@$file" "${INFLUX_URL:-http://127.0.0.1:8086}/query") || exit 1
case $answer in
    *'"error"'* | *'"err"'*)
        echo "influxql.sh: $file was refused, or a part of it: $answer" >&2
        exit 1 ;;
    *'"results"'*) echo "$file: done" ;;
    *)
        echo "influxql.sh: found no InfluxDB at ${INFLUX_URL:-http://127.0.0.1:8086}, it says: $answer" >&2
        exit 1 ;;
esac
