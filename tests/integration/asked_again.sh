#!/bin/bash
# A client whose answer was lost with its door asks the next incarnation: for the outcome, and by sending
# the same request again. It hears what became of it, and nothing is executed twice.
. "$(dirname "$0")/lib.sh"

keep_up pg1 pg2 redis
make_tables

python3 - "$syncbed" "$work" >"$work/said" 2>&1 <<'PYTHON' || die "$(cat "$work/said")"
import glob, json, os, socket, subprocess, sys, yaml

program, work = sys.argv[1:]
found = yaml.safe_load(open(glob.glob(work + "/out/runs/*/topology.yaml")[0]))
port = int(found["roles"]["serve1"]["address"].split(":")[1])
stores = ("pg1", "pg2", "redis")
os.makedirs(work + "/control")
os.makedirs(work + "/log")
yaml.safe_dump({"run": "again", "control": work + "/control", "stores": found["stores"],
                "roles": {"door": {"kind": "serve", "address": f"127.0.0.1:{port}",
                                   "data": work + "/log"}}}, open(work + "/topology.yaml", "w"))

class Door:
    def __init__(self):
        self.process = subprocess.Popen([program, "serve", "--topology", work + "/topology.yaml",
                                         "--name", "door", "--approach", "xa"],
                                        stdout=subprocess.PIPE, stderr=open(work + "/said-by-door", "a"))
        assert self.process.stdout.readline(), open(work + "/said-by-door").read()
        self.client = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.replies = self.client.makefile("r")

    def send(self, **request):
        self.client.sendall(json.dumps({"id": 1, **request}).encode() + b"\n")

    def ask(self, **request):
        self.send(**request)
        return json.loads(self.replies.readline())

    def die_at(self, point, requests):
        control = socket.socket(socket.AF_UNIX)
        control.connect(work + "/control/door.sock")
        control.sendall(json.dumps({"id": 1, "cmd": "arm", "point": point,
                                    "gather": len(requests)}).encode() + b"\n")
        control.makefile("r").readline()
        for request in requests:
            self.send(request=request, txn=append(request))
        assert self.process.wait(20) == -9
        assert self.replies.readline() == "" # nobody was told anything

def append(request):
    return [["append", store, "list-" + request, "x"] for store in stores]

def lists(door, request):
    """What each store has: one element if it was executed once."""
    reply = door.ask(request="look-" + request + str(os.urandom(4).hex()),
                     txn=[["r", store, "list-" + request, None] for store in stores])
    assert reply["ok"], reply
    return [json.dumps(op[3]) for op in reply["txn"]]

door = Door()
try:
    door.die_at("xa-decided", ["d1", "d2"])
    door = Door()
    assert door.ask(status="d1")["outcome"] == "committed"
    before = lists(door, "d1")
    assert len(set(before)) == 1 and "x" in before[0] and "x,x" not in before[0], before
    assert door.ask(request="d1", txn=append("d1"))["ok"]
    assert lists(door, "d1") == before, lists(door, "d1")

    door.die_at("xa-voted", ["v1", "v2"])
    door = Door()
    nothing = lists(door, "v1")
    assert len(set(nothing)) == 1 and "x" not in nothing[0], nothing
    assert door.ask(status="v1")["outcome"] == "aborted"
    reply = door.ask(request="v1", txn=append("v1")) # it is barred: "aborted" was said
    assert not reply["ok"] and reply["code"] == "aborted" and reply["definite"], reply
    assert lists(door, "v1") == nothing
    assert door.ask(status="d2")["outcome"] == "committed" # also two incarnations later
    assert door.ask(status="nobody")["outcome"] == "unknown"
finally:
    door.process.terminate()
    door.process.wait(20)
PYTHON
"$syncbed" down >/dev/null
expect_nothing_left "after down"
