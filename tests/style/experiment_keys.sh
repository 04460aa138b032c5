#!/bin/bash
# docs/experiments.md and the page on workloads that it links are complete: every key that the parsers
# of an experiment know stands there in `code`, and every setting of an approach with its values.
set -euo pipefail

python3 - <<'PYTHON'
import re, sys
page = open("docs/experiments.md").read() + open("docs/workloads.md").read()
blocks = r"```.*?```"
code = re.findall(blocks, page, re.S) + re.findall(r"`[^`]+`", re.sub(blocks, "", page, flags=re.S))
said = {word for text in code for word in re.findall(r"[\w-]+", text)}
known = set()
for path in ("harness/experiment.c", "faults/schedule.c", "harness/workload/workload.c"):
    lists = re.findall(r"(?:keys|money)\[\] = \{([^}]*)\}", open(path).read())
    if not lists:
        sys.exit(f"{path}: no lists of keys found: this check has to follow the parser")
    known |= {word for text in lists for word in re.findall(r'"([^"]+)"', text)}
for path in ("approaches/dual.c", "approaches/xa.c", "approaches/log.c"):
    for name, values in re.findall(r'\{"(\w+)",\s*\{((?:"[^"]+",?\s*)+)\}', open(path).read()):
        known |= {name} | set(re.findall(r'"([^"]+)"', values))
known |= set(re.findall(r'strcmp\(key, "(\w+)"\)', open("harness/experiment_approaches.c").read()))
missing = sorted(known - said)
if len(known) < 45 or missing:
    sys.exit(f"{len(known)} keys and values; not in `code` in docs/experiments.md or docs/workloads.md: {missing}")
PYTHON
