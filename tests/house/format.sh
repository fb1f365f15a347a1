#!/bin/sh
# Every C file is as clang-format 14 would write it (`make format` does it).
set -eu
cd "$(dirname "$0")/../.."
clang-format --version | grep -q 'version 14\.' || { echo "skip: clang-format 14 is not here, and others write differently"; exit 77; }
# many at once: it starts slowly
find base db ingest oauth rotation services tests -name node_modules -prune -o -name '*.[ch]' -print |
	xargs -P 2 -n 64 clang-format --dry-run -Werror --ferror-limit=1
