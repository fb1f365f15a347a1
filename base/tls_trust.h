#ifndef BASE_TLS_TRUST_H
#define BASE_TLS_TRUST_H

#include <openssl/x509.h>
#include <stdint.h>

#include "base/list.h"
#include "base/map.h"

/*
 * Chains that were found good, so that the same server's is not judged ten
 * thousand times over.  A part of tls.c, of one context: trust anchors and
 * policy are the same for all that is kept here.
 *
 *   SHA-256 (host name, every certificate of the chain as it was sent) -> good until
 *
 * Only a chain that is byte for byte the same, for the same name, is found, and
 * only until the first certificate of the verified path expires, or TLS_TRUST_S
 * after it was judged: an anchor that was taken away, or a name that was
 * withdrawn, is believed no longer than that.  A refusal is never kept.
 */
#define TLS_TRUST_S (24 * 3600)

struct tls_trust {
	struct map by_key;
	struct list oldest; /* first */
	uint64_t judged;    /* asked of X509_verify_cert() */
};

void tls_trust_init(struct tls_trust *t);
void tls_trust_clear(struct tls_trust *t);
/*
 * In the place of X509_verify_cert(), which is asked when nothing is known: 1 or
 * 0.  `host`: the name that `x` verifies.  `*ret_good_until`: Unix seconds; of a
 * good chain.
 */
int tls_trust_judge(struct tls_trust *t, X509_STORE_CTX *x, const char *host, int64_t now_s,
		    int64_t *ret_good_until);

#endif
