#include <stdio.h>

#include "oauth/reconnect.h"

#include "base/rand.h"
#include "base/secret.h"
#include "oauth/link_token.h"

#define URL_MAX 2048

static json_t *make_link(struct connect_link_again *l, const char *public_url)
{
	char token[LINK_TOKEN], url[URL_MAX];
	json_t *j;

	if (!public_url || !*public_url)
		return json_null();
	rand_uuid(l->id);
	link_token_make(token);
	link_token_digest(token, l->token_digest);
	(void)snprintf(url, sizeof(url), "%s/connect/%s", public_url, token);
	j = json_string(url);
	secret_wipe(token, sizeof(token));
	secret_wipe(url, sizeof(url));
	return j;
}

void reconnect_init(struct reconnect *r, const char *public_url, const char *inbox,
		    const char *address, const char *provider, const char *reason)
{
	*r = (struct reconnect){ 0 };
	r->data = json_pack("{s:s s:s s:s s:{s:s s:s}}", "inbox_id", inbox, "address", address,
			    "reason", reason, "connect_hint", "provider", provider, "address",
			    address);
	json_object_set_new(r->data, "connect_url", make_link(&r->link, public_url));
}

void reconnect_clear(struct reconnect *r)
{
	json_decref(r->data);
	*r = (struct reconnect){ 0 };
}

char *reconnect_data(const struct reconnect *r)
{
	return json_dumps(r->data, JSON_COMPACT);
}
