#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/seal.h"
#include "services/api/client.h"
#include "services/api/handlers.h"
#include "services/api/html.h"
#include "services/api/page_inside.h"

/*
 * The way to the provider and back.
 *
 *   POST /connect/T/start  state, PKCE; leads to the provider
 *   GET /oauth/callback    back again: code sealed for the broker; leads to the result
 *
 * The digest of link and browser stands in the link: the state works once, in that browser, for
 * that link.
 */
static void on_start_found(struct connect_link_call *c);
static void on_started(struct connect_link_call *c);
static void on_callback_found(struct connect_link_call *c);
static void on_delivered(struct connect_link_call *c);

static int seal_for_broker(const struct request *q, const char *plain, struct buf *ret)
{
	const struct page *p = q->own;
	const struct seal_bind bind = { TEXT("connect"), text_of(p->workspace), text_of(p->id) };
	cleanup_secret struct secret s = { 0 };

	secret_set_text(&s, text_of(plain));
	return seal_close_to(q->api->broker_public->data, &bind, &s, ret);
}

/* ---- setting out ---- */

void page_start(struct request *q)
{
	page_guard_begin(q);
	if (page_guard_form(q))
		page_not_asked(q, page_find(q, on_start_found));
}

static int set_out(struct request *q, const struct oauth_provider *client)
{
	struct page *p = q->own;
	uint8_t seeds[2][CONNECT_SEED];
	struct connect_start s;
	struct connect_link_started row = { .provider = client->name };
	struct buf redirect, sealed;
	int r;

	buf_init(&redirect, LIMIT_OAUTH_URL);
	buf_init(&sealed, LIMIT_SECRET);
	rand_bytes(seeds, sizeof(seeds));
	connect_begin(seeds[0], seeds[1], &s);
	r = connect_redirect_uri(q->api->settings->api_public_url, &redirect);
	if (r == 0)
		r = connect_authorize_url(client, &s, (const char *)redirect.data,
					  p->address[0] ? p->address : NULL, &p->to);
	if (r == 0)
		r = seal_for_broker(q, s.verifier, &sealed);
	if (r == 0) {
		link_token_digest(q->params[0], row.token_digest);
		link_token_digest(s.state, row.state_digest);
		memcpy(row.browser_digest, p->browser_digest, sizeof(row.browser_digest));
		row.redirect_uri = (const char *)redirect.data;
		row.sealed_verifier = sealed.data;
		row.sealed_verifier_len = sealed.len;
		r = connect_link_start(q->api->pg, &q->link, &row, on_started);
	}
	secret_wipe(&s, sizeof(s));
	secret_wipe(seeds, sizeof(seeds));
	buf_clear(&redirect);
	buf_clear(&sealed);
	return r;
}

static void on_start_found(struct connect_link_call *c)
{
	struct request *q = container_of(c, struct request, link);
	struct page *p = q->own;
	const char *name;

	if (!page_usable(q, c))
		return;
	name = p->picks_provider ? p->form.provider : p->provider;
	if (!page_has_oauth(q, name))
		page_tell_problem(q, 410, "provider_unknown");
	else
		page_not_asked(q, set_out(q, client_find(q->api, name)));
}

static void on_started(struct connect_link_call *c)
{
	struct request *q = container_of(c, struct request, link);
	struct page *p = q->own;

	if (!page_usable(q, c))
		return;
	page_guard_remember(q, p->id);
	page_guard_cookies(q);
	html_redirect(q, (const char *)p->to.data);
}

/* ---- back from the provider ---- */

void page_start_back(struct request *q)
{
	const char *state = http_call_query(q->call, "state");
	uint8_t digest[SIGN_SHA256];

	page_guard_begin(q);
	if (!state || strlen(state) != CONNECT_VALUE - 1) {
		page_tell_problem(q, 400, "state_unknown");
		return;
	}
	link_token_digest(state, digest);
	if (!pg_is_up(q->api->pg))
		page_tell_away(q);
	else
		page_not_asked(
			q, connect_link_by_state(q->api->pg, &q->link, digest, on_callback_found));
}

/* Whose issuer nobody configured may still not be given the code of another one (RFC 9207). */
static bool is_anothers(const struct request *q, const struct oauth_provider *client,
			const char *iss)
{
	return iss && !(client->issuer && *client->issuer) &&
	       connect_issuer_of(q->api->providers, q->api->n_providers, text_of(iss));
}

static int deliver(struct request *q, const struct oauth_provider *client)
{
	const struct page *p = q->own;
	const struct connect_callback back = { http_call_query(q->call, "code"),
					       http_call_query(q->call, "error"),
					       http_call_query(q->call, "error_description"),
					       http_call_query(q->call, "iss") };
	char detail[200];
	enum connect_problem problem = connect_check_callback(client, &back, detail);
	uint8_t state[SIGN_SHA256];
	struct buf sealed;
	int r;

	if (is_anothers(q, client, back.iss)) {
		problem = CONNECT_ISSUER_MISMATCH;
		(void)snprintf(detail, sizeof(detail), "iss of another provider");
	}
	link_token_digest(http_call_query(q->call, "state"), state);
	if (problem != CONNECT_OK)
		return connect_link_refuse(q->api->pg, &q->link, state, p->browser_digest,
					   connect_problem_code(problem), detail, on_delivered);
	buf_init(&sealed, LIMIT_SECRET);
	r = seal_for_broker(q, back.code, &sealed);
	if (r == 0)
		r = connect_link_exchange(q->api->pg, &q->link, state, p->browser_digest,
					  sealed.data, sealed.len, on_delivered);
	buf_clear(&sealed);
	return r;
}

static void on_callback_found(struct connect_link_call *c)
{
	struct request *q = container_of(c, struct request, link);
	struct page *p = q->own;
	const struct oauth_provider *client;
	const char *token;

	if (!outcome_ok(&c->outcome)) {
		page_tell_away(q);
		return;
	}
	if (!c->found) {
		page_tell_problem(q, 400, "state_unknown");
		return;
	}
	token = page_guard_recall(q, c->link.id);
	if (!token || p->browser_is_new) {
		page_tell_problem(q, 400, "other_browser");
		return;
	}
	page_guard_digest(token, p->browser, p->browser_digest);
	page_guard_keep(q, &c->link);
	(void)snprintf(p->path, sizeof(p->path), "/connect/%s", token);
	client = client_find(q->api, p->provider);
	if (!client)
		page_tell_problem(q, 410, "provider_unknown");
	else
		page_not_asked(q, deliver(q, client));
}

static void on_delivered(struct connect_link_call *c)
{
	struct request *q = container_of(c, struct request, link);
	const struct page *p = q->own;

	if (!outcome_ok(&c->outcome)) {
		page_tell_away(q);
		return;
	}
	if (!c->found && !p->is_mine) {
		page_tell_problem(q, 400, "other_browser");
		return;
	}
	if (c->found) { /* else it was used before, or is over: the result says so */
		pg_notify(q->api->pg, "replyd_connect");
		page_guard_forget(q, p->id);
	}
	page_to_result(q);
}
