#!/bin/sh
# tidy.sh [FILE...] : clang-tidy over the rooms (or these files), two at a time.  A file whose
# preprocessed text, rules and flags were clean before is not looked at again (build/tidy).
set -eu
cd "$(dirname "$0")/../../.."
command -v clang-tidy >/dev/null || { echo "skip: clang-tidy is not installed"; exit 77; }
mkdir -p build/tidy
export CPPFLAGS="${CPPFLAGS:--I. -D_GNU_SOURCE}"
{
	if [ $# -gt 0 ]; then printf '%s\n' "$@"; else find base db ingest oauth rotation services -name '*.c' | sort; fi
} | xargs -P 2 -n 1 sh -c '
	sum=$({ cat .clang-tidy; echo "$CPPFLAGS"; clang -std=gnu17 $CPPFLAGS -E "$1"; } | sha256sum | cut -c1-40)
	[ ! -e "build/tidy/$sum" ] || exit 0
	said=$(clang-tidy --quiet "$1" -- -std=gnu17 $CPPFLAGS 2>&1) && touch "build/tidy/$sum" && exit 0
	echo "$said" | grep -avE "^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -header-filter"
	exit 1' tidy
