#include "services/api/asset.h"

#include <stdio.h>
#include <string.h>

#include "base/embed.h"
#include "base/mem.h"
#include "base/sign.h"
#include "services/api/handlers.h"

#define FILE_OF(label, file) EMBED_FILE(label, "services/api/assets/" file)

FILE_OF(asset_style, "connect.css")
FILE_OF(asset_script, "connect.js")
FILE_OF(asset_docs_style, "docs.css")
FILE_OF(asset_docs_script, "docs.js")

static const struct {
	const char *name, *type, *text;
} files[] = {
	[ASSET_STYLE] = { "connect.css", "text/css; charset=utf-8", asset_style },
	[ASSET_SCRIPT] = { "connect.js", "text/javascript; charset=utf-8", asset_script },
	[ASSET_DOCS_STYLE] = { "docs.css", "text/css; charset=utf-8", asset_docs_style },
	[ASSET_DOCS_SCRIPT] = { "docs.js", "text/javascript; charset=utf-8", asset_docs_script },
};

void asset_url(enum asset which, char ret[ASSET_URL])
{
	uint8_t digest[SIGN_SHA256];
	struct buf b;

	sign_sha256(files[which].text, strlen(files[which].text), digest);
	buf_init(&b, ASSET_URL - 1);
	text_addf(&b, "/assets/%s?v=", files[which].name);
	text_add_hex(&b, digest, 6);
	(void)snprintf(ret, ASSET_URL, "%s", (const char *)b.data);
	buf_clear(&b);
}

void asset_answer(struct request *q, const char *type, struct text file)
{
	http_call_set_header(q->call, "Cache-Control", "public, max-age=31536000, immutable");
	http_call_set_header(q->call, "X-Content-Type-Options", "nosniff");
	http_call_set_header(q->call, "Cross-Origin-Resource-Policy", "same-origin");
	http_call_answer(q->call, 200, type, file);
}

void asset_show(struct request *q)
{
	for (size_t i = 0; i < countof(files); i++) {
		if (strcmp(files[i].name, q->params[0]) != 0)
			continue;
		asset_answer(q, files[i].type, text_of(files[i].text));
		return;
	}
	answer_problem(q, PROBLEM_NOT_FOUND, NULL, "there is no such file", NULL);
}
