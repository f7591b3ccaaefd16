#!/usr/bin/env bash
# systemd_test.sh REPOSITORY PROXY: systemd accepts the units without a word and finds the service hardened; its stop
# outlasts the drain, and it says what the proxy speaks.
set -euo pipefail
repository=$1
proxy=$2
units=$repository/deploy/systemd
service=$units/singleflight-proxy.service

# Of ten; a service without any of it has 9.6.
most_exposure=1.5

stop=$(sed -n 's/^TimeoutStopSec=\([0-9]*\)s$/\1/p' "$service")
drain=$(sed -n 's/^[# ]*drain_timeout: \([0-9]*\)s.*/\1/p' "$repository/config/reference.yaml")
if [ "$stop" -lt $((${drain:?no drain_timeout in config/reference.yaml} + 5)) ]; then
  echo "TimeoutStopSec=${stop}s is not 5 s more than drain_timeout, ${drain}s"
  exit 1
fi
for line in Type=notify 'WatchdogSec=[0-9]*s' NoNewPrivileges=yes ProtectSystem=strict MemoryDenyWriteExecute=yes \
            CapabilityBoundingSet= DynamicUser=yes; do
  grep -qx "$line" "$service" || { echo "$service says no $line"; exit 1; }
done

command -v systemd-analyze >/dev/null || { echo "no systemd-analyze here"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sed "s|=/usr/bin/singleflight-proxy |=$proxy |" "$service" >"$work/singleflight-proxy.service"
cp "$units/singleflight-proxy.socket" "$work"
said=$(systemd-analyze verify "$work"/singleflight-proxy.* 2>&1) || { echo "$said"; exit 1; }
[ -z "$said" ] || { echo "$said"; exit 1; }
exposure=$(systemd-analyze security --offline=true "$work/singleflight-proxy.service" |
           sed -n 's/.*Overall exposure level for [^:]*: \([0-9.]*\) .*/\1/p')
awk -v found="${exposure:-10}" -v most=$most_exposure 'BEGIN { exit !(found <= most) }' ||
  { echo "exposure $exposure is more than $most_exposure: systemd-analyze security tells by what"; exit 1; }
