#!/bin/bash
# Servers that were there before us: used in a place of our own, which is gone afterwards, also when we
# are interrupted; what is not ours stays as it was, and a place that somebody has is not taken.
. "$(dirname "$0")/lib.sh"

# Somebody else's: a keeper of another folder stands for them.
mkdir "$work/theirs"
theirs() {
    SYNCBED_DIR=$work/theirs "$@"
}
trap 'status=$?; [ $status -eq 0 ] || echo "FAILED near line $LINENO of $0" >&2
      theirs "$syncbed" down >/dev/null 2>&1; rm -rf "$work"' EXIT
expect_status 0 theirs "$syncbed" up pg1 redis kafka
theirs "$syncbed" ps --json >"$work/ps"
port_of() {
    tail -1 "$work/ps" | jq -r ".processes[] | select(.name == \"$1\") | .port"
}
sql() {
    psql -h 127.0.0.1 -p "$(port_of pg1)" -U syncbed -d syncbed -qAtc "$1"
}
redis() {
    redis-cli -p "$(port_of redis)" "$@"
}

sql "CREATE TABLE kv (key text, val text); INSERT INTO kv VALUES ('precious', 'theirs')"
sql "BEGIN; INSERT INTO kv VALUES ('prepared', 'theirs'); PREPARE TRANSACTION 'theirs'"
redis set k:precious theirs >"$work/said"
state() {
    pg_dump -h 127.0.0.1 -p "$(port_of pg1)" -U syncbed syncbed | grep -v '^.\(un\)\?restrict ' # its random words
    sql "SELECT gid FROM pg_prepared_xacts"
    redis get k:precious
    redis info keyspace
    kcat -L -b "127.0.0.1:$(port_of kafka)" | grep -o 'topic "syncbed[^"]*"' || true
}
state >"$work/before"
unchanged() {
    state >"$work/after"
    diff "$work/before" "$work/after" >&2 || die "changed by $*"
}

cat >"$work/servers.yaml" <<YAML
stores:
  pg1: {kind: postgres, address: "localhost:$(port_of pg1)", user: syncbed, database: syncbed}
  redis: {kind: redis, address: "127.0.0.1:$(port_of redis)", database: 5}
kafka: "127.0.0.1:$(port_of kafka)"
YAML
cat >"$work/attached.yaml" <<'YAML'
question: Does it work on servers that are there already?
stores: [pg1, pg2, redis]
workload: {name: fanout, rate_per_s: 100, duration_s: 1.5, keys: 300, clients: 4, read_share: 0.2}
approaches: [dual, xa, log]
schedules:
  - name: door_killed
    faults: [{at_s: 0.3, kill: serve1, at: worst, gather: 2, restart_after_s: 0.3}]
  - name: store_killed
    faults: [{at_s: 0.3, kill: pg1, restart_after_s: 0.3}]
warm_up_s: 0
YAML
run=("$syncbed" run "$work/attached.yaml" --out "$work/out" --attach "$work/servers.yaml")

# What would hit them is refused before anything starts.
expect_status 2 "${run[@]}"
grep -q 'schedule store_killed hits pg1, which is attached' "$work/said" || die "$(cat "$work/said")"
sed -i '/store_killed/,/kill: pg1/d' "$work/attached.yaml"

# pg1, redis and kafka are theirs, pg2 is started; a door is killed with transactions in doubt at theirs.
expect_status 0 "${run[@]}"
expect_result "$work/out/results.json" 'len(r["runs"]) == 3 and all(x["finished"] and x["settled"] and x["ops"]["ok"] > 50 for x in r["runs"])'
expect_result "$work/out/results.json" 'run["xa/door_killed"]["faults"][0]["gathered"] == 2'
expect_result "$work/out/results.json" 'all((x["durability"], x["profile"]) == ("unknown", "attached") for x in r["runs"])'
expect_result "$work/out/results.json" 'r["versions"]["postgres"] is None and r["runs"][0]["config"]["attached"][:2] == ["pg1", "redis"]'
expect_nothing_left "after a run on attached servers"
unchanged "a run"

# Interrupted under load, with transactions in doubt that nobody will resolve: our place goes, too.
sed -i 's/restart_after_s: 0.3/restart_after_s: 9/; s/duration_s: 1.5/duration_s: 12/' "$work/attached.yaml"
rm -r "$work/out"
"${run[@]}" --only xa >"$work/said" 2>&1 &
pid=$!
for _ in $(seq 300); do
    grep -qs '"t":"begin"' "$work"/out/runs/*xa*/faults.ndjson && break
    sleep 0.1
done
[ "$(sql "SELECT count(*) FROM pg_prepared_xacts WHERE gid LIKE 'sb1:%'")" -gt 0 ] || die "nothing is in doubt"
kill -INT "$pid"
wait "$pid" && die "SIGINT was not heard"
expect_nothing_left "after SIGINT"
unchanged "an interrupted run"

# A place that somebody has is not taken, nor is what was taken before it kept.
redis -n 5 set somebody here >"$work/said"
state >"$work/before"
expect_status 2 "${run[@]}" --only xa
grep -q 'redis, which is attached, cannot be used: database 5 is not empty: 1 keys' "$work/said" || die "$(tail -3 "$work/said")"
unchanged "a run that was refused a place in Redis"
redis -n 5 del somebody >"$work/said"
sql "CREATE SCHEMA syncbed; CREATE TABLE syncbed.kv (theirs int)"
state >"$work/before"
expect_status 2 "${run[@]}" --only xa
grep -q 'pg1, which is attached, cannot be used: .*schema "syncbed" already exists' "$work/said" || die "$(tail -3 "$work/said")"
unchanged "a run that was refused a place in PostgreSQL"

# One line for what cannot be reached or is no such database.
sed "s/:$(port_of redis)\"/:1\"/" "$work/servers.yaml" >"$work/wrong.yaml"
sed -i 's/user: syncbed, database: syncbed/&, schema: free/' "$work/wrong.yaml"
expect_status 2 "$syncbed" run "$work/attached.yaml" --out "$work/out" --only xa --attach "$work/wrong.yaml"
grep -q '^syncbed: redis, which is attached, cannot be used: ' "$work/said" || die "$(tail -3 "$work/said")"
unchanged "a run that found no Redis"
expect_nothing_left "after all"
