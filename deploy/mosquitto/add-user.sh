#!/bin/sh
# A user's password: made here, hashed into the broker's file, and left in a file of its own for whoever will use it.
#
#   add-user.sh SITE/GATEWAY [DIRECTORY]    a gateway, as site.name and site.gateway of its site file
#   add-user.sh reader.NAME [DIRECTORY]     who reads, as lamplighter.acl names it
#
# DIRECTORY: the broker's, by default /etc/mosquitto. Called again, the user gets a new password.
set -eu
umask 077

user=${1:-}; directory=${2:-/etc/mosquitto}
fail() {
    echo "add-user.sh: $1" >&2
    sed -n 's/^#   /  /p' "$0" >&2
    exit 2
}
word='[A-Za-z0-9_-][A-Za-z0-9_-]*'
printf '%s' "$user" | grep -qx -e "$word/$word" -e "reader\.$word" \
    || fail "found \"$user\"; allowed: SITE/GATEWAY or reader.NAME, of letters, digits, - and _."
[ -d "$directory" ] || fail "found no directory $directory; name the one that the broker's configuration is in."

passwords=$directory/lamplighter.passwords
password=$(head -c 24 /dev/urandom | base64 | tr '+/' '-_')
new=$(mktemp "$directory/.passwords.XXXXXX")
trap 'rm -f "$new"' EXIT
# Hashed from a file: on a command line every user of the machine could read it.
printf '%s:%s\n' "$user" "$password" > "$new"
mosquitto_passwd -U "$new"
if [ -e "$passwords" ]; then
    grep -v "^$user:" "$passwords" >> "$new" || :
    chmod --reference="$passwords" "$new"
    chown --reference="$passwords" "$new"
elif [ "$(id -u)" -eq 0 ] && id mosquitto >/dev/null 2>&1; then
    # The broker reads it as its own user.
    chgrp mosquitto "$new"
    chmod 640 "$new"
fi
mv "$new" "$passwords"

file=$(printf '%s' "$user" | tr / -).mqtt-password
printf '%s' "$password" > "$file"
echo "$user is in $passwords; the broker reads that upon: systemctl reload mosquitto"
echo "The password is in $file: take it where it is used, and delete it here."
