#include <stdio.h>
#include <string.h>

#include "services/api/html.h"

#define PAGE_MAX (64 * 1024)

static const char style[] =
	":root{color-scheme:light dark;font:17px/1.5 system-ui,sans-serif}"
	"body{max-width:34rem;margin:12vh auto;padding:0 1.2rem}"
	"h1{font-size:1.5rem;line-height:1.25}"
	"button{font:inherit;padding:.7rem "
	"1.4rem;border:0;border-radius:.5rem;background:#1456c8;color:#fff;cursor:pointer}"
	"button:focus-visible{outline:3px solid #9cc2ff;outline-offset:2px}"
	"li{margin:.3rem 0}small{opacity:.75}";

void html_add(struct buf *b, struct text t)
{
	for (size_t i = 0; i < t.len; i++) {
		switch (t.at[i]) {
		case '&':
			text_add(b, TEXT("&amp;"));
			break;
		case '<':
			text_add(b, TEXT("&lt;"));
			break;
		case '>':
			text_add(b, TEXT("&gt;"));
			break;
		case '"':
			text_add(b, TEXT("&quot;"));
			break;
		case '\'':
			text_add(b, TEXT("&#39;"));
			break;
		default:
			buf_add(b, &t.at[i], 1);
		}
	}
}

static void set_policy(struct request *q, const char *nonce, const char *form_to)
{
	char policy[1024];

	(void)snprintf(policy, sizeof(policy),
		       "default-src 'none'; style-src 'nonce-%s'; form-action 'self'%s%s; base-uri "
		       "'none'; frame-ancestors 'none'",
		       nonce, form_to ? " " : "", form_to ? form_to : "");
	http_call_set_header(q->call, "Content-Security-Policy", policy);
	http_call_set_header(q->call, "X-Frame-Options", "DENY");
	/*
	 * The link's token stands in the address: no referrer may carry it elsewhere.  Not
	 * "no-referrer": with that our own form would come with the origin "null" (Fetch, "append a
	 * request Origin header").
	 */
	http_call_set_header(q->call, "Referrer-Policy", "same-origin");
}

void html_answer(struct request *q, int status, const char *title, const char *words,
		 const struct buf *body, const char *form_to, int again_s)
{
	char nonce[RAND_UUID];
	struct buf b;

	rand_uuid(nonce);
	set_policy(q, nonce, form_to);
	buf_init(&b, PAGE_MAX);
	text_addf(&b, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
	if (again_s)
		text_addf(&b, "<meta http-equiv=\"refresh\" content=\"%d\">\n", again_s);
	text_add(&b, TEXT("<title>"));
	html_add(&b, text_of(title));
	text_addf(&b, "</title>\n<style nonce=%s>%s</style>\n</head>\n<body>\n<main>\n<h1>", nonce,
		  style);
	html_add(&b, text_of(title));
	text_add(&b, TEXT("</h1>\n<p>"));
	html_add(&b, text_of(words));
	text_add(&b, TEXT("</p>\n"));
	if (body)
		text_add(&b, text_of_buf(body));
	text_add(&b, TEXT("</main>\n</body>\n</html>\n"));
	answer_text(q, status, "text/html; charset=utf-8", text_of_buf(&b));
	buf_clear(&b);
}

void html_redirect(struct request *q, const char *to)
{
	http_call_set_header(q->call, "Referrer-Policy", "no-referrer");
	http_call_set_header(q->call, "Location", to);
	answer_text(q, 303, "text/plain; charset=utf-8", TEXT("see the Location header\n"));
}
