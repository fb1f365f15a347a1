#include "base/tls_stand.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/mem.h"

struct stand {
	struct list link;
	SSL_SESSION *session;
	int64_t good_until;
	char *place;
};

void tls_stand_init(struct tls_stand *s)
{
	map_init(&s->places);
	list_init(&s->oldest);
	s->settled = NULL;
}

static void let_go(STACK_OF(X509) * chain)
{
	X509 *x;

	while ((x = sk_X509_pop(chain)))
		X509_free(x);
}

void tls_stand_lighten(SSL *ssl)
{
	let_go(SSL_get_peer_cert_chain(ssl));
	let_go(SSL_get0_verified_chain(ssl));
	(void)X509_VERIFY_PARAM_set1_host(SSL_get0_param(ssl), NULL, 0);
}

static void end(struct tls_stand *s, struct stand *at)
{
	map_remove(&s->places, text_of(at->place));
	list_remove(&at->link);
	SSL_SESSION_free(at->session);
	free(at->place);
	free(at);
}

void tls_stand_clear(struct tls_stand *s)
{
	struct list *first;

	while ((first = list_first(&s->oldest)))
		end(s, container_of(first, struct stand, link));
	map_clear(&s->places);
	SSL_CTX_free(s->settled);
	s->settled = NULL;
}

static void begin(struct tls_stand *s, struct text place, SSL *ssl, int64_t good_until)
{
	struct list *first = list_first(&s->oldest);
	struct stand *at;

	if (first && map_count(&s->places) >= LIMIT_TLS_TRUSTED)
		end(s, container_of(first, struct stand, link));
	at = mem_new(sizeof(*at));
	at->session = SSL_get1_session(ssl);
	at->good_until = good_until;
	at->place = mem_text_n(place.at, place.len);
	list_append(&s->oldest, &at->link);
	map_put(&s->places, text_of(at->place), at);
}

/*
 * SSL_set_session() begins the connection anew when the context's method is not the
 * connection's, and a client's that speaks several versions is not: so the connection is
 * given a context of the very version it has come to.  What it calls back is the first
 * one's as before.
 */
static bool settle(struct tls_stand *s, SSL *ssl)
{
	const SSL_METHOD *m = SSL_get_ssl_method(ssl);

	if (!s->settled)
		s->settled = SSL_CTX_new(m);
	return s->settled && SSL_CTX_get_ssl_method(s->settled) == m &&
	       SSL_set_SSL_CTX(ssl, s->settled) == s->settled;
}

void tls_stand_in(struct tls_stand *s, struct text place, SSL *ssl, int64_t now_s,
		  int64_t good_until)
{
	struct stand *at = map_get(&s->places, place);
	SSL_SESSION *own = SSL_get_session(ssl);

	if (!own || SSL_SESSION_get_protocol_version(own) != TLS1_3_VERSION)
		return;
	if (at && now_s >= at->good_until) {
		end(s, at);
		at = NULL;
	}
	if (!at) {
		begin(s, place, ssl, good_until);
	} else if (at->session != own &&
		   SSL_SESSION_get0_cipher(at->session) == SSL_SESSION_get0_cipher(own) &&
		   settle(s, ssl)) {
		(void)SSL_set_session(ssl, at->session);
	}
	ERR_clear_error();
}

void tls_stand_leave(SSL *ssl)
{
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}
