#!/bin/sh
# A check that cannot fail proves nothing. Method: a small tree that breaks one rule at a time; each
# check has to pass before and to fail after.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
bad=0

begin() { # a clean tree
    rm -rf "$tree"
    mkdir -p "$tree/tests/check" "$tree/include/xiaoer" "$tree/proto" "$tree/server/floor" \
        "$tree/server/store" "$tree/client" "$tree/build/lib"
    cp "$here"/*.sh "$here"/*.allow "$tree/tests/check/"
    cp "$here/../../.clang-format" "$tree/"
    printf '#ifndef A_H\n#define A_H\nint xr_a(void);\n#endif\n' >"$tree/proto/a.h"
    printf '#include "proto/a.h"\n\nint xr_a(void)\n{\n    return 1;\n}\n' >"$tree/proto/a.c"
    printf '#include "proto/a.h"\n\nint xr_f(void);\n\nint xr_f(void)\n{\n    return xr_a();\n}\n' \
        >"$tree/server/floor/f.c"
}

archives() {
    (cd "$tree" && rm -f build/lib/*.a &&
        cc -I. -c proto/a.c -o build/a.c.o && cc -I. -c server/floor/f.c -o build/f.c.o &&
        ar rc build/lib/libxr_proto.a build/a.c.o && ar rc build/lib/libxr_floor.a build/f.c.o)
}

expect() { # passes|fails, check, arguments…
    wanted=$1
    check=$2
    shift 2
    if (cd "$tree" && sh "tests/check/$check.sh" "$@") >"$tree.log" 2>&1; then is=passes; else is=fails; fi
    if [ $is != "$wanted" ]; then
        echo "canary: $check $is, and should not:" >&2
        cat "$tree.log" >&2
        bad=1
    fi
    rm -f "$tree.log"
}

begin
archives
expect passes purity build
printf '#include <time.h>\n#include "proto/a.h"\n\nint xr_f(void)\n{\n    return (int)time(0) + xr_a();\n}\n' \
    >"$tree/server/floor/f.c"
archives
expect fails purity build

begin
expect passes layering
printf '#include "store/s.h"\n' >>"$tree/server/floor/f.c"
expect fails layering

begin
expect passes headers
printf 'typedef struct { int a; } xr_twice;\n' >>"$tree/proto/a.h"
expect fails headers

begin
expect passes format
printf 'int   xr_b(void);\n' >>"$tree/proto/a.h"
expect fails format

begin
expect passes words
printf 'see /%s/main/notes\n' work >"$tree/notes.md"
expect fails words

begin
printf '[here](notes.md) and [there](https://example.org/x)\n' >"$tree/notes.md"
expect passes links
printf '[nowhere](gone.md)\n' >>"$tree/notes.md"
expect fails links

exit $bad
