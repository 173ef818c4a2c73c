#!/bin/sh
# Install what is missing, build, and run Xiaoer in the foreground until Ctrl-C.
#
#   sh deploy/run.sh              with a demo shop: buyers come in and are answered
#   sh deploy/run.sh --empty      a floor with nobody but its owner
#   sh deploy/run.sh --data DIR   keep the data there instead of in ./var
#
# Works from any directory. A second start goes on with the data of the first.
set -u
from=$PWD
cd "$(dirname "$0")/.." || exit 1

usage() {
    sed -n '2,8s/^# \{0,1\}//p' deploy/run.sh
}

empty=
data=var
while [ $# -gt 0 ]; do
    case $1 in
    --empty) empty=1 ;;
    --data)
        [ $# -gt 1 ] || { echo "run.sh: --data wants a directory" >&2; exit 2; }
        shift
        case $1 in
        /*) data=$1 ;;
        *) data=$from/$1 ;;
        esac
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        echo "run.sh: there is no option $1" >&2
        usage >&2
        exit 2
        ;;
    esac
    shift
done

# ---- build -----------------------------------------------------------------------------------

sh deploy/packages.sh build || exit 1
umask 022
mkdir -p build || exit 1
(umask 077 && mkdir -p "$data" && : >>"$data/log") || exit 1
bin=build/release/bin
[ -x $bin/xiaoerd ] || echo "Building; the first time takes a minute or two (build/run.log)."
if ! { cmake --preset release && cmake --build --preset release --target xiaoerd xiaoer; } \
    >build/run.log 2>&1; then
    grep -v '^\[\|^--' build/run.log | tail -n 40 >&2
    echo "run.sh: the build failed; all of it is in build/run.log" >&2
    exit 1
fi

# ---- the server ------------------------------------------------------------------------------

# The owner of a new floor gets a password that the demo knows; --empty lets the server draw one.
log=$data/log
owner=$data/owner
socket=ipc://$data/xiaoer.sock
[ "$data" != var ] || socket=ipc://./var/xiaoer.sock
if [ -z "$empty" ] && [ ! -e "$data/data.mdb" ]; then
    (umask 077 && od -An -N12 -tx1 /dev/urandom | tr -d ' \n' >"$owner" && echo >>"$owner")
fi
given=
[ -n "$empty" ] || [ ! -s "$owner" ] || given="--owner-password-file $owner"

if [ -z "$empty" ] && [ -z "$given" ]; then
    echo "run.sh: $data belongs to a floor without the demo; take --empty, or --data DIR" >&2
    exit 1
fi
# Port 7400 where it is free, else any.
port=7400
! grep -qi ':1CE8 00000000:0000 0A' /proc/net/tcp 2>/dev/null || port=0

# shellcheck disable=SC2086
$bin/xiaoerd --data "$data" --listen "ipc://$data/xiaoer.sock" --listen "tcp://127.0.0.1:$port" \
    $given >"$data/out" 2>>"$log" &
server=$!
demo=
stop() { # exit code
    trap '' INT TERM
    for child in $demo $server; do
        kill -TERM "$child" 2>/dev/null
        wait "$child" 2>/dev/null
    done
    rm -f "$data/out"
    exit "$1"
}
trap 'echo; echo "Stopping."; stop 0' INT TERM
until grep -q '^ready' "$data/out" 2>/dev/null; do
    if ! kill -0 "$server" 2>/dev/null; then
        tail -n 3 "$log" >&2
        echo "run.sh: the server did not start; its log is $log" >&2
        stop 1
    fi
    sleep 0.1
done
echo "Listening on$(sed -n 's/^ready//p' "$data/out"); its log is $log"

# ---- what runs on it -------------------------------------------------------------------------

with=
[ "$data" = var ] || with=" --server $socket"
if [ -n "$empty" ]; then
    sed -n 's/^floor/Floor/p' "$data/out"
    cat <<END

Ctrl-C stops it. Next, in a second terminal in $PWD:
  1. $bin/xiaoer$with login owner
  2. $bin/xiaoer$with --login owner accounts add chen --role supervisor --password-file -
  3. $bin/xiaoer$with --login owner status
The operator's manual is deploy/README.md.
END
    wait "$server"
    stop $?
fi

$bin/xiaoer demo --server "$socket" --data "$data/demo" --owner-password-file "$owner" &
demo=$!
(while kill -0 $server 2>/dev/null; do sleep 1; done; kill -TERM $demo 2>/dev/null) &
wait $demo
status=$?
kill -0 $server 2>/dev/null || { echo "run.sh: the server has ended; its log is $log" >&2; status=1; }
stop $status
