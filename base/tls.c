/*
 * The life of one connection (RFC 8446, RFC 5246 for 1.2; names by RFC 9525):
 * the handshake starts in tls_new(); when the chain and the name are good it is
 * UP and bytes flow; it is OVER by the peer's close_notify, or FAILED, which
 * keeps its reason and leaves an alert to be sent.
 */
#include <assert.h>
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/tls.h"
#include "base/tls_stand.h"
#include "base/tls_ticket.h"
#include "base/tls_trust.h"

enum tls_state { TLS_HANDSHAKE, TLS_UP, TLS_OVER, TLS_FAILED };

#define RECORD         (16 * 1024) /* RFC 8446 section 5.1 */
#define HANDSHAKE_ROOM (64 * 1024) /* our side of a handshake, alerts, answers to key updates */

struct tls_context {
	SSL_CTX *ssl;
	BIO_METHOD *slice;
	struct tls_trust trust;
	struct tls_ticket_pool tickets;
	struct tls_stand stand;
	int64_t at_s; /* 0: now */
};

struct tls {
	struct tls_context *context;
	SSL *ssl;
	enum tls_state state;
	bool has_own_session; /* not the one of all: tls_stand.h */
	const uint8_t *in;    /* the caller's slice; inside tls_recv() only */
	size_t in_len;
	struct buf out;   /* cipher bytes for the wire */
	struct buf early; /* clear bytes that wait for the handshake */
	struct buf clear; /* clear bytes that arrived */
	size_t lent;      /* of `clear`, what the caller is looking at */
	char *host;
	uint16_t port;
	int64_t good_until;      /* Unix s: the chain, here or where the session began */
	struct outcome *failure; /* NULL: none */
};

static int64_t now_of(const struct tls_context *c)
{
	return c->at_s ? c->at_s : clock_unix_s();
}

/* The first failure is the one that says why. */
static void blame(struct tls *t, enum blame whom, const char *what, struct text said)
{
	const struct outcome o = outcome_of(whom, what, said);

	if (!t->failure)
		t->failure = mem_copy(&o, sizeof(o));
}

/* ---- the BIO: reads the caller's slice, writes into `out`, owns nothing ---- */

static int slice_read(BIO *b, char *dst, int n)
{
	struct tls *t = BIO_get_data(b);
	size_t take = (size_t)n < t->in_len ? (size_t)n : t->in_len;

	BIO_clear_retry_flags(b);
	if (!take) {
		BIO_set_retry_read(b);
		return -1;
	}
	memcpy(dst, t->in, take);
	t->in += take;
	t->in_len -= take;
	return (int)take;
}

/* tls_write() looks for room first; only a peer that makes us answer without end gets past it. */
static int slice_write(BIO *b, const char *src, int n)
{
	struct tls *t = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	return buf_add(&t->out, src, (size_t)n) ? -1 : n;
}

static long slice_ctrl(BIO *b, int command, long number, void *p)
{
	(void)b, (void)number, (void)p;
	return command == BIO_CTRL_FLUSH;
}

static int slice_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

/* OpenSSL fails here only for want of memory, and that ends the process (mem.h). */
static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

/* ---- why a certificate was refused, in words ---- */

static void add_name(struct buf *words, const X509_NAME *name)
{
	char text[80] = "";

	if (X509_NAME_get_text_by_NID(name, NID_commonName, text, sizeof(text)) <= 0 &&
	    X509_NAME_get_text_by_NID(name, NID_organizationName, text, sizeof(text)) <= 0)
		(void)text_add(words, TEXT("(without a name)"));
	(void)text_add(words, text_of(text));
}

static void add_date(struct buf *words, const ASN1_TIME *at)
{
	struct tm tm;
	char date[16];

	if (ASN1_TIME_to_tm(at, &tm) && strftime(date, sizeof(date), "%Y-%m-%d", &tm))
		(void)text_add(words, text_of(date));
}

static void add_ip(struct buf *words, const ASN1_OCTET_STRING *ip)
{
	const uint8_t *b = ASN1_STRING_get0_data(ip);

	if (ASN1_STRING_length(ip) == 4)
		(void)text_addf(words, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
	else
		(void)text_add(words, TEXT("an IPv6 address"));
}

/* The names a certificate is good for; the first ones, when they are many. */
static void add_alt_names(struct buf *words, X509 *cert)
{
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	int n = names ? sk_GENERAL_NAME_num(names) : 0, said = 0;

	for (int i = 0; i < n && words->len < 150; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

		if (g->type != GEN_DNS && g->type != GEN_IPADD)
			continue;
		(void)text_add(words, said++ ? TEXT(", ") : TEXT(""));
		if (g->type == GEN_DNS)
			(void)buf_add(words, ASN1_STRING_get0_data(g->d.dNSName),
				      (size_t)ASN1_STRING_length(g->d.dNSName));
		else
			add_ip(words, g->d.iPAddress);
	}
	if (!said)
		(void)text_add(words, TEXT("a certificate that names no host"));
	GENERAL_NAMES_free(names);
}

static void add_reason(struct buf *words, const struct tls *t, X509 *cert, int error)
{
	switch (error) {
	case X509_V_ERR_HOSTNAME_MISMATCH:
	case X509_V_ERR_IP_ADDRESS_MISMATCH:
		(void)text_addf(words, "host name mismatch: %s is not in ", t->host);
		add_alt_names(words, cert);
		return;
	case X509_V_ERR_CERT_HAS_EXPIRED:
		(void)text_add(words, TEXT("certificate has expired on "));
		add_date(words, X509_get0_notAfter(cert));
		return;
	case X509_V_ERR_CERT_NOT_YET_VALID:
		(void)text_add(words, TEXT("certificate is not valid before "));
		add_date(words, X509_get0_notBefore(cert));
		return;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		(void)text_add(words, TEXT("self-signed certificate: "));
		add_name(words, X509_get_subject_name(cert));
		return;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
		(void)text_add(words, TEXT("unknown issuer: "));
		add_name(words, X509_get_issuer_name(cert));
		return;
	}
	(void)text_add(words, text_of(X509_verify_cert_error_string(error)));
}

static int on_verify(int good, X509_STORE_CTX *x)
{
	cleanup_buf struct buf words = { .max = 1024 };
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = SSL_get_app_data(ssl);
	X509 *cert = X509_STORE_CTX_get_current_cert(x);
	int error = X509_STORE_CTX_get_error(x);

	if (good)
		return good;
	if (cert)
		add_reason(&words, t, cert, error);
	else
		(void)text_add(&words, text_of(X509_verify_cert_error_string(error)));
	blame(t, BLAME_PEER, "tls certificate",
	      (struct text){ (const char *)words.data, words.len });
	return 0; /* OpenSSL sends the alert that fits */
}

/* OpenSSL asks this in the place of X509_verify_cert(), which asks on_verify(). */
static int on_chain(X509_STORE_CTX *x, void *context)
{
	struct tls_context *c = context;
	SSL *ssl = X509_STORE_CTX_get_ex_data(x, SSL_get_ex_data_X509_STORE_CTX_idx());
	struct tls *t = SSL_get_app_data(ssl);

	return tls_trust_judge(&c->trust, x, t->host, now_of(c), &t->good_until);
}

/* ---- sessions to be resumed ---- */

/* "host:port"; false: longer than any host's. */
static bool place_of(const struct tls *t, char ret[LIMIT_CONN_HOST + 8], struct text *ret_text)
{
	int n = snprintf(ret, LIMIT_CONN_HOST + 8, "%s:%u", t->host, t->port);

	*ret_text = (struct text){ ret, (size_t)n };
	return n < LIMIT_CONN_HOST + 8;
}

/* With 1.3 after the handshake, as often as the server likes; with 1.2 at its end. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct tls *t = SSL_get_app_data(ssl);
	char words[LIMIT_CONN_HOST + 8];
	struct text place;

	if (t->state != TLS_FAILED && now_of(t->context) < t->good_until &&
	    place_of(t, words, &place))
		tls_ticket_keep(&t->context->tickets, place, session, t->good_until);
	t->has_own_session = true;
	return 0; /* we keep a copy, not this one */
}

static void resume(struct tls *t)
{
	char words[LIMIT_CONN_HOST + 8];
	struct text place;
	SSL_SESSION *s = NULL;

	if (place_of(t, words, &place))
		s = tls_ticket_take(&t->context->tickets, place, now_of(t->context),
				    &t->good_until);
	if (!s)
		return;
	(void)SSL_set_session(t->ssl, s); /* what does not fit is not resumed */
	SSL_SESSION_free(s);
}

/* What the handshake or a ticket has left is not needed while bytes flow. */
static void share(struct tls *t)
{
	char words[LIMIT_CONN_HOST + 8];
	struct text place;

	t->has_own_session = false;
	if (place_of(t, words, &place))
		tls_stand_in(&t->context->stand, place, t->ssl, now_of(t->context), t->good_until);
}

/* ---- why anything else failed ---- */

static int fail(struct tls *t)
{
	unsigned long error = ERR_peek_last_error();
	int reason = ERR_GET_REASON(error);
	const char *what = t->state == TLS_HANDSHAKE ? "tls handshake" : "tls record";
	const char *said = ERR_reason_error_string(error);

	/* OpenSSL numbers an alert from the peer as a reason of its own. */
	if (ERR_GET_LIB(error) == ERR_LIB_SSL && reason > SSL_AD_REASON_OFFSET &&
	    reason < SSL_AD_REASON_OFFSET + 256) {
		what = "tls alert";
		said = SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET);
	} else if (t->state == TLS_HANDSHAKE && ERR_GET_LIB(error) == ERR_LIB_SSL &&
		   (reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_BAD_RECORD_TYPE ||
		    reason == SSL_R_PACKET_LENGTH_TOO_LONG)) {
		said = "the peer does not speak TLS here";
	} else if (!error) {
		said = "the peer makes us answer without end"; /* slice_write() said no */
	}

	blame(t, BLAME_PEER, what, text_of(said)); /* unless on_verify() knew better */
	t->state = TLS_FAILED;
	return -EBADMSG;
}

/* ---- the context ---- */

static int add_anchors(SSL_CTX *ssl, const char *ca_file)
{
	FILE *f;

	/* A system without anchors of its own is no mistake: the file may hold all that is wanted.
	 */
	(void)SSL_CTX_set_default_verify_paths(ssl);
	ERR_clear_error();
	if (!ca_file)
		return 0;
	f = fopen(ca_file, "re");
	if (!f)
		return -errno;
	(void)fclose(f);
	if (SSL_CTX_load_verify_file(ssl, ca_file) != 1) {
		ERR_clear_error();
		return -EINVAL;
	}
	return 0;
}

int tls_context_new(const char *ca_file, struct tls_context **ret)
{
	struct tls_context *c = mem_new(sizeof(*c));
	int r;

	c->slice = must(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "slice"));
	BIO_meth_set_read(c->slice, slice_read);
	BIO_meth_set_write(c->slice, slice_write);
	BIO_meth_set_ctrl(c->slice, slice_ctrl);
	BIO_meth_set_create(c->slice, slice_create);

	c->ssl = must(SSL_CTX_new(TLS_client_method()));
	SSL_CTX_set_min_proto_version(c->ssl, TLS1_2_VERSION);
	SSL_CTX_set_options(c->ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_mode(c->ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(c->ssl, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(c->ssl, on_session);
	SSL_CTX_set_verify(c->ssl, SSL_VERIFY_PEER, on_verify);
	SSL_CTX_set_cert_verify_callback(c->ssl, on_chain, c);
	tls_trust_init(&c->trust);
	tls_ticket_init(&c->tickets);
	tls_stand_init(&c->stand);
	r = add_anchors(c->ssl, ca_file);
	if (r < 0) {
		tls_context_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void tls_context_free(struct tls_context *c)
{
	if (!c)
		return;
	tls_ticket_clear(&c->tickets);
	tls_stand_clear(&c->stand);
	tls_trust_clear(&c->trust);
	SSL_CTX_free(c->ssl);
	BIO_meth_free(c->slice);
	free(c);
}

uint64_t tls_context_judged(const struct tls_context *c)
{
	return c->trust.judged;
}

void tls_context_at(struct tls_context *c, int64_t now_s)
{
	c->at_s = now_s;
	X509_VERIFY_PARAM_set_time(SSL_CTX_get0_param(c->ssl), (time_t)now_s);
}

/* ---- one connection ---- */

/* RFC 9525: the names in subjectAltName only, a wildcard only as the whole left-most label; RFC
 * 6066: no SNI for an address. */
static bool set_host(struct tls *t)
{
	X509_VERIFY_PARAM *p = SSL_get0_param(t->ssl);

	X509_VERIFY_PARAM_set_hostflags(p, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
						   X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	if (X509_VERIFY_PARAM_set1_ip_asc(p, t->host) == 1)
		return true;
	ERR_clear_error();
	return t->host[0] && X509_VERIFY_PARAM_set1_host(p, t->host, 0) == 1 &&
	       SSL_set_tlsext_host_name(t->ssl, t->host) == 1;
}

/* More work for OpenSSL: 0, or -EBADMSG. */
static int shake(struct tls *t)
{
	int r;

	ERR_clear_error();
	r = SSL_do_handshake(t->ssl);
	if (r != 1)
		return SSL_get_error(t->ssl, r) == SSL_ERROR_WANT_READ ? 0 : fail(t);

	assert(SSL_get_verify_result(t->ssl) == X509_V_OK);
	t->state = TLS_UP;
	t->has_own_session = true;
	tls_stand_lighten(t->ssl);
	if (!t->early.len)
		return 0;
	r = SSL_write(t->ssl, t->early.data, (int)t->early.len);
	buf_clear(&t->early);
	return r > 0 ? 0 : fail(t);
}

static int decrypt(struct tls *t)
{
	uint8_t piece[RECORD];
	int r;

	ERR_clear_error();
	while ((r = SSL_read(t->ssl, piece, sizeof(piece))) > 0) {
		if (!buf_add(&t->clear, piece, (size_t)r))
			continue;
		blame(t, BLAME_US, "tls record", text_of("clear bytes not taken"));
		t->state = TLS_FAILED;
		return -ENOBUFS;
	}
	switch (SSL_get_error(t->ssl, r)) {
	case SSL_ERROR_WANT_READ:
		return 0;
	case SSL_ERROR_ZERO_RETURN:
		t->state = TLS_OVER;
		return 0;
	}
	return fail(t);
}

/* The caller wants more: what it was looking at may go, and with it the memory. */
static void take_back(struct tls *t)
{
	if (!t->lent)
		return;
	buf_clear(&t->clear);
	t->lent = 0;
}

struct tls *tls_new(struct tls_context *c, const char *host, uint16_t port)
{
	struct tls *t = mem_new(sizeof(*t));
	size_t len = strlen(host);
	BIO *b;

	t->context = c;
	t->state = TLS_HANDSHAKE;
	t->port = port;
	/* The dot of a fully qualified name is no part of it in a certificate. */
	t->host = mem_text_n(host, len && host[len - 1] == '.' ? len - 1 : len);
	buf_init(&t->out, 2 * LIMIT_TLS_PENDING + HANDSHAKE_ROOM);
	buf_init(&t->early, LIMIT_TLS_PENDING);
	buf_init(&t->clear, LIMIT_TLS_CLEAR);

	t->ssl = must(SSL_new(c->ssl));
	SSL_set_app_data(t->ssl, t);
	SSL_set_connect_state(t->ssl);
	b = must(BIO_new(c->slice));
	BIO_set_data(b, t);
	SSL_set_bio(t->ssl, b, b);
	if (!set_host(t)) {
		ERR_clear_error();
		blame(t, BLAME_US, "tls host name", text_of("not a host name"));
		t->state = TLS_FAILED;
		return t;
	}
	resume(t);
	(void)shake(t);
	return t;
}

void tls_free(struct tls *t)
{
	if (!t)
		return;
	tls_stand_leave(t->ssl);
	SSL_free(t->ssl);
	buf_clear(&t->out);
	buf_clear(&t->early);
	buf_clear(&t->clear);
	free(t->host);
	free(t->failure);
	free(t);
}

int tls_recv(struct tls *t, const uint8_t *in, size_t n)
{
	int r = 0;

	take_back(t);
	if (t->state == TLS_FAILED)
		return -EBADMSG;
	t->in = in;
	t->in_len = n;
	if (t->state == TLS_HANDSHAKE)
		r = shake(t);
	if (t->state == TLS_UP)
		r = decrypt(t);
	if (t->state == TLS_UP && t->has_own_session)
		share(t);
	t->in = NULL;
	t->in_len = 0;
	return r;
}

bool tls_next(struct tls *t, struct text *ret)
{
	take_back(t);
	if (!t->clear.len)
		return false;
	t->lent = t->clear.len;
	*ret = (struct text){ (const char *)t->clear.data, t->clear.len };
	return true;
}

int tls_write(struct tls *t, const uint8_t *p, size_t n)
{
	if (t->state == TLS_FAILED || (SSL_get_shutdown(t->ssl) & SSL_SENT_SHUTDOWN))
		return -EPIPE;
	if (t->state == TLS_HANDSHAKE)
		return buf_add(&t->early, p, n);
	if (t->out.len > LIMIT_TLS_PENDING || n > LIMIT_TLS_PENDING - t->out.len)
		return -ENOBUFS;
	if (!n)
		return 0;
	ERR_clear_error();
	return SSL_write(t->ssl, p, (int)n) > 0 ? 0 : fail(t);
}

size_t tls_send(struct tls *t, const uint8_t **ret)
{
	*ret = t->out.data;
	return t->out.len;
}

void tls_sent(struct tls *t, size_t n)
{
	if (n == t->out.len)
		buf_clear(&t->out); /* an idle connection keeps none */
	else
		buf_drop(&t->out, n);
}

void tls_close(struct tls *t)
{
	if (t->state != TLS_UP && t->state != TLS_OVER)
		return;
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
}

bool tls_is_up(const struct tls *t)
{
	return t->state == TLS_UP;
}

bool tls_is_resumed(const struct tls *t)
{
	return SSL_session_reused(t->ssl) == 1;
}

bool tls_is_over(const struct tls *t)
{
	return t->state == TLS_OVER || t->state == TLS_FAILED;
}

struct outcome tls_outcome(const struct tls *t)
{
	return t->failure ? *t->failure : OUTCOME_OK;
}
