# Read by the checks with `.`: list the project's own files, by git where it is, else by find.
# xr_files SUFFIX-PATTERN…   for example: xr_files '*.c' '*.h'
xr_files() {
    if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
        git ls-files -- "$@"
        return
    fi
    for pattern in "$@"; do
        find . \( -path ./build -o -path ./var -o -path ./.git \) -prune -o -type f \
            -name "$pattern" -print | sed 's#^\./##'
    done
}
