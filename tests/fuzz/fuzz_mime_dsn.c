#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ingest/classify/classify.h"
#include "ingest/mime/mime_dsn.h"
#include "ingest/mime/mime_utf8.h"

static void clean(const char *s)
{
	if (s && (!s[0] || !mime_utf8_is_valid(text_of(s))))
		abort();
}

static void status_is_one(const char *s)
{
	if (s[0] && ((s[0] != '2' && s[0] != '4' && s[0] != '5') || s[1] != '.' ||
		     strlen(s) >= MIME_STATUS))
		abort();
}

/* First byte: the transfer encoding.  A report gives clean text, and a verdict that names its
 * reason. */
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct mime_dsn d;
	struct mime_head h;
	struct classify_verdict v;

	if (!n)
		return 0;
	mime_head_init(&h);
	mime_dsn_init(&d);
	mime_dsn_read_status(&d, (enum mime_encoding)(p[0] % 4), p + 1, n - 1);
	mime_dsn_read_original(&d, MIME_PLAIN, p + 1, n - 1);
	if (d.n_rcpt > LIMIT_MIME_RECIPIENTS)
		abort();
	for (size_t i = 0; i < d.n_rcpt; i++) {
		clean(d.rcpt[i].final);
		clean(d.rcpt[i].original);
		clean(d.rcpt[i].diagnostic);
		status_is_one(d.rcpt[i].status);
	}
	classify_full(&(struct classify_input){ .head = &h,
						.dsn = &d,
						.body = { (const char *)p + 1, n - 1 },
						.matched = true },
		      &v);
	if (!v.n_evidence || !mime_utf8_is_valid(text_of(v.bounce.diagnostic)) ||
	    (v.kind == CLASSIFY_BOUNCE_HARD &&
	     (!v.bounce.reason || v.bounce.action == MIME_ACTION_DELAYED)))
		abort();
	status_is_one(v.bounce.status);
	mime_dsn_clear(&d);
	mime_head_clear(&h);
	return 0;
}
