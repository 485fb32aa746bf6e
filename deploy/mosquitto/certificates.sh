#!/bin/sh
# A small CA for the broker and its gateways, where you have none. All into the directory that it is called in.
#
#   certificates.sh ca                     ca.pem, ca.key: keep ca.key away from the broker
#   certificates.sh server NAME [NAME..]   server.pem, server.key: by these names or addresses gateways reach the broker
#   certificates.sh gateway SITE GATEWAY   SITE-GATEWAY.pem, SITE-GATEWAY.key
set -eu
umask 077
new="-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"

fail() {
    echo "certificates.sh: $1" >&2
    sed -n 's/^#   /  /p' "$0" >&2
    exit 2
}

signed() { # name, days, subject, extensions
    [ -e ca.key ] || fail "no ca.key here: run \"certificates.sh ca\" first, in this directory."
    printf '%s\n' "basicConstraints=CA:FALSE" "$4" > "$1.ext"
    # shellcheck disable=SC2086 # a list of words
    openssl req -new $new -keyout "$1.key" -out "$1.csr" -subj "$3" 2>/dev/null
    openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -CAcreateserial -days "$2" -extfile "$1.ext" -out "$1.pem" 2>/dev/null
    rm -f "$1.csr" "$1.ext"
    chmod 644 "$1.pem"
    echo "$1.pem and $1.key, for $2 days"
}

case ${1:-} in
    ca)
        [ ! -e ca.key ] || fail "there is a ca.key here: another CA would make every certificate worthless."
        # shellcheck disable=SC2086
        openssl req -x509 $new -keyout ca.key -out ca.pem -days 3650 -subj "/CN=Lamplighter gateways" 2>/dev/null
        chmod 644 ca.pem
        echo "ca.pem and ca.key, for 3650 days"
        ;;
    server)
        shift
        [ $# -ge 1 ] || fail "server needs the names or addresses by which it is reached."
        names=""
        for name in "$@"; do
            case $name in
                *[!0-9.]*) names="$names,DNS:$name" ;;
                *) names="$names,IP:$name" ;;
            esac
        done
        signed server 730 "/CN=$1" "subjectAltName=${names#,}
extendedKeyUsage=serverAuth"
        ;;
    gateway)
        for name in "${2:-}" "${3:-}"; do
            case $name in
                "" | *[!A-Za-z0-9_-]*) fail "found \"$name\"; allowed: letters, digits, - and _, as site.name and site.gateway." ;;
            esac
        done
        # The slash of the name belongs to it: without the backslash openssl would end the name there.
        signed "$2-$3" 730 "/CN=$2\\/$3" "extendedKeyUsage=clientAuth"
        ;;
    *) fail "found \"${1:-}\"; allowed: ca, server, gateway." ;;
esac
