#!/bin/bash
# Each header compiles alone: it includes what it uses.
set -euo pipefail
cd "$(dirname "$0")/../.."

flags=$(pkg-config --cflags libevent yaml-0.1 jansson libpq libmariadb hiredis rdkafka libisal)
readonly flags

# compile HEADER: prints the compiler's complaints; fails when there are any.
compile() {
    # shellcheck disable=SC2086 # flags are words
    cc -std=c11 -D_GNU_SOURCE -Wall -Wextra -Werror -I. $flags -fsyntax-only -x c \
        -include "$1" /dev/null
}

bad=0 n=0
while read -r header; do
    compile "$header" || { echo "$header: does not compile alone"; bad=1; }
    n=$((n + 1))
done < <(find . \( -path './.*' -o -path ./build -o -path ./tests \) -prune -o -name '*.h' -print)
((n > 0)) || { echo "found no header"; exit 1; }
exit "$bad"
