#!/bin/sh
# Install what is missing, build with gcc (sanitized, and as shipped) and with clang, let three
# analyzers read it, run the fuzzers for a while and every test. Works from any directory. The last
# line is "N passed, N failed"; the exit code is 0 where nothing failed.
#
# Each build, analyzer and fuzzer counts as one test; the others are those of ctest
# (tests/README.md).
#   JOBS=4 sh deploy/test.sh              tests at the same time, default twice the cores
#   FUZZ_SECONDS=3600 sh deploy/test.sh   for each fuzzer, default 20; 0: the first inputs alone
set -u
cd "$(dirname "$0")/.." || exit 1

cores=$(nproc 2>/dev/null || echo 2)
jobs=${JOBS:-$((cores * 2))}
fuzz_seconds=${FUZZ_SECONDS:-20}
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

# ---- analyzers: what they must not find, and why, is in .clang-tidy and below -------------------

run_tidy() {
    log=build/tidy.log
    find server proto client -name '*.c' | sort |
        xargs -P "$cores" -n 1 clang-tidy-14 --quiet -p build/clang >"$log" 2>build/tidy.err && return 0
    cat "$log"
    return 1
}

# readdir is safe where each thread has a directory of its own, and glibc has deprecated readdir_r.
run_cppcheck() {
    log=build/cppcheck.log
    mkdir -p build/cppcheck
    cppcheck --project=build/clang/compile_commands.json -i tests -j "$cores" \
        --cppcheck-build-dir=build/cppcheck --enable=warning,performance,portability \
        --inline-suppr --suppress=readdirCalled --error-exitcode=1 --quiet >"$log" 2>&1 && return 0
    cat "$log"
    return 1
}

run_check() { # what, command…
    what=$1
    if stage "$@"; then
        count 1 0 ""
    else
        count 0 1 "$what"
    fi
}

run_fuzzers() {
    log=build/fuzz.log
    sh tests/fuzz/run.sh "$fuzz_seconds" >"$log" 2>&1
    status=$?
    cat "$log"
    all=$(grep -c '^fuzz [a-z]*: [0-9]' "$log")
    bad=$(grep -c '^fuzz [a-z]*: FAILED' "$log")
    [ "$all" -gt 0 ] || bad=1
    [ $status = 0 ] || [ "$bad" -gt 0 ] || bad=1
    [ "$all" -ge "$bad" ] || all=$bad
    count $((all - bad)) "$bad" "fuzz: $(sed -n 's/^fuzz \([a-z]*\): FAILED.*/\1/p' "$log" | tr '\n' ' ')"
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

if build_and_count clang; then
    run_check tidy run_tidy
    run_check cppcheck run_cppcheck
fi
# What gcc's analyzer is not asked for (CMakePresets.json): leaks, where it loses sight of memory
# that an object's first member stands for, or that may be stdin (LeakSanitizer watches every
# test); and uninitialized values, where it does not see that memcpy has written them.
build_and_count analyzer || true
build_and_count fuzz && stage "fuzz, $fuzz_seconds s each" run_fuzzers
for preset in asan release; do
    build_and_count $preset && stage "tests $preset" run_tests $preset
done
finish
