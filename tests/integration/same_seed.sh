#!/bin/bash
# The same --seed gives the same planned load and the same fault times; another one does not.
. "$(dirname "$0")/lib.sh"

cat >"$work/plan.yaml" <<'YAML'
question: Is a run planned by its seed alone?
stores: [redis]
workload: {name: fanout, rate_per_s: 300, duration_s: 1, keys: 50, skew: zipf 0.9, clients: 8, read_share: 0.2, pairs: 0.1}
approaches: ["null", dual]
schedules:
  - name: paused
    faults: [{at_s: 0.5, pause: redis, for_s: 0.2}]
warm_up_s: 0
YAML

# What was planned: each operation with its time from the load's begin, and the faults' plan.
plan_of() {
    python3 - "$1" <<'PYTHON'
import json, sys
run = sys.argv[1]
begin = [p["at"] for p in map(json.loads, open(run + "/phases.ndjson")) if p["t"] == "begin" and p["phase"] == "load"][0]
for o in map(json.loads, open(run + "/history.ndjson")):
    if o["t"] == "invoke":
        print(o["op"], o["request"], o["client"], o["planned"] - begin, json.dumps(o["txn"]))
for line in open(run + "/config.yaml"):
    if line.startswith(("workload:", "schedule:", "seed:")):
        print(line, end="")
for f in map(json.loads, open(run + "/faults.ndjson")):
    if f["t"] == "begin":
        print("begins", round((f["at"] - begin) / 1e5) / 10)
PYTHON
}

keep_up redis
for run in a:7 b:7 c:8; do
    expect_status 0 "$syncbed" run "$work/plan.yaml" --seed "${run#*:}" --out "$work/${run%:*}"
    plan_of "$work/${run%:*}"/runs/*-null-* | sort >"$work/plan-${run%:*}"
    plan_of "$work/${run%:*}"/runs/*-dual-* | sort >"$work/plan-${run%:*}-dual"
done
[ "$(wc -l <"$work/plan-a")" -gt 200 ] || die "hardly anything was planned"
cmp "$work/plan-a" "$work/plan-b"
cmp "$work/plan-a" "$work/plan-a-dual" # approaches meet the same load
cmp -s "$work/plan-a" "$work/plan-c" && die "another seed, the same plan"
[ "$(ls "$work/a/runs")" = "$(ls "$work/b/runs")" ] || die "another order of runs"
expect_status 0 "$syncbed" down
expect_nothing_left "after the runs"
