#ifndef BASE_TLS_STAND_H
#define BASE_TLS_STAND_H

#include <openssl/ssl.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "base/text.h"

/*
 * One session object for all connections to a host and port.  A part of tls.c, of one
 * context.
 *
 * Each connection keeps the session that its handshake or the server's last ticket
 * made: with the server's certificate it is a third of what an idle connection costs,
 * and no record that is read or written needs any of it.  One of them stands for all
 * that have the same cipher.  What TLS 1.3 derives later (another key, RFC 8446 section
 * 7.2; another ticket, section 4.6.1) comes from the connection's own secrets, and a ticket
 * is a copy of the session with a secret of its own.
 *
 * It stands as long as the verdict on its chain does; whoever has it keeps it.
 */
struct tls_stand {
	struct map places;
	struct list oldest; /* first */
	SSL_CTX *settled;   /* NULL: not yet; see tls_stand.c */
};

void tls_stand_init(struct tls_stand *s);
void tls_stand_clear(struct tls_stand *s);
/*
 * The handshake is over.  Nobody asks for the chain again, nor for the name: beyond the
 * server's own certificate they go.  A resumed connection shares the certificates of these
 * stacks with others, and has its own stacks.
 */
void tls_stand_lighten(SSL *ssl);
/*
 * The handshake of `ssl` is over and its chain good until then (Unix s): its session is let
 * go for the one that stands, or stands itself.  Nothing below TLS 1.3.  `place`:
 * "host:port".  Not from inside a call of OpenSSL's.
 */
void tls_stand_in(struct tls_stand *s, struct text place, SSL *ssl, int64_t now_s,
		  int64_t good_until);
/* Before SSL_free() of such a one: OpenSSL takes a session that is cut for spent. */
void tls_stand_leave(SSL *ssl);

#endif
