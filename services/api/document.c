#include "services/api/document.h"

#include <stdio.h>
#include <string.h>

#include "base/embed.h"
#include "base/mem.h"
#include "services/api/asset.h"
#include "services/api/handlers.h"
#include "services/event_type.h"

/*
 * What the API says of itself: the OpenAPI document, the schemas of the events that it refers to
 * (under the paths by which it does), and a page that shows it to people.
 */

EMBED_FILE(document_openapi, "docs/openapi.json")
EMBED_FILE(document_asyncapi, "docs/events/asyncapi.yaml")
EMBED_FILE(document_common, "docs/events/common.schema.json")
#define X(constant, name, class, wish, words)                                                      \
	EMBED_FILE(document_##constant, "docs/events/" name ".schema.json")
EVENT_TYPES(X)
#undef X

static const struct {
	const char *name, *type, *text;
} schemas[] = { { "asyncapi.yaml", "application/yaml", document_asyncapi },
		{ "common.schema.json", "application/schema+json", document_common },
#define X(constant, name, class, wish, words)                                                      \
	{ name ".schema.json", "application/schema+json", document_##constant },
		EVENT_TYPES(X)
#undef X
};

#define PAGE_MAX 4096
static const char page[] =
	"<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	"<title>replyd API</title>\n<link rel=\"stylesheet\" href=\"%s\">\n"
	"<script type=\"module\" src=\"%s\"></script>\n"
	"<a class=\"skip\" href=\"#main\">To the calls</a>\n"
	"<nav aria-label=\"Calls\" id=\"nav\"></nav>\n<main id=\"main\"><h1>replyd API</h1>\n"
	"<p id=\"state\" role=\"status\">The document is being read.</p>\n"
	"<noscript><p>This page is made of <a href=\"/openapi.json\">openapi.json</a> by a script; "
	"any OpenAPI viewer shows the same.</p></noscript></main>\n</html>\n";

struct text document_text(void)
{
	return text_of(document_openapi);
}

void document_show(struct request *q)
{
	answer_text(q, 200, "application/json", document_text());
}

void document_schema(struct request *q)
{
	for (size_t i = 0; i < countof(schemas); i++)
		if (strcmp(schemas[i].name, q->params[0]) == 0) {
			answer_text(q, 200, schemas[i].type, text_of(schemas[i].text));
			return;
		}
	answer_problem(q, PROBLEM_NOT_FOUND, NULL, "there is no such schema",
		       "see the names in /openapi.json");
}

void document_page(struct request *q)
{
	char style[ASSET_URL], script[ASSET_URL], text[PAGE_MAX];

	asset_url(ASSET_DOCS_STYLE, style);
	asset_url(ASSET_DOCS_SCRIPT, script);
	(void)snprintf(text, sizeof(text), page, style, script);
	http_call_set_header(q->call, "Content-Security-Policy",
			     "default-src 'none'; script-src 'self'; style-src 'self'; connect-src "
			     "'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
	http_call_set_header(q->call, "Referrer-Policy", "no-referrer");
	http_call_set_header(q->call, "Cross-Origin-Opener-Policy", "same-origin");
	answer_text(q, 200, "text/html; charset=utf-8", text_of(text));
}
