#ifndef TESTS_BASE_CERTS_H
#define TESTS_BASE_CERTS_H

/*
 * A certificate authority for one test program, and what it signs.  Files go
 * into a folder of their own under /tmp, removed by certs_clear().
 */
#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct certs {
	char dir[32];
	char ca_file[64];
	EVP_PKEY *ca_key, *key;
	X509 *ca;
};

/* `alt`: "DNS:mail.example,IP:127.0.0.1", NULL: none.  Valid from now + `from_s` to now + `to_s`.
 */
static inline X509 *certs_make(const char *cn, const char *alt, EVP_PKEY *key, X509 *issuer,
			       EVP_PKEY *issuer_key, long from_s, long to_s)
{
	static long serial = 1;
	X509 *x = X509_new();
	X509_NAME *name = X509_get_subject_name(x);
	X509V3_CTX ctx;
	X509_EXTENSION *e;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	X509_gmtime_adj(X509_getm_notBefore(x), from_s);
	X509_gmtime_adj(X509_getm_notAfter(x), to_s);
	X509_set_pubkey(x, key);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(x, issuer ? X509_get_subject_name(issuer) : name);
	X509V3_set_ctx(&ctx, issuer ? issuer : x, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints,
				issuer ? "CA:FALSE" : "critical,CA:TRUE");
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	if (alt) {
		e = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, alt);
		X509_add_ext(x, e, -1);
		X509_EXTENSION_free(e);
	}
	X509_sign(x, issuer_key, EVP_sha256());
	return x;
}

static inline void certs_init(struct certs *c)
{
	FILE *f;

	strcpy(c->dir, "/tmp/replyd-test-XXXXXX");
	if (!mkdtemp(c->dir))
		abort();
	snprintf(c->ca_file, sizeof(c->ca_file), "%s/ca.pem", c->dir);
	c->ca_key = EVP_EC_gen("P-256");
	c->key = EVP_EC_gen("P-256");
	c->ca = certs_make("Test CA", NULL, c->ca_key, NULL, c->ca_key, -3600, 30L * 86400);
	f = fopen(c->ca_file, "w");
	if (!f || !PEM_write_X509(f, c->ca) || fclose(f))
		abort();
}

static inline void certs_clear(struct certs *c)
{
	unlink(c->ca_file);
	rmdir(c->dir);
	X509_free(c->ca);
	EVP_PKEY_free(c->ca_key);
	EVP_PKEY_free(c->key);
}

/* A server's context with a good certificate for `alt`. */
static inline SSL_CTX *certs_server(struct certs *c, const char *alt, long from_s, long to_s)
{
	SSL_CTX *ssl = SSL_CTX_new(TLS_server_method());
	X509 *x = certs_make("leaf", alt, c->key, c->ca, c->ca_key, from_s, to_s);

	SSL_CTX_use_certificate(ssl, x);
	SSL_CTX_use_PrivateKey(ssl, c->key);
	X509_free(x);
	return ssl;
}

#endif
