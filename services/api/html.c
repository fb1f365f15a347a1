#include "services/api/html.h"

#include <stdio.h>
#include <string.h>

#include "services/api/asset.h"

#define PAGE_MAX (64 * 1024)

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

void html_say(struct buf *b, enum words_lang lang, enum page_words which, const char *name)
{
	const char *words = page_words(lang, which), *hole = name ? strstr(words, "%s") : NULL;

	if (!hole) {
		html_add(b, text_of(words));
		return;
	}
	html_add(b, (struct text){ words, (size_t)(hole - words) });
	html_add(b, text_of(name));
	html_add(b, text_of(hole + 2));
}

void html_put(struct buf *b, enum words_lang lang, const char *tag, enum page_words which,
	      const char *name)
{
	text_addf(b, "<%s>", tag);
	html_say(b, lang, which, name);
	text_addf(b, "</%.*s>\n", (int)strcspn(tag, " "), tag);
}

static void set_policy(struct request *q, const struct html_page *p)
{
	char policy[640];

	/*
	 * The form that leads to a provider: browsers hold all redirects behind it against
	 * form-action (Content Security Policy 3, section 6.4.2), and an organisation's own sign-in
	 * page behind the provider's is nowhere known here.
	 */
	(void)snprintf(
		policy, sizeof(policy),
		"default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
		"form-action 'self'%s%s; base-uri 'none'; frame-ancestors 'none'",
		p->leads_to ? " https: " : "", p->leads_to ? p->leads_to : "");
	http_call_set_header(q->call, "Content-Security-Policy", policy);
	http_call_set_header(q->call, "X-Frame-Options", "DENY");
	http_call_set_header(q->call, "X-Robots-Tag", "noindex, nofollow");
	http_call_set_header(q->call, "Cross-Origin-Opener-Policy", "same-origin");
	http_call_set_header(q->call, "Cross-Origin-Resource-Policy", "same-origin");
	http_call_set_header(q->call, "Vary", "Accept-Language, Cookie");
	/*
	 * The link's token stands in the address: no referrer may carry it elsewhere.  Not
	 * "no-referrer": with that our own form would come with the origin "null" (Fetch, "append a
	 * request Origin header").
	 */
	http_call_set_header(q->call, "Referrer-Policy", "same-origin");
}

static void add_head(struct buf *b, const struct html_page *p)
{
	char url[ASSET_URL];

	text_addf(b,
		  "<!doctype html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
		  "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n",
		  words_code(p->lang));
	if (p->again_s) {
		text_addf(b, "%s<meta http-equiv=\"refresh\" content=\"%u%s",
			  p->has_script ? "<noscript>" : "", p->again_s, p->again ? ";url=" : "");
		html_add(b, text_of(p->again));
		text_addf(b, "\">%s\n", p->has_script ? "</noscript>" : "");
	}
	asset_url(ASSET_STYLE, url);
	text_addf(b, "<link rel=\"stylesheet\" href=\"%s\">\n", url);
	asset_url(ASSET_SCRIPT, url);
	if (p->has_script)
		text_addf(b, "<script src=\"%s\" defer></script>\n", url);
	text_add(b, TEXT("<title>"));
	html_add(b, text_of(p->title));
	text_add(b, TEXT(" - replyd</title>\n</head>\n"));
}

static void add_languages(struct buf *b, const struct html_page *p)
{
	text_add(b, TEXT("<nav aria-label=\""));
	html_say(b, p->lang, PAGE_LANGUAGES, NULL);
	text_add(b, TEXT("\">"));
	for (int l = 0; p->path && l < WORDS_LANGS; l++) {
		const char *code = words_code((enum words_lang)l);

		if ((int)p->lang == l)
			continue;
		text_add(b, TEXT("<a href=\""));
		html_add(b, text_of(p->path));
		text_addf(b, "%slang=%s\" lang=\"%s\" hreflang=\"%s\" rel=\"nofollow\">%s</a>",
			  strchr(p->path, '?') ? "&amp;" : "?", code, code, code,
			  words_endonym((enum words_lang)l));
	}
	text_add(b, TEXT("</nav>"));
}

void html_answer(struct request *q, int status, const struct html_page *p, const struct buf *body)
{
	struct buf b;

	set_policy(q, p);
	buf_init(&b, PAGE_MAX);
	add_head(&b, p);
	text_add(&b, TEXT("<body>\n<a class=\"skip\" href=\"#main\">"));
	html_say(&b, p->lang, PAGE_SKIP, NULL);
	text_add(&b, TEXT("</a>\n<header><span class=\"brand\">replyd</span>"));
	add_languages(&b, p);
	text_add(&b, TEXT("</header>\n<main id=\"main\">\n<h1 tabindex=\"-1\">"));
	html_add(&b, text_of(p->title));
	text_add(&b, TEXT("</h1>\n"));
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
