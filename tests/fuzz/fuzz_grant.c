#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "oauth/grant.h"
#include "oauth/policy.h"

static void must(int is_so)
{
	if (!is_so)
		abort();
}

static int is_clean(const struct secret *s)
{
	for (size_t i = 0; i < s->len; i++)
		if (s->data[i] < ' ' || s->data[i] > '~')
			return 0;
	return 1;
}

/*
 * First byte: the HTTP status.  Whatever a provider sends, tokens are fit for a
 * SASL line, only a whole 2xx answer has any, every answer has a verdict, and an address can stand
 * in a row.
 */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const long statuses[] = { 200, 400, 401, 403, 429, 500, 503, 302 };
	static const struct outcome answered = { BLAME_NONE, "ok", "" };
	const struct oauth_provider provider = { .client_id = "c", .required_scope = "mail" };
	struct grant_identity who = { .address = "" };
	struct policy_answer verdict;
	struct grant_answer a;
	long status;

	if (n < 1)
		return 0;
	status = statuses[p[0] % 8];
	grant_read(status, (struct text){ (const char *)p + 1, n - 1 }, &a);
	policy_judge(&answered, status, -1, &a, &verdict);
	must((a.kind == GRANT_TOKENS) == (verdict.verdict == POLICY_OK));
	must((a.kind == GRANT_TOKENS) == !secret_is_empty(&a.access));
	must(a.kind != GRANT_TOKENS || status == 200);
	must(is_clean(&a.access) && is_clean(&a.refresh) && is_clean(&a.id_token));
	must(a.expires_in_s >= 0 && verdict.reason && strlen(verdict.evidence) < 320);
	(void)grant_has_scope(&provider, &a);
	if (grant_identity_of_id_token(&provider, &a.id_token, 0, &who) == 0 && who.address[0])
		must(strchr(who.address, '@') != NULL && !strpbrk(who.address, " \r\n\t"));
	if (grant_identity_of_userinfo((struct text){ (const char *)p + 1, n - 1 }, &who) == 0 &&
	    who.address[0])
		must(strchr(who.address, '@') != NULL && !strpbrk(who.address, " \r\n\t"));
	grant_answer_clear(&a);
	return 0;
}
