#!/bin/bash
# A page that a comment or another page names is in the tree.
set -euo pipefail

status=0
while IFS=: read -r file line page; do
    page=${page#[^A-Za-z]}
    [[ -e $page || -e ${file%/*}/$page ]] && continue
    echo "$file:$line: there is no $page"
    status=1
done < <(git ls-files -co --exclude-standard -- '*.[ch]' '*.sh' '*.md' '*.yaml' '*.txt' syncbed |
    grep -v '^results/' |
    xargs grep -noE '\b(docs|results|experiments|examples)/[a-z_/]+\.(md|json|yaml)\b|\b[A-Z][A-Z_]+\.md\b' --)
exit $status
