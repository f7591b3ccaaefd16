#!/usr/bin/env bash
# systemd_test.sh REPOSITORY PROXY: systemd accepts the unit without a word, and its stop outlasts the drain.
set -euo pipefail
repository=$1
proxy=$2
unit=$repository/deploy/systemd/singleflight-proxy.service

stop=$(sed -n 's/^TimeoutStopSec=\([0-9]*\)s$/\1/p' "$unit")
drain=$(sed -n 's/^[# ]*drain_timeout: \([0-9]*\)s.*/\1/p' "$repository/config/reference.yaml")
if [ "$stop" -lt $((${drain:?no drain_timeout in config/reference.yaml} + 5)) ]; then
  echo "TimeoutStopSec=${stop}s is not 5 s more than drain_timeout, ${drain}s"
  exit 1
fi

command -v systemd-analyze >/dev/null || { echo "no systemd-analyze here"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed "s|=/usr/bin/singleflight-proxy |=$proxy |" "$unit" >"$work/singleflight-proxy.service"
said=$(systemd-analyze verify "$work/singleflight-proxy.service" 2>&1) || { echo "$said"; exit 1; }
[ -z "$said" ] || { echo "$said"; exit 1; }
