#include <stdio.h>
#include <string.h>

#include "services/api/client.h"
#include "services/api/html.h"
#include "services/api/page_inside.h"

#define BODY_MAX (32 * 1024)
#define AGAIN_S  3 /* without the script */
#define AWAY_S   5

static void answer(struct request *q, int status, struct html_page *h, enum page_words title,
		   const struct buf *b)
{
	const struct page *p = q->own;

	h->lang = p->lang;
	if (!h->title)
		h->title = page_words(p->lang, title);
	page_guard_cookies(q);
	html_answer(q, status, h, b);
}

static void mailbox(struct buf *b, const struct page *p)
{
	if (!p->address[0])
		return;
	text_add(b, TEXT("<p><strong>"));
	html_add(b, text_of(p->address));
	text_add(b, TEXT("</strong></p>\n"));
}

/* ---- on the way ---- */

enum step { STEP_DONE, STEP_NOW, STEP_LATER };

static void step(struct buf *b, const struct page *p, enum page_words which, enum step state)
{
	static const struct {
		const char *class;
		enum page_words words;
	} how[] = { [STEP_DONE] = { "done", PAGE_STEP_DONE },
		    [STEP_NOW] = { "now", PAGE_STEP_NOW },
		    [STEP_LATER] = { "later", PAGE_STEP_LATER } };

	text_addf(b, "<li class=\"%s\"%s><span>", how[state].class,
		  state == STEP_NOW ? " aria-current=\"step\"" : "");
	html_say(b, p->lang, which, NULL);
	text_add(b, TEXT("<span class=\"unseen\">: "));
	html_say(b, p->lang, how[state].words, NULL);
	text_add(b, TEXT("</span></span></li>\n"));
}

void page_tell_steps(struct request *q)
{
	const struct page *p = q->own;
	bool checking = strcmp(p->state, "checking") == 0;
	const struct oauth_provider *client =
		p->was_password ? NULL : client_find(q->api, p->provider);
	char path[LINK_TOKEN + 32], origin[WEBURL_ORIGIN] = "";
	struct html_page h = { .path = path, .again_s = AGAIN_S, .has_script = true };
	struct buf b;

	/* The script puts what became of it into this page, and with it the form that sets out
	 * again: that is held against this page's policy. */
	if (client) {
		page_guard_origin(client->authorize_url, origin);
		h.leads_to = origin;
	}

	(void)snprintf(path, sizeof(path), "%s/result", p->path);
	buf_init(&b, BODY_MAX);
	mailbox(&b, p);
	html_put(&b, p->lang, "p class=\"lead\"", PAGE_LEAD_CONNECTING, NULL);
	text_addf(&b, "<ol id=\"steps\" class=\"steps\" aria-live=\"polite\" data-state=\"%s\">\n",
		  p->state);
	step(&b, p, p->was_password ? PAGE_STEP_PASSWORD : PAGE_STEP_CONSENT, STEP_DONE);
	step(&b, p, p->was_password ? PAGE_STEP_HANDED : PAGE_STEP_EXCHANGE,
	     checking ? STEP_DONE : STEP_NOW);
	step(&b, p, PAGE_STEP_LOGIN, checking ? STEP_NOW : STEP_LATER);
	step(&b, p, PAGE_STEP_FOLDERS, STEP_LATER);
	text_add(&b, TEXT("</ol>\n<noscript><p><a class=\"button quiet\" href=\""));
	html_add(&b, text_of(path));
	text_add(&b, TEXT("\">"));
	html_say(&b, p->lang, PAGE_LOOK_AGAIN, NULL);
	text_add(&b, TEXT("</a></p></noscript>\n"));
	answer(q, 200, &h, PAGE_CONNECTING, &b);
	buf_clear(&b);
}

/* ---- it is over ---- */

void page_tell_connected(struct request *q)
{
	const struct page *p = q->own;
	char path[LINK_TOKEN + 32];
	struct html_page h = { .path = path };
	struct buf b;

	(void)snprintf(path, sizeof(path), "%s/result", p->path);
	buf_init(&b, BODY_MAX);
	mailbox(&b, p);
	text_add(&b, TEXT("<div class=\"good\" role=\"status\">"));
	html_put(&b, p->lang, "p", PAGE_LEAD_CONNECTED, NULL);
	text_add(&b, TEXT("</div>\n"));
	if (p->problem[0]) { /* slow_sync: connected all the same */
		const struct problem_said *said =
			&problem_words_of(text_of(p->problem))->in[p->lang];

		text_add(&b, TEXT("<p>"));
		html_add(&b, text_of(said->words));
		text_add(&b, TEXT(" "));
		html_add(&b, text_of(said->remedy));
		text_add(&b, TEXT("</p>\n"));
	}
	html_put(&b, p->lang, "p class=\"lead\"", PAGE_CONNECTED_AGAIN, NULL);
	answer(q, 200, &h, PAGE_CONNECTED, &b);
	buf_clear(&b);
}

/* A button that leads to a form of the page. */
static void go_to(struct buf *b, const struct page *p, const char *query, enum page_words label,
		  const char *name)
{
	text_add(b, TEXT("<p><a class=\"button\" href=\""));
	html_add(b, text_of(p->path));
	html_add(b, text_of(query));
	text_add(b, TEXT("\">"));
	html_say(b, p->lang, label, name);
	text_add(b, TEXT("</a></p>\n"));
}

static void set_out_again(struct request *q, struct buf *b, enum page_words label,
			  struct html_page *h, char origin[WEBURL_ORIGIN])
{
	const struct page *p = q->own;
	const struct oauth_provider *client = client_find(q->api, p->provider);

	if (!client || strcmp(client->auth, "oauth") != 0) {
		go_to(b, p, "", label, NULL);
		return;
	}
	page_guard_origin(client->authorize_url, origin);
	h->leads_to = origin;
	page_view_open_form(b, p, "start");
	page_view_hidden(b, "provider", p->provider);
	page_view_close_form(b, p, "", label, NULL);
}

/* Where a password was typed last: with the provider's instructions, or with the server. */
static const char *password_again(const struct page *p)
{
	return p->picks_provider && strcmp(p->provider, "generic") == 0 ? "?way=server"
									: "?way=password";
}

/* At the provider, where it is one of those; else the page says which ones there are. */
static void sign_in_instead(struct request *q, struct buf *b)
{
	const struct page *p = q->own;
	char query[PAGE_PROVIDER + 32];

	if (page_has_oauth(q, p->provider)) {
		(void)snprintf(query, sizeof(query), "?way=oauth&provider=%s", p->provider);
		go_to(b, p, query, PAGE_USE_SIGN_IN, page_view_brand(p->provider));
	} else {
		go_to(b, p, p->picks_provider ? "?way=server" : password_again(p), PAGE_TRY_AGAIN,
		      NULL);
	}
}

static void mend(struct request *q, struct buf *b, enum problem_mend how, struct html_page *h,
		 char origin[WEBURL_ORIGIN])
{
	const struct page *p = q->own;

	if (!p->was_password && how != MEND_PASSWORD) {
		set_out_again(q, b, how == MEND_ACCOUNT ? PAGE_OTHER_ACCOUNT : PAGE_TRY_AGAIN, h,
			      origin);
		return;
	}
	switch (how) {
	case MEND_NOTHING:
	case MEND_AGAIN:
	case MEND_ACCOUNT:
		go_to(b, p, password_again(p), PAGE_TRY_AGAIN, NULL);
		break;
	case MEND_RETYPE:
		go_to(b, p, password_again(p), PAGE_RETYPE, NULL);
		break;
	case MEND_PASSWORD:
		go_to(b, p, password_again(p), PAGE_USE_PASSWORD, NULL);
		break;
	case MEND_SIGN_IN:
		sign_in_instead(q, b);
		break;
	case MEND_STARTTLS:
		if (p->picks_provider && strcmp(p->tried.security, "starttls") != 0)
			go_to(b, p, "?way=server&security=starttls", PAGE_USE_STARTTLS, NULL);
		else
			go_to(b, p, password_again(p), PAGE_TRY_AGAIN, NULL);
		break;
	case MEND_SERVER:
		go_to(b, p, p->picks_provider ? "?way=server" : password_again(p),
		      p->picks_provider ? PAGE_CHECK_SERVER : PAGE_TRY_AGAIN, NULL);
		break;
	}
}

/* Back to where the person came from, with what became of it. */
static void way_back(struct buf *b, const struct page *p)
{
	struct buf to;
	char host[WEBURL_ORIGIN];
	struct weburl u;

	buf_init(&to, LIMIT_OAUTH_URL);
	if (weburl_split(text_of(p->return_url), &u) == 0 &&
	    connect_return_url(p->return_url, p->id, p->problem, &to) == 0) {
		(void)snprintf(host, sizeof(host), "%.*s", TEXT_ARG(u.authority));
		text_add(b, TEXT("<p><a class=\"button quiet\" rel=\"noreferrer\" href=\""));
		html_add(b, text_of_buf(&to));
		text_add(b, TEXT("\">"));
		html_say(b, p->lang, PAGE_BACK, host);
		text_add(b, TEXT("</a></p>\n"));
	}
	buf_clear(&to);
}

/*
 * For whoever is asked for help, folded away: the code, what the provider or the server said, and
 * what the operator does, where it is the operator's to mend.
 */
static void detail(struct buf *b, const struct page *p, const struct problem_words *w)
{
	char said[PAGE_DETAIL];

	text_printable(said, sizeof(said), text_of(p->detail));
	text_add(b, TEXT("<details class=\"said\">\n"));
	html_put(b, p->lang, "summary", PAGE_DETAILS, NULL);
	text_add(b, TEXT("<p>"));
	html_say(b, p->lang, PAGE_CODE, NULL);
	text_addf(b, ": <code>%s</code></p>\n", w->code);
	if (said[0] && p->is_mine) {
		text_add(b, TEXT("<p>"));
		html_say(b, p->lang, PAGE_THE_SERVER_SAYS, NULL);
		text_add(b, TEXT(": "));
		html_add(b, text_of(said));
		text_add(b, TEXT("</p>\n"));
	}
	if (w->mender == MENDED_BY_OPERATOR) {
		text_add(b, TEXT("<p>"));
		html_add(b, text_of(w->in[p->lang].remedy));
		text_add(b, TEXT("</p>\n"));
	}
	text_add(b, TEXT("</details>\n"));
}

void page_tell_problem(struct request *q, int status, const char *code)
{
	struct page *p = q->own;
	const struct problem_words *w = problem_words_of(text_of(code));
	const struct problem_said *said = &w->in[p->lang];
	bool may_mend = p->is_mine && !p->is_expired && strcmp(p->state, "failed") == 0;
	char path[LINK_TOKEN + 32], origin[WEBURL_ORIGIN] = "";
	/* Back from the provider without a link that we know of, there is no address to come to. */
	bool has_path = q->params[0][0] != '\0';
	struct html_page h = { .title = said->title, .path = has_path ? path : NULL };
	struct buf b;

	(void)snprintf(path, sizeof(path), "%s%s", p->path, p->is_mine ? "/result" : "");
	buf_init(&b, BODY_MAX);
	if (may_mend)
		mailbox(&b, p);
	text_add(&b, TEXT("<div class=\"fault\" role=\"alert\"><p>"));
	html_add(&b, text_of(said->words));
	text_add(&b, TEXT("</p>\n<p class=\"remedy\">"));
	html_add(&b, w->mender == MENDED_BY_OPERATOR
			     ? text_of(page_words(p->lang, PAGE_TELL_OPERATOR))
			     : text_of(said->remedy));
	text_add(&b, TEXT("</p></div>\n"));
	if (may_mend) {
		p->row = p->provider[0] ? provider_table_find(&q->api->settings->providers,
							      text_of(p->provider))
					: NULL;
		p->way = p->was_password ? PAGE_WAY_PASSWORD : PAGE_WAY_OAUTH;
		mend(q, &b, w->mend, &h, origin);
	} else if (p->may_reopen) {
		go_to(&b, p, "", PAGE_REOPEN, NULL);
	}
	if (p->is_mine)
		way_back(&b, p);
	if (may_mend)
		page_view_other_ways(q, &b);
	detail(&b, p, w);
	answer(q, status, &h, PAGE_NOT_CONNECTED, &b);
	buf_clear(&b);
}

void page_tell_away(struct request *q)
{
	const struct page *p = q->own;
	bool was_form = strcmp(http_call_method(q->call), "POST") == 0;
	struct html_page h = { .again_s = AWAY_S, .again = was_form ? p->path : NULL };
	struct buf b;

	buf_init(&b, BODY_MAX);
	html_put(&b, p->lang, "p class=\"lead\"", PAGE_LEAD_AWAY, NULL);
	answer(q, 503, &h, PAGE_AWAY, &b);
	buf_clear(&b);
}
