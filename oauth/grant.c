#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "oauth/grant.h"

#include "base/mailaddr.h"
#include "base/mem.h"
#include "oauth/peer_json.h"

#define CLOCK_SKEW_S 300 /* between a provider's clock and ours */
#define LIFE_MAX_S                                                                                 \
	((int64_t)10 * 365 * 24 * 3600) /* a longer one is a provider's way to say "for ever" */

/* --- What we say. --- */

struct field {
	const char *name;
	struct text value; /* empty: left out */
};

static struct text text_of_secret(const struct secret *s)
{
	return (struct text){ (const char *)s->data, s->len };
}

/* Room for all of it at once: a buffer that grew would leave copies of a secret behind. */
static int form_of(const struct field *fields, size_t n, struct secret *ret)
{
	size_t room = 1;
	struct buf b;
	int r;

	for (size_t i = 0; i < n; i++)
		room += strlen(fields[i].name) + 2 + 3 * fields[i].value.len;
	buf_init(&b, room);
	r = buf_reserve(&b, room - 1);
	for (size_t i = 0; r == 0 && i < n; i++) {
		if (fields[i].value.len == 0)
			continue;
		r = text_addf(&b, "%s%s=", b.len ? "&" : "", fields[i].name);
		if (r == 0)
			r = text_add_percent(&b, fields[i].value);
	}
	if (r == 0 && b.len > LIMIT_SECRET)
		r = -ENOBUFS;
	if (r == 0)
		secret_set(ret, b.data, b.len);
	secret_wipe(b.data, b.len);
	buf_clear(&b);
	return r;
}

int grant_exchange_body(const struct oauth_provider *p, bool has_secret, const struct secret *code,
			const struct secret *verifier, const char *redirect_uri, struct secret *ret)
{
	const struct field fields[] = {
		{ "grant_type", TEXT("authorization_code") },
		{ "code", text_of_secret(code) },
		{ "redirect_uri", text_of(redirect_uri) },
		{ "code_verifier", text_of_secret(verifier) },
		{ "client_id", text_of(has_secret ? NULL : p->client_id) },
	};

	return form_of(fields, countof(fields), ret);
}

int grant_refresh_body(const struct oauth_provider *p, bool has_secret,
		       const struct secret *refresh, struct secret *ret)
{
	const struct field fields[] = {
		{ "grant_type", TEXT("refresh_token") },
		{ "refresh_token", text_of_secret(refresh) },
		{ "redirect_uri", text_of(p->refresh_redirect_uri) },
		{ "client_id", text_of(has_secret ? NULL : p->client_id) },
	};

	return form_of(fields, countof(fields), ret);
}

int grant_revoke_body(const struct oauth_provider *p, bool has_secret, const struct secret *refresh,
		      struct secret *ret)
{
	const struct field fields[] = {
		{ "token", text_of_secret(refresh) },
		{ "token_type_hint", TEXT("refresh_token") },
		{ "client_id", text_of(has_secret ? NULL : p->client_id) },
	};

	return form_of(fields, countof(fields), ret);
}

int grant_basic(struct text value, struct secret *ret)
{
	struct buf b;
	int r;

	buf_init(&b, 3 * value.len + 1);
	r = buf_reserve(&b, 3 * value.len);
	if (r == 0)
		r = text_add_percent(&b, value);
	if (r == 0 && b.len > LIMIT_SECRET)
		r = -ENOBUFS;
	if (r == 0)
		secret_set(ret, b.data, b.len);
	secret_wipe(b.data, b.len);
	buf_clear(&b);
	return r;
}

/* --- What the token endpoint says. --- */

/*
 * RFC 6749 appendix A.12 and A.17: visible characters.  Anything else could
 * end a SASL message or a header line.
 */
static int take_token(const json_t *o, const char *name, struct secret *ret)
{
	struct text t = peer_json_text(o, name);
	int r = 0;

	if (t.len > LIMIT_SECRET)
		r = -EBADMSG;
	for (size_t i = 0; i < t.len && r == 0; i++)
		if (t.at[i] < ' ' || t.at[i] > '~')
			r = -EBADMSG;
	if (r == 0 && t.len > 0)
		secret_set_text(ret, t);
	peer_json_wipe(o, name);
	return r;
}

/* Seconds: a number, or a number in quotes as some send it.  0: not said. */
static int64_t life_of(const json_t *o, const char *name)
{
	const json_t *v = json_object_get(o, name);
	uint64_t n = 0;
	double d = 0;

	if (json_is_number(v))
		d = json_number_value(v);
	else if (json_is_string(v) && text_u64(peer_json_text(o, name), LIFE_MAX_S, &n) == 0)
		d = (double)n;
	else
		return 0;
	if (!(d >= 1))
		return 1; /* over already: refreshed at the next need */
	return d > (double)LIFE_MAX_S ? LIFE_MAX_S : (int64_t)d;
}

static bool read_tokens(const json_t *o, struct grant_answer *ret)
{
	struct text type = peer_json_text(o, "token_type"), scope = peer_json_text(o, "scope");

	if (take_token(o, "access_token", &ret->access) < 0 ||
	    take_token(o, "refresh_token", &ret->refresh) < 0 ||
	    take_token(o, "id_token", &ret->id_token) < 0)
		return false;
	/* A token bound to a key (DPoP, mac) is of no use to a mail server. */
	if (secret_is_empty(&ret->access) || (type.len > 0 && !text_ieq(type, TEXT("bearer"))))
		return false;
	ret->expires_in_s = life_of(o, "expires_in");
	/* No standard says it; Google does where consent ends by itself, others call it so. */
	ret->refresh_expires_in_s = life_of(o, "refresh_token_expires_in");
	if (ret->refresh_expires_in_s == 0)
		ret->refresh_expires_in_s = life_of(o, "refresh_expires_in");
	ret->scope_said = json_is_string(json_object_get(o, "scope"));
	if (scope.len >= sizeof(ret->scope))
		return false;
	text_printable(ret->scope, sizeof(ret->scope), scope);
	return true;
}

static int aadsts_in(const json_t *o, struct text description)
{
	const json_t *code = json_array_get(json_object_get(o, "error_codes"), 0);
	size_t at = text_ifind(description, TEXT("AADSTS"));
	size_t n = 0;
	uint64_t number;

	if (json_is_integer(code) && json_integer_value(code) > 0 &&
	    json_integer_value(code) < INT32_MAX)
		return (int)json_integer_value(code);
	if (at == SIZE_MAX)
		return 0;
	description = text_sub(description, at + 6, description.len);
	while (n < description.len && description.at[n] >= '0' && description.at[n] <= '9')
		n++;
	return text_u64(text_sub(description, 0, n), INT32_MAX, &number) == 0 ? (int)number : 0;
}

/* The first member that is there. */
static struct text either(const json_t *o, const char *a, const char *b)
{
	struct text t = peer_json_text(o, a);

	return t.len > 0 ? t : peer_json_text(o, b);
}

/* {"error":"invalid_grant",...}, or {"error":{"status":"UNAVAILABLE","message":...}} from a gateway
 * before it. */
static bool read_error(const json_t *o, struct grant_answer *ret)
{
	const json_t *inner = json_object_get(o, "error");
	struct text name = peer_json_text(o, "error"),
		    words = peer_json_text(o, "error_description"), rest;

	if (json_is_object(inner)) {
		name = either(inner, "status", "errorId");
		words = either(inner, "message", "localizedMessage");
	}
	if (name.len == 0)
		return false;
	text_printable(ret->error, sizeof(ret->error), name);
	text_printable(ret->suberror, sizeof(ret->suberror),
		       either(o, "error_subtype", "suberror"));
	ret->aadsts = aadsts_in(o, words);
	(void)text_cut(words, '\n', &words, &rest); /* trace ids and times follow */
	text_printable(ret->description, sizeof(ret->description), text_trim(words));
	return true;
}

void grant_read(long status, struct text body, struct grant_answer *ret)
{
	cleanup_json json_t *o = peer_json_read(body);
	bool fine = status >= 200 && status < 300;

	*ret = (struct grant_answer){ .kind = GRANT_GARBAGE };
	if (!json_is_object(o))
		return;
	if (fine && json_object_get(o, "access_token")) {
		if (read_tokens(o, ret))
			ret->kind = GRANT_TOKENS;
		else
			grant_answer_clear(ret);
	} else if (read_error(o, ret)) {
		ret->kind = GRANT_ERROR;
	}
}

void grant_blank(struct grant_answer *a, const struct secret *sent)
{
	char *const words[] = { a->error, a->suberror, a->description };
	cleanup_secret struct secret encoded = { 0 };

	/* too long to be encoded: too long for the words, too */
	(void)grant_basic((struct text){ (const char *)sent->data, sent->len }, &encoded);
	for (size_t i = 0; i < countof(words); i++) {
		secret_blank(words[i], sent);
		secret_blank(words[i], &encoded);
	}
}

void grant_answer_clear(struct grant_answer *a)
{
	secret_clear(&a->access);
	secret_clear(&a->refresh);
	secret_clear(&a->id_token);
	*a = (struct grant_answer){ .kind = GRANT_GARBAGE };
}

bool grant_has_scope(const struct oauth_provider *p, const struct grant_answer *a)
{
	struct text want = text_of(p->required_scope), rest = text_of(a->scope), head;

	if (want.len == 0 || !a->scope_said)
		return true;
	/* RFC 6749 section 3.3: space separated, case-sensitive.  Some send commas. */
	while (rest.len > 0) {
		size_t n = strcspn(rest.at, " ,");

		head = text_sub(rest, 0, n);
		rest = text_sub(rest, n + 1, rest.len);
		if (text_eq(head, want))
			return true;
	}
	return false;
}

/* --- Whose account it is. --- */

/* An address that a mail server could mean: one '@', nothing that is not printed; in the spelling
 * of base/mailaddr. */
static bool take_address(struct text t, char dst[LIMIT_OAUTH_ADDRESS])
{
	char address[MAILADDR];
	size_t ats = 0;

	for (size_t i = 0; i < t.len; i++) {
		if ((unsigned char)t.at[i] <= ' ' || t.at[i] == 127)
			return false;
		ats += t.at[i] == '@';
	}
	if (ats != 1 || mailaddr_fold(t, address) < 0 || strlen(address) >= LIMIT_OAUTH_ADDRESS)
		return false;
	memcpy(dst, address, strlen(address) + 1);
	return true;
}

/*
 * Microsoft: `email` is whatever the tenant's administrator wrote there, `sub` differs from
 * application to application; the account is the tenant's and the object's id, and the mailbox is
 * named by preferred_username, else upn.
 */
static bool read_tenant_claims(const json_t *o, struct grant_identity *ret)
{
	struct text tid = peer_json_text(o, "tid"), oid = peer_json_text(o, "oid");
	char tenant[64], object[64];

	if (tid.len == 0 || oid.len == 0)
		return false;
	text_printable(tenant, sizeof(tenant), tid);
	text_printable(object, sizeof(object), oid);
	*ret = (struct grant_identity){ 0 };
	(void)snprintf(ret->subject, sizeof(ret->subject), "%s/%s", tenant, object);
	if (!take_address(peer_json_text(o, "preferred_username"), ret->address))
		(void)take_address(peer_json_text(o, "upn"), ret->address);
	return true;
}

/* OpenID Connect Core section 5.1; some name the mailbox in preferred_username or upn. */
static void read_claims(const json_t *o, struct grant_identity *ret)
{
	const json_t *verified = json_object_get(o, "email_verified");
	bool doubted = json_is_false(verified) ||
		       text_ieq(peer_json_text(o, "email_verified"), TEXT("false"));

	*ret = (struct grant_identity){ 0 };
	text_printable(ret->subject, sizeof(ret->subject), peer_json_text(o, "sub"));
	if (!doubted && take_address(peer_json_text(o, "email"), ret->address))
		return;
	if (!take_address(peer_json_text(o, "preferred_username"), ret->address))
		(void)take_address(peer_json_text(o, "upn"), ret->address);
}

int grant_identity_of_userinfo(struct text body, struct grant_identity *ret)
{
	cleanup_json json_t *o = peer_json_read(body);

	if (!json_is_object(o))
		return -EBADMSG;
	read_claims(o, ret);
	return 0;
}

static bool is_audience(const json_t *o, const char *client_id)
{
	const json_t *aud = json_object_get(o, "aud"), *one;
	struct text mine = text_of(client_id);
	size_t i;

	if (json_is_string(aud))
		return text_eq(peer_json_text(o, "aud"), mine);
	json_array_foreach(aud, i, one)
	{
		if (json_is_string(one) && text_eq(text_of(json_string_value(one)), mine))
			return true;
	}
	return false;
}

int grant_identity_of_id_token(const struct oauth_provider *p, const struct secret *id_token,
			       int64_t now_s, struct grant_identity *ret)
{
	struct text head, rest, payload, signature;
	cleanup_buf struct buf b;
	cleanup_json json_t *o = NULL;
	const json_t *exp;

	buf_init(&b, LIMIT_SECRET);
	if (!text_cut(text_of_secret(id_token), '.', &head, &rest) ||
	    !text_cut(rest, '.', &payload, &signature) || text_from_base64url(&b, payload) < 0)
		return -EBADMSG;
	o = peer_json_read(text_of_buf(&b));
	exp = json_object_get(o, "exp");
	if (!json_is_object(o) || !json_is_number(exp))
		return -EBADMSG;
	if (p->issuer && *p->issuer &&
	    !connect_issuer_is(p, peer_json_text(o, "iss"), peer_json_text(o, "tid")))
		return -EACCES;
	if (!is_audience(o, p->client_id))
		return -EACCES;
	if (json_number_value(exp) < (double)(now_s - CLOCK_SKEW_S))
		return -ETIME;
	if (!p->issuer || !strstr(p->issuer, "{tenantid}") || !read_tenant_claims(o, ret))
		read_claims(o, ret);
	return 0;
}
