#!/usr/bin/env bash
# run.sh [--once]: a demo backend, the proxy before it, and a herd of identical calls to both; then serves until Ctrl-C
# (--once: ends there), and keeps a small load going so that the dashboard has something to show. `./dev run` builds it first.
# DEMO_BACKEND, LISTEN, HEALTH and ADMIN (HOST:PORT) choose where it listens.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

bin=build/release
children=()

say() { printf '%s\n' "$*"; }
die() {
  printf './dev: %s\n' "$*" >&2
  exit 1
}

# start NAME COMMAND…: in the background, away from the terminal's Ctrl-C, and never outliving this script.
# Sets $child.
start() {
  local log=build/run/$1.log
  shift
  : >"$log"  # here, not when the child runs: `ready` must not read what an earlier run said
  setsid setpriv --pdeathsig TERM "$@" >>"$log" 2>&1 </dev/null &
  child=$!
  children+=("$child")
}

# ready NAME PID: waits for the line that says where NAME listens.
ready() {
  local log=build/run/$1.log deadline=$((SECONDS + 30))
  until grep -q ' ready: ' "$log"; do
    if ! kill -0 "$2" 2>/dev/null || [ $SECONDS -gt $deadline ]; then
      cat "$log" >&2
      die "$1 did not start"
    fi
    sleep 0.05
  done
}

# said NAME WHAT: the address after "WHAT on " in the ready line of NAME.
said() { sed -n "s/.* ready: .*$2 on \([^ ;]*\).*/\1/p" "build/run/$1.log" | head -1; }

# The configuration, and beside it a token for who may purge.
configure() {
  [ -s build/run/admin.token ] || (umask 077 && od -An -N16 -tx1 /dev/urandom | tr -d ' ' >build/run/admin.token)
  { cat config/quickstart.yaml && say "  token_file: $PWD/build/run/admin.token"; } >build/run/quickstart.yaml
}

# free VARIABLE PORT: what VARIABLE says, or else 127.0.0.1:PORT, or port 0 where that is taken.
free() {
  if [ -n "${!1:-}" ]; then
    printf '%s' "${!1}"
  elif (exec 3<>"/dev/tcp/127.0.0.1/$2") 2>/dev/null; then
    say "Port $2 is taken: a free one is used ($1=HOST:PORT chooses)." >&2
    printf '127.0.0.1:0'
  else
    printf '127.0.0.1:%s' "$2"
  fi
}

start_both() {
  start demo-backend "$bin/demo/demo-backend" "--listen=$(free DEMO_BACKEND 50051)"
  backend=$child
  ready demo-backend "$backend"
  DEMO_BACKEND=$(said demo-backend listening)
  LISTEN=$(free LISTEN 8080)
  HEALTH=$(free HEALTH 9900)
  ADMIN=$(free ADMIN 9901)
  export DEMO_BACKEND LISTEN HEALTH ADMIN
  configure
  start singleflight-proxy "$bin/server/singleflight-proxy" --config build/run/quickstart.yaml
  proxy=$child
  ready singleflight-proxy "$proxy"
  LISTEN=$(said singleflight-proxy listening)
  HEALTH=$(said singleflight-proxy health)
  ADMIN=$(said singleflight-proxy 'admin (http)')
}

# The proxy first, so that it drains into a backend that is still there. Status 1 if one of them did not end well.
stop_both() {
  local pid failed=0
  for pid in $(printf '%s\n' "${children[@]}" | tac); do
    kill -TERM "$pid" 2>/dev/null || true
    wait "$pid" || failed=1
  done
  children=()
  return $failed
}

herd() {
  say "1,000 identical calls at once; the backend takes 50 ms for each:"
  say
  # In the background, because a shell does not hear signals while a program of its own runs.
  "$bin/demo/demo-herd" "--backend=$DEMO_BACKEND" "--proxy=$LISTEN" &
  wait $! || die "the herd failed (logs in build/run)"
  say
}

what_next() {
  say "The dashboard: http://$ADMIN/   (a purge there wants the token in build/run/admin.token)"
  say
  say "singleflight-proxy listens on $LISTEN; metrics: http://$HEALTH/metrics"
  say "demo-backend listens on $DEMO_BACKEND (proto/demo/v1/catalog.proto)"
  say "A small load runs (demo/load.cc). Logs are in build/run. Ctrl-C stops it all."
  say
  say "Try next, in another terminal:"
  say "  the herd again          $bin/demo/demo-herd --backend=$DEMO_BACKEND --proxy=$LISTEN"
  say "  what was saved          curl -s http://$HEALTH/metrics | grep singleflight_calls"
  say "  a backend of your own   copy config/quickstart.yaml, put your address behind target:, ./dev run COPY.yaml"
  say "  keep replies a while    cache: {ttl: 5s} beside collapse: true (docs/caching.md)"
}

mkdir -p build/run
trap 'stop_both || true' EXIT
trap 'say; say "Stopping."; stop_both; exit' INT TERM HUP
start_both
herd
if [ "${1:-}" = --once ]; then
  stop_both || die "the proxy or the backend did not stop cleanly (logs in build/run)"
  exit
fi
start demo-load "$bin/demo/demo-load" "--proxy=$LISTEN"
what_next
wait -n "$backend" "$proxy" || true
die "the proxy or the backend ended by itself (logs in build/run)"
