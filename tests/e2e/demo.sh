#!/bin/sh
# The demo as a person meets it: the first run founds the shop and its buyers are served; the second
# run keeps accounts and passwords and takes up what was open; a person's account is given sessions;
# killed in between, the store holds.
#
#   sh demo.sh BIN_DIRECTORY
set -eu
here=$(cd "$(dirname "$0")/../.." && pwd)
bin=${1:?"the folder of the programs"}
folder=$(mktemp -d)
server=
shop=
trap 'for child in $server $shop; do kill -9 "$child" 2>/dev/null || true; done; rm -rf "$folder"' EXIT
export XDG_CONFIG_HOME="$folder/config"
address=ipc://$folder/socket
echo a-long-enough-password >"$folder/owner"

fail() {
    echo "demo: $1" >&2
    tail -n 20 "$folder/log" >&2
    exit 1
}

start() {
    "$bin/xiaoerd" --data "$folder/data" --listen "$address" \
        --owner-password-file "$folder/owner" >"$folder/out" 2>>"$folder/log" &
    server=$!
    until grep -q '^ready' "$folder/out"; do
        kill -0 "$server" 2>/dev/null || fail "the server did not start"
        sleep 0.1
    done
}

demo() { # sessions; for a subshell
    exec "$bin/xiaoer" demo --server "$address" --data "$folder/demo" --texts "$here/deploy/demo" \
        --owner-password-file "$folder/owner" --speed 100 --sessions "$1" --json
}

ask() { # login, command…
    login=$1
    shift
    "$bin/xiaoer" --server "$address" --login "$login" --json "$@"
}

password() { # chen|xiaoxin
    sed -n "1s/.*\"login\": *\"$1\", *\"password\": *\"\([^\"]*\)\".*/\1/p" "$folder/first"
}

start
(demo 20) >"$folder/first" || fail "the first run failed"
grep -q '"refused": *0}' "$folder/first" || fail "commands were refused: $(cat "$folder/first")"
password chen | "$bin/xiaoer" --server "$address" login chen >/dev/null || fail "no supervisor"
accounts=$(ask chen agents | grep -o '"login"' | wc -l)
open=$(ask chen sessions | grep -o '"nick"' | wc -l)
[ "$open" -gt 0 ] || fail "nothing was left open for the second run"

kill -9 "$server"
wait "$server" 2>/dev/null || true
"$bin/xiaoer" check "$folder/data" >/dev/null || fail "check after kill -9"
start
(demo 40) >"$folder/second" || fail "the second run failed"
[ "$(sed -n 1p "$folder/first")" = "$(sed -n 1p "$folder/second")" ] || fail "other passwords"
[ "$(ask chen agents | grep -o '"login"' | wc -l)" = "$accounts" ] || fail "other accounts"

# A person at the guest's account: given a session, says something, ends.
password xiaoxin | "$bin/xiaoer" --server "$address" login xiaoxin >/dev/null || fail "no guest"
demo 0 >"$folder/third" &
shop=$!
printf '/wait\n您好，马上帮您看\n/quit\n' | ask xiaoxin attach >"$folder/guest" ||
    fail "attach failed: $(tail -n 3 "$folder/guest")"
grep -q '"assigned"' "$folder/guest" || fail "the guest was given nothing"
kill -TERM "$shop"
wait "$shop" || fail "the demo did not stop in order"
shop=
kill -TERM "$server"
wait "$server" || fail "the server did not stop in order"
server=
"$bin/xiaoer" check "$folder/data" >/dev/null || fail "check at the end"
