#!/bin/bash
# Ctrl-C, SIGTERM and SIGKILL of the harness at random moments: no process, no lock, no folder is left,
# and no half-written result.
. "$(dirname "$0")/lib.sh"

seed=${SYNCBED_TEST_SEED:-$RANDOM}
echo "SYNCBED_TEST_SEED=$seed"
RANDOM=$seed

cat >"$work/long.yaml" <<'YAML'
question: What is left of an interrupted run?
stores: [pg1, redis]
workload: {name: fanout, rate_per_s: 100, duration_s: 6, keys: 100, clients: 8, read_share: 0.1}
approaches: [xa, log]
schedules:
  - name: killed
    faults: [{at_s: 1, kill: serve1, at: worst, gather: 2, restart_after_s: 1}, {at_s: 3, pause: pg1, for_s: 1}]
warm_up_s: 1
YAML

# interrupt SIGNAL STATUS
interrupt() {
    local after=$((RANDOM % 90)) status=0
    "$syncbed" run "$work/long.yaml" --out "$work/out" >"$work/said" 2>&1 &
    local pid=$!
    sleep "$((after / 10)).$((after % 10))"
    kill "-$1" "$pid" 2>/dev/null || die "ended before SIG$1 at $after: $(tail -3 "$work/said")"
    wait "$pid" || status=$?
    [ "$status" -eq "$2" ] || die "SIG$1 after $after tenths: status $status, not $2: $(tail -3 "$work/said")"
    expect_nothing_left "SIG$1 after $after tenths of a second"
    [ ! -e "$work/out/results.json" ] || die "SIG$1: a result of an interrupted run"
}

for _ in 1 2; do
    interrupt INT 130
    interrupt TERM 143
    interrupt KILL 137
done

# Where `up` left servers, they stay, and only they.
expect_status 0 "$syncbed" up pg1 redis kafka
n=$(ours | wc -l)
for signal in INT KILL; do
    "$syncbed" run "$work/long.yaml" --out "$work/out" >"$work/said" 2>&1 &
    pid=$!
    sleep 5
    # Meanwhile nobody else may empty the stores.
    expect_status 2 "$syncbed" run "$work/long.yaml" --out "$work/other"
    kill -$signal "$pid"
    wait "$pid" || true
    for _ in $(seq 50); do
        "$syncbed" ps | grep -q ' role .* ready' || break
        sleep 0.1
    done
    "$syncbed" ps | grep ' role .* ready' && die "SIG$signal: roles are left under up"
done
expect_status 0 "$syncbed" ps
[ "$(grep -c ready "$work/said")" -eq 3 ] || die "the servers of up are not all there"
expect_status 0 "$syncbed" down
expect_nothing_left "after down"
