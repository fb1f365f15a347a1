#!/bin/sh
# No unfinished business in the tree, no file too long to be read in one sitting, no tab where a
# space belongs (clang-format sees to C), no path of somebody's machine.
set -eu
cd "$(dirname "$0")/../.."
bad=0
files=$(git ls-files -co --exclude-standard 2>/dev/null || find . -type f -not -path './build/*' -not -path '*/node_modules/*' | sed 's,^\./,,')
ours=$(echo "$files" | grep -vE '^tests/fuzz/corpus/|^tests/transcripts/|^LICENSE$|package-lock\.json$' |
	while read -r f; do if [ -f "$f" ]; then echo "$f"; fi; done)
found() { # text: lines of grep on stdin; any line is a fault
	while read -r line; do
		echo "$line: $1"
		touch "$marker"
	done
}
marker=$(mktemp -u)
trap 'rm -f "$marker"' EXIT

# shellcheck disable=SC2086 # names of ours, without spaces
{
	# the words are written so that this file does not find itself
	grep -nwE 'TO''DO|FIX''ME|X''XX|HA''CK' $ours | cut -c1-120 | found 'unfinished business'
	grep -nIE '(^|[^A-Za-z0-9_./])/(root|home|work|Users)/[A-Za-z]' $ours | cut -c1-120 | found "a path of somebody's machine"
	grep -nIE '[[:space:]]+$' $ours | cut -c1-120 | found 'space at the end of the line'
	echo "$ours" | grep -E '\.(mjs|json|yml)$' | xargs grep -nP '\t' /dev/null | cut -c1-120 | found 'indent with spaces'
	echo "$ours" | grep -E '\.(c|h|sh|mjs|sql)$|^tests/run$' | while read -r f; do
		n=$(wc -l <"$f")
		[ "$n" -le 600 ] || grep -q 'house: long, ' "$f" || echo "$f:$n"
	done | found 'more than 600 lines, and no "house: long, why"'
}
[ ! -e "$marker" ] || bad=1
exit $bad
