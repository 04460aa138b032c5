#!/usr/bin/python3
"""naive_coordinator.py - a system under test of your own: docs/exec.md.

A careful program without a protocol: all statements first, then all commits, and last the store
without transactions. After the first commit the others cannot be refused, but they can fail; then
`aborted` is not so. And two copies of it write to Redis in an order of their own. See it:

    ./syncbed run examples/naive_coordinator.yaml
"""
import argparse, concurrent.futures, json, socketserver, threading

import psycopg2, redis, yaml

WORKERS = 16  # sessions at each store, as every approach has

PG_WRITE = """
    WITH u AS (INSERT INTO kv (key, val, n) VALUES (%s, %s, 1)
               ON CONFLICT (key) DO UPDATE SET val = excluded.val, n = kv.n + 1 RETURNING key, n)
    INSERT INTO journal (key, n, request, op) SELECT key, n, %s, %s FROM u"""

REDIS_WRITE = """
    local n = redis.call('HINCRBY', 'k:' .. KEYS[1], 'n', 1)
    redis.call('HSET', 'k:' .. KEYS[1], 'val', ARGV[1])
    redis.call('RPUSH', 'j:' .. KEYS[1], n .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])"""


class Coordinator:
    def __init__(self, topology, name):
        self.topology, self.name = topology, name
        self.mine = threading.local()  # each worker has a session of its own at each store

    def connect(self, store):
        where = self.topology["stores"][store]
        links = self.topology.get("links") or {}
        host, port = links.get(f"{self.name}->{store}", where["address"]).rsplit(":", 1)
        session = f"sb1:{self.name}:naive"  # by this name its sessions are seen to be gone
        if where["kind"] == "redis":
            return redis.Redis(host, int(port), client_name=session)
        return psycopg2.connect(host=host, port=port, user=where["user"],
                                dbname=where["database"], application_name=session)

    def session(self, store):
        sessions = self.mine.__dict__
        return sessions.get(store) or sessions.setdefault(store, self.connect(store))

    def transact(self, request, txn):
        transactional, after = set(), []
        for i, (_, store, key, value) in enumerate(txn):
            operation = f"{i} w {value}"  # as the store's journal has it
            session = self.session(store)
            if isinstance(session, redis.Redis):
                after.append((session, key, value, request, operation))
            else:
                session.cursor().execute(PG_WRITE, (key, value, request, operation))
                transactional.add(session)
        for session in transactional:
            session.commit()
        for session, key, *arguments in after:
            session.eval(REDIS_WRITE, 1, key, *arguments)

    def answer(self, asked):
        if "status" in asked:
            return {"ok": True, "outcome": "unknown"}
        if any(op[0] != "w" or len(op) != 4 for op in asked["txn"]):
            return {"ok": False, "code": "unsupported", "definite": True}
        try:
            self.transact(asked["request"], asked["txn"])
            return {"ok": True, "level": "everywhere"}
        except (psycopg2.Error, redis.RedisError) as error:
            self.mine.__dict__.clear()  # closes the sessions, and so rolls back
            return {"ok": False, "code": "aborted", "definite": True, "detail": str(error)[:150]}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--topology", required=True)
    parser.add_argument("--name", required=True)
    args = parser.parse_args()
    with open(args.topology, encoding="utf-8") as file:
        topology = yaml.safe_load(file)
    coordinator = Coordinator(topology, args.name)
    workers = concurrent.futures.ThreadPoolExecutor(WORKERS)

    class Client(socketserver.StreamRequestHandler):
        def reply(self, asked):
            answer = {"id": asked["id"], **coordinator.answer(asked)}
            self.request.sendall(json.dumps(answer).encode() + b"\n")

        def handle(self):  # many requests in flight, answered in any order
            for line in self.rfile:
                workers.submit(self.reply, json.loads(line))

    socketserver.ThreadingTCPServer.allow_reuse_address = True
    host, port = topology["roles"][args.name]["address"].rsplit(":", 1)
    with socketserver.ThreadingTCPServer((host, int(port)), Client) as server:
        print(json.dumps({"ready": True, "port": int(port)}), flush=True)
        server.serve_forever()


main()
