#!/bin/bash
# A role that crashes by itself is no fault of the schedule's: it is told with its reason, the run is
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
warm_up_s: 0
YAML

# The pid of a role of this test, once FILE of its run has a line with TEXT.
role_once() {
    local role=$1 file=$2 text=$3 pid
    for _ in $(seq 300); do
        if grep -qs "$text" "$work"/out/runs/*/"$file"; then
            for pid in $(ours); do
                tr '\0' ' ' <"/proc/$pid/cmdline" | grep -q -- "--name $role " && echo "$pid" && return
            done
        fi
        sleep 0.1
    done
    die "no $role with $text in $file"
}

# crash SCHEDULE FILE TEXT: serve1 gets a SIGSEGV then; promises cannot be judged after that.
crash() {
    local status=0 run pid
    "$syncbed" run "$work/crash.yaml" --out "$work/out" --only "log/$1" >"$work/said" 2>&1 &
    run=$!
    pid=$(role_once serve1 "$2" "$3")
    kill -SEGV "$pid"
    wait "$run" || status=$?
    [ "$status" -eq 3 ] || die "$1: status $status, not 3: $(tail -20 "$work/said")"
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
expect_nothing_left "after the crashes"
