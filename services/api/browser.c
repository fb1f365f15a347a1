#include "services/api/browser.h"

#include <stdio.h>
#include <string.h>

#include "base/weburl.h"
#include "oauth/link_token.h"
#include "services/settings.h"

#define COOKIE_MAX (LINK_TOKEN + BROWSER_COOKIE_NAME + 104)

static bool is_https(const struct request *q)
{
	return strncmp(q->api->settings->api_public_url, "https://", 8) == 0;
}

static const char *prefix(const struct request *q)
{
	return is_https(q) ? "__Host-" : "";
}

const char *browser_cookie(const struct request *q, const char *name)
{
	char full[BROWSER_COOKIE_NAME + 8];

	(void)snprintf(full, sizeof(full), "%s%s", prefix(q), name);
	return http_call_cookie(q->call, full);
}

void browser_set_cookie(struct request *q, const char *name, const char *value, int age_s,
			const char *same_site)
{
	char text[COOKIE_MAX], age[32] = "";

	if (age_s >= 0)
		(void)snprintf(age, sizeof(age), "; Max-Age=%d", age_s);
	(void)snprintf(text, sizeof(text), "%s%s=%s; Path=/; HttpOnly; SameSite=%s%s%s", prefix(q),
		       name, value, same_site, age, is_https(q) ? "; Secure" : "");
	http_call_set_header(q->call, "Set-Cookie", text);
	secret_wipe(text, sizeof(text));
}

bool browser_is_same_origin(const struct request *q)
{
	const char *site = http_call_header(q->call, "Sec-Fetch-Site");
	const char *origin = http_call_header(q->call, "Origin");
	struct weburl ours, theirs;

	if (site)
		return strcmp(site, "same-origin") == 0;
	if (!origin)
		return true;
	return weburl_split(text_of(origin), &theirs) == 0 &&
	       weburl_split(text_of(q->api->settings->api_public_url), &ours) == 0 &&
	       weburl_is_same_origin(&ours, &theirs);
}
