#!/bin/sh
# `sh deploy/run.sh`: builds, starts, tells what to try; ends in order; the second start has the same
# passwords; --empty gives the owner's; one data folder serves one server.
#
#   sh run.sh          it uses the release preset, which has to be built
set -eu
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
child=
trap '[ -z "$child" ] || kill -TERM "$child" 2>/dev/null || true; wait; rm -rf "$folder"' EXIT

fail() {
    echo "run: $1" >&2
    cat "$folder/out" >&2
    exit 1
}

start() { # words that tell that it is up, arguments…
    words=$1
    shift
    sh deploy/run.sh "$@" >"$folder/out" 2>&1 &
    child=$!
    until grep -q "$words" "$folder/out"; do
        kill -0 "$child" 2>/dev/null || fail "it ended"
        sleep 0.1
    done
}

stop() {
    kill -TERM "$child"
    wait "$child" || fail "it did not stop in order"
    child=
    grep -q 'event=stopped\|info stopped' "$1/log" || fail "the server did not stop in order"
}

start 'explain 1' --data "$folder/shop"
grep -q '^Listening on ipc://' "$folder/out" || fail "it does not tell where it listens"
grep 'password' "$folder/out" >"$folder/passwords"
[ "$(wc -l <"$folder/passwords")" = 2 ] || fail "it does not tell two passwords"
if sh deploy/run.sh --data "$folder/shop" >"$folder/again" 2>&1; then
    fail "two servers on one data folder"
fi
kill -0 "$child" || fail "the second start ended the first"
stop "$folder/shop"

start 'explain 1' --data "$folder/shop"
grep 'password' "$folder/out" | cmp -s - "$folder/passwords" || fail "other passwords"
stop "$folder/shop"
build/release/bin/xiaoer check "$folder/shop" >/dev/null || fail "check"

start 'login owner' --data "$folder/empty" --empty
grep -q 'owner owner, password [a-z0-9]*' "$folder/out" || fail "it does not tell the password"
stop "$folder/empty"
