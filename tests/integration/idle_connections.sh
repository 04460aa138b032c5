#!/bin/bash
# 10,000 clients that say nothing cost a front door a descriptor each: others are served, any of them is
# when it speaks, and all may leave at once.
. "$(dirname "$0")/lib.sh"

ulimit -n "$(ulimit -Hn)"
mkdir "$work/control"
python3 - "$syncbed" "$work" <<'PYTHON'
import json, resource, socket, subprocess, sys

program, work = sys.argv[1:]
limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
clients = min(10000, limit - 100)

# Bound but not listening, and so is the door's until it listens: nobody else can be given this port.
held = socket.socket()
held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
held.bind(("127.0.0.1", 0))
port = held.getsockname()[1]
open(work + "/topology.yaml", "w").write(f"""run: idle
control: {work}/control
stores:
  pg1: {{kind: postgres, address: "127.0.0.1:1", user: syncbed, database: syncbed}}
roles:
  serve1: {{kind: serve, address: "127.0.0.1:{port}"}}
""")
door = subprocess.Popen([program, "serve", "--topology", work + "/topology.yaml", "--name", "serve1",
                         "--approach", "null"], stdout=subprocess.PIPE, stderr=open(work + "/log", "w"))
if not door.stdout.readline(): # its ready line
    sys.exit(open(work + "/log").read())

def rss_kb():
    for line in open(f"/proc/{door.pid}/status"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])

def connect():
    s = socket.create_connection(("127.0.0.1", port), timeout=20)
    return s, s.makefile("r")

def ask(client, number):
    request = {"id": number, "request": f"c-{number}", "txn": [["w", "pg1", "k", "v"]]}
    client[0].sendall(json.dumps(request).encode() + b"\n")
    reply = json.loads(client[1].readline())
    assert reply["id"] == number and reply["ok"], reply

control = socket.socket(socket.AF_UNIX)
control.connect(work + "/control/serve1.sock")
answers = control.makefile("r")

def counters():
    control.sendall(b'{"id":1,"cmd":"counters"}\n')
    return json.loads(answers.readline())

try:
    speaker = connect()
    ask(speaker, 0)
    before = rss_kb()
    # A full backlog drops what comes then, and the kernel tries again after a second.
    idle = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(clients)]
    for i in range(1, 1001):
        ask(speaker, i)
    assert counters()["connections"] == clients + 1, counters()
    each = (rss_kb() - before) * 1024 // clients
    print(f"{clients} idle connections, {each} bytes each")
    assert each < 8192, "an idle connection holds a buffer"
    for i in range(0, clients, 100):
        ask((idle[i], idle[i].makefile("r")), i)
    for s in idle:
        s.close()
    for i in range(20000):
        ask(speaker, i)
        if counters()["connections"] == 1:
            break
    else:
        sys.exit("clients that left are still counted")
finally:
    door.terminate()
    status = door.wait()
assert status == 0, status
PYTHON
