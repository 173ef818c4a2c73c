#!/bin/sh
# Every relative link of a document leads to something that is there.
set -eu
cd "$(dirname "$0")/../.."
. tests/check/files.sh

files=$(xr_files '*.md')
[ -n "$files" ] || { echo "links: found no documents" >&2; exit 1; }
bad=0
for file in $files; do
    folder=$(dirname "$file")
    for link in $(grep -o ']([^)#: ]*[)#]' "$file" | sed 's/^](//; s/[)#]$//' | sort -u); do
        [ -z "$link" ] || [ -e "$folder/$link" ] || { echo "links: $file leads to $link" >&2; bad=1; }
    done
done
exit $bad
