#!/bin/sh
# cppcheck over the rooms.
set -eu
cd "$(dirname "$0")/../.."
command -v cppcheck >/dev/null || { echo "skip: cppcheck is not installed"; exit 77; }
mkdir -p build/cppcheck
exec cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 --language=c -j 2 -I. -D_GNU_SOURCE \
	--cppcheck-build-dir=build/cppcheck --enable=warning,performance,portability \
	--suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
	base db ingest oauth rotation services
