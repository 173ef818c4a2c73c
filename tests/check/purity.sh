#!/bin/sh
# The proto and floor archives know no clock, socket, file, thread, environment, locale or random
# source. Method: every symbol that an object leaves undefined must be defined in one of the two
# archives or stand in purity.allow.
#
#   sh purity.sh BUILD_DIRECTORY
set -eu
here=$(dirname "$0")
build=${1:?"the build directory"}
export LC_ALL=C

list() { # archive: lines "archive object symbol" of what is undefined
    name=$(basename "$1" .a)
    nm -A --undefined-only "$build/lib/$name.a" 2>/dev/null |
        sed -n "s/^.*\.a:\([^:]*\)\.c\.o: *[Uw] \([^@]*\).*/${name#lib} \1 \2/p"
}

for archive in libxr_proto libxr_floor; do
    [ -f "$build/lib/$archive.a" ] || { echo "purity: no $build/lib/$archive.a" >&2; exit 1; }
done
nm --defined-only "$build/lib/libxr_proto.a" "$build/lib/libxr_floor.a" 2>/dev/null |
    awk 'NF == 3 { print $3 }' >"$build/purity.own"
{ list libxr_proto; list libxr_floor; } | sort -u >"$build/purity.used"
[ -s "$build/purity.used" ] || { echo "purity: the archives use nothing at all?" >&2; exit 1; }

# A line of the list: archive, object, regular expression of symbols; * is any.
awk '
    FILENAME == ARGV[1] { own[$1] = 1; next }
    FILENAME == ARGV[2] {
        sub(/#.*/, "")
        if (NF == 3) { archive[++n] = $1; object[n] = $2; symbol[n] = "^(" $3 ")$" }
        next
    }
    {
        if ($3 in own) next
        for (i = 1; i <= n; i++)
            if ((archive[i] == "*" || archive[i] == $1) && (object[i] == "*" || object[i] == $2) &&
                $3 ~ symbol[i]) next
        print "purity: " $1 "/" $2 ".c uses " $3
        bad = 1
    }
    END { exit bad }
' "$build/purity.own" "$here/purity.allow" "$build/purity.used"
