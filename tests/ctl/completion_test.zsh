# What zsh completes, for completion_test.sh: in a terminal, as for people. The script stands in this folder.
zmodload zsh/zpty

# offers 'WHAT IS TYPED' 'WHAT A TAB MAKES OF IT'
offers() {
  local output
  zpty shell zsh -f -i
  zpty -w shell 'PS1=; fpath=($PWD $fpath); autoload -Uz compinit; compinit -u -D; print -r -- rea""dy'
  zpty -r -m shell output '*ready*'
  zpty -w -n shell "$1"$'\t'
  zpty -r -m shell output "*$2*" || { print -r -- "zsh: a tab makes no $2 of $1: $output" >&2; exit 1 }
  zpty -d shell
}

offers 'singleflightctl upstr' 'singleflightctl upstreams'
offers 'singleflightctl stats --wat' 'stats --watch'
offers 'singleflightctl top --by sav' 'saved-bytes'
offers 'singleflightctl log-level w' 'warning'
