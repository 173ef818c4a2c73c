#!/bin/sh
# Run the fuzzers of build/fuzz (README.md), as many at a time as there are cores.
#
#   sh tests/fuzz/run.sh SECONDS [TARGET…]      default: all; SECONDS 0: the first inputs alone
#
# One line for each: how many inputs were tried, how fast, how much of the code was reached. What a
# run found to be new stays in build/fuzz/corpus/TARGET and is where the next one begins; what broke
# is in build/fuzz/found. Exit code: 0 where nothing broke.
set -u
cd "$(dirname "$0")/../.." || exit 2

if [ "${1:-}" = one ]; then # the script itself, through xargs
    seconds=$2 target=$3
    log=build/fuzz/$target.log
    mkdir -p "build/fuzz/corpus/$target" build/fuzz/found
    limit="-max_total_time=$seconds"
    [ "$seconds" -gt 0 ] || limit=-runs=0
    "build/fuzz/bin/fuzz_$target" "$limit" -timeout=60 -print_final_stats=1 \
        "-artifact_prefix=build/fuzz/found/$target-" \
        "build/fuzz/corpus/$target" "build/fuzz/seeds/$target" >"$log" 2>&1
    status=$?
    execs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    speed=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")
    edges=$(sed -n 's/^#[0-9].* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
    all=$(sed -n 's/^INFO: Loaded .*(\([0-9]*\) inline.*/\1/p' "$log")
    echo "fuzz $target: ${execs:-0} inputs, ${speed:-0}/s, ${edges:-0} of ${all:-?} edges"
    [ $status = 0 ] && exit 0
    echo "fuzz $target: FAILED, the end of $log:"
    tail -n 40 "$log"
    exit 1
fi

seconds=${1:?usage: run.sh SECONDS [TARGET…]}
shift
[ $# -gt 0 ] || set -- client day floor frame record sp
rm -rf build/fuzz/seeds
build/fuzz/bin/fuzz_seeds build/fuzz/seeds || exit 2
printf '%s\n' "$@" | xargs -n 1 -P "$(nproc 2>/dev/null || echo 2)" sh tests/fuzz/run.sh one "$seconds"
