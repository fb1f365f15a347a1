#include "services/suggest.h"

#include "base/json.h"
#include "services/settings_provider.h"

const char *suggest_ways(const struct settings *s, const struct provider_row *row)
{
	bool oauth = settings_provider_has_client(s, row->name);
	bool password = row->auth & PROVIDER_AUTH_PASSWORD;

	return oauth ? (password ? "oauth, password" : "oauth") : password ? "password" : "";
}

json_t *suggest_json(const struct settings *s, const char *address, const struct discover_result *r)
{
	json_t *j = json_object(), *imap = json_object(), *ways = json_array();

	if (settings_provider_has_client(s, r->row->name))
		json_append(ways, json_string("oauth"));
	if (r->row->auth & PROVIDER_AUTH_PASSWORD)
		json_append(ways, json_string("password"));
	json_put_text(imap, "host", text_of(r->host));
	json_put_int(imap, "port", r->port);
	json_put_text(imap, "security",
		      r->security == PROVIDER_TLS ? TEXT("tls") : TEXT("starttls"));
	json_put_text(j, "address", text_of(address));
	json_put_text(j, "provider", text_of(r->row->name));
	json_put_text(j, "title", text_of(r->row->title));
	json_put(j, "imap", imap);
	if (r->login[0])
		json_put_text(j, "login_name", text_of(r->login));
	else
		json_put_null(j, "login_name");
	json_put(j, "connect_by", ways);
	json_put_text(j, "how", text_of(discover_how_name(r->how)));
	json_put_text(j, "sure", text_of(discover_sure_name(r->sure)));
	json_put_text(j, "evidence", text_of(r->evidence));
	return j;
}
