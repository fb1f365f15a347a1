/*
 * `certchain DIR short|gmail ADDRESS...`: a certificate chain for these addresses, and the anchor
 * that it ends at.  Writes ca.pem (the anchor), chain.pem (leaf first) and key.pem into DIR.
 *
 *   short  P-256 leaf, P-256 issuer
 *   gmail  the sizes and kinds of Gmail's: P-256 leaf, RSA-2048 issuer, RSA-4096 root signed by
 *          yet another root
 */
#include <openssl/conf.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct who {
	const char *name;
	EVP_PKEY *key;
	X509 *cert;
};

static CONF *no_sections; /* what an extension's text could refer to; some want one to be there */

static void *must(void *p)
{
	if (p)
		return p;
	ERR_print_errors_fp(stderr);
	exit(1);
}

static void extend(X509 *x, X509V3_CTX *ctx, int nid, const char *value)
{
	X509_EXTENSION *e = must(X509V3_EXT_conf_nid(NULL, ctx, nid, value));

	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

/* The list of signed timestamps of certificate transparency, as long as two logs make it. */
static void add_timestamps(X509 *x)
{
	uint8_t bytes[242] = { 4, 240 };
	ASN1_OBJECT *object = must(OBJ_txt2obj("1.3.6.1.4.1.11129.2.4.2", 1));
	ASN1_OCTET_STRING *value = must(ASN1_OCTET_STRING_new());
	X509_EXTENSION *e;

	memset(bytes + 3, 0x5a, sizeof(bytes) - 3);
	ASN1_OCTET_STRING_set(value, bytes, sizeof(bytes));
	e = must(X509_EXTENSION_create_by_OBJ(NULL, object, 0, value));
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	ASN1_OCTET_STRING_free(value);
	ASN1_OBJECT_free(object);
}

/* `alt`: of a leaf; NULL: an issuer. */
static X509 *sign(const struct who *subject, const struct who *issuer, const char *alt)
{
	static long serial = 1000;
	X509 *x = must(X509_new());
	X509_NAME *name = X509_get_subject_name(x), *by = name;
	X509V3_CTX ctx;

	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
	X509_gmtime_adj(X509_getm_notBefore(x), -3600);
	X509_gmtime_adj(X509_getm_notAfter(x), 30L * 86400);
	X509_set_pubkey(x, subject->key);
	X509_NAME_add_entry_by_txt(name, "C", MBSTRING_ASC, (const uint8_t *)"US", -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "O", MBSTRING_ASC, (const uint8_t *)"Load Trust Services",
				   -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)subject->name, -1, -1,
				   0);
	if (issuer != subject && issuer->cert)
		by = X509_get_subject_name(issuer->cert);
	X509_set_issuer_name(x, by);
	X509V3_set_ctx(&ctx, issuer->cert && issuer != subject ? issuer->cert : x, x, NULL, NULL,
		       0);
	X509V3_set_nconf(&ctx, no_sections);
	extend(x, &ctx, NID_basic_constraints, alt ? "critical,CA:FALSE" : "critical,CA:TRUE");
	extend(x, &ctx, NID_key_usage,
	       alt ? "critical,digitalSignature" : "critical,digitalSignature,keyCertSign,cRLSign");
	extend(x, &ctx, NID_subject_key_identifier, "hash");
	if (issuer->cert && issuer != subject) {
		extend(x, &ctx, NID_authority_key_identifier, "keyid:always");
		extend(x, &ctx, NID_info_access,
		       "OCSP;URI:http://o.load.example/s/l/abc,"
		       "caIssuers;URI:http://i.load.example/l.crt");
		extend(x, &ctx, NID_crl_distribution_points,
		       "URI:http://c.load.example/l/abcdefghijk.crl");
		extend(x, &ctx, NID_certificate_policies, "2.23.140.1.2.1");
	}
	if (alt) {
		extend(x, &ctx, NID_ext_key_usage, "serverAuth");
		extend(x, &ctx, NID_subject_alt_name, alt);
		add_timestamps(x);
	}
	if (!X509_sign(x, issuer->key, EVP_sha256()))
		must(NULL);
	return x;
}

static FILE *file_of(const char *dir, const char *name)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return must(fopen(path, "w"));
}

static void write_cert(FILE *f, X509 *x)
{
	if (PEM_write_X509(f, x) != 1)
		must(NULL);
}

int main(int argc, char *argv[])
{
	bool is_gmail = argc > 2 && strcmp(argv[2], "gmail") == 0;
	struct who leaf = { .name = "imap.load.example" }, issuer = { .name = "Load WR2" },
		   root = { .name = "Load Root R1" }, old = { .name = "Old Load Root" };
	X509 *cross = NULL, *cert;
	char *alt;
	FILE *f;

	if (argc < 4) {
		(void)fprintf(stderr, "certchain: DIR short|gmail ADDRESS...\n");
		return 64;
	}
	no_sections = must(NCONF_new(NULL));
	alt = mem_new((size_t)argc * 32 + 64);
	strcpy(alt, "DNS:imap.load.example");
	for (int i = 3; i < argc; i++)
		(void)sprintf(alt + strlen(alt), ",IP:%s", argv[i]);

	leaf.key = must(EVP_EC_gen("P-256"));
	root.key = must(is_gmail ? EVP_RSA_gen(4096) : EVP_EC_gen("P-256"));
	root.cert = must(sign(&root, &root, NULL));
	issuer.key = root.key;
	issuer.cert = root.cert;
	if (is_gmail) {
		issuer.key = must(EVP_RSA_gen(2048));
		issuer.cert = sign(&issuer, &root, NULL);
		old.key = must(EVP_RSA_gen(2048));
		old.cert = sign(&old, &old, NULL);
		cross = sign(&root, &old, NULL);
	}
	cert = sign(&leaf, &issuer, alt);

	f = file_of(argv[1], "ca.pem");
	write_cert(f, root.cert);
	(void)fclose(f);
	f = file_of(argv[1], "chain.pem");
	write_cert(f, cert);
	write_cert(f, issuer.cert);
	if (cross)
		write_cert(f, cross);
	(void)fclose(f);
	f = file_of(argv[1], "key.pem");
	if (PEM_write_PrivateKey(f, leaf.key, NULL, NULL, 0, NULL, NULL) != 1)
		must(NULL);
	(void)fclose(f);
	free(alt);
	return 0;
}
