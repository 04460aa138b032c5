#!/bin/bash
# Carry the experiments out anew and keep what a reader needs of each: results.json (its runs, numbers,
# machine, versions, commit) and the table as the terminal shows it. The whole folder with histories
# and report.html stays in out/results/NAME; docs/files.md says what is in it.
#
#   results/regenerate.sh            every experiment; about a quarter of an hour
#   results/regenerate.sh NAME…      only experiments/NAME.yaml, or: mutants, bench-load, bench-2pc, 2pc-matrix
#
# For numbers worth keeping: nothing else running on the machine, nothing uncommitted in the tree.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

# A broken promise (status 1) or a verdict that could not be given (3) is a result, too.
keep_status() {
    "$@" || case $? in 1 | 3) ;; *) return 1 ;; esac
}

# What a benchmark is drawn by, if anything draws it: bench/NAME.gp, from the rows of bench.json.
plot() {
    local script=bench/${1#bench-}.gp rows=out/results/$1/rows.txt

    [[ -f $script ]] || return 0
    python3 -c '
import json, sys
for row in json.load(sys.stdin):
    name, _, number = row["case"].rpartition("/")
    print(name, number, row["metric"], row["value"])
' <"results/$1/bench.json" >"$rows"
    gnuplot -e "rows='$rows'; out='results/$1/'" "$script"
}

regenerate() {
    local name=$1 out=out/results/$1

    mkdir -p "results/$name"
    case $name in
    mutants)
        keep_status ./syncbed mutants --clean 20 --out "$out" >"results/$name/table.txt"
        cp "$out/mutants.json" "results/$name/"
        ;;
    2pc-matrix) # four minutes
        keep_status ./syncbed matrix 2pc --out "$out" >"results/$name/table.txt"
        cp "$out/matrix.json" "results/$name/"
        ;;
    bench-*)
        ./syncbed bench "${name#bench-}" --out "$out" >"results/$name/table.txt"
        cp "$out/bench.json" "results/$name/"
        plot "$name"
        ;;
    *)
        keep_status ./syncbed run "experiments/$name.yaml" --out "$out" >"results/$name/table.txt"
        cp "$out/results.json" "results/$name/"
        ;;
    esac
    sed -i '/^\(report\|results\): /d' "results/$name/table.txt" # where they were, on this machine
}

names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    for file in experiments/*.yaml; do
        name=${file##*/}
        names+=("${name%.yaml}")
    done
fi
for name in "${names[@]}"; do
    regenerate "$name"
done
