#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/seal.h"
#include "oauth/connect.h"
#include "services/api/handlers.h"
#include "services/api/html.h"
#include "oauth/link_token.h"
#include "services/api/client.h"
#include "services/words/problem_words.h"

/*
 * The hosted pages of a connection.
 *
 *   GET /connect/T         what will happen, one button
 *   POST /connect/T/start  state, PKCE, cookie; leads to the provider
 *   GET /oauth/callback    back again: code sealed for the broker; leads to
 *   GET /connect/T/result  waits for the broker, then says how it went
 *
 * The cookie "T.B" binds a start to the browser (B is random); its digest stands
 * in the link.  The state works once, in that browser, for that link.
 */
#define COOKIE_MAX  (2 * LINK_TOKEN)
#define WAIT_MS     20000 /* then the browser asks again by itself */
#define ORIGIN_MAX  300
#define FIELD_TITLE 400

static void on_page(struct connect_link_call *c);
static void on_start_found(struct connect_link_call *c);
static void on_started(struct connect_link_call *c);
static void on_callback_found(struct connect_link_call *c);
static void on_delivered(struct connect_link_call *c);
static void on_result(struct connect_link_call *c);

static void show_problem(struct request *q, int status, enum connect_problem p)
{
	const struct problem_said *said =
		&problem_words_of(text_of(connect_problem_code(p)))->in[WORDS_EN];
	struct buf b;

	buf_init(&b, 4096);
	text_add(&b, TEXT("<p>"));
	html_add(&b, text_of(said->remedy));
	text_add(&b, TEXT("</p>\n"));
	html_answer(q, status, "The inbox is not connected", said->title, &b, NULL, 0);
	buf_clear(&b);
}

static void away(struct request *q)
{
	html_answer(q, 503, "One moment", "The database is away. This page tries again by itself.",
		    NULL, NULL, 5);
}

/* What to say when PostgreSQL could not be asked: it is away or busy, or the request could not be
 * made up. */
static void not_asked(struct request *q, int r)
{
	if (r == -EINVAL)
		show_problem(q, 500, CONNECT_INTERNAL);
	else if (r < 0)
		away(q);
}

static bool usable(struct request *q, const struct connect_link_call *c, bool may_be_over)
{
	if (!outcome_ok(&c->outcome)) {
		away(q);
		return false;
	}
	if (!c->found) {
		show_problem(q, 404, CONNECT_LINK_EXPIRED);
		return false;
	}
	if (may_be_over)
		return true;
	if (c->link.expired ||
	    (strcmp(c->link.state, "open") != 0 && strcmp(c->link.state, "started") != 0)) {
		show_problem(q, 410, CONNECT_LINK_EXPIRED);
		return false;
	}
	return true;
}

static int find_by_token(struct request *q, connect_link_cb done)
{
	uint8_t digest[SIGN_SHA256];

	if (!pg_is_up(q->api->pg))
		return -ENOTCONN;
	link_token_digest(q->params[0], digest);
	return connect_link_by_token(q->api->pg, &q->link, digest, done);
}

/* ---- the page ---- */

/* "https://accounts.example" of an URL: where the form's redirect may lead. */
static void origin_of(const char *url, char ret[ORIGIN_MAX])
{
	const char *host = strstr(url, "://");
	size_t n = host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/?#") : 0;

	(void)snprintf(ret, ORIGIN_MAX, "%.*s", (int)(n < ORIGIN_MAX ? n : 0), url);
}

void page_connect(struct request *q)
{
	not_asked(q, find_by_token(q, on_page));
}

static void on_page(struct connect_link_call *c)
{
	struct request *q = container_of(c, struct request, link);
	const struct oauth_provider *p;
	char title[FIELD_TITLE], origin[ORIGIN_MAX];
	struct buf b;

	if (!usable(q, c, false))
		return;
	p = client_find(q->api, c->link.provider);
	if (!p) {
		show_problem(q, 410, CONNECT_PROVIDER_UNKNOWN);
		return;
	}
	(void)snprintf(title, sizeof(title), "Connect %s",
		       c->link.address[0] ? c->link.address : "your inbox");
	origin_of(p->authorize_url, origin);
	buf_init(&b, 8192);
	text_add(&b, TEXT("<ul>\n<li>replyd watches for answers to the mails of your sequences and "
			  "tells the sequence to stop.</li>\n"
			  "<li>It never marks a mail as read, never moves or deletes one, and "
			  "sends nothing.</li>\n"
			  "<li>Of mails that concern no sequence it keeps no text, no address and "
			  "no subject.</li>\n</ul>\n"
			  "<form method=\"post\" action=\"/connect/"));
	html_add(&b, text_of(q->params[0]));
	text_add(&b,
		 TEXT("/start\">\n<button type=\"submit\" name=\"go\" value=\"1\">Continue with "));
	html_add(&b, text_of(p->name));
	text_add(&b, TEXT("</button>\n</form>\n<p><small>You can take the consent back at any "
			  "time, at your provider.</small></p>\n"));
	html_answer(q, 200, title,
		    "One consent at your provider, and answers are seen within a second.", &b,
		    origin, 0);
	buf_clear(&b);
}

/* ---- setting out ---- */

/*
 * A form on somebody else's page may not start a connection here.  A browser that knows Fetch
 * Metadata says where the form stood (W3C, section 2.3), an older one at least its origin; "null"
 * is nobody's page of ours.
 */
static bool same_origin(const struct request *q)
{
	const char *site = http_call_header(q->call, "Sec-Fetch-Site");
	const char *origin = http_call_header(q->call, "Origin");
	char ours[ORIGIN_MAX];

	if (site)
		return strcmp(site, "same-origin") == 0;
	origin_of(q->api->settings->api_public_url, ours);
	return !origin || text_ieq(text_of(origin), text_of(ours));
}

void page_start(struct request *q)
{
	if (!same_origin(q))
		html_answer(q, 403, "Not from here",
			    "This form was sent from another site. Open the link again.", NULL,
			    NULL, 0);
	else
		not_asked(q, find_by_token(q, on_start_found));
}

static int seal_for_broker(const struct request *q, const char *workspace, const char *link,
			   const char *plain, struct buf *ret)
{
	const struct seal_bind bind = { TEXT("connect"), text_of(workspace), text_of(link) };
	cleanup_secret struct secret s = { 0 };

	secret_set_text(&s, text_of(plain));
	return seal_close_to(q->api->broker_public->data, &bind, &s, ret);
}

/* The redirect that is sent once the start is committed. */
struct journey {
	struct buf authorize_url;
	char cookie[COOKIE_MAX];
};

static void journey_free(void *own)
{
	struct journey *j = own;

	buf_clear(&j->authorize_url);
	secret_wipe(j->cookie, sizeof(j->cookie));
	free(j);
}

static int set_out(struct request *q, const struct connect_link_row *l,
		   const struct oauth_provider *p)
{
	uint8_t seeds[2][CONNECT_SEED];
	char browser[LINK_TOKEN];
	struct connect_start s;
	struct connect_link_started row = { 0 };
	struct journey *j = mem_new(sizeof(*j));
	struct buf redirect, sealed;
	int r;

	q->own = j;
	q->own_free = journey_free;
	buf_init(&j->authorize_url, LIMIT_OAUTH_URL);
	buf_init(&redirect, LIMIT_OAUTH_URL);
	buf_init(&sealed, LIMIT_SECRET);
	rand_bytes(seeds, sizeof(seeds));
	connect_begin(seeds[0], seeds[1], &s);
	link_token_make(browser);
	(void)snprintf(j->cookie, sizeof(j->cookie), "%.*s.%s", LINK_TOKEN - 1, q->params[0],
		       browser);

	r = connect_redirect_uri(q->api->settings->api_public_url, &redirect);
	if (r == 0)
		r = connect_authorize_url(p, &s, (const char *)redirect.data,
					  l->address[0] ? l->address : NULL, &j->authorize_url);
	if (r == 0)
		r = seal_for_broker(q, l->workspace, l->id, s.verifier, &sealed);
	if (r == 0) {
		link_token_digest(q->params[0], row.token_digest);
		link_token_digest(s.state, row.state_digest);
		link_token_digest(j->cookie, row.browser_digest);
		row.redirect_uri = (const char *)redirect.data;
		row.sealed_verifier = sealed.data;
		row.sealed_verifier_len = sealed.len;
		r = connect_link_start(q->api->pg, &q->link, &row, on_started);
	}
	secret_wipe(browser, sizeof(browser));
	secret_wipe(&s, sizeof(s));
	secret_wipe(seeds, sizeof(seeds));
	buf_clear(&redirect);
	buf_clear(&sealed);
	return r;
}

static void on_start_found(struct connect_link_call *c)
{
	struct request *q = container_of(c, struct request, link);
	const struct oauth_provider *p;
	/* The row is good inside this call only, and the same request is started anew. */
	char workspace[37], id[37], address[LIMIT_OAUTH_ADDRESS];
	struct connect_link_row l = { .workspace = workspace, .id = id, .address = address };

	if (!usable(q, c, false))
		return;
	p = client_find(q->api, c->link.provider);
	(void)snprintf(workspace, sizeof(workspace), "%s", c->link.workspace);
	(void)snprintf(id, sizeof(id), "%s", c->link.id);
	(void)snprintf(address, sizeof(address), "%s", c->link.address);
	if (!p)
		show_problem(q, 410, CONNECT_PROVIDER_UNKNOWN);
	else
		not_asked(q, set_out(q, &l, p));
}

static bool is_https(const struct request *q)
{
	return strncmp(q->api->settings->api_public_url, "https://", 8) == 0;
}

/* A __Host- cookie wants Secure, which loopback without TLS cannot have. */
static const char *cookie_name(const struct request *q)
{
	return is_https(q) ? "__Host-replyd_connect" : "replyd_connect";
}

static void on_started(struct connect_link_call *c)
{
	struct request *q = container_of(c, struct request, link);
	struct journey *j = q->own;
	char cookie[COOKIE_MAX + 128];

	if (!usable(q, c, false))
		return;
	/* Lax: the provider's redirect back is a top-level navigation and must bring it along. */
	(void)snprintf(cookie, sizeof(cookie),
		       "%s=%s; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600%s", cookie_name(q),
		       j->cookie, is_https(q) ? "; Secure" : "");
	http_call_set_header(q->call, "Set-Cookie", cookie);
	html_redirect(q, (const char *)j->authorize_url.data);
}

/* ---- back from the provider ---- */

void page_callback(struct request *q)
{
	const char *state = http_call_query(q->call, "state"),
		   *cookie = http_call_cookie(q->call, cookie_name(q));
	uint8_t digest[SIGN_SHA256];

	if (!state || strlen(state) != CONNECT_VALUE - 1) {
		show_problem(q, 400, CONNECT_STATE_UNKNOWN);
		return;
	}
	if (!cookie || strlen(cookie) >= COOKIE_MAX || strcspn(cookie, ".") != LINK_TOKEN - 1) {
		show_problem(q, 400, CONNECT_OTHER_BROWSER);
		return;
	}
	link_token_digest(state, digest);
	if (!pg_is_up(q->api->pg))
		away(q);
	else
		not_asked(q,
			  connect_link_by_state(q->api->pg, &q->link, digest, on_callback_found));
}

static int deliver(struct request *q, const struct connect_link_row *l,
		   const struct oauth_provider *p)
{
	const struct connect_callback back = { http_call_query(q->call, "code"),
					       http_call_query(q->call, "error"),
					       http_call_query(q->call, "error_description"),
					       http_call_query(q->call, "iss") };
	uint8_t state[SIGN_SHA256], browser[SIGN_SHA256];
	char detail[200];
	enum connect_problem problem = connect_check_callback(p, &back, detail);
	struct buf sealed;
	int r;

	link_token_digest(http_call_query(q->call, "state"), state);
	link_token_digest(http_call_cookie(q->call, cookie_name(q)), browser);
	if (problem != CONNECT_OK)
		return connect_link_refuse(q->api->pg, &q->link, state, browser,
					   connect_problem_code(problem), detail, on_delivered);
	buf_init(&sealed, LIMIT_SECRET);
	r = seal_for_broker(q, l->workspace, l->id, back.code, &sealed);
	if (r == 0)
		r = connect_link_exchange(q->api->pg, &q->link, state, browser, sealed.data,
					  sealed.len, on_delivered);
	buf_clear(&sealed);
	return r;
}

static void on_callback_found(struct connect_link_call *c)
{
	struct request *q = container_of(c, struct request, link);
	const struct oauth_provider *p;
	char workspace[37], id[37];
	const struct connect_link_row l = { .workspace = workspace, .id = id };

	if (!outcome_ok(&c->outcome)) {
		away(q);
		return;
	}
	if (!c->found) {
		show_problem(q, 400, CONNECT_STATE_UNKNOWN);
		return;
	}
	p = client_find(q->api, c->link.provider);
	(void)snprintf(workspace, sizeof(workspace), "%s", c->link.workspace);
	(void)snprintf(id, sizeof(id), "%s", c->link.id);
	if (!p)
		show_problem(q, 410, CONNECT_PROVIDER_UNKNOWN);
	else
		not_asked(q, deliver(q, &l, p));
}

static void on_delivered(struct connect_link_call *c)
{
	struct request *q = container_of(c, struct request, link);
	char to[LINK_TOKEN + 32];

	if (!outcome_ok(&c->outcome)) {
		away(q);
		return;
	}
	if (!c->found) { /* used before, expired, or another browser */
		show_problem(q, 400, CONNECT_OTHER_BROWSER);
		return;
	}
	pg_notify(q->api->pg, "replyd_connect");
	(void)snprintf(to, sizeof(to), "/connect/%.*s/result", LINK_TOKEN - 1,
		       http_call_cookie(q->call, cookie_name(q)));
	html_redirect(q, to);
}

/* ---- how it went ---- */

void page_result(struct request *q)
{
	if (!q->wait_until_ms)
		q->wait_until_ms = clock_mono_ms() + WAIT_MS;
	not_asked(q, find_by_token(q, on_result));
}

/* `problem`: NULL when there is none. */
static void go_back(struct request *q, const struct connect_link_row *l, const char *problem)
{
	struct buf to;

	buf_init(&to, LIMIT_OAUTH_URL);
	if (connect_return_url(l->return_url, l->id, problem, &to) == 0)
		html_redirect(q, (const char *)to.data);
	else
		show_problem(q, 500, CONNECT_INTERNAL);
	buf_clear(&to);
}

static void on_result(struct connect_link_call *c)
{
	struct request *q = container_of(c, struct request, link);
	bool failed, connected, came_back;

	if (!usable(q, c, true))
		return;
	failed = strcmp(c->link.state, "failed") == 0;
	connected = strcmp(c->link.state, "connected") == 0;
	came_back =
		strcmp(c->link.state, "exchanging") == 0 || strcmp(c->link.state, "checking") == 0;
	if ((failed || connected) && c->link.return_url[0])
		go_back(q, &c->link, failed ? c->link.problem : NULL);
	else if (failed)
		show_problem(q, 200, connect_problem_of(c->link.problem));
	else if (connected)
		html_answer(q, 200, "Connected",
			    "The inbox is connected. You can close this page; it never needs to be "
			    "opened again "
			    "unless your provider asks for it.",
			    NULL, NULL, 0);
	else if (!came_back && c->link.expired)
		show_problem(q, 410, CONNECT_LINK_EXPIRED);
	else if (clock_mono_ms() >= q->wait_until_ms)
		html_answer(q, 200, "Connecting",
			    "Your provider takes its time. This page looks again by itself.", NULL,
			    NULL, 3);
	else
		list_append(&q->api->waiting, &q->waiting);
}

void page_recheck(struct api *api)
{
	struct list now, *l;

	/* Those that go on waiting come back to the list; take today's first. */
	list_init(&now);
	while ((l = list_first(&api->waiting))) {
		list_remove(l);
		list_append(&now, l);
	}
	while ((l = list_first(&now))) {
		list_remove(l);
		page_result(container_of(l, struct request, waiting));
	}
}
