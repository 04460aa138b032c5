#!/bin/bash
# A program of somebody else's is started, killed and judged like an approach of ours: the example's
# two flaws are found under the fault that shows them, and xa beside it has none.
. "$(dirname "$0")/lib.sh"

examples=$PWD/examples
sed -e 's/rate_per_s: 150, duration_s: 5/rate_per_s: 150, duration_s: 2.5/' -e 's/at_s: 2/at_s: 0.8/' \
    -e 's/, restart_after_s: 1/, restart_after_s: 0.7/' -e 's/warm_up_s: 1/warm_up_s: 0/' \
    -e "s|exec:./|exec:$examples/|" "$examples/naive_coordinator.yaml" >"$work/naive.yaml"
grep -q 'duration_s: 2.5' "$work/naive.yaml" || die "the example's file has changed"

keep_up pg1 pg2 redis
expect_status 1 "$syncbed" run "$work/naive.yaml" --out "$work/out"
results=$work/out/results.json
expect_result "$results" 'len(r["runs"]) == 6 and all(x["finished"] and x["settled"] for x in r["runs"])'
expect_result "$results" 'all(x["ended"] == [] for x in r["runs"])'

# While Redis is away: half-done writes, of which the client was told that they were aborted.
naive='run["exec:naive_coordinator.py/redis_killed"]'
expect_result "$results" "$naive"'["verdicts"]["atomicity"]["verdict"] == "invalid"'
expect_result "$results" "$naive"'["verdicts"]["ghosts"]["verdict"] == "invalid"'
expect_result "$results" "$naive"'["verdicts"]["atomicity"]["promised"] and not '"$naive"'["verdicts"]["durability"]["promised"]'
expect_result "$results" 'all(v["verdict"] != "invalid" for x in r["runs"] if x["approach"] == "xa" for v in x["verdicts"].values() if v["promised"])'

# It was killed as our doors are, and came back.
killed=$(echo "$work"/out/runs/*-exec-*-server_killed-*)
grep -q '"t":"begin".*"target":"serve1","action":"kill"' "$killed/faults.ndjson" || die "serve1 was not killed"
grep -q '"t":"end".*"target":"serve1"' "$killed/faults.ndjson" || die "serve1 did not come back"

# By an option instead of the file; a crash point, which it cannot have, is skipped with a word.
cat >"$work/mine.yaml" <<'YAML'
question: Can a program be added to any experiment?
stores: [pg1, redis]
workload: {name: fanout, rate_per_s: 50, duration_s: 1, keys: 100, clients: 2}
approaches: [dual]
schedules:
  - name: worst
    faults: [{at_s: 0.3, kill: serve1, at: worst, restart_after_s: 0.2}]
warm_up_s: 0
YAML
(cd "$examples" && expect_status 0 "$syncbed" run "$work/mine.yaml" --out "$work/out" \
    --approach exec:./naive_coordinator.py --only exec)
expect_result "$results" '[x["approach"] for x in r["runs"]] == ["exec:naive_coordinator.py"]'
grep -q '"t":"skipped".*"why":"this approach has no such moment"' "$work"/out/runs/*/faults.ndjson ||
    die "the crash point was not skipped"

# What cannot be started is said in one line.
expect_status 2 "$syncbed" run "$work/mine.yaml" --out "$work/out" --approach exec:./nothing.py
grep -q '^syncbed: exec: ./nothing.py: No such file' "$work/said" || die "$(cat "$work/said")"
printf '#!/bin/sh\necho I cannot >&2\nexit 1\n' >"$work/broken.sh"
chmod +x "$work/broken.sh"
expect_status 2 "$syncbed" run "$work/mine.yaml" --out "$work/out" --approach "exec:$work/broken.sh" --only exec
grep -q 'serve1 ended with status 1 before it was ready; its last lines: I cannot' "$work/said" ||
    die "$(tail -3 "$work/said")"
expect_status 0 "$syncbed" down
expect_nothing_left "after programs of somebody else's"
