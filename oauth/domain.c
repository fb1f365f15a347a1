#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "oauth/domain.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/sign.h"
#include "oauth/peer_json.h"

#define ASSERTION_S  3600 /* the longest that Google takes */
#define BACK_DATED_S 30   /* a provider whose clock is behind ours takes no JWT from its future */

/* --- The service account. --- */

static const char *read_account(const json_t *o, const char *token_url, struct domain_account *ret)
{
	struct text key = peer_json_text(o, "private_key"), url = peer_json_text(o, "token_uri");

	if (!json_is_object(o))
		return "is not the JSON of a service account's key";
	if (!text_eq(peer_json_text(o, "type"), TEXT("service_account")))
		return "is not a service account's key (`type` is not \"service_account\")";
	if (!peer_json_word(o, "client_email", ret->email, sizeof(ret->email)) ||
	    !strchr(ret->email, '@'))
		return "has no usable `client_email`";
	if (!peer_json_word(o, "client_id", ret->client_id, sizeof(ret->client_id)))
		return "has no usable `client_id`";
	if (!peer_json_word(o, "private_key_id", ret->key_id, sizeof(ret->key_id)))
		return "has no usable `private_key_id`";
	if (url.len > 0 && !text_eq(url, text_of(token_url)))
		return "is for another token endpoint (`token_uri`) than this provider's";
	if (key.len == 0 || key.len > DOMAIN_ACCOUNT_BYTES || memchr(key.at, '\0', key.len))
		return "has no usable `private_key`";
	secret_set_text(&ret->key, key);
	switch (sign_rs256(&ret->key, (struct text){ 0 }, NULL, NULL)) {
	case 0:
		return NULL;
	case -EINVAL:
		return "has a `private_key` of fewer than 2048 or more than 8192 bits";
	}
	return "has a `private_key` that is no RSA key in PEM, or one with a pass phrase";
}

int domain_account_read(struct text json, const char *token_url, struct domain_account *ret,
			const char **ret_why)
{
	cleanup_json json_t *o = NULL;
	const char *why = "is longer than 16 KB";

	*ret = (struct domain_account){ 0 };
	if (json.len <= DOMAIN_ACCOUNT_BYTES) {
		o = peer_json_read(json);
		why = read_account(o, token_url, ret);
		peer_json_wipe(o, "private_key");
	}
	if (!why)
		return 0;
	domain_account_clear(ret);
	*ret_why = why;
	return -EBADMSG;
}

void domain_account_clear(struct domain_account *a)
{
	secret_clear(&a->key);
	*a = (struct domain_account){ 0 };
}

/* --- What we say. --- */

int domain_app_body(const struct domain_provider *p, struct secret *ret)
{
	cleanup_buf struct buf b;
	int r;

	buf_init(&b, LIMIT_SECRET);
	r = text_addf(&b, "grant_type=client_credentials&scope=");
	if (r == 0)
		r = text_add_percent(&b, text_of(p->scope));
	if (r == 0)
		secret_set(ret, b.data, b.len);
	return r;
}

static int add_json_base64url(struct buf *b, json_t *takes)
{
	char *text = json_dumps(takes, JSON_COMPACT);
	int r = text ? text_add_base64url(b, text, strlen(text)) : -EBADMSG;

	free(text);
	json_decref(takes);
	return r;
}

/* RFC 7515 section 3.1: header.claims.signature. */
static int add_jwt(struct buf *b, const struct domain_provider *p, const struct domain_account *a,
		   const char *mailbox, int64_t now_s)
{
	uint8_t signature[SIGN_RS256];
	json_t *head = json_pack("{s:s s:s}", "alg", "RS256", "typ", "JWT");
	json_t *claims =
		json_pack("{s:s s:s s:s s:s s:I s:I}", "iss", a->email, "sub", mailbox, "scope",
			  p->scope, "aud", p->token_url, "iat", (json_int_t)(now_s - BACK_DATED_S),
			  "exp", (json_int_t)(now_s - BACK_DATED_S + ASSERTION_S));
	size_t began = b->len, n = 0;
	int r;

	if (a->key_id[0])
		(void)json_object_set_new(head, "kid", json_string(a->key_id));
	r = add_json_base64url(b, head);
	if (r == 0)
		r = text_add(b, TEXT("."));
	r = r == 0 ? add_json_base64url(b, claims) : (json_decref(claims), r);
	if (r == 0)
		r = sign_rs256(&a->key,
			       (struct text){ (const char *)b->data + began, b->len - began },
			       signature, &n);
	if (r == 0)
		r = text_add(b, TEXT("."));
	return r == 0 ? text_add_base64url(b, signature, n) : r;
}

int domain_delegated_body(const struct domain_provider *p, const struct domain_account *a,
			  const char *mailbox, int64_t now_s, struct secret *ret)
{
	struct buf b;
	int r;

	/* Room for all of it at once: a buffer that grew would leave copies of a secret behind. */
	buf_init(&b, LIMIT_SECRET);
	r = buf_reserve(&b, 8192);
	if (r == 0)
		r = text_addf(&b, "grant_type="
				  "urn%%3Aietf%%3Aparams%%3Aoauth%%3Agrant-type%%3Ajwt-bearer"
				  "&assertion=");
	if (r == 0)
		r = add_jwt(&b, p, a, mailbox, now_s);
	if (r == 0)
		secret_set(ret, b.data, b.len);
	secret_wipe(b.data, b.len);
	buf_clear(&b);
	return r == -EINVAL ? -EBADMSG : r;
}

/* --- What follows from the answer. --- */

/*
 * Google says most things with invalid_grant, and only the words tell them apart.  The first
 * row that fits counts.
 */
/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): rows are read as sentences */
static const struct {
	enum preset_domain kind; /* PRESET_DOMAIN_NONE: any */
	const char *error;       /* NULL: any */
	const char *mention;     /* in the description; NULL: whatever it says */
	enum domain_fault fault;
	const char *reason;
} rows[] = {
	{ PRESET_DOMAIN_DELEGATED, "invalid_grant", "short-lived", DOMAIN_LATER, "clock_wrong" },
	{ PRESET_DOMAIN_DELEGATED, "invalid_grant", "iat and exp", DOMAIN_LATER, "clock_wrong" },
	{ PRESET_DOMAIN_DELEGATED, "invalid_grant", "signature", DOMAIN_ADMIN, "key_refused" },
	{ PRESET_DOMAIN_DELEGATED, "invalid_grant", "account not found", DOMAIN_ADMIN,
	  "service_account_gone" },
	{ PRESET_DOMAIN_DELEGATED, "invalid_grant", "user ID", DOMAIN_MAILBOX, "account_gone" },
	{ PRESET_DOMAIN_DELEGATED, "invalid_grant", "email", DOMAIN_MAILBOX, "account_gone" },
	{ PRESET_DOMAIN_DELEGATED, "unauthorized_client", NULL, DOMAIN_ADMIN,
	  "delegation_missing" },
	{ PRESET_DOMAIN_DELEGATED, "access_denied", NULL, DOMAIN_ADMIN, "delegation_missing" },
	{ PRESET_DOMAIN_DELEGATED, "invalid_grant", NULL, DOMAIN_ADMIN, "key_refused" },
	{ PRESET_DOMAIN_DELEGATED, "invalid_client", NULL, DOMAIN_ADMIN, "service_account_gone" },
	{ PRESET_DOMAIN_APP_ONLY, NULL, "AADSTS90002", DOMAIN_ADMIN, "tenant_unknown" },
	{ PRESET_DOMAIN_APP_ONLY, NULL, "AADSTS900023", DOMAIN_ADMIN, "tenant_unknown" },
	{ PRESET_DOMAIN_APP_ONLY, NULL, "AADSTS700016", DOMAIN_ADMIN, "application_unknown" },
};

enum domain_fault domain_judge(enum preset_domain kind, const struct policy_answer *verdict,
			       const struct grant_answer *a, const char **ret_reason)
{
	*ret_reason = verdict->reason;
	if (verdict->verdict == POLICY_OK)
		return DOMAIN_FINE;
	if (verdict->verdict == POLICY_LATER || a->kind != GRANT_ERROR)
		return DOMAIN_LATER;
	for (size_t i = 0; i < countof(rows); i++) {
		if ((rows[i].kind != PRESET_DOMAIN_NONE && rows[i].kind != kind) ||
		    (rows[i].error && strcmp(rows[i].error, a->error) != 0) ||
		    (rows[i].mention &&
		     text_ifind(text_of(a->description), text_of(rows[i].mention)) == SIZE_MAX))
			continue;
		*ret_reason = rows[i].reason;
		return rows[i].fault;
	}
	return DOMAIN_ADMIN;
}
