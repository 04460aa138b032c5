#!/bin/bash
# What nobody planned. A role that crashes by itself is no fault of the schedule's: it is told with its reason, the run is
# not called clean, and it is never booked as a kill of ours - also while a crash point is armed.
. "$(dirname "$0")/lib.sh"

cat >"$work/crash.yaml" <<'YAML'
question: What if a front door crashes by itself?
stores: [pg1, redis]
workload: {name: fanout, rate_per_s: 100, duration_s: 2.5, keys: 300, clients: 4}
approaches: [log]
schedules:
  - name: none
  - name: armed
    faults: [{at_s: 0.2, kill: serve1, at: log-acknowledged, gather: 1000, restart_after_s: 0.2}]
  - name: paused
    faults: [{at_s: 0.2, pause: pg1, for_s: 1.5}]
warm_up_s: 0
YAML

keep_up pg1 redis kafka

# The pid of a role of this test, once FILE of its run has a line with TEXT.
role_once() {
    local role=$1 file=$2 text=$3 pid
    for _ in $(seq 300); do
        if grep -qs "$text" "$work"/out/runs/*/"$file"; then
            for pid in $(ours); do
                grep -qzsx -- "$role" "/proc/$pid/cmdline" && echo "$pid" && return
            done
        fi
        sleep 0.1
    done
    die "no $role with $text in $file"
}

# strike STATUS SIGNAL ROLE FILE TEXT ARGUMENT …: a run in which ROLE gets SIGNAL then.
strike() {
    local want=$1 signal=$2 role=$3 file=$4 text=$5 status=0 run pid
    shift 5
    rm -rf "$work/out"
    "$syncbed" run "$work/crash.yaml" --out "$work/out" "$@" >"$work/said" 2>&1 &
    run=$!
    pid=$(role_once "$role" "$file" "$text")
    kill "-$signal" "$pid"
    wait "$run" || status=$?
    [ "$status" -eq "$want" ] || die "$*: status $status, not $want: $(tail -20 "$work/said")"
}

# crash SCHEDULE FILE TEXT: promises cannot be judged after that.
crash() {
    strike 3 SEGV serve1 "$2" "$3" --only "log/$1"
    expect_result "$work/out/results.json" "[e['role'] for e in run['log/$1']['ended']] == ['serve1']"
    expect_result "$work/out/results.json" "run['log/$1']['ended'][0]['why'].startswith('serve1 ended ')"
    expect_result "$work/out/results.json" "not any(v['promised'] and v['verdict'] == 'valid' for v in run['log/$1']['verdicts'].values())"
    grep -q '? serve1 ended by itself' "$work/said" || die "$1: the table does not name serve1"
}

crash none samples.ndjson '"t":"door"'
crash armed faults.ndjson '"t":"armed"'
grep -q '"t":"begin"' "$work"/out/runs/*/faults.ndjson && die "its crash was booked as our kill"
grep -q '"t":"skipped".*"why":"it had ended by itself"' "$work"/out/runs/*/faults.ndjson ||
    die "the fault was not skipped"

# A run whose load dies is broken off: it is told as not finished, and the others are carried out.
strike 3 KILL load samples.ndjson '"t":"door"' --only log/none --repeat 2
expect_result "$work/out/results.json" 'sorted(x["finished"] for x in r["runs"]) == [False, True]'
grep -q 'broke off: the load broke off' "$work/said" || die "does not say why the run broke off"
grep -q '"t":"broken_off"' "$work"/out/runs/*/phases.ndjson || die "does not note why it broke off"
[ -s "$work/out/report.html" ] || die "no report of what there is"

# What it had paused goes on, or no other run could follow.
strike 3 KILL load faults.ndjson '"t":"begin".*"action":"pause"' --only log/paused --repeat 2
expect_result "$work/out/results.json" 'sorted((x["finished"], x.get("settled")) for x in r["runs"]) == [(False, None), (True, True)]'
grep -L '"t":"end".*"target":"pg1"' "$work"/out/runs/*/faults.ndjson | grep -q . || die "the pause was over before"

# With nothing to judge there is no result.
strike 2 KILL load samples.ndjson '"t":"door"' --only log/none
[ ! -e "$work/out/results.json" ] || die "a result of nothing"
expect_status 0 "$syncbed" down
expect_nothing_left "after the crashes"
