#!/bin/bash
# All C is formatted by clang-format 14 as .clang-format says; prints where it is not.
set -euo pipefail
cd "$(dirname "$0")/../.."
find . \( -path './.*' -o -path ./build \) -prune -o -name '*.[ch]' -print0 |
    xargs -0 -r clang-format-14 --dry-run -Werror
