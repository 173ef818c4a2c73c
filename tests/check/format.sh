#!/bin/sh
# .clang-format decides the layout of every C file.
set -eu
cd "$(dirname "$0")/../.."
. tests/check/files.sh
tool=$(command -v clang-format-14 || command -v clang-format) || {
    echo "format: clang-format-14 is missing (sh deploy/packages.sh test)" >&2
    exit 1
}
files=$(xr_files '*.c' '*.h')
[ -n "$files" ] || { echo "format: found no files" >&2; exit 1; }
$tool --dry-run -Werror $files
