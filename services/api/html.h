#ifndef SERVICES_API_HTML_H
#define SERVICES_API_HTML_H

#include "services/api/api.h"
#include "services/words/page_words.h"
#include "services/words/words.h"

/*
 * The hosted pages: one frame, escaped words, a strict policy, one file of style and one of
 * script, nothing inline.
 */

/* Append `t` so that it is text and nothing else, in an element or a quoted attribute. */
void html_add(struct buf *b, struct text t);
/* A text of the page; `name` takes the place of its "%s" (NULL: it has none). */
void html_say(struct buf *b, enum words_lang lang, enum page_words which, const char *name);

/* The same in an element: "<tag>text</tag>"; `tag` may hold attributes. */
void html_put(struct buf *b, enum words_lang lang, const char *tag, enum page_words which,
	      const char *name);

struct html_page {
	enum words_lang lang;
	const char *title; /* of the window, and the heading */
	const char *path;  /* of this page, for the switch of languages */
	unsigned again_s;  /* the browser asks again after so long; 0: no */
	const char *again; /* for this address; NULL: the same */
	bool has_script;   /* then it does so by the script, where it runs one */
	/* The origin where its form may end by redirects, and any by https that this one leads on
	 * to; NULL: nowhere but here, as it must be where a secret is typed. */
	const char *leads_to;
};

/* Answer; `body` is HTML made with html_add, what stands below the heading. */
void html_answer(struct request *q, int status, const struct html_page *p, const struct buf *body);
/* 303 See Other. */
void html_redirect(struct request *q, const char *to);

#endif
