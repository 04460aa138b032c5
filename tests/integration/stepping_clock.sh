#!/bin/bash
# The wall clock jumps an hour forth and back every second (stepping_clock.c): nothing is measured by it,
# waits by it, or is judged by it.
. "$(dirname "$0")/lib.sh"

cc -shared -fPIC -O1 -Wall -Werror -o "$work/clock.so" "$(dirname "$0")/stepping_clock.c"
cat >"$work/clock.yaml" <<'YAML'
question: Does a wall clock that steps change anything?
stores: [pg1, redis]
workload: {name: fanout, rate_per_s: 100, duration_s: 4, keys: 50, clients: 8, read_share: 0.1}
approaches: [xa, log]
schedules:
  - name: killed
    faults: [{at_s: 1, kill: serve1, restart_after_s: 1}]
warm_up_s: 0
YAML

# It works: a syncbed and another program differ by an hour in every other second.
cp "$(command -v date)" "$work/syncbed"
for _ in $(seq 40); do
    ahead=$(($(LD_PRELOAD=$work/clock.so "$work/syncbed" +%s) - $(LD_PRELOAD=$work/clock.so date +%s)))
    [ $ahead -lt 3000 ] || break
    sleep 0.1
done
[ $ahead -ge 3000 ] || die "the clock does not step"

# The sanitizers' libraries want to be first.
began=$SECONDS
ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 LD_PRELOAD=$work/clock.so \
    expect_status 0 "$syncbed" run "$work/clock.yaml" --out "$work/out"
[ $((SECONDS - began)) -lt 120 ] || die "a run of four seconds took $((SECONDS - began)) s"
for approach in xa log; do
    expect_result "$work/out/results.json" "run['$approach/killed']['settled']"
    expect_result "$work/out/results.json" \
        "all(0 <= x < 5000 for x in (run['$approach/killed']['latency_ms']['ack'][p] for p in ('p50', 'p99', 'max')))"
done
expect_nothing_left "clock"
