#!/bin/sh
# Install the Debian 12 packages that are missing; say nothing where none is.
#
#   sh deploy/packages.sh [build] [test] [bench]     default: build
#
# build  to compile and run      test  what deploy/test.sh needs besides
# bench  the peer that tests/bench measures beside us
#
# Runs as root or through sudo. Exit code 0: everything is there; 1: it is not, and the text says
# what to type.
set -eu

build='gcc libc6-dev cmake ninja-build pkgconf
    libuv1-dev libnanomsg-dev libmsgpack-dev liblmdb-dev libsodium-dev libjansson-dev libcmocka-dev'
test='clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev cppcheck binutils libnng-dev python3'
bench='redis-server libhiredis-dev'

wanted=
for group in "${@:-build}"; do
    case $group in
    build) wanted="$wanted $build" ;;
    test) wanted="$wanted $test" ;;
    bench) wanted="$wanted $bench" ;;
    *)
        echo "packages.sh: no group '$group'; there are build, test and bench" >&2
        exit 1
        ;;
    esac
done

if ! command -v dpkg-query >/dev/null 2>&1; then
    echo "packages.sh: this is not a Debian system. Xiaoer is made for Debian 12; elsewhere install" >&2
    echo "what these packages hold yourself, then build with CMake:" $wanted >&2
    exit 1
fi

missing=
for package in $wanted; do
    case $(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true) in
    *' ok installed') ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ]; then
    as_root='env'
elif command -v sudo >/dev/null 2>&1; then
    as_root='sudo env'
else
    echo "packages.sh: these packages are missing, and neither root nor sudo is at hand. As root type" >&2
    echo "    apt-get update && apt-get install --no-install-recommends$missing" >&2
    exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "Installing:$missing"
if ! {
    $as_root apt-get update -qq &&
        $as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
} >"$log" 2>&1; then
    cat "$log" >&2
    echo "packages.sh: apt-get could not install:$missing" >&2
    exit 1
fi
