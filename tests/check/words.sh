#!/bin/sh
# The project speaks of itself alone: no folder of one machine, no host of a package registry, no
# mark of an unfinished merge.
set -eu
cd "$(dirname "$0")/../.."
. tests/check/files.sh

# Each pattern is written with a bracket so that this file does not hold it.
patterns='(^|[^A-Za-z0-9_.-])/[w]ork/
/[h]ome/[a-z]
[d]eb\.debian\.org
[s]napshot\.debian\.org
[r]egistry\.npmjs|[p]ypi\.org|[f]iles\.pythonhosted
^[<]<<<<<< |^[>]>>>>>> '

bad=0
files=$(xr_files '*' | grep -v -E '\.(png|jpg|bin|mdb)$' || true)
[ -n "$files" ] || { echo "words: found no files" >&2; exit 1; }
while IFS= read -r pattern; do
    if grep -n -I -E -e "$pattern" $files /dev/null; then
        bad=1
    fi
done <<END
$patterns
END
[ $bad = 0 ] || echo "words: the lines above do not belong in the project" >&2
exit $bad
