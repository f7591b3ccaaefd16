#!/usr/bin/env bash
# format.sh [--check]: formats every C++ file, or says which ones would change (status 1).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

mapfile -d '' files < <(find demo lib server tests -name node_modules -prune -o \
  -type f \( -name '*.cc' -o -name '*.h' \) -print0)
[ ${#files[@]} -gt 0 ] || { echo "format: no files found" >&2; exit 1; }

if [ "${1:-}" != --check ]; then
  printf '%s\0' "${files[@]}" | xargs -0 clang-format -i
  exit
fi

# Every release formats a little differently; the reference platform has this one.
if ! clang-format --version | grep -q 'version 14\.'; then
  echo "not checked: the sources are formatted by clang-format 14, this is $(clang-format --version)"
  exit
fi

# A check that cannot fail is none.
if printf 'int  main( ){ }\n' | clang-format --dry-run -Werror --assume-filename=main.cc 2>/dev/null; then
  echo "format: clang-format passes what is badly formatted" >&2
  exit 1
fi
# Nor may it flow one row of a table in a comment into the next.
table=$(printf '//\n//   %090d %020d\n//   1 2\n' 0 0)
if [ "$(clang-format --assume-filename=main.cc <<<"$table")" != "$table" ]; then
  echo "format: clang-format takes a table in a comment apart" >&2
  exit 1
fi
printf '%s\0' "${files[@]}" | xargs -0 clang-format --dry-run -Werror
echo "${#files[@]} files, formatted"
