#!/usr/bin/env bash
# run.sh PRESET CTEST-ARGUMENT…: the tests of build/PRESET; without the slow ones, unless labels are asked for.
# `./dev test` builds them first. SINGLEFLIGHT_PROXY=PATH makes end-to-end tests start another proxy.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.."

preset=$1
shift
labels=(-LE '^long$')
case " $* " in *" -L "* | *" -LE "* | *" --label"*) labels=() ;; esac

# Sanitizers of the reference platform do not start where addresses are randomized with more than 28 bits.
steady=()
[ "$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)" -le 28 ] || steady=(setarch -R)

export ASAN_OPTIONS=detect_stack_use_after_return=1:${ASAN_OPTIONS:-}
export UBSAN_OPTIONS=print_stacktrace=1:${UBSAN_OPTIONS:-}
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:${TSAN_OPTIONS:-}
exec "${steady[@]}" ctest --test-dir "build/$preset" --output-on-failure --no-tests=error --parallel "$(nproc)" \
  "${labels[@]}" "$@"
