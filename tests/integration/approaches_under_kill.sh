#!/bin/bash
# Each approach × each kind of kill and pause, on real servers with a short load: what is promised is
# kept, every fault begins and ends, every run comes to rest - and what each fault must do to each
# approach is seen: a fault that does nothing proves nothing.
. "$(dirname "$0")/lib.sh"

cat >"$work/kills.yaml" <<'YAML'
question: Are promises kept whatever is killed?
stores: [pg1, pg2, redis]
workload: {name: fanout, rate_per_s: 150, duration_s: 2.5, keys: 60, clients: 8, read_share: 0.1, pairs: 0.1}
approaches: [dual, xa, log]
schedules:
  - name: door_at_worst
    faults: [{at_s: 0.8, kill: serve1, at: worst, gather: 4, restart_after_s: 1.5}]
  - name: door_before_worst
    faults: [{at_s: 0.8, kill: serve2, at: before-worst, gather: 2, restart_after_s: 0.5}]
  - name: stores_killed
    faults: [{at_s: 0.5, kill: redis, restart_after_s: 0.3}, {at_s: 1.2, kill: pg1, restart_after_s: 0.3}]
  - name: store_paused
    faults: [{at_s: 0.8, pause: pg2, for_s: 1}]
  - name: sink_killed
    faults: [{at_s: 0.8, kill: sink-pg1, at: worst, restart_after_s: 0.3}, {at_s: 1, kill: sink-redis, restart_after_s: 0.3}]
  - name: log_killed
    faults: [{at_s: 0.8, kill: kafka, restart_after_s: 0.2}]
warm_up_s: 1
YAML

keep_up pg1 pg2 redis kafka
expect_status 0 "$syncbed" run "$work/kills.yaml" --out "$work/out"
results=$work/out/results.json
expect_result "$results" 'len(r["runs"]) == 18 and all(x["finished"] and x["settled"] for x in r["runs"])'

# At every crash point exactly as many stood as were to be gathered; on their way to a log that is
# slow there may be more, from before the point was armed.
expect_result "$results" '(lambda fs: len(fs) == 7 and all(f["gathered"] == f["gather"] or f["point"] == "log-produced" and f["gathered"] > f["gather"] for f in fs))([f for x in r["runs"] for f in x["faults"] if f["point"]])'
for approach in dual xa log; do
    grep -hq '"t":"begin".*"gathered":4' "$work"/out/runs/*-$approach-*door_at_worst*/faults.ndjson ||
        die "$approach was not killed at its worst moment"
done

# A door at its worst moment: dual writes half, xa blocks what is in doubt and nothing else, log has
# it all. Before that moment nothing has happened.
expect_result "$results" 'run["dual/door_at_worst"]["verdicts"]["atomicity"]["verdict"] == "invalid"'
expect_result "$results" 'run["xa/door_at_worst"]["in_doubt_s"] > 1'
expect_result "$results" 'run["xa/door_at_worst"]["blocked"]["in_doubt"]["keys"] > 0'
expect_result "$results" 'run["xa/door_at_worst"]["blocked"]["other"]["keys"] == 0'
expect_result "$results" 'all(run[a + "/door_at_worst"]["ops"]["info_happened"] >= 4 for a in ("xa", "log"))'
expect_result "$results" 'all(run[a + "/door_before_worst"]["ops"]["info_did_not"] >= 2 for a in ("dual", "xa"))'

# A store that is gone or does not answer: dual leaves halves, xa stops, log goes on and lags.
expect_result "$results" 'run["dual/stores_killed"]["verdicts"]["atomicity"]["verdict"] == "invalid"'
expect_result "$results" 'run["xa/stores_killed"]["longest_gap_s"] >= 0.3 and run["xa/stores_killed"]["ops"]["fail"] > 0'
expect_result "$results" 'all(run[a + "/store_paused"]["longest_gap_s"] >= 0.5 for a in ("dual", "xa"))'
expect_result "$results" 'run["xa/store_paused"]["in_doubt_s"] >= 0.5'
expect_result "$results" 'all(run["log/" + s]["longest_gap_s"] < 0.5 and run["log/" + s]["sink_lag_max"] > 0 for s in ("stores_killed", "store_paused", "sink_killed"))'

# Without its log, log stops; the others have neither log nor sinks, and are told so.
expect_result "$results" 'run["log/log_killed"]["longest_gap_s"] >= 0.5'
expect_result "$results" 'all(f["skipped"] and f["begin_s"] is None for a in ("dual", "xa") for s in ("log_killed", "sink_killed") for f in run[a + "/" + s]["faults"])'

# What a probe's reader saw is there, and nothing is there that it has not seen: the stores' own
# dumps say so. Where promises are kept no store stays without what happened.
expect_result "$results" 'all(v["unseen"] == 0 for a in ("xa", "log") for x in r["runs"] if x["approach"] == a for v in (x["latency_ms"]["visible"] or {}).values() if v)'
expect_result "$results" 'sum(x["latency_ms"]["everywhere"]["n"] for x in r["runs"] if x["latency_ms"]["everywhere"]) > 60'
python3 - "$work"/out/runs/* <<'PYTHON' || die "probes and final states do not agree"
import json, sys
for run in sys.argv[1:]:
    lines = lambda name: map(json.loads, open(f"{run}/{name}"))
    failed = {x["op"] for x in lines("history.ndjson") if x["t"] == "fail"}
    final = {}
    for x in lines("probes.ndjson"):
        if x["t"] != "probe" or x["op"] in failed:
            continue
        if x["store"] not in final:
            final[x["store"]] = {y.get("key") for y in lines(f"final/{x['store']}.ndjson")}
        if (x["seen"] is not None) != (f"probe:{x['op']}" in final[x["store"]]):
            sys.exit(f"{run}: {x}")
PYTHON

for faults in "$work"/out/runs/*/faults.ndjson; do
    begun=$(grep -c '"t":"begin"' "$faults" || true)
    [ "$begun" -eq "$(grep -c '"t":"end","fault"' "$faults" || true)" ] || die "$faults: a fault did not end"
    [ "$begun" -gt 0 ] || grep -q '"t":"skipped"' "$faults" || die "$faults: no fault at all"
done

# What never comes back keeps a run from settling: promises stay unknown, nothing is called broken.
cat >"$work/gone.yaml" <<'YAML'
question: What if it never comes back?
stores: [pg1, pg2, redis]
workload: {name: fanout, rate_per_s: 100, duration_s: 1.5, keys: 100, clients: 8}
approaches: [dual, xa, log]
schedules:
  - name: door_gone
    faults: [{at_s: 0.5, kill: serve1, at: worst, gather: 2}]
  - name: store_gone
    faults: [{at_s: 0.5, kill: pg2}]
warm_up_s: 0
settle_deadline_s: 2
YAML
for gone in xa/door_gone log/store_gone; do
    expect_status 3 "$syncbed" run "$work/gone.yaml" --out "$work/gone" --only "$gone"
    expect_result "$work/gone/results.json" "not run['$gone']['settled'] and run['$gone']['settled_why'] != ''"
done
# A door of dual or log that is gone has left nothing that somebody would have to finish.
expect_status 0 "$syncbed" run "$work/gone.yaml" --out "$work/gone" --only log/door_gone
expect_status 0 "$syncbed" down
expect_nothing_left "after the runs"
