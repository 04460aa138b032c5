#!/bin/bash
# A store as a participant over lines: what is malformed is refused and harms nothing; a gateway that
# is killed leaves its branch prepared, and the next one lists and ends it; and the coordinator of
# examples/ commits, aborts, dies with its decision made, and recovers, over two real stores.
. "$(dirname "$0")/lib.sh"

expect_status 0 "$syncbed" up pg1 mariabin1 redis
gateways=()
end_gateways() {
    ((${#gateways[@]} == 0)) || kill "${gateways[@]}" 2>/dev/null || true
}
trap 'status=$?; end_gateways; "$syncbed" down >/dev/null 2>&1 || true
      [ $status -eq 0 ] || echo "FAILED in line $LINENO of $0" >&2; rm -rf "$work"' EXIT

# start STORE [OPTION…]: a gateway; its port goes to $port, its pid to $pid.
start() {
    local store=$1
    : >"$work/$store.ready"
    "$syncbed" participant "$@" --listen 127.0.0.1:0 >"$work/$store.ready" 2>"$work/$store.log" &
    pid=$!
    gateways+=("$pid")
    for _ in $(seq 100); do
        port=$(jq -r .port "$work/$store.ready")
        [ -z "$port" ] || return 0
        sleep 0.1
    done
    cat "$work/$store.log" >&2
    die "the gateway of $store does not come up"
}

cat >"$work/talk.py" <<'PYTHON'
# talk.py PORT LINE…: send the lines, one after another over one connection, print the answers.
import socket, sys
file = socket.create_connection(("127.0.0.1", int(sys.argv[1]))).makefile("rw")
for line in sys.argv[2:]:
    file.write(line + "\n")
    file.flush()
    print(file.readline().strip())
PYTHON
talk() {
    python3 "$work/talk.py" "$@"
}

for store in pg1 mariabin1 redis; do
    gid=sb1:test:1:1:$store
    start $store --reset
    said=$(talk "$port" '{"id":1,' '{"id":2,"prepare":"a b","request":"r","txn":[]}' '{"id":3}' \
        '{"id":4,"prepare":"'$gid'","request":"r1","txn":[["w","'$store'","a","x"],["w","elsewhere","a","x"]]}' \
        '{"id":5,"prepare":"'$gid'","request":"r1","txn":[["w","'$store'","a","x"]]}' \
        '{"id":6,"prepare":"sb1:test:1:2:r2","request":"r2","txn":[["incr","'$store'","n",-1,{"min":0}]]}')
    [ "$(jq -r '.code // "ok"' <<<"$said" | tr '\n' ' ')" = "bad-request bad-request bad-request ok bad-request constraint " ] ||
        die "$store: $said"
    memo=$(jq -r 'select(.memo).memo' <<<"$said") # PostgreSQL's; the others keep a record themselves
    kill -9 "$pid"
    wait "$pid" 2>/dev/null || true
    start $store
    for _ in $(seq 50); do # the server has to notice first that its client is gone
        said=$(talk "$port" '{"id":1,"recover":"sb1:test:"}' '{"id":2,"status":"'$gid'"}')
        [ "$(jq -r 'select(.prepared).prepared[].gid' <<<"$said")" = "$gid" ] && break
        sleep 0.1
    done
    [ "$(jq -r 'select(.outcome).outcome' <<<"$said")" = prepared ] || die "$store forgot it: $said"
    said=$(talk "$port" '{"id":1,"commit":"'$gid'"}' '{"id":2,"status":"'$gid'","memo":"'"$memo"'"}' \
        '{"id":3,"prepare":"sb1:test:1:3:r3","request":"r3","txn":[["r","'$store'","a",null]]}' \
        '{"id":4,"rollback":"sb1:test:1:3:r3"}' '{"id":5,"commit":"sb1:test:1:9:r9"}')
    [ "$(jq -c '[.ok, .outcome, .txn, .code]' <<<"$said" | tr '\n' ' ')" = \
        '[true,null,null,null] [true,"committed",null,null] [true,null,[["r","'$store'","a","x",1]],null] [true,null,null,null] [false,null,null,"nota"] ' ] ||
        die "$store: $said"
    declare "port_$store=$port"
done

# The coordinator of examples/.
coordinator() {
    python3 examples/participant_coordinator.py "$work/decisions" pg1="127.0.0.1:$port_pg1" mariabin1="127.0.0.1:$port_mariabin1"
}
said=$(coordinator 2>"$work/ends" <<'LINES'
{"request":"c1","txn":[["incr","pg1","m",100],["incr","mariabin1","m",100]]}
{"request":"c2","txn":[["incr","pg1","m",-30,{"min":0}],["incr","mariabin1","m",30]]}
{"request":"c3","txn":[["incr","pg1","m",-90,{"min":0}],["incr","mariabin1","m",90]]}
LINES
)
grep -q '^c1 committed' <<<"$said" && grep -q '^c2 committed' <<<"$said" || die "$said"
grep -q '^c3 aborted.*constraint' <<<"$said" || die "not refused: $said"

# Dies with the decision forced and nobody told: both stores are in doubt, until it is back.
status=0
DIE=decided coordinator >"$work/died" 2>&1 <<<'{"request":"c4","txn":[["incr","pg1","m",-5,{"min":0}],["incr","mariabin1","m",5]]}' || status=$?
[ $status -eq 9 ] || die "it did not die: $(cat "$work/died")"
for store in pg1 mariabin1; do
    name=port_$store
    talk "${!name}" '{"id":1,"recover":"sb1:student:"}' | grep -q ':c4"' || die "c4 is not in doubt at $store"
done
coordinator </dev/null 2>"$work/recovered"
[ "$(grep -c '^commit .*:c4 at ' "$work/recovered")" -eq 2 ] || die "$(cat "$work/recovered")"
for store in pg1:65 mariabin1:135; do
    name=port_${store%:*}
    said=$(talk "${!name}" '{"id":1,"prepare":"sb1:q:1:1:q","request":"q","txn":[["r","'${store%:*}'","m",null]]}' '{"id":2,"rollback":"sb1:q:1:1:q"}')
    grep -q '"m","'${store#*:}'"' <<<"$said" || die "not ${store#*:} at ${store%:*}: $said"
done

# Standard input and output do as well; the end of the input is the end.
said=$(printf '%s\n' '{"id":1,"recover":""}' | "$syncbed" participant redis)
[ "$said" = '{"id":1,"ok":true,"prepared":[]}' ] || die "$said"
expect_status 2 "$syncbed" participant pg9
expect_status 2 "$syncbed" participant pg1 --listen nowhere

end_gateways
wait "${gateways[@]}" 2>/dev/null || true
gateways=()
expect_status 0 "$syncbed" down
expect_nothing_left "after down"
