#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/tls_trust.h"

#define KEY 32 /* SHA-256 */

struct judged {
	struct list link;
	int64_t good_until;
	uint8_t key[KEY];
};

void tls_trust_init(struct tls_trust *t)
{
	map_init(&t->by_key);
	list_init(&t->oldest);
	t->judged = 0;
}

static struct text text_of_key(const uint8_t key[KEY])
{
	return (struct text){ (const char *)key, KEY };
}

static void forget(struct tls_trust *t, struct judged *j)
{
	map_remove(&t->by_key, text_of_key(j->key));
	list_remove(&j->link);
	free(j);
}

void tls_trust_clear(struct tls_trust *t)
{
	struct list *first;

	while ((first = list_first(&t->oldest)))
		forget(t, container_of(first, struct judged, link));
	map_clear(&t->by_key);
}

static bool add_cert(EVP_MD_CTX *sum, const X509 *cert)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	return X509_digest(cert, EVP_sha256(), digest, &n) == 1 &&
	       EVP_DigestUpdate(sum, digest, n) == 1;
}

/* Each part has one length: a name ends with its NUL, a certificate is its digest. */
static bool key_of(X509_STORE_CTX *x, const char *host, uint8_t ret[KEY])
{
	const STACK_OF(X509) *sent = X509_STORE_CTX_get0_untrusted(x);
	const X509 *leaf = X509_STORE_CTX_get0_cert(x);
	EVP_MD_CTX *sum = EVP_MD_CTX_new();
	bool ok = leaf && sum && EVP_DigestInit_ex(sum, EVP_sha256(), NULL) == 1 &&
		  EVP_DigestUpdate(sum, host, strlen(host) + 1) == 1 && add_cert(sum, leaf);

	for (int i = 0; ok && i < sk_X509_num(sent); i++)
		ok = add_cert(sum, sk_X509_value(sent, i));
	ok = ok && EVP_DigestFinal_ex(sum, ret, NULL) == 1;
	EVP_MD_CTX_free(sum);
	return ok;
}

/* Of the path that was verified, anchor and all; `latest` when it lasts longer. */
static int64_t first_end(X509_STORE_CTX *x, int64_t latest)
{
	const STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(x);

	for (int i = 0; i < sk_X509_num(path); i++) {
		struct tm tm;
		int64_t end;

		if (ASN1_TIME_to_tm(X509_get0_notAfter(sk_X509_value(path, i)), &tm) != 1)
			return 0;
		end = (int64_t)timegm(&tm);
		if (end < latest)
			latest = end;
	}
	return latest;
}

static void keep(struct tls_trust *t, const uint8_t key[KEY], int64_t good_until)
{
	struct list *first = list_first(&t->oldest);
	struct judged *j;

	if (first && map_count(&t->by_key) >= LIMIT_TLS_TRUSTED)
		forget(t, container_of(first, struct judged, link));
	j = mem_new(sizeof(*j));
	j->good_until = good_until;
	memcpy(j->key, key, KEY);
	map_put(&t->by_key, text_of_key(j->key), j);
	list_append(&t->oldest, &j->link);
}

int tls_trust_judge(struct tls_trust *t, X509_STORE_CTX *x, const char *host, int64_t now_s,
		    int64_t *ret_good_until)
{
	uint8_t key[KEY];
	bool has_key = key_of(x, host, key);
	struct judged *j = has_key ? map_get(&t->by_key, text_of_key(key)) : NULL;
	int ok;

	if (j && now_s < j->good_until) {
		X509_STORE_CTX_set_error(x, X509_V_OK);
		*ret_good_until = j->good_until;
		return 1;
	}
	if (j)
		forget(t, j);
	t->judged++;
	ok = X509_verify_cert(x);
	if (ok != 1 || X509_STORE_CTX_get_error(x) != X509_V_OK)
		return ok;
	*ret_good_until = first_end(x, now_s + TLS_TRUST_S);
	if (has_key && now_s < *ret_good_until)
		keep(t, key, *ret_good_until);
	return ok;
}
