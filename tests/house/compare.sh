#!/bin/sh
# Secrets, and what stands for them, are compared in constant time: secret_eq(), sign_eq().  Names
# decide what is one; words in quotes are none.  A line that may says so: /* house: ok, why */
set -eu
cd "$(dirname "$0")/../.."
compares='memcmp|bcmp|strn?(case)?cmp|text_i?(eq|starts|ends)'
secrets='secret|secrets|password|token|digest|signature|cookie|verifier|nonce|mac|hmac|tag'
! find base db ingest oauth rotation services -name '*.[ch]' | xargs grep -nE "\<($compares) ?\(" /dev/null |
	grep -v 'house: ok' | sed -E 's/"([^"\\]|\\.)*"/""/g' | grep -E "\<($compares) ?\(.*\<([a-z0-9]+_)*($secrets)\>[^(]"
