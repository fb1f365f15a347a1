#!/bin/sh
# A migration that has landed never changes: db/schema/CHECKSUMS holds the sum of each, in order.
# A new one is appended with: sha256sum NAME >>CHECKSUMS (in db/schema).
set -eu
cd "$(dirname "$0")/../../db/schema"
[ -e CHECKSUMS ] || { echo "skip: no migration has landed yet"; exit 77; }
sha256sum --quiet --strict -c CHECKSUMS
bad=0
n=0
for f in [0-9]*.sql; do
	n=$((n + 1))
	[ "${f%%_*}" = "$(printf %04d $n)" ] || { echo "$f: number $(printf %04d $n) expected"; bad=1; }
	grep -q "  $f\$" CHECKSUMS || { echo "$f: not in CHECKSUMS"; bad=1; }
done
[ "$(wc -l <CHECKSUMS)" = "$n" ] || { echo "CHECKSUMS names a file that is not there"; bad=1; }
exit $bad
