#!/bin/bash
# A row of the matrix is shown by its fault and what became of whom it caught; a coordinator with a known
# mistake is not so. An earlier matrix is replaced, and by nothing else.
. "$(dirname "$0")/lib.sh"

# row ROW PYTHON: an expression over `row` and its runs must be true.
row() {
    python3 - "$work/out/matrix.json" "$1" "$2" <<'PYTHON' || die "$1: not so: $2"
import json, sys
row = next(r for r in json.load(open(sys.argv[1]))["table"] if r["id"] == sys.argv[2])
runs = row["runs"]
sys.exit(0 if eval(sys.argv[3]) else 1)
PYTHON
}

expect_status 0 "$syncbed" matrix 2pc --only C5 --out "$work/out" --json
tail -1 "$work/said" | grep -q '"shown":1,"violated":0' || die "not shown: $(tail -1 "$work/said")"
row C5 'row["result"] == "shown" and len(runs) == 2'
row C5 'all(r["gathered"] == r["gather"] == r["held"]["n"] == r["held"]["rolled_back"] and r["mixed"] == 0 for r in runs)'
row C5 'all(r["in_doubt"] > 0 for r in runs)'
expect_nothing_left "after a matrix"

# Recovery that commits without a decision: what was to be rolled back is not.
expect_status 1 "$syncbed" matrix 2pc --only C5 --break presume-commit --out "$work/out"
grep -q 'NOT SO' "$work/said" || die "a mistake is not noticed: $(cat "$work/said")"
row C5 'row["result"] == "NOT SO"'
expect_nothing_left "after a broken one"

expect_status 2 "$syncbed" matrix 2pc --only C99 --out "$work/out"
expect_status 2 "$syncbed" matrix 3pc --out "$work/out"
expect_status 2 "$syncbed" mutants --only no-is-yes --clean 0 --out "$work"
