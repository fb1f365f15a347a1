#!/bin/sh
# fetch.sh SET FOLDER : the packages of this set of deploy/packages.txt as files in FOLDER, to be
# unpacked by who needs them: they exclude packages that are installed.  What is there already is
# not fetched again, and then no network is needed.
set -eu
list=$(dirname "$0")/packages.txt
[ $# -eq 2 ] || { echo "usage: fetch.sh SET FOLDER" >&2; exit 2; }
set=$1 folder=$2

lacks=$(sed -n "s/^$set  *//p" "$list" | while read -r package; do
	ls "$folder/$package"_*.deb >/dev/null 2>&1 || echo "$package"
done)
[ -n "$lacks" ] || exit 0
mkdir -p "$folder"
# shellcheck disable=SC2086 # words are package names
echo "fetch:" $lacks
# apt-get writes where it stands; as root it warns that it cannot step down in a closed folder
cd "$folder"
# shellcheck disable=SC2086
apt-get -q -o Acquire::Retries=2 -o APT::Sandbox::User=root download $lacks || {
	echo "fetch: apt-get could not download: $lacks (needed: Debian 12 with its main archive)" >&2
	exit 1
}
