#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/seal.h"
#include "oauth/connect.h"
#include "services/api/asked.h"
#include "services/api/field.h"
#include "services/api/handlers.h"
#include "oauth/link_token.h"
#include "services/api/lookup.h"
#include "services/api/mailbox_server.h"
#include "services/api/saying.h"
#include "services/api/client.h"

/* Connect links for the sales team's browser, and inboxes given with an app password. */

#define EXPIRES_DEFAULT_S  (24 * 3600)
#define EXPIRES_MAX_S      (7 * 24 * 3600)
#define PASSWORD_EXPIRES_S 600 /* the broker settles it at once, or says why not */
#define PROVIDER_MAX       32
#define URL_MAX            2048
#define HOST_MAX           LIMIT_CONN_HOST
#define PASSWORD_MAX       1024

static void on_created(struct connect_link_call *c);
static void on_shown(struct view *v);

struct new_link {
	char id[RAND_UUID], token[LINK_TOKEN];
	char provider[PROVIDER_MAX + 1], address[FIELD_ADDRESS], return_url[URL_MAX + 1];
	char host[HOST_MAX + 1], security[16], login[FIELD_ADDRESS];
	int64_t port, expires_s;
	struct secret password;
	bool is_password;
};

static void new_link_free(void *own)
{
	struct new_link *n = own;

	secret_clear(&n->password);
	secret_wipe(n->token, sizeof(n->token));
	free(n);
}

static struct new_link *new_link(struct request *q)
{
	struct new_link *n = mem_new(sizeof(*n));

	rand_uuid(n->id);
	link_token_make(n->token);
	q->own = n;
	q->own_free = new_link_free;
	return n;
}

static void refuse(struct request *q, const struct json_error *err)
{
	answer_problem(q, PROBLEM_BAD_FIELD, err->field, err->why, NULL);
}

static void create(struct request *q, const struct buf *sealed)
{
	struct new_link *n = q->own;
	struct connect_link_new l = {
		.workspace = q->key.workspace,
		.id = n->id,
		.provider = n->provider,
		.address = n->address[0] ? n->address : NULL,
		.return_url = n->return_url[0] ? n->return_url : NULL,
		.expires_in_s = n->expires_s,
	};

	link_token_digest(n->token, l.token_digest);
	if (sealed) {
		l.sealed_secret = sealed->data;
		l.sealed_secret_len = sealed->len;
		l.imap_host = n->host[0] ? n->host : NULL;
		l.imap_security = n->security[0] ? n->security : NULL;
		l.login_name = n->login[0] ? n->login : NULL;
		l.imap_port = (int)n->port;
	}
	if (connect_link_create(q->api->pg, &q->link, &l, on_created) != 0)
		answer_busy(q);
}

static void on_created(struct connect_link_call *c)
{
	struct request *q = container_of(c, struct request, link);
	struct new_link *n = q->own;
	char url[URL_MAX], expires[CLOCK_TEXT];
	json_t *j;

	if (!answer_db_ok(q, &c->outcome))
		return;
	j = json_object();
	if (n->is_password) {
		pg_notify(q->api->pg, "replyd_connect");
		json_put_text(j, "connect_link_id", text_of(n->id));
		answer_json(q, 202, j);
		return;
	}
	(void)snprintf(url, sizeof(url), "%s/connect/%s", q->api->settings->api_public_url,
		       n->token);
	clock_rfc3339(clock_unix_us() + n->expires_s * 1000000, expires);
	json_put_text(j, "id", text_of(n->id));
	json_put_text(j, "url", text_of(url));
	json_put_text(j, "state", TEXT("open"));
	json_put_text(j, "expires_at", text_of(expires));
	answer_json(q, 201, j);
}

/* ---- POST /v1/connect-links ---- */

/* Consent needs a client of ours at the provider, a password a server that is known. */
static bool can_connect(struct request *q, const struct new_link *n)
{
	const struct provider_table *t = &q->api->settings->providers;
	const struct oauth_provider *p = client_find(q->api, n->provider);
	const struct provider_row *row = provider_table_find(t, text_of(n->provider));
	bool is_known = provider_table_has(t, text_of(n->provider));

	if (p && strcmp(p->auth, "oauth") == 0)
		return true;
	if (is_known && (row->auth & PROVIDER_AUTH_PASSWORD) && *row->imap.host)
		return true;
	answer_problem(q, PROBLEM_BAD_FIELD, "/provider",
		       is_known ? "has no OAuth client of ours" : "is not configured",
		       is_known ? "set provider.<name>.client_id"
				: "name a provider of the configuration (provider.<name>.*), or "
				  "none");
	return false;
}

static bool read_link(struct request *q, struct new_link *n)
{
	static const char *const fields[] = { "provider", "address", "return_url", "expires_in_s",
					      NULL };
	struct text provider = { 0 }, address = { 0 }, back = { 0 };
	struct json_error err;
	const char *why;

	n->expires_s = EXPIRES_DEFAULT_S;
	if (json_only(q->body, "", fields, &err) ||
	    json_want_text(q->body, "", "provider", PROVIDER_MAX, JSON_OPTIONAL, &provider, &err) ||
	    json_want_text(q->body, "", "address", FIELD_ADDRESS - 1, JSON_OPTIONAL, &address,
			   &err) ||
	    json_want_text(q->body, "", "return_url", URL_MAX, JSON_OPTIONAL, &back, &err) ||
	    json_want_int(q->body, "", "expires_in_s", 60, EXPIRES_MAX_S, JSON_OPTIONAL,
			  &n->expires_s, &err)) {
		refuse(q, &err);
		return false;
	}
	(void)snprintf(n->provider, sizeof(n->provider), "%.*s", TEXT_ARG(provider));
	(void)snprintf(n->return_url, sizeof(n->return_url), "%.*s", TEXT_ARG(back));
	if (n->provider[0] && !can_connect(q, n))
		return false;
	if (address.len && !field_address(address, n->address)) {
		answer_problem(q, PROBLEM_BAD_FIELD, "/address",
			       "is not an e-mail address (name@domain)", NULL);
		return false;
	}
	why = back.len ? connect_return_refused(n->return_url) : NULL;
	if (why)
		answer_problem(q, PROBLEM_BAD_FIELD, "/return_url", why,
			       "give an absolute https URL of yours");
	return !why;
}

void link_create(struct request *q)
{
	struct new_link *n;

	if (!answer_body(q))
		return;
	n = new_link(q);
	if (read_link(q, n))
		create(q, NULL);
}

/* ---- POST /v1/inboxes ---- */

/* NULL: it is fine. */
static const char *server_refused(enum mailbox_server is)
{
	switch (is) {
	case MAILBOX_SERVER_FINE:
		break;
	case MAILBOX_SERVER_NO_HOST:
		return "is not the name or address of a host";
	case MAILBOX_SERVER_NO_PORT:
		return "is no port";
	case MAILBOX_SERVER_PORT_OF_STARTTLS:
		return "is the port of `starttls`, not of `tls`";
	case MAILBOX_SERVER_PORT_OF_TLS:
		return "is the port of `tls`, not of `starttls`";
	case MAILBOX_SERVER_PORT_OF_OTHERS:
		return "is the port of another service";
	}
	return NULL;
}

static bool read_imap(struct request *q, struct new_link *n, struct json_error *err)
{
	static const char *const fields[] = { "host", "port", "security", NULL };
	static const char *const words[] = { "tls", "starttls", NULL };
	const json_t *imap = NULL;
	struct text host = { 0 };
	char name[HOST_MAX + 1];
	const char *why;
	uint16_t port;
	size_t word = 0;

	if (json_want_object(q->body, "", "imap", JSON_OPTIONAL, &imap, err))
		return false;
	if (!imap)
		return true;
	n->port = 0;
	if (json_only(imap, "/imap", fields, err) ||
	    json_want_text(imap, "/imap", "host", HOST_MAX, JSON_REQUIRED, &host, err) ||
	    json_want_int(imap, "/imap", "port", 1, 65535, JSON_OPTIONAL, &n->port, err) ||
	    json_want_word(imap, "/imap", "security", words, JSON_OPTIONAL, &word, err))
		return false;
	why = server_refused(mailbox_server_host(host, name));
	if (why) {
		json_error_set(err, "/imap", "host", "%s", why);
		return false;
	}
	why = server_refused(mailbox_server_port(n->port, word == 0, &port));
	if (why) {
		json_error_set(err, "/imap", "port", "%s", why);
		return false;
	}
	n->port = port;
	(void)snprintf(n->host, sizeof(n->host), "%s", name);
	(void)snprintf(n->security, sizeof(n->security), "%s", words[word]);
	return true;
}

static bool read_password(struct request *q, struct new_link *n)
{
	static const char *const fields[] = { "address", "provider",   "password",
					      "imap",    "login_name", NULL };
	struct text address = { 0 }, provider = { 0 }, password = { 0 }, login = { 0 };
	struct json_error err;

	if (json_only(q->body, "", fields, &err) ||
	    json_want_text(q->body, "", "address", FIELD_ADDRESS - 1, JSON_REQUIRED, &address,
			   &err) ||
	    json_want_text(q->body, "", "provider", PROVIDER_MAX, JSON_OPTIONAL, &provider, &err) ||
	    json_want_text(q->body, "", "password", PASSWORD_MAX, JSON_REQUIRED, &password, &err) ||
	    json_want_text(q->body, "", "login_name", FIELD_ADDRESS - 1, JSON_OPTIONAL, &login,
			   &err) ||
	    !read_imap(q, n, &err)) {
		refuse(q, &err);
		return false;
	}
	secret_set_text(&n->password, password);
	(void)snprintf(n->provider, sizeof(n->provider), "%.*s", TEXT_ARG(provider));
	(void)snprintf(n->login, sizeof(n->login), "%.*s", TEXT_ARG(login));
	if (field_address(address, n->address))
		return true;
	answer_problem(q, PROBLEM_BAD_FIELD, "/address", "is not an e-mail address (name@domain)",
		       NULL);
	return false;
}

/* Everything is there: closed to the broker, and kept. */
static void create_sealed(struct request *q)
{
	struct new_link *n = q->own;
	struct seal_bind bind = { TEXT("connect"), text_of(q->key.workspace), text_of(n->id) };
	struct buf sealed;

	buf_init(&sealed, LIMIT_SECRET);
	if (seal_close_to(q->api->broker_public->data, &bind, &n->password, &sealed) != 0)
		answer_problem(q, PROBLEM_INTERNAL, NULL, "the password could not be sealed", NULL);
	else
		create(q, &sealed);
	buf_clear(&sealed);
}

/* Does the provider take passwords, and is it known under which name one logs in there? */
static bool takes_password(struct request *q, struct new_link *n, const struct provider_row *row,
			   const char *login)
{
	if (!(row->auth & PROVIDER_AUTH_PASSWORD)) {
		answer_problem(q, PROBLEM_BAD_FIELD, "/provider", "is connected by OAuth",
			       "use POST /v1/connect-links");
		return false;
	}
	if (!n->login[0] && !*login) {
		answer_problem(q, PROBLEM_BAD_FIELD, "/login_name",
			       "is missing, and this provider's cannot be told from the address",
			       "give the name that the person logs in with there");
		return false;
	}
	if (!n->login[0])
		(void)snprintf(n->login, sizeof(n->login), "%s", login);
	return true;
}

static void use_server(struct new_link *n, const char *host, uint16_t port,
		       enum provider_security security)
{
	(void)snprintf(n->host, sizeof(n->host), "%s", host);
	(void)snprintf(n->security, sizeof(n->security), "%s",
		       security == PROVIDER_TLS ? "tls" : "starttls");
	n->port = port;
}

static void on_inbox_found(struct request *q, const struct discover_result *r)
{
	struct new_link *n = q->own;

	if (r->sure == DISCOVER_CONFIRM) { /* RFC 6186 section 6 */
		answer_problem(q, PROBLEM_NO_SETTINGS, "/imap", r->evidence,
			       "confirm that it is the mailbox's server by giving it as imap.host");
		return;
	}
	(void)snprintf(n->provider, sizeof(n->provider), "%s", r->row->name);
	if (!takes_password(q, n, r->row, r->login))
		return;
	use_server(n, r->host, r->port, r->security);
	create_sealed(q);
}

static void on_host_judged(struct request *q, const struct discover_result *r)
{
	(void)r;
	create_sealed(q);
}

/* The name to log in with as far as the address tells it; "" where it does not. */
static void login_of(struct request *q, const struct provider_row *row, char ret[FIELD_ADDRESS])
{
	const struct new_link *n = q->own;
	struct text local, domain;

	ret[0] = '\0';
	(void)text_cut(text_of(n->address), '@', &local, &domain);
	if (row->login == PROVIDER_LOGIN_ADDRESS)
		(void)snprintf(ret, FIELD_ADDRESS, "%s", n->address);
	else if (provider_table_of_domain(&q->api->settings->providers, domain) == row)
		(void)snprintf(ret, FIELD_ADDRESS, "%.*s", TEXT_ARG(local));
}

/* The host was given by hand, and wins over what is known; a known one tells whose it is. */
static void with_host(struct request *q, struct new_link *n)
{
	const struct provider_table *t = &q->api->settings->providers;
	const struct provider_row *row =
		provider_table_of_server(t, text_of(n->host), (uint16_t)n->port);
	char login[FIELD_ADDRESS];

	if (!n->provider[0])
		(void)snprintf(n->provider, sizeof(n->provider), "%s", row ? row->name : "generic");
	row = provider_table_find(t, text_of(n->provider));
	login_of(q, row, login);
	if (takes_password(q, n, row, login))
		lookup_host(q, n->host, on_host_judged);
}

/* The provider was given: its row tells the rest. */
static void with_provider(struct request *q, struct new_link *n)
{
	const struct provider_table *t = &q->api->settings->providers;
	const struct provider_row *row = provider_table_find(t, text_of(n->provider));
	char login[FIELD_ADDRESS];

	if (!provider_table_has(t, text_of(n->provider)) || !*row->imap.host) {
		answer_problem(q, PROBLEM_BAD_FIELD, "/imap",
			       "is missing, and the provider is not known",
			       "give imap.host, or a provider that is known or configured");
		return;
	}
	login_of(q, row, login);
	if (!takes_password(q, n, row, login))
		return;
	use_server(n, row->imap.host, row->imap.port, row->imap.security);
	create_sealed(q);
}

void link_password(struct request *q)
{
	struct new_link *n;

	if (!answer_body(q))
		return;
	n = new_link(q);
	n->is_password = true;
	n->expires_s = PASSWORD_EXPIRES_S;
	if (!read_password(q, n))
		return;
	if (n->host[0])
		with_host(q, n);
	else if (n->provider[0])
		with_provider(q, n);
	else
		lookup_address(q, n->address, on_inbox_found);
}

/* ---- GET /v1/connect-links/{id} ---- */

void link_show(struct request *q)
{
	if (asked_id(q) && view_connect_link_start(q->api->pg, &q->view, q->key.workspace,
						   q->params[0], on_shown) != 0)
		answer_busy(q);
}

static void on_shown(struct view *v)
{
	struct request *q = container_of(v, struct request, view);
	const char *problem;
	json_t *j;

	if (!answer_db_ok(q, &v->outcome))
		return;
	j = v->found ? json_loadb((const char *)v->json.data, v->json.len, 0, NULL) : NULL;
	problem = json_string_value(json_object_get(j, "problem"));
	if (j)
		saying_put(q, j, "problem",
			   problem && *problem ? problem_words_of(text_of(problem)) : NULL);
	if (j)
		answer_json(q, 200, j);
	else
		answer_problem(q, PROBLEM_NOT_FOUND, NULL,
			       "no connect link with this id in the workspace of the key", NULL);
}
