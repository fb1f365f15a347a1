#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify.h"
#include "ingest/mime/mime_utf8.h"
#include "ingest/reading.h"
#include "ingest/reading_json.h"

/*
 * A raw mail through the whole chain, as `replyd classify` reads it: whatever comes,
 * what is said of it is sound, can be told as JSON, and is said again the second time.
 */

#define RECEIVED_AT 1741082405

static void need(bool holds)
{
	if (!holds)
		abort();
}

static void clean(const char *s)
{
	need(!s || mime_utf8_is_valid(text_of(s)));
}

static void is_day(const char *s)
{
	need(!*s || (strlen(s) == 10 && s[4] == '-' && s[7] == '-'));
}

/* In order, disjoint, trimmed, within the body. */
static void spans_are_sound(const struct reading *r)
{
	struct text body = text_of_buf(&r->text);
	const char *at = body.at;

	need(mime_utf8_is_valid(body) && r->text.len <= LIMIT_MIME_TEXT);
	need(r->cut.n <= LIMIT_EXTRACT_SPANS);
	for (size_t i = 0; i < r->cut.n; i++) {
		struct text t = r->cut.at[i].text;

		need(t.len > 0 && t.at >= at && t.at + t.len <= body.at + body.len);
		need(text_trim(t).len == t.len && mime_utf8_is_valid(t));
		at = t.at + t.len;
	}
	need(mime_utf8_is_valid(text_of_buf(&r->fresh)));
}

static void bounce_is_sound(const struct classify_bounce *b)
{
	clean(b->recipient);
	clean(b->diagnostic);
	need(b->reason != NULL);
	need(b->smtp_code == 0 || (b->smtp_code >= 200 && b->smtp_code < 600));
	need(!b->status[0] || (strchr("245", b->status[0]) && b->status[1] == '.'));
}

/* Does anything tie it to a mail of ours?  Without, nothing is said that cannot be taken back: no
 * server is known here that vouches for its sender. */
static bool is_proven(const struct reading *r)
{
	const struct mime_head *h = &r->mail.head;

	return r->ids.n > 0 || r->dsn.n_rcpt > 0 || r->dsn.has_original || h->failed.n > 0 ||
	       r->report.arf.type != MIME_ARF_NONE || classify_head_pick_as(h) != MIME_PICK_AS_MAIL;
}

static void verdict_is_sound(const struct reading *r)
{
	const struct classify_verdict *v = &r->verdict;

	need(v->confidence >= 0 && v->confidence <= 1);
	need(!v->is_unproven || v->confidence <= 0.5);
	need(v->n_evidence <= CLASSIFY_EVIDENCE && v->n_recipients <= CLASSIFY_RECIPIENTS);
	for (size_t i = 0; i < v->n_evidence; i++) {
		need(v->evidence[i].rule && *v->evidence[i].rule);
		clean(v->evidence[i].text);
	}
	is_day(v->return_at);
	is_day(v->followup_at);
	clean(v->lang);
	clean(v->contact.name);
	clean(v->contact.address);
	for (size_t i = 0; i < v->n_recipients; i++)
		bounce_is_sound(&v->recipients[i]);
	if (v->kind == CLASSIFY_BOUNCE_HARD || v->kind == CLASSIFY_COMPLAINT)
		need(is_proven(r));
	if (v->kind == CLASSIFY_REPLY && v->intent == CLASSIFY_INTENT_UNSUBSCRIBE)
		need(is_proven(r) || v->is_unproven);
	if (v->followup_at[0])
		need(classify_kind_is_human(v->kind));
}

static char *told(const struct reading *r)
{
	json_t *o = reading_json(r);
	char *line = json_dumps(o, JSON_COMPACT);

	json_decref(o);
	need(line != NULL);
	return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	cleanup_free struct reading *r = mem_new(sizeof(*r));
	cleanup_free char *first = NULL, *again = NULL;

	reading_init(r);
	reading_of(r, (struct text){ (const char *)p, n }, RECEIVED_AT);
	spans_are_sound(r);
	verdict_is_sound(r);
	first = told(r);
	reading_of(r, (struct text){ (const char *)p, n }, RECEIVED_AT);
	again = told(r);
	need(strcmp(first, again) == 0);
	reading_of_text(r, (struct text){ (const char *)p, n }, RECEIVED_AT);
	spans_are_sound(r);
	reading_clear(r);
	return 0;
}
