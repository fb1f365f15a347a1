#ifndef SERVICES_API_HTML_H
#define SERVICES_API_HTML_H

#include "services/api/api.h"

/* The few pages people see: one frame, escaped words, a strict policy, no script. */

/* Append `t` so that it is text and nothing else, in an element or a quoted attribute. */
void html_add(struct buf *b, struct text t);
/*
 * Answer with a page.  `title` and `words` are escaped here; `body` is HTML made with
 * html_add (may be NULL).  `form_to`: an origin besides ours to which a form may
 * lead by redirect, or NULL.  `again_s`: the browser asks again after so long; 0: no.
 */
void html_answer(struct request *q, int status, const char *title, const char *words,
		 const struct buf *body, const char *form_to, int again_s);
/* 303 See Other. */
void html_redirect(struct request *q, const char *to);

#endif
