#!/bin/sh
# Every migration is in the binary and in db/schema/CHECKSUMS, is not edited once it has landed, and says which binaries
# may still run on it (db/migrate.h); the first five are what any binary must know, and have no such line.
set -eu
cd "$(dirname "$0")/../../db/schema"
bad=0
for f in *.sql; do
	n=${f%%_*} name=${f#*_} name=${name%.sql}
	grep -q "X($(echo "$n" | sed 's/^0*//'), $n, $name)" ../schema.c || { echo "db/schema/$f: not in db/schema.c"; bad=1; }
	grep -q "  $f\$" CHECKSUMS || { echo "db/schema/$f: not in CHECKSUMS (cd db/schema && sha256sum $f >>CHECKSUMS)"; bad=1; }
	oldest=$(sed -n '1!s/^-- works-with: \([1-9][0-9]*\)$/\1/p' "$f")
	case $n:$oldest in
	000[1-5]:) ;;
	*: | *[!0-9:]*) echo "db/schema/$f: no line \"-- works-with: N\": the oldest newest migration of a binary that may run on it"; bad=1 ;;
	*) [ "$oldest" -le "$(echo "$n" | sed 's/^0*//')" ] || { echo "db/schema/$f: works with no number above its own"; bad=1; } ;;
	esac
done
sha256sum --check --quiet --strict CHECKSUMS ||
	{ echo "db/schema: a migration that landed is never edited: put the change into a new one"; bad=1; }
exit $bad
