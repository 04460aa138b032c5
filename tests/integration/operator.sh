#!/bin/bash
# What an operator does about a coordinator that died at its worst moment: look, settle by hand with
# the decision and against it, have that reported by who comes back, and forget it.
. "$(dirname "$0")/lib.sh"

expect_status 2 "$syncbed" in-doubt
grep -q 'nothing is up' "$work/said" || die "does not say that nothing is up"

# Servers with our tables in them, and a topology that names them.
keep_up pg1 pg2 redis
expect_status 0 "$syncbed" in-doubt # of servers that nothing has been done at
make_tables
mkdir "$work/control" "$work/log" "$work/log2"
sed -e "s|^control:.*|control: $work/control|" -e "s|data: [^,}]*serve1[^,}]*|data: $work/log|" \
    -e "s|data: [^,}]*serve2[^,}]*|data: $work/log2|" -e 's|serve1|door|' -e 's|serve2|other|' \
    "$work"/out/runs/*/topology.yaml >"$work/topology.yaml"

# door ARM AGAINST TEXT…: a front door that writes each TEXT to all three stores, under the key before its '-', and dies with them at xa-decided
# (ARM: how many), or stays (0): then it counts AGAINST transactions settled against their decision.
door() {
    python3 - "$syncbed" "$work" "$@" <<'PYTHON'
import json, socket, subprocess, sys, time, yaml

program, work = sys.argv[1:3]
gather, against, texts = int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:]
topology = yaml.safe_load(open(work + "/topology.yaml"))
port = int(topology["roles"]["door"]["address"].split(":")[1])
door = subprocess.Popen([program, "serve", "--topology", work + "/topology.yaml", "--name", "door",
                         "--approach", "xa"], stdout=subprocess.PIPE, stderr=open(work + "/said-by-door", "a"))
if not door.stdout.readline():
    sys.exit("no door: " + open(work + "/said-by-door").read())
control = socket.socket(socket.AF_UNIX)
control.connect(work + "/control/door.sock")
answers = control.makefile("r")

def command(**request):
    control.sendall(json.dumps({"id": 1, **request}).encode() + b"\n")
    return json.loads(answers.readline())

try:
    if gather:
        assert command(cmd="arm", point="xa-decided", gather=gather)["ok"]
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    replies = client.makefile("r")
    for i, text in enumerate(texts):
        txn = [["w", store, text.split("-")[0], text] for store in ("pg1", "pg2", "redis")]
        client.sendall(json.dumps({"id": i, "request": text, "txn": txn}).encode() + b"\n")
        if not gather:
            assert json.loads(replies.readline())["ok"]
    if gather:
        assert door.wait(20) == -9, door.returncode
    else:
        for _ in range(100): # it looks once all is recovered
            counters = command(cmd="counters")
            if counters["against_by_hand"] == against:
                break
            time.sleep(0.05)
        assert counters["against_by_hand"] == against, counters
finally:
    door.terminate()
    door.wait(20)
PYTHON
}

# in_doubt PYTHON: an expression over `t`, the transactions by request, `state`, by request and store,
# and `s`, the stores by name; it must be true.
in_doubt() {
    "$syncbed" in-doubt --topology "$work/topology.yaml" --json >"$work/said" || true
    tail -1 "$work/said" >"$work/in-doubt.json"
    python3 - "$work/in-doubt.json" "$1" <<'PYTHON' || die "not so: $1: $(cat "$work/said")"
import json, sys
view = json.load(open(sys.argv[1]))
t = {x["request"]: x for x in view["transactions"]}
s = {x["store"]: x for x in view["stores"]}
state = {r: {b["store"]: b["state"] for b in x["branches"]} for r, x in t.items()}
sys.exit(0 if eval(sys.argv[2]) else 1)
PYTHON
}

settle() {
    "$syncbed" settle --topology "$work/topology.yaml" "$@"
}

door 0 0 one two three # the keys are there, so that it can be seen who holds them
door 3 0 one-again two-again three-again 2>"$work/said" || die "$(cat "$work/said")"

# Looking: three decided transactions, each prepared at all stores, with keys and age.
expect_status 1 "$syncbed" in-doubt --topology "$work/topology.yaml"
in_doubt 'set(t) == {"one-again", "two-again", "three-again"}'
in_doubt 'all(x["decision"] == "commit" and x["age_us"] > 0 for x in t.values())'
in_doubt 'all(v == "prepared" for x in state.values() for v in x.values())'
in_doubt 'all(s[x]["prepared"] == 3 and s[x]["oldest_us"] > 0 for x in ("pg1", "pg2", "redis"))'
in_doubt 's["pg1"]["horizon"] >= 1 and s["redis"]["horizon"] is None'
in_doubt '[b["keys"] for b in t["one-again"]["branches"]] == [["one"], ["one"], ["one"]]'
expect_status 1 "$syncbed" in-doubt # without its log nobody knows what was decided
grep -q 'not known' "$work/said" || die "a decision out of nowhere"

# A log that was lost is refused, and each start makes its epoch higher: it presumes nothing all the same.
mv "$work/log" "$work/true-log"
for _ in 1 2 3; do
    expect_status 2 "$syncbed" serve --topology "$work/topology.yaml" --name door --approach xa
done
in_doubt 'len(t) == 3 and all(x["decision"] == "not known" for x in t.values())'
expect_status 1 settle one-again rollback
grep -q 'was lost or is an old copy' "$work/said" || die "does not say why not"
rm -r "$work/log"
mv "$work/true-log" "$work/log"
in_doubt 'all(x["decision"] == "commit" for x in t.values())'

# With the decision it is done at once, against it only with --yes, and at one store on demand.
expect_status 0 settle one-again commit
expect_status 1 settle two-again rollback
grep -q 'has decided to commit' "$work/said" || die "does not say why not"
in_doubt 'state["two-again"] == {"pg1": "prepared", "pg2": "prepared", "redis": "prepared"}'
expect_status 0 settle two-again rollback --store pg1 --yes
expect_status 2 settle two-again rollback --store pg9 --yes
expect_status 2 settle nobody commit
expect_status 2 settle two-again perhaps
in_doubt 't["one-again"]["heuristic"] == "agrees"'
in_doubt 't["two-again"]["heuristic"] == "contradicts"'
in_doubt 'state["two-again"] == {"pg1": "rolled back by hand", "pg2": "prepared", "redis": "prepared"}'

# Who comes back resolves what is left, and what was settled by hand stays as it was.
door 0 1
grep -q 'two-again at pg1: rolled back by hand; its decision: commit' "$work/said-by-door" ||
    die "the door does not complain: $(cat "$work/said-by-door")"
expect_status 1 "$syncbed" in-doubt --topology "$work/topology.yaml"
grep -q 'SETTLED BY HAND AGAINST THE DECISION' "$work/said" || die "does not complain"
in_doubt 'set(t) == {"one-again", "two-again"} and all(x["prepared"] == 0 for x in s.values())'
in_doubt 'state["two-again"] == {"pg1": "rolled back by hand", "pg2": "committed", "redis": "committed"}'

# The same over HTTP, of a door that runs.
http_door() {
    python3 - "$syncbed" "$work" <<'PYTHON'
import json, socket, subprocess, sys, urllib.error, urllib.request, yaml

program, work = sys.argv[1:]
token = "0123456789abcdef"
open(work + "/token", "w").write(token + "\n")
topology = yaml.safe_load(open(work + "/topology.yaml"))
command = [program, "serve", "--topology", work + "/topology.yaml", "--approach", "xa", "--name"]
options = ["--http", "auto", "--http-token-file", work + "/token"]

def start(name, *more):
    door = subprocess.Popen(command + [name, *more], stdout=subprocess.PIPE,
                            stderr=open(work + "/said-by-door", "a"))
    return door, json.loads(door.stdout.readline())

def ask(port, path, body=None, said=token, method=None):
    """Status and body of an answer."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", method=method,
                                     data=None if body is None else json.dumps(body).encode())
    if said:
        request.add_header("Authorization", "Bearer " + said)
    try:
        with urllib.request.urlopen(request, timeout=20) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as reply:
        return reply.code, reply.read().decode()

# A transaction of another door is in doubt, decided; nobody but that door knows it.
dead, ready = start("other")
control = socket.socket(socket.AF_UNIX)
control.connect(work + "/control/other.sock")
control.sendall(b'{"id":1,"cmd":"arm","point":"xa-decided","gather":1}\n')
control.makefile("r").readline()
client = socket.create_connection(("127.0.0.1", ready["port"]), timeout=20)
client.sendall(json.dumps({"id": 1, "request": "four", "txn": [["w", s, "four", "4"] for s in
                           ("pg1", "pg2", "redis")]}).encode() + b"\n")
assert dead.wait(20) == -9

door, ready = start("door", *options)
port = ready["http"]
try:
    assert ask(port, "/in-doubt", said=None)[0] == 401
    assert ask(port, "/in-doubt", said=token + "x")[0] == 401
    assert ask(port, "/nothing")[0] == 404
    assert ask(port, "/settle")[0] == 405
    assert ask(port, "/settle", body=[])[0] == 400
    assert ask(port, "/settle", body={"name": "four"})[0] == 400
    status, body = ask(port, "/in-doubt")
    view = {t["request"]: t for t in json.loads(body)["transactions"]}
    assert status == 200 and view["four"]["decision"] == "not known", body
    assert view["two-again"]["heuristic"] == "contradicts", body
    status, body = ask(port, "/metrics")
    assert 'syncbed_in_doubt{participant="pg1"} 1\n' in body, body
    assert 'syncbed_participant_up{participant="redis"} 1\n' in body, body
    assert body.count("# TYPE") == len({l for l in body.split("\n") if l.startswith("# TYPE")})
    assert ask(port, "/settle", body={"name": "four", "outcome": "commit"})[0] == 409
    assert ask(port, "/forget", body={"name": "four"})[0] == 409
    status, body = ask(port, "/settle", body={"name": "four", "outcome": "commit", "yes": True})
    assert status == 200 and [s["result"] for s in json.loads(body)["stores"]] == ["ok"] * 3, body
    assert ask(port, "/settle", body={"name": "nobody", "outcome": "commit"})[0] == 404
    assert ask(port, "/forget", body={"name": "four"})[0] == 200
    assert ask(port, "/forget", body={"name": "four"})[0] == 404
    assert 'syncbed_in_doubt{participant="pg1"} 0\n' in ask(port, "/metrics")[1]
finally:
    door.terminate()
    assert door.wait(20) == 0
PYTHON
}
http_door 2>"$work/said" || die "$(cat "$work/said" "$work/said-by-door")"

# Forgetting.
expect_status 0 "$syncbed" forget --topology "$work/topology.yaml" one-again
expect_status 0 "$syncbed" forget --topology "$work/topology.yaml" two-again
expect_status 2 "$syncbed" forget --topology "$work/topology.yaml" two-again
expect_status 0 "$syncbed" in-doubt --topology "$work/topology.yaml"
# Past us: rolled back in psql, no store remembers a hand. It is there until it is forgotten, over restarts.
in_pg2() {
    local port
    port=$("$syncbed" ps --json | tail -1 | jq -r '.processes[] | select(.name == "pg2") | .port')
    psql -h 127.0.0.1 -p "$port" -U syncbed -d syncbed -qAtc "$1"
}
door 1 0 five-again 2>"$work/said" || die "$(cat "$work/said")"
in_pg2 "ROLLBACK PREPARED '$(in_pg2 'SELECT gid FROM pg_prepared_xacts')'"
expect_status 1 "$syncbed" forget --topology "$work/topology.yaml" five-again # prepared elsewhere
door 0 0
door 0 0
expect_status 1 "$syncbed" in-doubt --topology "$work/topology.yaml"
grep -q 'SETTLED BY HAND AGAINST THE DECISION' "$work/said" || die "does not complain of psql"
in_doubt 'set(t) == {"five-again"} and all(x["prepared"] == 0 for x in s.values())'
in_doubt 'state["five-again"] == {"pg1": "committed", "pg2": "rolled back", "redis": "committed"}'
expect_status 0 "$syncbed" forget --topology "$work/topology.yaml" five-again
grep -q 'its decision has ended' "$work/said" || die "the decision stays open: $(cat "$work/said")"
expect_status 0 "$syncbed" in-doubt --topology "$work/topology.yaml"
: >"$work/said-by-door"
door 0 0
! grep 'five-again' "$work/said-by-door" || die "the door complains of what was forgotten"
"$syncbed" down >/dev/null
expect_nothing_left "after down"
