#!/bin/sh
# The bench with a server of its own, small: every message arrives once and in order (it fails
# otherwise), all figures are there, and nothing is left behind.
#
#   sh bench.sh BIN_DIRECTORY
set -eu
bin=${1:?"the folder of the programs"}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

for transport in '' --tcp; do
    "$bin/xiaoer" bench --spawn $transport --folder "$folder" --sessions 1024 --agents 35 \
        --bridges 2 --messages 1000 --prefill 1000 --json >"$folder/figures"
    for figure in rate_per_s p50_ms p99_ms start_ms prefill_rate_per_s alone_ratio; do
        grep -q "\"$figure\": *[0-9.]*[1-9]" "$folder/figures" || {
            echo "bench: no $figure in $(cat "$folder/figures")" >&2
            exit 1
        }
    done
    rm "$folder/figures"
    [ -z "$(ls -A "$folder")" ] || { echo "bench: left $(ls -A "$folder")" >&2; exit 1; }
done
