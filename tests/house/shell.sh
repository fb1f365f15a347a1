#!/bin/sh
# Every shell script passes shellcheck.
set -eu
cd "$(dirname "$0")/../.."
command -v shellcheck >/dev/null || { echo "skip: shellcheck is not installed"; exit 77; }
{
	find tests deploy .ci -name node_modules -prune -o -name '*.sh' -print
	grep -rlE --exclude-dir=node_modules --exclude-dir=corpus '^#!/bin/(ba)?sh' tests deploy .ci
} | sort -u | xargs shellcheck -S style -e SC2038,SC2044,SC2012,SC2016
