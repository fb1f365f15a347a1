#!/bin/sh
# A key service for tests: kms.sh FOLDER wrap|unwrap, one line of base64 each way.  It holds an AES-256 key in
# FOLDER/key and does what FOLDER/how says: ok (or no such file), slow, deaf, loud, linger, fail, garbage, silent, other.
set -eu
folder=$1 verb=$2
how=$(cat "$folder/how" 2>/dev/null || echo ok)
[ -e "$folder/key" ] || openssl rand -hex 32 >"$folder/key"
echo "$verb" >>"$folder/calls"
crypt() { openssl enc -aes-256-ctr -K "$(cat "$folder/key")" -iv 00000000000000000000000000000001 -a -A; }
case $how in
slow) sleep 60 ;;
deaf) exec sleep 60 <&- >&- ;;
loud) head -c 1000000 /dev/zero | tr '\0' e >&2; exit 4 ;;
linger) sleep 3 & ;;
fail) echo "AccessDenied: the role may not use this key: $(cat)" >&2; exit 3 ;;
garbage) echo 'Welcome to the key service!'; exit 0 ;;
silent) exit 0 ;;
other) openssl rand -base64 32; exit 0 ;;
esac
# CTR: the same both ways; what is wrapped is not the key, and that is all that tests want of it
base64 -d | crypt
echo
