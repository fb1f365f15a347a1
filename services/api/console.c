#include <stdio.h>
#include <string.h>

#include "base/embed.h"
#include "base/mem.h"
#include "base/sign.h"
#include "services/api/asset.h"
#include "services/api/handlers.h"

/*
 * The console: one page and its modules, part of the binary.  The modules name each other by their
 * file alone, so they lie in a folder whose name is a digest of them all: a browser keeps what it
 * has, and never mixes two versions.
 */

#define STYLE  "text/css; charset=utf-8"
#define SCRIPT "text/javascript; charset=utf-8"

/* clang-format off */
#define FILES(X)                                                                                   \
	X(console_style, "console.css", STYLE)                                                     \
	X(console_icon, "icon.svg", "image/svg+xml")                                               \
	X(console_app, "app.js", SCRIPT)                                                           \
	X(console_api, "api.js", SCRIPT)                                                           \
	X(console_audit, "audit.js", SCRIPT)                                                       \
	X(console_capacity, "capacity.js", SCRIPT)                                                 \
	X(console_chart, "chart.js", SCRIPT)                                                       \
	X(console_deeds, "deeds.js", SCRIPT)                                                       \
	X(console_delivery, "delivery.js", SCRIPT)                                                 \
	X(console_dom, "dom.js", SCRIPT)                                                           \
	X(console_enter, "enter.js", SCRIPT)                                                       \
	X(console_inbox, "inbox.js", SCRIPT)                                                       \
	X(console_inboxes, "inboxes.js", SCRIPT)                                                   \
	X(console_live, "live.js", SCRIPT)                                                         \
	X(console_overview, "overview.js", SCRIPT)                                                 \
	X(console_replies, "replies.js", SCRIPT)                                                   \
	X(console_rotation, "rotation.js", SCRIPT)
#define EMBED_ONE(label, file, type) EMBED_FILE(label, "services/api/assets/console/" file)
FILES(EMBED_ONE)

static const struct {
	const char *name, *type, *text;
} files[] = {
#define ROW(label, file, type) { file, type, label },
	FILES(ROW)
#undef ROW
};
/* clang-format on */

enum { FILE_STYLE, FILE_ICON, FILE_APP }; /* the first of them, in their order */

#define FOLDER 25 /* 12 bytes in hexadecimal */

static const char *folder(void)
{
	static char name[FOLDER];
	uint8_t all[countof(files)][SIGN_SHA256], digest[SIGN_SHA256];
	struct buf b;

	if (name[0])
		return name;
	for (size_t i = 0; i < countof(files); i++)
		sign_sha256(files[i].text, strlen(files[i].text), all[i]);
	sign_sha256(all, sizeof(all), digest);
	buf_init(&b, FOLDER - 1);
	text_add_hex(&b, digest, (FOLDER - 1) / 2);
	(void)snprintf(name, sizeof(name), "%s", (const char *)b.data);
	buf_clear(&b);
	return name;
}

void console_asset(struct request *q)
{
	for (size_t i = 0; i < countof(files); i++) {
		if (strcmp(q->params[0], folder()) != 0 || strcmp(q->params[1], files[i].name) != 0)
			continue;
		asset_answer(q, files[i].type, text_of(files[i].text));
		return;
	}
	answer_problem(q, PROBLEM_NOT_FOUND, NULL, "there is no such file",
		       "load the page again: another version is installed");
}

/* Nothing inline, nothing from elsewhere, and no text ever becomes HTML. */
static void set_policy(struct request *q)
{
	http_call_set_header(
		q->call, "Content-Security-Policy",
		"default-src 'none'; style-src 'self'; script-src 'self'; "
		"connect-src 'self'; img-src 'self'; form-action 'none'; base-uri 'none'; "
		"frame-ancestors 'none'; require-trusted-types-for 'script'");
	http_call_set_header(q->call, "X-Frame-Options", "DENY");
	http_call_set_header(q->call, "X-Robots-Tag", "noindex, nofollow");
	http_call_set_header(q->call, "Cross-Origin-Opener-Policy", "same-origin");
	http_call_set_header(q->call, "Cross-Origin-Resource-Policy", "same-origin");
	http_call_set_header(q->call, "Referrer-Policy", "no-referrer");
}

void console_page(struct request *q)
{
	struct buf b;

	set_policy(q);
	buf_init(&b, 8192);
	text_add(&b, TEXT("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
			  "<meta name=\"viewport\" content=\"width=device-width, "
			  "initial-scale=1\">\n<title>replyd</title>\n"));
	text_addf(&b,
		  "<link rel=\"icon\" href=\"/console/%s/%s\">\n"
		  "<link rel=\"stylesheet\" href=\"/console/%s/%s\">\n",
		  folder(), files[FILE_ICON].name, folder(), files[FILE_STYLE].name);
	for (size_t i = FILE_APP + 1; i < countof(files);
	     i++) /* all at once, not one after the other */
		text_addf(&b, "<link rel=\"modulepreload\" href=\"/console/%s/%s\">\n", folder(),
			  files[i].name);
	text_addf(&b,
		  "<script type=\"module\" src=\"/console/%s/%s\"></script>\n</head>\n<body>\n"
		  "<a class=\"skip\" href=\"#main\">Skip to the page</a>\n"
		  "<header><div><span class=\"brand\">replyd</span>"
		  "<nav aria-label=\"Console\"><ul id=\"places\"></ul></nav>"
		  "<div class=\"who\" id=\"who\"></div></div></header>\n"
		  "<main id=\"main\"><noscript>The console needs JavaScript.</noscript></main>\n"
		  "<div id=\"said\" role=\"status\"></div>\n</body>\n</html>\n",
		  folder(), files[FILE_APP].name);
	answer_text(q, 200, "text/html; charset=utf-8", text_of_buf(&b));
	buf_clear(&b);
}
