#!/bin/sh
# The same job on the same disk, one after the other: `xiaoer bench`, then Redis Streams with
# appendfsync always (redis_baseline.c). Not a test: it prints figures.
#
#   sh tests/bench/redis.sh [--json] [--seconds N] [--agents N]
#
# Wants the packages of `sh deploy/packages.sh bench`, and builds the release preset.
set -eu
cd "$(dirname "$0")/../.."
sh deploy/packages.sh build bench
cmake --preset release >/dev/null
cmake --build --preset release --target xiaoer xiaoerd redis_baseline >/dev/null
bin=build/release/bin

json=
case " $* " in *' --json '*) json=1 ;; esac
folder=$(mktemp -d /var/tmp/redis-bench.XXXXXX)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM

$bin/xiaoer bench --spawn "$@" >"$folder/ours"

redis-server --port 0 --unixsocket "$folder/socket" --dir "$folder" --save '' \
    --appendonly yes --appendfsync always --daemonize no >"$folder/log" 2>&1 &
server=$!
tries=0
until redis-cli -s "$folder/socket" ping >/dev/null 2>&1; do
    tries=$((tries + 1))
    kill -0 "$server" 2>/dev/null && [ $tries -lt 100 ] || { cat "$folder/log" >&2; exit 1; }
    sleep 0.1
done
$bin/redis_baseline "$folder/socket" "$@" >"$folder/theirs"

if [ -n "$json" ]; then
    printf '{"xiaoer": %s, "redis": %s}\n' "$(cat "$folder/ours")" "$(cat "$folder/theirs")"
else
    cat "$folder/ours"
    printf '\nRedis %s, Streams, appendonly yes, appendfsync always, a consumer group for each agent\n\n' \
        "$(redis-server --version | sed 's/.*v=\([0-9.]*\).*/\1/')"
    cat "$folder/theirs"
fi
