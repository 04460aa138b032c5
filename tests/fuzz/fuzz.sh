#!/bin/bash
# Builds the fuzz targets with clang, or runs one of them.
#
#   fuzz.sh BUILD                 build them in the folder BUILD
#   fuzz.sh BUILD NAME SECONDS    fuzz fuzz_NAME for so long, from corpus/NAME
#
# What was found in earlier runs stays in BUILD/found-NAME and is gone on from. An input that breaks
# is left as BUILD/broken-NAME-*: mend it, then add the input to corpus/NAME.
set -euo pipefail
here=$(dirname "$(readlink -f -- "$0")")
root=$here/../..
build=$1

if (($# == 1)); then
    cd "$root"
    launcher=()
    if command -v ccache >/dev/null; then
        launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache)
    fi
    cmake --preset fuzz -B "$build" "${launcher[@]}"
    exec cmake --build "$build" --target fuzzers
fi

name=$2
seeds=("$here/corpus/$name")
if [[ $name == experiment ]]; then
    seeds+=("$root/experiments")
fi
mkdir -p "$build/found-$name"
# Only what others leave of the processor: tests that look at latencies may run beside. Where the
# kernel groups processes by session, it is the session that is to be nice.
aside() {
    exec setsid --wait nice -n 19 bash -c \
        '{ echo 19 >/proc/self/autogroup; } 2>/dev/null; exec "$0" "$@"' "$@"
}
aside "$build/tests/fuzz/fuzz_$name" -max_total_time="$3" -max_len=8192 -timeout=10 \
    -rss_limit_mb=1024 -print_final_stats=1 -dict="$here/$name.dict" \
    -artifact_prefix="$build/broken-$name-" "$build/found-$name" "${seeds[@]}"
