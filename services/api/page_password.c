#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/seal.h"
#include "services/api/handlers.h"
#include "services/api/html.h"
#include "services/api/lookup.h"
#include "services/api/page_inside.h"
#include "services/words/howto.h"

/*
 * POST /connect/T/password: a password, with what is known of the provider or with a server typed
 * by hand.  It is closed to the broker before anything is written, and never shown again.
 */
static void on_found(struct connect_link_call *c);
static void on_settings(struct request *q, const struct discover_result *r);
static void on_host(struct request *q, const struct discover_result *r);
static void on_sealed(struct connect_link_call *c);

static void wrong(struct request *q, const char *field, enum page_words what)
{
	struct page *p = q->own;

	p->wrong_field = field;
	p->wrong = what;
	if (p->form.by_hand || !p->row)
		p->way = PAGE_WAY_SERVER;
	else
		p->way = PAGE_WAY_PASSWORD;
	page_view_way(q, 422);
}

void page_password(struct request *q)
{
	page_guard_begin(q);
	if (page_guard_form(q))
		page_not_asked(q, page_find(q, on_found));
}

static bool read_address(struct request *q)
{
	struct page *p = q->own;
	char address[FIELD_ADDRESS];

	if (p->address[0] && !(p->picks_address && p->form.address[0]))
		return true;
	if (!field_address(text_of(p->form.address), address)) {
		p->address[0] = '\0'; /* so that it is asked for */
		wrong(q, "address", PAGE_BAD_ADDRESS);
		return false;
	}
	(void)snprintf(p->address, sizeof(p->address), "%s", address);
	return true;
}

/* As it is shown by the provider, in groups; the spaces are no part of it. */
static void close_gaps(struct secret *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->len; i++)
		if (s->data[i] != ' ')
			s->data[n++] = s->data[i];
	if (s->len)
		secret_wipe(s->data + n, s->len - n);
	s->len = n;
}

static void on_found(struct connect_link_call *c)
{
	struct request *q = container_of(c, struct request, link);
	struct page *p = q->own;
	const struct provider_table *t = &q->api->settings->providers;
	const char *field;
	enum page_words what;
	int r;

	if (!page_usable(q, c))
		return;
	if (!p->picks_provider)
		p->row = provider_table_find(t, text_of(p->provider));
	if (p->form.too_long) {
		wrong(q, "password", PAGE_BAD_LONG);
		return;
	}
	if (!read_address(q))
		return;
	if (secret_is_empty(&p->form.password)) {
		wrong(q, "password", PAGE_BAD_PASSWORD);
		return;
	}
	if (p->form.by_hand && p->picks_provider) {
		if (!page_form_server(&p->form, &field, &what)) {
			wrong(q, field, what);
			return;
		}
		r = lookup_ask_host(q, p->form.server.host, on_host);
		if (r)
			wrong(q, "host", r == -EINVAL ? PAGE_BAD_HOST : PAGE_BAD_LOOKUP);
		return;
	}
	p->form.by_hand = false;
	r = lookup_ask_address(q, p->address, on_settings);
	if (r)
		wrong(q, p->picks_provider ? "password" : "login", PAGE_BAD_LOOKUP);
}

/* ---- everything is there ---- */

static void seal(struct request *q, const struct provider_row *row, const struct page_server *s)
{
	struct page *p = q->own;
	const struct seal_bind bind = { TEXT("connect"), text_of(p->workspace), text_of(p->id) };
	struct connect_link_typed typed = { .provider = row->name,
					    .address = p->address,
					    .imap_host = s->host,
					    .imap_security = s->security,
					    .login_name = s->login,
					    .imap_port = s->port };
	struct buf sealed;

	if (howto_of(text_of(row->name))->has_gaps)
		close_gaps(&p->form.password);
	buf_init(&sealed, LIMIT_SECRET);
	if (seal_close_to(q->api->broker_public->data, &bind, &p->form.password, &sealed) != 0) {
		page_tell_problem(q, 500, "internal");
	} else {
		link_token_digest(q->params[0], typed.token_digest);
		memcpy(typed.browser_digest, p->browser_digest, sizeof(typed.browser_digest));
		typed.sealed_secret = sealed.data;
		typed.sealed_secret_len = sealed.len;
		page_not_asked(q, connect_link_password(q->api->pg, &q->link, &typed, on_sealed));
	}
	secret_clear(&p->form.password);
	buf_clear(&sealed);
}

static bool takes_password(struct request *q, const struct provider_row *row)
{
	struct page *p = q->own;

	if (row->auth & PROVIDER_AUTH_PASSWORD)
		return true;
	p->row = row;
	wrong(q, "password", PAGE_BAD_WAY);
	return false;
}

/* Of the provider: the link's, or the one that the address told. */
static void on_settings(struct request *q, const struct discover_result *r)
{
	struct page *p = q->own;
	struct page_server s = { 0 };
	bool found = r->end == DISCOVER_FOUND;

	if (p->picks_provider && (!found || r->sure == DISCOVER_CONFIRM)) {
		wrong(q, "host", PAGE_BAD_HOST); /* asked for by hand */
		return;
	}
	if (p->picks_provider)
		p->row = r->row;
	if (!takes_password(q, p->row))
		return;
	(void)snprintf(s.host, sizeof(s.host), "%s",
		       p->picks_provider ? r->host : p->row->imap.host);
	s.port = p->picks_provider ? r->port : p->row->imap.port;
	(void)snprintf(s.security, sizeof(s.security), "%s",
		       (p->picks_provider ? r->security : p->row->imap.security) == PROVIDER_TLS
			       ? "tls"
			       : "starttls");
	if (p->form.server.login[0])
		(void)snprintf(s.login, sizeof(s.login), "%s", p->form.server.login);
	else if (p->row->login == PROVIDER_LOGIN_ADDRESS)
		(void)snprintf(s.login, sizeof(s.login), "%s", p->address);
	else if (found && r->row == p->row)
		(void)snprintf(s.login, sizeof(s.login), "%s", r->login);
	if (s.login[0])
		seal(q, p->row, &s);
	else
		wrong(q, "login", PAGE_BAD_LOGIN);
}

/* Typed by hand; a known server tells whose it is. */
static void on_host(struct request *q, const struct discover_result *r)
{
	struct page *p = q->own;
	struct page_server *s = &p->form.server;
	const struct provider_table *t = &q->api->settings->providers;
	const struct provider_row *row = provider_table_of_server(t, text_of(s->host), s->port);

	if (r->end == DISCOVER_REFUSED) {
		wrong(q, "host", PAGE_BAD_HOST_REFUSED);
		return;
	}
	if (!row)
		row = provider_table_find(t, TEXT("generic"));
	if (!takes_password(q, row))
		return;
	if (!s->login[0])
		(void)snprintf(s->login, sizeof(s->login), "%s", p->address);
	seal(q, row, s);
}

static void on_sealed(struct connect_link_call *c)
{
	struct request *q = container_of(c, struct request, link);

	if (!outcome_ok(&c->outcome)) {
		page_tell_away(q);
		return;
	}
	if (c->found) /* else it is used meanwhile: the result says so */
		pg_notify(q->api->pg, "replyd_connect");
	page_to_result(q);
}
