#!/bin/bash
# `syncbed quickstart` from its file to its report: all nine cells, and the story they have to tell.
. "$(dirname "$0")/lib.sh"

expect_status 0 "$syncbed" quickstart --out "$work/out" --json
results=$work/out/results.json
expect_result "$results" 'len(r["runs"]) == len(run) == 9 and all(x["finished"] and x["settled"] and not x["ended"] for x in r["runs"])'
expect_result "$results" '[f["gathered"] for x in r["runs"] for f in x["faults"] if f["point"]] == [8] * 3'

# xa and log keep all that they promise, whatever is killed.
expect_result "$results" 'all(v["verdict"] in ("valid", "not judged") or v["verdict"] == "not exercised" and v["of"] == 0 for x in r["runs"] if x["approach"] != "dual" for v in x["verdicts"].values() if v["promised"])'

# dual diverges for ever without any fault, and leaves halves after each kill.
expect_result "$results" 'all(run["dual/" + s]["verdicts"]["convergence"]["count"] > 0 for s in ("none", "server_killed", "store_killed"))'
expect_result "$results" 'all(run["dual/" + s]["verdicts"]["atomicity"]["count"] > 0 for s in ("server_killed", "store_killed"))'

# xa blocks the keys in doubt, and only those, until their coordinator is back; a dead store stops it.
expect_result "$results" 'run["xa/server_killed"]["blocked"]["in_doubt"]["keys"] > 0'
expect_result "$results" 'run["xa/server_killed"]["blocked"]["in_doubt"]["longest_s"] > 1'
expect_result "$results" 'run["xa/server_killed"]["blocked"]["other"]["keys"] == 0'
expect_result "$results" 'run["xa/store_killed"]["longest_gap_s"] >= 1.5'

# log goes on in all cases; a dead store lags, and converges.
expect_result "$results" 'all(run["log/" + s]["longest_gap_s"] < 1 for s in ("none", "server_killed", "store_killed"))'
expect_result "$results" 'run["log/store_killed"]["sink_lag_max"] > 0'

tail -1 "$work/said" | python3 -m json.tool >/dev/null || die "--json: the last line is no JSON"
grep -q '^phases$' "$work/said" || die "no phases"
grep -q -- '-dual-fanout-none-s1 .*: left anomalies, of which it promises nothing (.*convergence' "$work/said" ||
    die "dual's anomalies are not told when its run ends"
[ -s "$work/out/report.html" ] || die "no report"
grep -qiE '(src|href)="https?:' "$work/out/report.html" && die "the report loads something"

# From the folder alone the same can be had again.
cp "$results" "$work/before.json"
expect_status 0 "$syncbed" check "$work/out"
cmp "$results" "$work/before.json"
expect_status 0 "$syncbed" report "$work/out"
grep -qx "report: $work/out/report.html" "$work/said" || die "report says: $(cat "$work/said")"
expect_page "$work/out/report.html" 18 # a latency panel a run; of each schedule a frame for each level, and one of the probes

# A folder that is not ours is left alone.
mkdir "$work/precious" && echo keep >"$work/precious/thesis.tex"
expect_status 2 "$syncbed" quickstart --out "$work/precious"
grep -q thesis.tex "$work/said" || die "does not say what it found"
[ -s "$work/precious/thesis.tex" ] || die "it is gone"
expect_nothing_left "after quickstart"
