#!/bin/sh
# coverage.sh : what the last `make coverage` reached, per room, from gcov; fails below a floor.
set -eu
cd "$(dirname "$0")/.."
out=build/coverage
floors='base 90
ingest/imap 90
oauth 90
rotation 90'
{
	echo "$floors" | sed 's/^/floor /'
	find base db ingest oauth rotation services -name '*.c' | while read -r c; do
		[ -e "$out/${c%.c}.gcno" ] || continue
		gcov -n -o "$out/${c%.c}.gcno" "$c" 2>/dev/null | awk -v want="File '$c'" '
			$0 == want { mine = 1; next }
			mine && /^Lines executed/ { split($0, a, "[:% ]+"); print "file", substr(want, 7, length(want) - 7), a[3], a[5]; exit }'
	done
} | awk '
	$1 == "floor" { floor[$2] = $3; next }
	{
		room = $2; sub("/[^/]*$", "", room)
		reached = $3 * $4 / 100
		list[++n] = $2; part[$2] = $3
		for (up = room; ; ) {
			got[up] += reached; all[up] += $4
			if (!sub("/[^/]*$", "", up)) break
		}
	}
	END {
		for (i = 1; i <= n; i++) if (part[list[i]] < 80) printf "%6.1f %%  %s\n", part[list[i]], list[i]
		print "--------"
		for (room in all) {
			p = 100 * got[room] / all[room]
			short = (room in floor) && p < floor[room]
			printf "%6.1f %%  of %5d lines  %s%s\n", p, all[room], room, short ? "   BELOW " floor[room] " %" : "" | "sort -k5"
			bad = bad || short
		}
		close("sort -k5")
		exit bad
	}'
