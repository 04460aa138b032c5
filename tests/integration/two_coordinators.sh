#!/bin/bash
# Two coordinators of one name: the first is stopped with transactions decided and nobody told, another
# takes over, the first goes on. While they share the log's folder the second is refused. With a copy of
# the log it takes over: it ends what was decided, and the first one, once it goes on, ends by itself.
. "$(dirname "$0")/lib.sh"

keep_up pg1 pg2 redis
make_tables

python3 - "$syncbed" "$work" >"$work/said" 2>&1 <<'PYTHON' || die "$(cat "$work/said")"
import glob, json, os, shutil, signal, socket, subprocess, sys, yaml

program, work = sys.argv[1:]
found = yaml.safe_load(open(glob.glob(work + "/out/runs/*/topology.yaml")[0]))
ports = [int(found["roles"][door]["address"].split(":")[1]) for door in ("serve1", "serve2")]
stores = ("pg1", "pg2", "redis")
started = []

def start(name, log, port):
    """A door called `door`, with its ready line; None when it was refused."""
    control = f"{work}/control-{name}"
    os.makedirs(control, exist_ok=True)
    os.makedirs(log, exist_ok=True)
    topology = {"run": "two", "control": control, "stores": found["stores"],
                "roles": {"door": {"kind": "serve", "address": f"127.0.0.1:{port}", "data": log}}}
    yaml.safe_dump(topology, open(f"{work}/{name}.yaml", "w"))
    door = subprocess.Popen([program, "serve", "--topology", f"{work}/{name}.yaml", "--name", "door",
                             "--approach", "xa"], stdout=subprocess.PIPE,
                            stderr=open(f"{work}/said-by-{name}", "w"))
    started.append(door)
    return door, door.stdout.readline()

def connect(port):
    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    return client, client.makefile("r")

def send(client, number, txn):
    request = {"id": number, "request": f"r{number}", "txn": txn}
    client[0].sendall(json.dumps(request).encode() + b"\n")

def write(number):
    return [["w", store, f"key{number}", f"value{number}"] for store in stores]

try:
    first, ready = start("first", work + "/log", ports[0])
    assert ready, open(work + "/said-by-first").read()
    control = socket.socket(socket.AF_UNIX)
    control.connect(work + "/control-first/door.sock")
    answers = control.makefile("r")
    control.sendall(b'{"id":1,"cmd":"gather","point":"xa-decided","gather":4}\n')
    client = connect(ports[0])
    for i in range(4):
        send(client, i, write(i))
    assert json.loads(answers.readline())["standing"]["xa-decided"] == 4
    os.kill(first.pid, signal.SIGSTOP)

    # The same folder: refused, and nothing is touched.
    same, ready = start("same", work + "/log", ports[1])
    assert not ready and same.wait(20) != 0
    assert "held by another process" in open(work + "/said-by-same").read()

    # A copy of it: takes over, and what was decided is committed everywhere.
    shutil.copytree(work + "/log", work + "/copy")
    second, ready = start("second", work + "/copy", ports[1])
    assert ready, open(work + "/said-by-second").read()
    other = connect(ports[1])
    for i in range(4):
        send(other, 100 + i, [["r", store, f"key{i}", None] for store in stores])
        reply = json.loads(other[1].readline())
        assert reply["ok"], reply
        assert {op[3]["value"] if isinstance(op[3], dict) else op[3] for op in reply["txn"]} == \
            {f"value{i}"}, reply

    # The first goes on: it learns from its stores that its time is over, and ends.
    os.kill(first.pid, signal.SIGCONT)
    assert first.wait(20) == 2, open(work + "/said-by-first").read()
    assert "later incarnation" in open(work + "/said-by-first").read() or \
        "another coordinator" in open(work + "/said-by-first").read()
    assert client[1].readline() == "" # nobody was told anything by it
    send(other, 200, write(9))
    assert json.loads(other[1].readline())["ok"]
finally:
    for door in started:
        if door.poll() is None:
            os.kill(door.pid, signal.SIGCONT)
            door.terminate()
            door.wait(20)
PYTHON
expect_status 0 "$syncbed" in-doubt
"$syncbed" down >/dev/null
expect_nothing_left "after down"
