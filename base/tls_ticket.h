#ifndef BASE_TLS_TICKET_H
#define BASE_TLS_TICKET_H

#include <openssl/ssl.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"
#include "base/text.h"

/*
 * Sessions that servers would resume (RFC 8446 section 2.2), by host and port.
 * A part of tls.c, of one context, so that a session is only ever resumed under
 * the trust anchors and for the name that its chain was verified for, and never
 * after that chain is to be judged again (tls_trust.h).
 *
 * A TLS 1.3 ticket is used once (appendix C.4); as each connection is given new
 * ones, a handful per host suffices.  A TLS 1.2 session stays, since a server
 * need not give another.  What is kept are copies: OpenSSL marks the session of a
 * connection that was cut as spent.  Copies share the certificates.
 */
struct tls_ticket_pool {
	struct map hosts;
	struct list oldest; /* first, of all hosts */
	size_t n;
};

void tls_ticket_init(struct tls_ticket_pool *p);
void tls_ticket_clear(struct tls_ticket_pool *p);
/* `place`: "host:port".  `s` is copied; nothing if it cannot be resumed.  `good_until`: Unix s. */
void tls_ticket_keep(struct tls_ticket_pool *p, struct text place, SSL_SESSION *s,
		     int64_t good_until);
/* The newest one, the caller's to SSL_SESSION_free(); NULL: none. */
SSL_SESSION *tls_ticket_take(struct tls_ticket_pool *p, struct text place, int64_t now_s,
			     int64_t *ret_good_until);

#endif
