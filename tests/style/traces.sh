#!/bin/bash
# The traces of docs/two-phase-commit.md are those that the unit tests compare with, event by event.
set -euo pipefail
cd "$(dirname "$0")/../.."

python3 - <<'PYTHON'
import re, sys

page = open("docs/two-phase-commit.md").read()
bad = []

def of_test(program, case):
    source = open(f"tests/unit/{program}.c").read()
    body = re.search(rf"static void {case}\(void \*\*state\)\n{{(.*?)\n}}\n", source, re.S)
    if not body:
        return None
    text = inlined(source, body.group(1))
    found = re.findall(r'expect\(&?\w+,\s*([A-Z_]+(?:\([^()]*\))?),\s*"([^"]*)"\)', text)
    # All of them, or the page would tell a part as the whole.
    return found if len(found) == text.count("expect(") else None

# A helper that brings a recovery to where it lists: what it expects is part of the trace.
def inlined(source, text):
    helper = re.search(r"static void go_to_listing\([^)]*\)\n{(.*?)\n}\n", source, re.S)
    return re.sub(r"go_to_listing\(&core, (\d)\);",
                  lambda call: re.sub(r"\bi\)", call.group(1) + ")", helper.group(1)), text)

def of_page(text):
    lines = [re.split(r"\s{2,}", line) for line in text.strip().split("\n")]
    return [(event, "" if rest == "-" else rest) for event, rest in lines]

traces = re.findall(r"<!-- trace: (\w+)/(\w+) -->\n```\n(.*?)```", page, re.S)
for program, case, text in traces:
    if of_page(text) != of_test(program, case):
        bad.append(f"docs/two-phase-commit.md: the trace of {program}/{case} is not the test's")
if len(traces) < 5:
    bad.append(f"docs/two-phase-commit.md has {len(traces)} traces")
print("\n".join(bad) or f"{len(traces)} traces")
sys.exit(1 if bad else 0)
PYTHON
