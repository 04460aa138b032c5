#!/bin/bash
# `bench 2pc --quick` of one case measures it and its floor on two servers, counts flushes, and leaves
# nothing running. Speed is not judged here; what the protocol costs is.
source "$(dirname "$0")/lib.sh"

unset SYNCBED_PEERS
expect_status 0 "$syncbed" bench 2pc --quick --only default/1 --out "$work/out" --json
tail -1 "$work/said" | python3 -c '
import json, sys
said = json.load(sys.stdin)
assert said == json.load(open(sys.argv[1])), "what is said is not what is written"
got = {(r["case"], r["metric"]): r for r in said}
metrics = ["tps", "p50_ms", "p99_ms", "fsyncs_per_txn", "flushes_per_txn", "cpu_us_per_txn"]
want = {(case, metric) for case in ["default/1", "floor-l3/1"] for metric in metrics}
assert set(got) == want, set(got) ^ want
assert all(r["bench"] == "2pc" and r["repeats"] == 1 and r["value"] > 0 for r in said), said
row = got["default/1", "tps"]
assert abs(row["to_floor"] - row["value"] / got["floor-l3/1", "tps"]["value"]) < 1e-6, row
assert row["peer"] is None and row["to_peer"] is None, row
for case in ["default/1", "floor-l3/1"]: # one client: nothing to share a flush with
    assert 0.9 < got[case, "fsyncs_per_txn"]["value"] < 1.1, got
    assert 1.9 < got[case, "flushes_per_txn"]["value"] < 2.3, got
' "$work/out/bench.json" || die "bench.json is not as it should be"
grep -q 'peers are left out' "$work/said" || die "it does not say that there are no peers"
[ ! -e "$work/out/work" ] || die "what was measured on is left"
expect_nothing_left bench

expect_status 2 "$syncbed" bench 2pc --quick --only nothing --out "$work/out2"
grep -q '"nothing"' "$work/said" || die "an unknown case is not named"
