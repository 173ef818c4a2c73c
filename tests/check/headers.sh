#!/bin/sh
# Every header compiles alone and twice. Method: a file that includes it two times and nothing else.
#
#   sh headers.sh [compiler]
set -eu
cd "$(dirname "$0")/../.."
compiler=${1:-cc}
flags="-std=c11 -D_GNU_SOURCE -DXR_VERSION=\"0\" -Wall -Wextra -Wpedantic -Werror -fsyntax-only
    -Iinclude -I. -Iserver -Iclient -Itests
    $(pkg-config --cflags libuv nanomsg msgpack lmdb libsodium jansson cmocka)"

count=0
bad=0
for header in $(find include proto server client tests -name '*.h' | sort); do
    count=$((count + 1))
    if ! printf '#include "%s"\n#include "%s"\ntypedef int xr_not_empty;\n' "$header" "$header" |
        $compiler $flags -x c - 2>&1; then
        echo "headers: $header does not compile alone and twice" >&2
        bad=1
    fi
done
[ $count -gt 0 ] || { echo "headers: found none" >&2; exit 1; }
exit $bad
