#!/usr/bin/python3
"""participant_coordinator.py - two-phase commit over real stores, whole: docs/participant.md.

Presumed abort: only a commit is logged, and forced, before anybody is told; what has no such record
is rolled back. It reads transactions from standard input, one a line, and prints what became of each:

    syncbed up pg1 maria1
    syncbed participant pg1 --reset --listen 127.0.0.1:7001 &
    syncbed participant maria1 --reset --listen 127.0.0.1:7002 &
    echo '{"request":"r1","txn":[["w","pg1","a","1"],["w","maria1","a","1"]]}' |
        examples/participant_coordinator.py decisions.log pg1=127.0.0.1:7001 maria1=127.0.0.1:7002
"""
import json, os, socket, sys, time

ME = "sb1:student:"  # all our gids begin so, and nobody else's
AGAIN = ("unavailable", "unknown", "retry")  # the answers that decide nothing: ask again


class Participant:
    def __init__(self, name, where):
        self.name, self.where, self.file = name, where, None

    def send(self, **request):
        """Send a request, connecting first if need be; a gateway that is away is no failure."""
        try:
            if not self.file:
                host, port = self.where.rsplit(":", 1)
                self.file = socket.create_connection((host, int(port))).makefile("rw")
            self.file.write(json.dumps({"id": 0, **request}) + "\n")
            self.file.flush()
        except OSError:
            self.file = None

    def answer(self):
        """The answer to what was sent. A connection that was lost has none: unknown."""
        try:
            line = self.file.readline() if self.file else ""
        except OSError:
            line = ""
        if not line:
            self.file = None
            return {"ok": False, "code": "unknown", "detail": f"{self.name} does not answer"}
        return json.loads(line)

    def insist(self, **request):
        while True:
            self.send(**request)
            answer = self.answer()
            if answer["ok"] or answer["code"] not in AGAIN:
                return answer
            time.sleep(0.05)


class Coordinator:
    def __init__(self, log, participants):
        self.participants = participants
        self.log = open(log, "a+")
        self.epoch, self.seq = time.time_ns(), 0  # no gid comes twice, whatever happened before
        self.recover()

    def recover(self):
        self.log.seek(0)
        decided = {line.strip() for line in self.log if line.endswith("\n")}  # a torn line is none
        for p in self.participants.values():
            for branch in p.insist(recover=ME)["prepared"]:
                self.end(p, branch["gid"], "commit" if branch["gid"] in decided else "rollback")

    def end(self, p, gid, verb):
        answer = p.insist(**{verb: gid})  # nota: an earlier try has ended it, its answer was lost
        if not answer["ok"] and answer["code"] != "nota":
            sys.exit(f"{gid} at {p.name}: {answer}")
        print(f"{verb} {gid} at {p.name}", file=sys.stderr)

    def execute(self, request, txn):
        self.seq += 1
        gid = f"{ME}{self.epoch}:{self.seq}:{request}"
        stores = [self.participants[name] for name in sorted({op[1] for op in txn})]
        for p in stores:
            p.send(prepare=gid, request=request, txn=txn)
        votes = [p.answer() for p in stores]
        committed = all(vote["ok"] for vote in votes)
        if committed:
            self.log.write(gid + "\n")
            self.log.flush()
            os.fsync(self.log.fileno())
            if os.environ.get("DIE") == "decided":
                os._exit(9)  # try it: what happens to the transaction now?
        for p, vote in zip(stores, votes):
            if vote["ok"] or vote["code"] in AGAIN + ("fatal",):  # any other no left nothing there
                self.end(p, gid, "commit" if committed else "rollback")
        return "committed" if committed else f"aborted: {[v for v in votes if not v['ok']]}"


names = dict(word.split("=") for word in sys.argv[2:])
coordinator = Coordinator(sys.argv[1], {n: Participant(n, names[n]) for n in names})
for line in sys.stdin:
    transaction = json.loads(line)
    print(transaction["request"], coordinator.execute(transaction["request"], transaction["txn"]), flush=True)
