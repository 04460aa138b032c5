#!/bin/bash
# Files that are cut, missing or unreadable, and a disk that is full: one clear line that names the
# file, exit 2, no verdict from half a history, and what was there before stays.
. "$(dirname "$0")/lib.sh"

cat >"$work/small.yaml" <<'YAML'
question: What does syncbed do with damaged files?
stores: [pg1, redis]
workload: {name: fanout, rate_per_s: 200, duration_s: 2, keys: 50, clients: 8, read_share: 0.1}
approaches: [dual]
schedules: [{name: none}]
warm_up_s: 0
YAML
keep_up pg1 redis
expect_status 0 "$syncbed" run "$work/small.yaml" --out "$work/good"
run=runs/001-dual-fanout-none-s1

# said_one_line WHAT…: that, in one line of complaint, is all that was said.
said_one_line() {
    local word
    [ "$(wc -l <"$work/said")" -eq 1 ] || die "$* : more than one line: $(cat "$work/said")"
    for word in "$@"; do
        grep -qF -- "$word" "$work/said" || die "\"$word\" is not said: $(cat "$work/said")"
    done
}

# damage COMMAND FILE: a fresh copy of the good results, in which COMMAND was done to FILE. It is
# refused, and its earlier results.json is not taken for the new one.
damage() {
    rm -rf "$work/bad"
    cp -r "$work/good" "$work/bad"
    (cd "$work/bad" && eval "$1" "$2")
    expect_status 2 "$syncbed" check "$work/bad"
    said_one_line "${2##*/}"
    cmp -s "$work/good/results.json" "$work/bad/results.json" || die "$1 $2: results.json was touched"
}

cut_the_last_line() { sed -i '$d' "$1"; }
cut_in_a_line() { truncate -s -20 "$1"; }
cut_in_the_middle() { truncate -s "$(($(stat -c %s "$1") / 2))" "$1"; }
lose_a_line() { sed -i 5d "$1"; }
remove() { rm "$1"; }
make_unreadable() { rm "$1" && mkdir "$1"; } # root reads what its mode forbids, but no folder

for file in history.ndjson final/pg1.ndjson evidence.ndjson samples.ndjson faults.ndjson; do
    for what in cut_the_last_line cut_in_a_line remove make_unreadable; do
        damage $what $run/$file
    done
done
for what in cut_in_the_middle lose_a_line; do
    damage $what $run/history.ndjson
    damage $what $run/final/redis.ndjson
done
damage remove $run/config.yaml
damage make_unreadable $run/config.yaml
damage make_unreadable $run/phases.ndjson

# A run that does not say that it is complete is not judged at all.
for what in cut_the_last_line remove; do
    rm -rf "$work/bad"
    cp -r "$work/good" "$work/bad"
    $what "$work/bad/$run/phases.ndjson"
    expect_status 3 "$syncbed" check "$work/bad"
    expect_result "$work/bad/results.json" \
        'not r["runs"][0]["finished"] and not r["runs"][0].get("verdicts")'
done

# An experiment file that cannot be read, and an OUT that cannot be written.
expect_status 2 "$syncbed" run "$work" --out "$work/none"
said_one_line "$work"
[ ! -e "$work/none" ] || die "something was made for an experiment that could not be read"
touch "$work/file"
expect_status 2 "$syncbed" run "$work/small.yaml" --out "$work/file"
said_one_line "$work/file"

# A disk that fills up: at once, under the load, and when results are written. The servers of `up` do
# not see our mounts.
expect_status 0 "$syncbed" down
mkdir "$work/disk"
if ! unshare -m true 2>/dev/null; then
    echo "no mounts of our own here: the full disk is not tried"
    exit 0
fi

# on_small_disk SIZE COMMAND…: with so much room at $work/disk.
on_small_disk() {
    unshare -m bash -euc 'mount -t tmpfs -o "size=$1" none "$0"; shift; "$@"' "$work/disk" "$@"
}

run_and_list() {
    local status=0
    "$syncbed" run "$work/small.yaml" --out "$work/disk/out" || status=$?
    find "$work/disk" -name results.json
    return $status
}

check_without_room() {
    local status=0
    cp -r "$work/good" "$work/disk/out"
    cat /dev/zero >"$work/disk/filler" 2>/dev/null || true
    "$syncbed" check "$work/disk/out" || status=$?
    cmp "$work/good/results.json" "$work/disk/out/results.json"
    return $status
}

export -f run_and_list check_without_room
export syncbed work
for size in 8k 60k; do
    expect_status 2 on_small_disk $size bash -c run_and_list
    grep -q '^syncbed: .*: No space left on device$' "$work/said" || die "$size: $(cat "$work/said")"
    ! grep -q 'results.json' "$work/said" || die "$size: results of a run that could not be recorded"
done
expect_status 2 on_small_disk 8m bash -c check_without_room
said_one_line "No space left on device"
