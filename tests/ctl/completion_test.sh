#!/usr/bin/env bash
# completion_test.sh SINGLEFLIGHTCTL: what bash completes, and that zsh reads its script.
set -euo pipefail
ctl=$1
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$ctl" completion bash >"$work/bash"
"$ctl" completion zsh >"$work/_singleflightctl"
source "$work/bash"

# completes 'WHAT IS TYPED' 'WORDS THAT ARE OFFERED'; the last word typed is the one to complete.
completes() {
  local offered
  IFS=' ' read -r -a COMP_WORDS <<<"$1"
  [[ $1 != *' ' ]] || COMP_WORDS+=('')
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  _singleflightctl || true  # compopt works in completion only
  offered=${COMPREPLY[*]}
  [ "$offered" = "$2" ] || { printf '"%s" offers "%s", not "%s"\n' "$1" "$offered" "$2" >&2; exit 1; }
}

completes 'singleflightctl sta' 'stats'
completes 'singleflightctl re' 'reload'
completes 'singleflightctl stats --w' '--watch'
completes 'singleflightctl --json stats --in' '--interval'
completes 'singleflightctl --address unix:/x pur' 'purge'
completes 'singleflightctl purge --al' '--all'
completes 'singleflightctl top --by ' 'calls saved-bytes'
completes 'singleflightctl top --route ' ''
completes 'singleflightctl log-level w' 'warning'
completes 'singleflightctl completion ' 'bash zsh'
completes 'singleflightctl help up' 'upstreams'
cd "$work"
completes 'singleflightctl check _si' '_singleflightctl'
completes 'singleflightctl --ca b' 'bash'

if ! command -v zsh >/dev/null; then
  echo 'no zsh here'
  exit 77
fi

HOME=$work TERM=dumb zsh -f "$here/completion_test.zsh"
