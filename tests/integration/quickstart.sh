#!/bin/bash
# `syncbed quickstart` from its file to its report, reduced to one schedule: the story it has to tell.
. "$(dirname "$0")/lib.sh"

expect_status 0 "$syncbed" quickstart --only server_killed --out "$work/out" --json
results=$work/out/results.json
expect_result "$results" 'len(r["runs"]) == 3'
expect_result "$results" 'run["dual/server_killed"]["verdicts"]["atomicity"]["count"] > 0'
expect_result "$results" 'all(v["verdict"] in ("valid", "not judged") or v["verdict"] == "not exercised" and v["of"] == 0 for v in run["xa/server_killed"]["verdicts"].values() if v["promised"])'
expect_result "$results" 'all(v["verdict"] in ("valid", "not judged") or v["verdict"] == "not exercised" and v["of"] == 0 for v in run["log/server_killed"]["verdicts"].values() if v["promised"])'
expect_result "$results" 'run["xa/server_killed"]["blocked"]["in_doubt"]["longest_s"] > 1'

tail -1 "$work/said" | python3 -m json.tool >/dev/null || die "--json: the last line is no JSON"
grep -q '^phases$' "$work/said" || die "no phases"
[ -s "$work/out/report.html" ] || die "no report"
grep -qiE '(src|href)="https?:' "$work/out/report.html" && die "the report loads something"

# From the folder alone the same can be had again.
cp "$results" "$work/before.json"
expect_status 0 "$syncbed" check "$work/out"
cmp "$results" "$work/before.json"
expect_status 0 "$syncbed" report "$work/out"
expect_page "$work/out/report.html" 5 # a latency panel a run, a frame for each level

# A folder that is not ours is left alone.
mkdir "$work/precious" && echo keep >"$work/precious/thesis.tex"
expect_status 2 "$syncbed" quickstart --out "$work/precious"
grep -q thesis.tex "$work/said" || die "does not say what it found"
[ -s "$work/precious/thesis.tex" ] || die "it is gone"
expect_nothing_left "after quickstart"
