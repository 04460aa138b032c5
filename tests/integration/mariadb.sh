#!/bin/bash
# MariaDB with its binary log on beside one without and a Redis: a coordinator and a MariaDB killed
# where it hurts. What was prepared is there again, ends as was decided, and money is conserved.
. "$(dirname "$0")/lib.sh"

cat >"$work/money.yaml" <<'YAML'
question: Does XA on MariaDB keep what it prepared?
stores: [maria1, mariabin1]
workload: {name: transfer, rate_per_s: 100, duration_s: 2.5, keys: 100, clients: 8, read_share: 0.1}
approaches: [xa]
schedules:
  - name: coordinator
    faults: [{at_s: 0.8, kill: serve1, at: worst, gather: 3, restart_after_s: 1}]
  - name: prepared
    faults: [{at_s: 0.8, kill: mariabin1, at: xa-voted, of: serve1, gather: 3, restart_after_s: 0.3}]
  - name: committing
    faults: [{at_s: 0.8, kill: mariabin1, at: xa-commit-sent, of: serve1, gather: 3, restart_after_s: 0.3}]
warm_up_s: 1
YAML
expect_status 0 "$syncbed" run "$work/money.yaml" --out "$work/money"
results=$work/money/results.json
expect_result "$results" 'len(r["runs"]) == 3 and all(x["finished"] and x["settled"] for x in r["runs"])'
expect_result "$results" 'all(f["gathered"] == 3 for x in r["runs"] for f in x["faults"])'
expect_result "$results" 'all(x["verdicts"][v]["verdict"] == "valid" for x in r["runs"] for v in ("atomicity", "conservation", "durability"))'
expect_result "$results" 'run["xa/coordinator"]["in_doubt_s"] > 0.5 and run["xa/coordinator"]["ops"]["info_happened"] >= 3'
expect_result "$results" 'run["xa/prepared"]["longest_gap_s"] >= 0.3 and run["xa/prepared"]["ops"]["fail"] > 0'

# The same as a store that a log's sink fills, killed with its sink.
cat >"$work/log.yaml" <<'YAML'
question: Does a MariaDB that a sink fills lose or repeat anything?
stores: [mariabin1, redis]
workload: {name: fanout, rate_per_s: 100, duration_s: 2, keys: 50, clients: 8}
approaches: [log]
schedules:
  - name: killed
    faults: [{at_s: 0.5, kill: sink-mariabin1, at: worst, restart_after_s: 0.2}, {at_s: 1, kill: mariabin1, restart_after_s: 0.3}]
warm_up_s: 1
YAML
expect_status 0 "$syncbed" run "$work/log.yaml" --out "$work/log"
expect_result "$work/log/results.json" 'all(run["log/killed"]["verdicts"][v]["verdict"] == "valid" for v in ("convergence", "durability", "duplicates", "order"))'
expect_nothing_left "after the runs"
