# Sourced by the integration tests: the binary is $1, everything goes below $work, and nothing may be
# left of it. A failure says in which line of which test.
set -euo pipefail

syncbed=$(realpath "$1")
work=$(mktemp -d /var/tmp/syncbed-test-XXXXXX)
export SYNCBED_DIR=$work/servers # so that what is ours can be told from what others run
mkdir "$SYNCBED_DIR"
chmod 755 "$work" # the servers' user has to get through
trap 'status=$?; [ $status -eq 0 ] || echo "FAILED in line $LINENO of $0" >&2
      "$syncbed" down >/dev/null 2>&1 || true; rm -rf "$work"' EXIT

die() {
    echo "$0: $*" >&2
    exit 1
}

# The pids of processes that a keeper of this test started: they carry its folder as a mark.
ours() {
    grep -lzs "^SYNCBED_PROCESS=$SYNCBED_DIR/" /proc/[0-9]*/environ | cut -d/ -f3 || true
}

# Within five seconds no process, no folder and no lock of this test is left.
expect_nothing_left() {
    for _ in $(seq 50); do
        [ -z "$(ours)" ] && [ -z "$(find "$SYNCBED_DIR" -mindepth 1)" ] && return
        sleep 0.1
    done
    ps -o pid,args -p "$(ours | paste -sd, -)" >&2 || true
    find "$SYNCBED_DIR" -mindepth 1 | head >&2
    die "something is left ($*)"
}

# Servers that stay until `down`, so that each run of a test begins at once.
keep_up() {
    expect_status 0 "$syncbed" up "$@"
}

# expect_status WANT COMMAND …: its output goes to $work/said.
expect_status() {
    local want=$1 status=0
    shift
    "$@" >"$work/said" 2>&1 || status=$?
    [ "$status" -eq "$want" ] && return
    tail -40 "$work/said" >&2
    die "status $status, not $want: $*"
}

# Our tables in the stores that are up, and a topology that names these: $work/out/runs/*/topology.yaml.
make_tables() {
    cat >"$work/make.yaml" <<'YAML'
question: Are the tables there?
stores: [pg1, pg2, redis]
workload: {name: fanout, rate_per_s: 50, duration_s: 0.5, keys: 10, clients: 2}
approaches: [xa]
schedules: [{name: none}]
warm_up_s: 0
YAML
    expect_status 0 "$syncbed" run "$work/make.yaml" --out "$work/out"
}

# result FILE PYTHON: evaluate an expression over `r`, the results, and `run`, its runs by
# "approach/schedule"; it must be true.
expect_result() {
    python3 - "$1" "$2" <<'PYTHON' || die "not so: $2"
import json, sys
r = json.load(open(sys.argv[1]))
run = {x["variant"] + "/" + x["schedule"]: x for x in r["runs"]}
sys.exit(0 if eval(sys.argv[2]) else 1)
PYTHON
}

# expect_page FILE N: headless Chromium shows it without a word on the console, with N figures that
# have something drawn in them, no id twice, and no link that leads nowhere.
expect_page() {
    chromium --headless --no-sandbox --user-data-dir="$work/chromium" --enable-logging=stderr \
        --virtual-time-budget=2000 --dump-dom "file://$1" >"$work/dom" 2>"$work/console"
    grep -q ':CONSOLE:' "$work/console" && die "$1 complains: $(grep ':CONSOLE:' "$work/console")"
    python3 - "$work/dom" "$2" <<'PYTHON' || die "$1 is not as it should be"
import re, sys
dom = open(sys.argv[1]).read()
figures = re.findall(r"<figure>.*?</figure>", dom, re.S)
ids = re.findall(r'\sid="([^"]*)"', dom)
twice = {i for i in ids if ids.count(i) > 1}
nowhere = {h for h in re.findall(r'href="#([^"]*)"', dom) if h not in ids}
empty = [f[:120] for f in figures if not re.search(r"<(use|path)[^>]+(gpPt|d=\"M)", f.split("</defs>")[-1])]
print(len(figures), "figures", "twice:", twice, "empty:", empty, "nowhere:", nowhere)
sys.exit(0 if len(figures) == int(sys.argv[2]) and not twice and not empty and not nowhere else 1)
PYTHON
}
