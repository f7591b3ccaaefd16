#!/usr/bin/env bash
# install_test.sh BUILD: what packages take: the component `proxy` has the programs, their man pages and the completion.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
DESTDIR=$work cmake --install "$1" --component proxy --prefix /usr >/dev/null
cd "$work/usr"
test -x bin/singleflight-proxy
bin/singleflightctl --version | grep -q '^singleflightctl '
for page in singleflightctl singleflight-proxy; do grep -q "^\.SH NAME" share/man/man1/$page.1; done
bash -n share/bash-completion/completions/singleflightctl
grep -q '^#compdef singleflightctl' share/zsh/vendor-completions/_singleflightctl
