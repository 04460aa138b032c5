#!/bin/bash
# An interrupted experiment goes on: what was complete is kept to the byte, what broke off is done again,
# and in the end all is there as if nothing had happened. What would mix two experiments is refused.
. "$(dirname "$0")/lib.sh"

cat >"$work/four.yaml" <<'YAML'
question: Does it matter that an experiment was interrupted?
stores: [pg1, redis]
workload: {name: fanout, rate_per_s: 80, duration_s: 1.5, keys: 300, clients: 4}
approaches: [dual, xa]
schedules:
  - {name: none}
  - name: killed
    faults: [{at_s: 0.5, kill: redis, restart_after_s: 0.3}]
warm_up_s: 0
YAML
out=$work/out
run=("$syncbed" run "$work/four.yaml" --out "$out")

# interrupt SIGNAL NUMBER …: kill it while the run of that number is under load.
interrupt() {
    local signal=$1 number=$2 pid
    shift 2
    "${run[@]}" "$@" >"$work/said" 2>&1 &
    pid=$!
    for _ in $(seq 600); do
        grep -qs '"t":"begin","phase":"load"' "$out"/runs/"$number"-*/phases.ndjson && break
        kill -0 "$pid" 2>/dev/null || die "ended before run $number: $(tail -3 "$work/said")"
        sleep 0.05
    done
    kill "-$signal" "$pid"
    wait "$pid" && die "SIG$signal was not heard"
    expect_nothing_left "SIG$signal in run $number"
    [ ! -e "$out/results.json" ] || die "a result of an interrupted experiment"
}

digest() {
    find "$@" -type f -exec sha256sum {} + | sort | sha256sum
}

# Nothing there is a beginning; interrupted twice, by both kinds of end.
interrupt INT 002 --resume
grep -q -- '--resume goes on' "$work/said" || die "does not say how to go on: $(tail -1 "$work/said")"
first=$(digest "$out"/runs/001-*)
touch "$(echo "$out"/runs/002-*)/of-the-first-attempt"
interrupt KILL 003 --resume
second=$(digest "$out"/runs/002-*)

# What is there can be judged, and what is missing is said: two complete, one broken off, one never begun.
cp -r "$out" "$work/judged"
expect_status 3 "$syncbed" check "$work/judged"
grep -q 'not carried out, so nothing is known of: 004-' "$work/said" || die "does not say what is missing: $(cat "$work/said")"
grep -q 'the experiment was interrupted before' "$work/judged/junit.xml" || die "junit.xml misses nothing"
expect_status 0 "$syncbed" report "$work/judged"
grep -q '1 of its 4 runs were not carried out' "$work/judged/report.html" || die "the page misses nothing"

expect_status 0 "${run[@]}" --resume
grep -q '2 of 4 runs are there already' "$work/said" || die "$(head -3 "$work/said")"
expect_result "$out/results.json" 'sorted((x["approach"], x["schedule"]) for x in r["runs"]) == [(a, s) for a in ("dual", "xa") for s in ("killed", "none")]'
expect_result "$out/results.json" 'all(x["finished"] and x["settled"] for x in r["runs"])'
[ "$first" = "$(digest "$out"/runs/001-*)" ] || die "the first run is another one now"
[ "$second" = "$(digest "$out"/runs/002-*)" ] || die "the second run is another one now"
[ ! -e "$(echo "$out"/runs/002-*)/of-the-first-attempt" ] || die "what broke off was not done again"

# With everything there nothing is started, and the results are the same to the byte.
results=$(digest "$out/results.json" "$out/runs")
expect_status 0 "${run[@]}" --resume
grep -q '4 of 4 runs are there already' "$work/said" || die "$(head -3 "$work/said")"
grep -q 'starting servers' "$work/said" && die "servers were started for nothing"
[ "$results" = "$(digest "$out/results.json" "$out/runs")" ] || die "results differ"

# Another seed, other runs, another file, another program: refused, and nothing is touched.
refused() {
    local what=$1
    shift
    expect_status 2 "$@" --resume
    grep -q "^syncbed: .*$what" "$work/said" || die "not \"$what\": $(tail -1 "$work/said")"
    [ "$results" = "$(digest "$out/results.json" "$out/runs")" ] || die "something was touched: $what"
}
refused 'none of the runs that these options ask for' "${run[@]}" --seed 7
refused 'none of the runs that these options ask for' "${run[@]}" --only dual
sed 's/rate_per_s: 80/rate_per_s: 90/' "$work/four.yaml" >"$work/other.yaml"
refused 'experiment.yaml is another experiment' "$syncbed" run "$work/other.yaml" --out "$out"
cp "$out/about.json" "$work/about.json"
sed -i 's/"commit": "[^"]*"/"commit": "another"/' "$out/about.json"
refused 'about.json has another "commit" than now' "${run[@]}"
cp "$work/about.json" "$out/about.json"
sed -i 's/^seed: 1/seed: 2/' "$(echo "$out"/runs/001-*)/config.yaml"
results=$(digest "$out/results.json" "$out/runs")
refused "config.yaml is another run's" "${run[@]}"
