#!/bin/sh
# install.sh SET... : installs what is missing of these sets of deploy/packages.txt.
# Says what it installs.  When nothing is missing it does nothing, and needs neither root nor a
# network.  Services that come with a package are neither started nor enabled.
set -eu
list=$(dirname "$0")/packages.txt
[ $# -gt 0 ] || { echo "usage: install.sh SET...   (build run sandbox test)" >&2; exit 2; }

say() { echo "install: $*"; }
fail() { echo "install: $*" >&2; exit 1; }

# wanted SET... : the packages of these sets, without those whose command is there already
wanted() {
	for set; do
		grep -q "^$set " "$list" || fail "$list has no set '$set'"
		sed -n "s/^$set  *//p" "$list" | while read -r package command; do
			[ -n "$command" ] && command -v "$command" >/dev/null 2>&1 || echo "$package"
		done
	done
}

# missing PACKAGE... : those of them that are not completely installed
missing() {
	dpkg-query -W -f '${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
		awk 'BEGIN { for (i = 1; i < ARGC; i++) { want[i] = ARGV[i] } n = ARGC; ARGC = 1 }
			$1 == "installed" { have[$2] }
			END { for (i = 1; i < n; i++) if (!(want[i] in have)) print want[i] }' "$@"
}

root() {
	if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

apt() {
	root env DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 \
		apt-get -o DPkg::Lock::Timeout=900 -o Acquire::Retries=2 "$@"
}

# A package index that is absent or older than a day names files that are gone by now.  The files in
# it carry the archive's times; the folder apt-get downloads them into carries ours.
index_is_fresh() {
	ls /var/lib/apt/lists/*_Packages* >/dev/null 2>&1 &&
		[ -n "$(find /var/lib/apt/lists/partial -maxdepth 0 -mtime -1 2>/dev/null)" ]
}

# invoke-rc.d asks this script before it starts a service, and 101 means "do not".  One that is
# there already is an administrator's decision and stays.
hold_services() {
	[ -e /usr/sbin/policy-rc.d ] && return
	trap 'root rm -f /usr/sbin/policy-rc.d' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	printf '#!/bin/sh\nexit 101\n' | root sh -c 'umask 022; cat >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d'
}

# leave_disabled PACKAGE... : a server that we brought must not come up at the next boot either;
# replyd and the tests start their own, privately
leave_disabled() {
	for package; do
		case $package in
		postgresql-15) service=postgresql ;;
		dovecot-core) service=dovecot ;;
		pgbouncer) service=pgbouncer ;;
		*) continue ;;
		esac
		root update-rc.d "$service" disable >/dev/null 2>&1 ||
			say "$service may start at the next boot; update-rc.d could not disable it"
	done
}

command -v dpkg-query >/dev/null 2>&1 || fail "this is not a Debian system; install by hand what $list names"
wants=$(wanted "$@")
# shellcheck disable=SC2086 # words are package names
lacks=$(missing $wants)
[ -n "$lacks" ] || exit 0

# shellcheck disable=SC2086
say "missing: "$lacks
[ "$(id -u)" = 0 ] || command -v sudo >/dev/null 2>&1 ||
	fail "run this once as root, or install sudo: apt-get install $(echo "$lacks" | tr '\n' ' ')"
if ! index_is_fresh; then
	say "bringing the package index up to date"
	apt -q update || say "the package index could not be brought up to date; trying with the old one"
fi
hold_services
# shellcheck disable=SC2086
if ! apt -q install -y --no-install-recommends $lacks; then
	say "trying once more with a new package index"
	apt -q update
	# shellcheck disable=SC2086
	apt -q install -y --no-install-recommends $lacks ||
		fail "apt-get could not install: $(echo "$lacks" | tr '\n' ' ')(needed: Debian 12 with its main archive)"
fi
# shellcheck disable=SC2086
leave_disabled $lacks
# shellcheck disable=SC2086
lacks=$(missing $wants)
[ -z "$lacks" ] || fail "still missing after the installation: $(echo "$lacks" | tr '\n' ' ')"
say "done"
