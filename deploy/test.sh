#!/bin/sh
# Install what is missing, build with gcc (sanitized, and as shipped) and with clang, run every
# test. Works from any directory. The last line is "N passed, N failed"; the exit code is 0 where
# nothing failed.
#
# Each build counts as one test; the others are those of ctest (tests/README.md).
#   JOBS=4 sh deploy/test.sh      tests at the same time, default twice the cores
set -u
cd "$(dirname "$0")/.." || exit 1

cores=$(nproc 2>/dev/null || echo 2)
jobs=${JOBS:-$((cores * 2))}
passed=0
failed=0
broken=

# ---- counting --------------------------------------------------------------------------------

count() { # passed failed what
    passed=$((passed + $1))
    failed=$((failed + $2))
    [ "$2" = 0 ] || broken="$broken
    $3"
}

stage() { # what, command…; prints the time it took
    what=$1
    shift
    begin=$(date +%s)
    echo "== $what"
    "$@"
    status=$?
    echo "== $what: $(($(date +%s) - begin)) s"
    return $status
}

finish() {
    [ "$failed" = 0 ] || echo "Failed:$broken"
    echo "$passed passed, $failed failed"
    [ "$failed" = 0 ] && exit 0
    exit 1
}

# ---- the stages ------------------------------------------------------------------------------

build() { # preset
    log=build/$1.log
    mkdir -p build
    if cmake --preset "$1" >"$log" 2>&1 && cmake --build --preset "$1" >>"$log" 2>&1; then
        return 0
    fi
    grep -v '^\[\|^--' "$log" | tail -n 60
    return 1
}

run_tests() { # preset
    log=build/$1-tests.log
    ctest --test-dir "build/$1" -j "$jobs" --timeout 1200 --output-on-failure >"$log" 2>&1
    status=$?
    # The log in full where something failed, else only the closing lines.
    if [ $status = 0 ]; then
        tail -n 4 "$log"
    else
        cat "$log"
    fi
    line=$(sed -n 's/.*tests passed, \([0-9]*\) tests* failed out of \([0-9]*\).*/\1 \2/p' "$log" | tail -n 1)
    if [ -z "$line" ]; then
        count 0 1 "$1: ctest found no tests"
        return 1
    fi
    count $((${line#* } - ${line% *})) "${line% *}" \
        "$1: $(sed -n 's/^\t *[0-9]* - \(.*\) (.*)$/\1/p' "$log" | sort -u | tr '\n' ' ')"
    return $status
}

build_and_count() { # preset
    if stage "build $1" build "$1"; then
        count 1 0 ""
        return 0
    fi
    count 0 1 "build $1"
    return 1
}

if ! stage packages sh deploy/packages.sh build test; then
    count 0 1 packages
    finish
fi

export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_leaks=1:check_initialization_order=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"

build_and_count clang || true
for preset in asan release; do
    build_and_count $preset && stage "tests $preset" run_tests $preset
done
finish
