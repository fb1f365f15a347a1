#ifndef INGEST_IMAP_IMAP_UTF7_H
#define INGEST_IMAP_IMAP_UTF7_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/text.h"

/*
 * Folder names as servers write them, made UTF-8 for people.  RFC 3501
 * section 5.1.3: "Entw&APw-rfe" is "Entwürfe".
 *
 * What is appended is always valid UTF-8 without a NUL: where the name is
 * broken (bad base64, half a surrogate pair, bytes that are not UTF-8)
 * U+FFFD stands.  Bytes that are UTF-8 already pass unchanged, as some servers
 * write them; with `is_utf8` (RFC 6855, RFC 9051: the server was asked for it)
 * "&" stands for itself.
 * -ENOBUFS: past the ceiling of `b`, which is then unchanged.
 */
int imap_utf7_decode(struct buf *b, struct text name, bool is_utf8);

#endif
