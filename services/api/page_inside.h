#ifndef SERVICES_API_PAGE_INSIDE_H
#define SERVICES_API_PAGE_INSIDE_H

#include "base/weburl.h"
#include "oauth/connect.h"
#include "services/api/api.h"
#include "services/api/field.h"
#include "oauth/link_token.h"
#include "services/words/page_words.h"
#include "services/words/problem_words.h"

/*
 * What the files of the connect page share.
 *
 *   page           GET the page: which way to connect, POST the address
 *   page_start     POST start: state, PKCE; leads to the provider.  GET callback: back again
 *   page_password  POST a password: sealed to the broker at once
 *   page_result    GET how it went, waiting for it
 *   page_guard     whose browser it is, and whether a form is ours
 *   page_form      what a form brought.  Pure
 *   page_view      the ways to connect, as people see them
 *   page_tell      how it goes, and how it went
 */
#define PAGE_HOST     254
#define PAGE_PROVIDER 33
#define PAGE_URL      2049
#define PAGE_DETAIL   400

/* The ways to connect, as they stand in `?way=`. */
enum page_way {
	PAGE_WAY_ANY,
	PAGE_WAY_ADDRESS,
	PAGE_WAY_OAUTH,
	PAGE_WAY_PASSWORD,
	PAGE_WAY_SERVER
};

struct page_server {
	char host[PAGE_HOST], login[FIELD_ADDRESS];
	char security[9]; /* "tls", "starttls", "" */
	uint16_t port;    /* 0: not said */
};

struct page_form {
	char token[LINK_TOKEN];
	char address[FIELD_ADDRESS]; /* as typed, to be shown again */
	char provider[PAGE_PROVIDER];
	char port[8];
	struct page_server server;
	struct secret password;
	bool by_hand;  /* the fields of the server were there */
	bool too_long; /* one of the fields is longer than any of its kind */
};

/* A request for one of the pages: `own` of the request. */
struct page {
	enum words_lang lang;
	char browser[LINK_TOKEN]; /* names the browser; a cookie */
	bool browser_is_new, lang_is_chosen;
	uint8_t browser_digest[SIGN_SHA256]; /* of link and browser */
	char token[LINK_TOKEN];              /* of its forms */
	char path[LINK_TOKEN + 16];          /* "/connect/T" */
	/* The link: a row is good inside its callback only. */
	char workspace[RAND_UUID], id[RAND_UUID], provider[PAGE_PROVIDER];
	char address[FIELD_ADDRESS], return_url[PAGE_URL];
	char state[16], problem[40], detail[PAGE_DETAIL];
	bool picks_address, picks_provider, is_expired;
	bool is_mine;    /* this browser set out with it last */
	bool may_reopen; /* what is wrong is this request, not the link */
	bool was_password;
	struct page_server tried; /* with the last password */
	/* What was found out of the address. */
	enum page_way way;
	const struct provider_row *row; /* NULL: nobody knows */
	struct page_server found;       /* "" and 0: not known */
	bool must_confirm;              /* somebody has to say that this server is the right one */
	/* What the form brought, and what is wrong with it. */
	struct page_form form;
	const char *wrong_field; /* NULL: nothing */
	enum page_words wrong;
	struct buf to; /* where the browser goes once it is committed */
};

/* ---- page_guard ---- */

/* Make the page of this request: its language, its browser, its token. */
struct page *page_guard_begin(struct request *q);
/* Keep the link, and see whether it was this browser that set out with it. */
void page_guard_keep(struct request *q, const struct connect_link_row *l);
/* Is the form ours: from our page, in the browser that it was made for?  false: answered. */
bool page_guard_form(struct request *q);
/* The cookies of the page; before every answer. */
void page_guard_cookies(struct request *q);
/* The link's token as a cookie of this browser, for the way back from the provider. */
void page_guard_remember(struct request *q, const char *link_id);
void page_guard_forget(struct request *q, const char *link_id);
/* NULL: this browser has none for that link. */
const char *page_guard_recall(const struct request *q, const char *link_id);
void page_guard_digest(const char *token, const char *browser, uint8_t ret[SIGN_SHA256]);
/* "https://accounts.example" of an URL; "" where it is none. */
void page_guard_origin(const char *url, char ret[WEBURL_ORIGIN]);

/* ---- page_form ---- */

/* -EINVAL: it is no form.  Wipe with page_form_clear(). */
int page_form_read(struct text body, struct page_form *ret);
void page_form_clear(struct page_form *f);
/*
 * The server that was typed, whole: false, and the field and what is wrong with it.  A port that
 * is not said is the usual one.
 */
bool page_form_server(struct page_form *f, const char **ret_field, enum page_words *ret_wrong);

/* ---- page_view ---- */

void page_view_way(struct request *q, int status);
/* Parts of it. */
const char *page_view_brand(const char *provider);
void page_view_open_form(struct buf *b, const struct page *p, const char *action);
void page_view_hidden(struct buf *b, const char *name, const char *value);
void page_view_close_form(struct buf *b, const struct page *p, const char *class,
			  enum page_words label, const char *name);
void page_view_other_ways(struct request *q, struct buf *b);

/* ---- page_tell ---- */

void page_tell_steps(struct request *q);
void page_tell_connected(struct request *q);
/* A problem; with what mends it where this browser may try again. */
void page_tell_problem(struct request *q, int status, const char *code);
void page_tell_away(struct request *q); /* PostgreSQL is */

/* ---- page ---- */

int page_find(struct request *q, connect_link_cb done);
/* What to say when PostgreSQL could not be asked (`r` < 0). */
void page_not_asked(struct request *q, int r);
void page_to_result(struct request *q);
/* The row is there and the link may be used: kept.  false: answered. */
bool page_usable(struct request *q, const struct connect_link_call *c);
/* Which ways are open for what is known, and which of them is shown. */
bool page_has_oauth(const struct request *q, const char *provider);
void page_choose(struct request *q);

#endif
