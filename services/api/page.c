#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "services/api/client.h"
#include "services/api/handlers.h"
#include "services/api/html.h"
#include "services/api/lookup.h"
#include "services/api/page_inside.h"

/* GET /connect/T: the page.  POST /connect/T/address: which mailbox. */

static void on_page(struct connect_link_call *c);
static void on_settings(struct request *q, const struct discover_result *r);
static void on_address_link(struct connect_link_call *c);
static void on_address_settings(struct request *q, const struct discover_result *r);
static void on_addressed(struct connect_link_call *c);

/* ---- what the other pages need too ---- */

int page_find(struct request *q, connect_link_cb done)
{
	uint8_t digest[SIGN_SHA256];

	if (!pg_is_up(q->api->pg))
		return -ENOTCONN;
	link_token_digest(q->params[0], digest);
	return connect_link_by_token(q->api->pg, &q->link, digest, done);
}

/* PostgreSQL is away or busy, or the request could not be made up. */
void page_not_asked(struct request *q, int r)
{
	if (r == -EINVAL)
		page_tell_problem(q, 500, "internal");
	else if (r < 0)
		page_tell_away(q);
}

/* Whoever connected with it opens it again: nothing to be told off for. */
static bool is_under_way(const struct page *p)
{
	return p->is_mine &&
	       (strcmp(p->state, "exchanging") == 0 || strcmp(p->state, "checking") == 0 ||
		strcmp(p->state, "connected") == 0);
}

void page_to_result(struct request *q)
{
	const struct page *p = q->own;
	char to[LINK_TOKEN + 32];

	(void)snprintf(to, sizeof(to), "%s/result", p->path);
	page_guard_cookies(q);
	html_redirect(q, to);
}

bool page_usable(struct request *q, const struct connect_link_call *c)
{
	const struct page *p = q->own;

	if (!outcome_ok(&c->outcome)) {
		page_tell_away(q);
		return false;
	}
	if (!c->found && p->id[0]) { /* it went on since we looked: a form sent twice */
		page_guard_cookies(q);
		html_redirect(q, p->path);
		return false;
	}
	if (!c->found) {
		page_tell_problem(q, 404, "link_expired");
		return false;
	}
	page_guard_keep(q, &c->link);
	if (!p->is_expired && (strcmp(p->state, "open") == 0 || strcmp(p->state, "started") == 0 ||
			       (strcmp(p->state, "failed") == 0 && p->is_mine)))
		return true;
	if (is_under_way(p))
		page_to_result(q);
	else
		page_tell_problem(q, 410, "link_expired");
	return false;
}

bool page_has_oauth(const struct request *q, const char *provider)
{
	const struct oauth_provider *client = client_find(q->api, provider);

	return client && strcmp(client->auth, "oauth") == 0;
}

/* ---- which way ---- */

static enum page_way wished(struct request *q)
{
	static const char *const names[] = { [PAGE_WAY_ADDRESS] = "address",
					     [PAGE_WAY_OAUTH] = "oauth",
					     [PAGE_WAY_PASSWORD] = "password",
					     [PAGE_WAY_SERVER] = "server" };
	const char *said = http_call_query(q->call, "way");

	for (size_t i = PAGE_WAY_ADDRESS; said && i < countof(names); i++)
		if (strcmp(names[i], said) == 0)
			return (enum page_way)i;
	return PAGE_WAY_ANY;
}

void page_choose(struct request *q)
{
	struct page *p = q->own;
	enum page_way wish = wished(q);
	bool oauth = page_has_oauth(q, p->row ? p->row->name : p->provider);
	bool password = p->row && (p->row->auth & PROVIDER_AUTH_PASSWORD) && !p->must_confirm &&
			(p->found.host[0] || !p->picks_provider);

	if (p->picks_address && (wish == PAGE_WAY_ADDRESS || (!p->address[0] && p->picks_provider)))
		p->way = PAGE_WAY_ADDRESS;
	else if (wish == PAGE_WAY_SERVER && p->picks_provider)
		p->way = PAGE_WAY_SERVER;
	else if (oauth && !(wish == PAGE_WAY_PASSWORD && password))
		p->way = PAGE_WAY_OAUTH;
	else if (password)
		p->way = PAGE_WAY_PASSWORD;
	else /* neither is open here */
		p->way = p->picks_provider && (!p->row || p->must_confirm || !p->found.host[0])
				 ? PAGE_WAY_SERVER
				 : PAGE_WAY_ANY;
}

/* The link names the provider: its row tells the rest. */
static void of_provider(struct request *q, const char *name)
{
	const struct provider_table *t = &q->api->settings->providers;
	struct page *p = q->own;

	if (!provider_table_has(t, text_of(name)))
		return;
	p->row = provider_table_find(t, text_of(name));
	(void)snprintf(p->found.host, sizeof(p->found.host), "%s", p->row->imap.host);
}

static void show(struct request *q)
{
	struct page *p = q->own;

	page_choose(q);
	if (p->way == PAGE_WAY_ANY)
		page_tell_problem(q, 410, "provider_unknown");
	else
		page_view_way(q, 200);
}

/* ---- GET /connect/T ---- */

void page_connect(struct request *q)
{
	page_guard_begin(q);
	page_not_asked(q, page_find(q, on_page));
}

/* Somebody knows where the mailbox is, although its address does not tell. */
static bool names_provider(struct request *q)
{
	struct page *p = q->own;
	const char *said = http_call_query(q->call, "provider");

	if (!said || !p->picks_provider || !page_has_oauth(q, said))
		return false;
	(void)snprintf(p->provider, sizeof(p->provider), "%s", said);
	of_provider(q, p->provider);
	return true;
}

/* The same server by STARTTLS, after its other port did not answer. */
static void other_port(struct request *q)
{
	struct page *p = q->own;
	const char *said = http_call_query(q->call, "security");

	if (!said || strcmp(said, "starttls") != 0)
		return;
	(void)snprintf(p->tried.security, sizeof(p->tried.security), "starttls");
	p->tried.port = 143;
}

static void on_page(struct connect_link_call *c)
{
	struct request *q = container_of(c, struct request, link);
	struct page *p = q->own;

	if (!page_usable(q, c))
		return;
	other_port(q);
	if (!p->picks_provider || names_provider(q)) {
		of_provider(q, p->provider);
		if (p->row && p->row->login == PROVIDER_LOGIN_ADDRESS)
			(void)snprintf(p->found.login, sizeof(p->found.login), "%s", p->address);
		else if (p->row && p->address[0] &&
			 lookup_ask_address(q, p->address, on_settings) == 0)
			return;
		show(q);
	} else if (!p->address[0] || lookup_ask_address(q, p->address, on_settings) != 0) {
		show(q);
	}
}

static void keep_found(struct page *p, const struct discover_result *r)
{
	p->row = r->row;
	(void)snprintf(p->found.host, sizeof(p->found.host), "%s", r->host);
	(void)snprintf(p->found.login, sizeof(p->found.login), "%s", r->login);
	(void)snprintf(p->found.security, sizeof(p->found.security), "%s",
		       r->security == PROVIDER_TLS ? "tls" : "starttls");
	p->found.port = r->port;
	p->must_confirm = r->sure == DISCOVER_CONFIRM; /* RFC 6186 section 6 */
}

static void on_settings(struct request *q, const struct discover_result *r)
{
	struct page *p = q->own;
	bool of_row = r->end == DISCOVER_FOUND && p->row && r->row == p->row;

	if (of_row) /* the provider was given; its domain tells how one logs in */
		(void)snprintf(p->found.login, sizeof(p->found.login), "%s", r->login);
	else if (r->end == DISCOVER_FOUND && p->picks_provider)
		keep_found(p, r);
	show(q);
}

/* ---- POST /connect/T/address ---- */

static void wrong_address(struct request *q, enum page_words what)
{
	struct page *p = q->own;

	p->way = PAGE_WAY_ADDRESS;
	p->wrong_field = "address";
	p->wrong = what;
	page_view_way(q, 422);
}

void page_address(struct request *q)
{
	page_guard_begin(q);
	if (page_guard_form(q))
		page_not_asked(q, page_find(q, on_address_link));
}

static void on_address_link(struct connect_link_call *c)
{
	struct request *q = container_of(c, struct request, link);
	struct page *p = q->own;
	char address[FIELD_ADDRESS];
	int r;

	if (!page_usable(q, c))
		return;
	if (p->form.too_long || !field_address(text_of(p->form.address), address)) {
		wrong_address(q, PAGE_BAD_ADDRESS);
		return;
	}
	(void)snprintf(p->form.address, sizeof(p->form.address), "%s", address);
	r = lookup_ask_address(q, address, on_address_settings);
	if (r)
		wrong_address(q, r == -EINVAL ? PAGE_BAD_ADDRESS : PAGE_BAD_LOOKUP);
}

/* A slip of the finger is told at once; what is merely not published is asked for on the page. */
static void on_address_settings(struct request *q, const struct discover_result *r)
{
	struct page *p = q->own;
	uint8_t token[SIGN_SHA256];

	if (r->end == DISCOVER_NO_DOMAIN || r->end == DISCOVER_NO_MAIL) {
		wrong_address(q, PAGE_BAD_DOMAIN);
		return;
	}
	link_token_digest(q->params[0], token);
	page_not_asked(q, connect_link_address(q->api->pg, &q->link, token, p->browser_digest,
					       p->form.address, on_addressed));
}

static void on_addressed(struct connect_link_call *c)
{
	struct request *q = container_of(c, struct request, link);
	struct page *p = q->own;

	if (!page_usable(q, c))
		return;
	page_guard_cookies(q);
	html_redirect(q, p->path);
}
