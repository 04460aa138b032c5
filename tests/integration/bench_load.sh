#!/bin/bash
# `bench load --quick` measures each of its cases and leaves nothing running; numbers are not judged.
source "$(dirname "$0")/lib.sh"

expect_status 0 "$syncbed" bench load --quick --out "$work/out" --json
tail -1 "$work/said" | python3 -c '
import json, sys
said = json.load(sys.stdin)
assert said == json.load(open(sys.argv[1])), "what is said is not what is written"
got = {(r["case"], r["metric"]) for r in said}
want = {("null/max", "ops_per_s"), ("null/5000", "ops_per_s"), ("null/5000", "p50_ms"),
        ("null/5000", "p99_ms"), ("check/100000", "seconds"), ("check/100000", "rss_mb")}
assert want <= got, want - got
assert all(r["bench"] == "load" and r["repeats"] == 1 for r in said), said
assert all(r["value"] < 0.01 if r["metric"] == "refused_share" else r["value"] > 0 for r in said), said
' "$work/out/bench.json" || die "bench.json is not as it should be"
[ ! -e "$work/out/work" ] || die "what was measured on is left"
expect_nothing_left bench

expect_status 2 "$syncbed" bench lod --out "$work/out2"
grep -q '"lod"' "$work/said" || die "an unknown benchmark is not named"
