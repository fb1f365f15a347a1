#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "services/api/browser.h"
#include "services/api/page_inside.h"

#define BROWSER    "replyd_browser"
#define LANGUAGE   "replyd_lang"
#define LINK_S     3600 /* to come back from the provider */
#define LANGUAGE_S (365 * 24 * 3600)
#define NAME       BROWSER_COOKIE_NAME

static void page_free(void *own)
{
	struct page *p = own;

	page_form_clear(&p->form);
	secret_wipe(p->browser, sizeof(p->browser));
	secret_wipe(p->token, sizeof(p->token));
	if (p->to.data)
		secret_wipe(p->to.data, p->to.len);
	buf_clear(&p->to);
	free(p);
}

/* Lax: the provider's redirect back is a top-level navigation and must bring it along. */
static void set_cookie(struct request *q, const char *name, const char *value, int age_s)
{
	browser_set_cookie(q, name, value, age_s, "Lax");
}

/* ---- language and browser ---- */

static void read_language(struct request *q, struct page *p)
{
	int asked = words_of_code(http_call_query(q->call, "lang"));
	int kept = words_of_code(browser_cookie(q, LANGUAGE));

	p->lang_is_chosen = asked >= 0;
	p->lang = asked >= 0  ? (enum words_lang)asked
		  : kept >= 0 ? (enum words_lang)kept
			      : words_of_accept(http_call_header(q->call, "Accept-Language"));
}

static bool is_token(const char *s)
{
	static const char set[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

	return s && strlen(s) == LINK_TOKEN - 1 && strspn(s, set) == LINK_TOKEN - 1;
}

void page_guard_digest(const char *token, const char *browser, uint8_t ret[SIGN_SHA256])
{
	char both[2 * LINK_TOKEN];

	(void)snprintf(both, sizeof(both), "%.*s.%s", LINK_TOKEN - 1, token, browser);
	link_token_digest(both, ret);
	secret_wipe(both, sizeof(both));
}

/* Nobody who cannot read the cookie can make it, and it is good for one link only. */
static void form_token(const char *token, const char *browser, char ret[LINK_TOKEN])
{
	char text[2 * LINK_TOKEN + 8];
	uint8_t digest[SIGN_SHA256];
	struct buf b;

	(void)snprintf(text, sizeof(text), "form.%.*s.%s", LINK_TOKEN - 1, token, browser);
	link_token_digest(text, digest);
	buf_init(&b, LINK_TOKEN);
	text_add_base64url(&b, digest, sizeof(digest));
	(void)snprintf(ret, LINK_TOKEN, "%s", (const char *)b.data);
	buf_clear(&b);
	secret_wipe(text, sizeof(text));
}

struct page *page_guard_begin(struct request *q)
{
	struct page *p = mem_new(sizeof(*p));
	const char *browser = browser_cookie(q, BROWSER);

	q->own = p;
	q->own_free = page_free;
	buf_init(&p->to, LIMIT_OAUTH_URL);
	read_language(q, p);
	p->browser_is_new = !is_token(browser);
	if (p->browser_is_new)
		link_token_make(p->browser);
	else
		(void)snprintf(p->browser, sizeof(p->browser), "%s", browser);
	(void)snprintf(p->path, sizeof(p->path), "/connect/%.*s", LINK_TOKEN - 1, q->params[0]);
	page_guard_digest(q->params[0], p->browser, p->browser_digest);
	form_token(q->params[0], p->browser, p->token);
	return p;
}

static void keep(char *dst, size_t size, const char *src)
{
	(void)snprintf(dst, size, "%s", src);
}

void page_guard_keep(struct request *q, const struct connect_link_row *l)
{
	struct page *p = q->own;
	struct buf hex;

	keep(p->workspace, sizeof(p->workspace), l->workspace);
	keep(p->id, sizeof(p->id), l->id);
	keep(p->provider, sizeof(p->provider), l->provider);
	keep(p->address, sizeof(p->address), l->address);
	keep(p->return_url, sizeof(p->return_url), l->return_url);
	keep(p->state, sizeof(p->state), l->state);
	keep(p->problem, sizeof(p->problem), l->problem);
	keep(p->detail, sizeof(p->detail), l->problem_detail);
	keep(p->tried.host, sizeof(p->tried.host), l->imap_host);
	keep(p->tried.security, sizeof(p->tried.security), l->imap_security);
	keep(p->tried.login, sizeof(p->tried.login), l->login_name);
	p->tried.port = (uint16_t)l->imap_port;
	p->was_password = l->imap_host[0] && !l->redirect_uri[0];
	p->picks_address = l->picks_address;
	p->picks_provider = l->picks_provider;
	p->is_expired = l->expired;
	buf_init(&hex, 2 * SIGN_SHA256);
	text_add_hex(&hex, p->browser_digest, SIGN_SHA256);
	p->is_mine = strlen(l->browser_digest) == hex.len &&
		     sign_eq(l->browser_digest, hex.data, hex.len);
	buf_clear(&hex);
}

void page_guard_cookies(struct request *q)
{
	const struct page *p = q->own;

	if (p->browser_is_new)
		set_cookie(q, BROWSER, p->browser, -1);
	if (p->lang_is_chosen)
		set_cookie(q, LANGUAGE, words_code(p->lang), LANGUAGE_S);
}

/* One per link: two inboxes may be connected at once, in two tabs. */
static void link_cookie(const char *link_id, char ret[NAME])
{
	(void)snprintf(ret, NAME, "replyd_link_%.8s", link_id);
}

void page_guard_remember(struct request *q, const char *link_id)
{
	char name[NAME], token[LINK_TOKEN];

	link_cookie(link_id, name);
	(void)snprintf(token, sizeof(token), "%.*s", LINK_TOKEN - 1, q->params[0]);
	set_cookie(q, name, token, LINK_S);
	secret_wipe(token, sizeof(token));
}

void page_guard_forget(struct request *q, const char *link_id)
{
	char name[NAME];

	link_cookie(link_id, name);
	set_cookie(q, name, "", 0);
}

const char *page_guard_recall(const struct request *q, const char *link_id)
{
	char name[NAME];
	const char *token;

	link_cookie(link_id, name);
	token = browser_cookie(q, name);
	return is_token(token) ? token : NULL;
}

/* ---- forms ---- */

void page_guard_origin(const char *url, char ret[WEBURL_ORIGIN])
{
	struct weburl u = { 0 };

	(void)weburl_split(text_of(url), &u);
	(void)snprintf(ret, WEBURL_ORIGIN, "%.*s", TEXT_ARG(u.origin));
}

bool page_guard_form(struct request *q)
{
	struct page *p = q->own;
	struct text type, rest;

	(void)text_cut(text_of(http_call_header(q->call, "Content-Type")), ';', &type, &rest);
	p->may_reopen = true;
	/* A form on somebody else's page may not start a connection here. */
	if (!browser_is_same_origin(q)) {
		page_tell_problem(q, 403, "cross_site");
		return false;
	}
	if (!text_ieq(text_trim(type), TEXT("application/x-www-form-urlencoded")) ||
	    page_form_read(http_call_body(q->call), &p->form) != 0 || p->browser_is_new ||
	    !sign_eq(p->form.token, p->token, sizeof(p->token))) {
		page_tell_problem(q, 403, "form_stale");
		return false;
	}
	p->may_reopen = false;
	return true;
}
