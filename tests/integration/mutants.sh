#!/bin/bash
# A known mistake is made on purpose, and its verdict notices; without it there is no alarm. Nobody makes one by accident: no
# option of a role does so, and a name that is none is refused before anything starts.
. "$(dirname "$0")/lib.sh"

expect_status 0 "$syncbed" mutants --only commit-before-decision --out "$work/xa" --json
tail -1 "$work/said" | grep -q '"mutants":1,"caught":1,.*"false_alarms":0' || die "not caught: $(tail -1 "$work/said")"
expect_nothing_left "after mutants"
python3 - "$work/xa/mutants.json" <<'PYTHON' || die "mutants.json is not as it should be"
import json, sys
row = json.load(open(sys.argv[1]))["rows"][0]
assert row["result"] == "caught" and row["times"] > 0 and row["clean"] == 1, row
assert row["verdicts"]["atomicity"]["verdict"] == "invalid" and " of 8 at xa-logging" in row["exposure"], row
PYTHON

# The result of `mutants` is replaced by another one, and by nothing else.
expect_status 0 "$syncbed" mutants --only position-after-data --clean 0 --out "$work/xa" --json
tail -1 "$work/said" | grep -q '"mutants":1,"caught":1' || die "not caught: $(tail -1 "$work/said")"
expect_nothing_left "after mutants of log"

expect_status 2 "$syncbed" mutants --only magic --out "$work/none"
expect_status 2 "$syncbed" mutants --only no-is-yess --out "$work/none"
grep -q 'did you mean no-is-yes?' "$work/said" || die "another word: $(cat "$work/said")"
expect_status 2 "$syncbed" serve --topology x --name serve1 --approach xa --break no-is-yes
grep -q 'break' "$work/said" || die "no word about the option"
expect_status 2 "$syncbed" run "$(dirname "$0")/../../experiments/mutants/no-is-yes.yaml" --break any-partition --out "$work/none"
grep -q 'no approach of no-is-yes has a break "any-partition"; "syncbed mutants' "$work/said" || die "another word: $(cat "$work/said")"
