#!/bin/sh
# Who may include whom. Method: every #include "…" of ours is compared with the table below: the
# folder of the file, then the folders that it may include from. The longest folder counts.
# The public headers <xiaoer/…> may be included by all; they include only each other.
set -eu
cd "$(dirname "$0")/../.."
. tests/check/files.sh

table='include         -
proto           proto
server/base     base proto
server/floor    floor proto
server/store    store floor base proto
server/engine   engine store floor base proto
server/gate     gate engine store floor base proto
server          gate engine store floor base proto main
client/lib      lib proto
client/cli      cli engine store floor base proto
client          lib proto'

files=$(xr_files '*.c' '*.h' | grep -E '^(include|proto|server|client)/' || true)
[ -n "$files" ] || { echo "layering: found no files" >&2; exit 1; }
printf '%s\n' "$table" | awk '
    FILENAME == "-" { may[$1] = " "; for (i = 2; i <= NF; i++) may[$1] = may[$1] $i " "; next }
    FNR == 1 {
        here = FILENAME
        sub(/\/[^\/]*$/, "", here)
        room = here
        while (!(room in may) && sub(/\/[^\/]*$/, "", room)) { }
        own = room
        sub(/^.*\//, "", own)
    }
    /^[ \t]*#[ \t]*include[ \t]*"/ {
        split($0, part, "\"")
        target = part[2]
        if (target ~ /^xiaoer\//) next
        sub(/^(server|client)\//, "", target)
        if (target !~ /\//) folder = own == "server" ? "main" : own
        else { folder = target; sub(/\/.*/, "", folder) }
        if (room == "server" && folder == "server") folder = "main"
        if (index(may[room], " " folder " ") == 0) {
            print "layering: " FILENAME ":" FNR " may not include " part[2]
            bad = 1
        }
    }
    END { exit bad }
' - $files
