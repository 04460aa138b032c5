#!/bin/bash
# The rows of the matrix are those of two-phase commit, each once; every test they name is there and is
# run, every experiment is there and shows a row.
set -euo pipefail
cd "$(dirname "$0")/../.."

python3 - <<'PYTHON'
import os, re, sys, yaml

folder = "experiments/matrix-2pc"
rows = yaml.safe_load(open(folder + "/rows.yaml"))["rows"]
bad = []

wanted = [f"C{i}" for i in range(1, 19)] + [f"P{i}" for i in range(1, 18)]
wanted += [f"M{i}" for i in range(1, 9)] + [f"L{i}" for i in range(1, 8)]
if [row["id"] for row in rows] != wanted:
    bad.append("the rows are not " + " ".join(wanted))

def is_there(name):
    program, case = name.split("/", 1)
    if not program.startswith("test_"):
        return os.path.exists(f"tests/{name}")
    path = f"tests/unit/{program}.c"
    if not os.path.exists(path):
        return False
    text = open(path).read()
    # Its definition, and its place in the list of tests behind it.
    return len(re.findall(r"\b" + re.escape(case) + r"\b", text)) >= 2

for row in rows:
    for name in row.get("tests", []):
        if not is_there(name):
            bad.append(f"{row['id']}: no test {name}")

files = {name[:-5] for name in os.listdir(folder)} - {"rows"}
def experiments(row):
    names = row.get("experiment", [])
    return names if isinstance(names, list) else [names]

used = {name for row in rows for name in experiments(row)}
bad += [f"no experiment {name}" for name in sorted(used - files)]
bad += [f"{name}.yaml shows no row" for name in sorted(files - used)]
print("\n".join(bad) or f"{len(rows)} rows, {len(used)} experiments")
sys.exit(1 if bad else 0)
PYTHON
