#!/bin/sh
# install.sh : the test-only Node parts, exactly as package-lock.json pins them, into
# tests/sandbox/node_modules.  A stamp of the lock file makes the second run do nothing, offline too.
# No package of the list needs an install script, so none is allowed to run.
set -eu
cd "$(dirname "$0")"
stamp=node_modules/.replyd-lock
want=$(cat package.json package-lock.json .npmrc | sha256sum)
[ "$(cat $stamp 2>/dev/null || true)" != "$want" ] || exit 0
lock=${TMPDIR:-/tmp}/replyd-npm-$(id -u).lock

echo "install: the pinned Node 22, the OAuth server, the Standard Webhooks library, Playwright and axe (npm)"
# two `make` at once in one tree would empty the folder under each other
(
	flock 9
	[ "$(cat $stamp 2>/dev/null || true)" != "$want" ] || exit 0
	npm ci --prefer-offline --no-audit --no-fund --ignore-scripts --loglevel=error
	node=$(ls -d node_modules/node-linux-*/bin/node 2>/dev/null) || {
		echo "install: the npm registry has no Node 22 for $(uname -m)" >&2
		exit 1
	}
	mkdir -p node_modules/.bin
	ln -sf "../${node#node_modules/}" node_modules/.bin/node
	echo "$want" >$stamp
) 9>"$lock"
