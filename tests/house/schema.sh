#!/bin/sh
# Every migration is in the binary and in db/schema/CHECKSUMS, and is not edited once it has landed.
set -eu
cd "$(dirname "$0")/../../db/schema"
bad=0
for f in *.sql; do
	n=${f%%_*} name=${f#*_} name=${name%.sql}
	grep -q "X($(echo "$n" | sed 's/^0*//'), $n, $name)" ../schema.c || { echo "db/schema/$f: not in db/schema.c"; bad=1; }
	grep -q "  $f\$" CHECKSUMS || { echo "db/schema/$f: not in CHECKSUMS (cd db/schema && sha256sum $f >>CHECKSUMS)"; bad=1; }
done
sha256sum --check --quiet --strict CHECKSUMS ||
	{ echo "db/schema: a migration that landed is never edited: put the change into a new one"; bad=1; }
exit $bad
