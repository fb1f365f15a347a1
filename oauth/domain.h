#ifndef OAUTH_DOMAIN_H
#define OAUTH_DOMAIN_H

#include "base/secret.h"
#include "base/text.h"
#include "oauth/grant.h"
#include "oauth/policy.h"
#include "oauth/preset.h"

/*
 * One right for a whole domain: requests built, answers judged.  Pure.
 *
 *   app_only    client id and secret at the tenant's token endpoint (RFC 6749 section 4.4)
 *   delegated   a JWT that the service account signs for one mailbox (RFC 7523 section 2.1)
 */

/* A provider at which domains can be opened, as configured or known; texts are borrowed. */
struct domain_provider {
	const char *name;
	enum preset_domain kind;
	const char *token_url; /* may hold "{tenant}" */
	const char *scope;
	const char *admin_consent_url; /* likewise, and "{client_id}"; "": none */
};

/* A Google service account, as its key file says. */
#define DOMAIN_ACCOUNT_BYTES (16 * 1024) /* of the file: real ones have 2,400 */
struct domain_account {
	char email[LIMIT_OAUTH_ADDRESS]; /* client_email */
	char client_id[64];              /* what the administrator enters; "": not said */
	char key_id[128];                /* "": not said */
	struct secret key;               /* PEM */
};
/*
 * Read the key file and try its key.  `token_url`: the provider's; a file that names
 * another one is refused, since a signature for it opens mailboxes.  -EBADMSG, and
 * `ret_why` says what is wrong with it (static).
 */
int domain_account_read(struct text json, const char *token_url, struct domain_account *ret,
			const char **ret_why);
void domain_account_clear(struct domain_account *a); /* safe on zeros */

/* Request bodies; -ENOBUFS: beyond LIMIT_SECRET; -EBADMSG: the key does not sign. */
int domain_app_body(const struct domain_provider *p, struct secret *ret);
int domain_delegated_body(const struct domain_provider *p, const struct domain_account *a,
			  const char *mailbox, int64_t now_s, struct secret *ret);

/* Whose turn it is after an answer. */
enum domain_fault {
	DOMAIN_FINE,
	DOMAIN_LATER,   /* tried again by itself */
	DOMAIN_MAILBOX, /* this one mailbox; delegated only */
	DOMAIN_ADMIN,   /* whoever gave the right: no mailbox of it is reached */
};
/* `ret_reason`: a stable code, static; its words are in services/words. */
enum domain_fault domain_judge(enum preset_domain kind, const struct policy_answer *verdict,
			       const struct grant_answer *a, const char **ret_reason);

#endif
