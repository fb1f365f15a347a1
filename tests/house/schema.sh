#!/bin/sh
# Migrations are numbered without a hole and built into the binary (STEPS in db/schema.c), and one
# that has landed never changes: db/schema/CHECKSUMS holds the sum of each, in order.  A new one is
# appended, in db/schema, by: sha256sum NAME >>CHECKSUMS
set -eu
cd "$(dirname "$0")/../../db/schema"
bad=0
n=0
for f in [0-9]*.sql; do
	n=$((n + 1))
	number=$(printf %04d $n)
	name=${f#*_} name=${name%.sql}
	[ "${f%%_*}" = "$number" ] || { echo "db/schema/$f: number $number expected"; bad=1; }
	grep -q "X($n, $number, $name)" ../schema.c || { echo "db/schema/$f: not among STEPS in db/schema.c"; bad=1; }
	[ ! -e CHECKSUMS ] || grep -q "  $f\$" CHECKSUMS || { echo "db/schema/$f: not in CHECKSUMS"; bad=1; }
done
if [ -e CHECKSUMS ]; then
	sha256sum --quiet --strict -c CHECKSUMS || bad=1
	[ "$(wc -l <CHECKSUMS)" = "$n" ] || { echo "db/schema/CHECKSUMS: not one line per file"; bad=1; }
fi
exit $bad
