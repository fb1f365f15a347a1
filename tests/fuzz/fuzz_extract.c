#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_snippet.h"
#include "ingest/extract/extract.h"
#include "ingest/mime/mime_utf8.h"

static void need(bool holds)
{
	if (!holds)
		abort();
}

/* Spans lie in the body, in order, trimmed, none empty. */
static void spans_are_sound(const struct extract *e, struct text body)
{
	const char *at = body.at;

	need(e->n <= countof(e->at));
	for (size_t i = 0; i < e->n; i++) {
		struct text t = e->at[i].text;

		need(t.len > 0 && t.at >= at && t.at + t.len <= body.at + body.len);
		need(text_trim(t).len == t.len);
		at = t.at + t.len;
	}
}

/* Text that nothing quotes, passes on or warns of is somebody's: it is not taken away. */
static void words_stay(const struct extract *e)
{
	bool new = false, parted = false;

	for (size_t i = 0; i < e->n; i++) {
		new = new || e->at[i].kind == EXTRACT_NEW;
		parted = parted || e->at[i].kind == EXTRACT_QUOTED ||
			 e->at[i].kind == EXTRACT_FORWARDED ||
			 e->at[i].kind == EXTRACT_FORWARDED_HEADER;
	}
	need(new || parted || e->n == 0);
}

static void forward_is_readable(const struct extract *e, size_t max)
{
	struct extract_person people[8];
	struct buf b;

	buf_init(&b, max);
	extract_body(e, &b);
	extract_new(e, &b);
	extract_subject(e, TEXT("Fw: x"), &b);
	need(extract_forward_people(e->forward.from, people, 1) <= 1);
	need(extract_forward_people(e->forward.to, people, 8) <= 8);
	buf_clear(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const subjects[] = { "", "Re: x", "Fw: x", "x" };
	struct extract_about about = { text_of(subjects[n % 4]), TEXT("Ann Archer") };
	struct extract *e = mem_new(sizeof(*e)), *again = mem_new(sizeof(*again));
	char snippet[CLASSIFY_SNIPPET];
	struct buf body;
	struct text t;

	buf_init(&body, LIMIT_MIME_TEXT);
	(void)mime_utf8_add(&body, (struct text){ (const char *)p, n }, /* lines= */ true);
	t = text_of_buf(&body);
	extract_cut(t, &about, e);
	extract_cut(t, &about, again);
	need(e->n == again->n && memcmp(e->at, again->at, e->n * sizeof(e->at[0])) == 0);
	spans_are_sound(e, t);
	words_stay(e);
	forward_is_readable(e, (size_t)LIMIT_MIME_TEXT * 2);
	classify_snippet(t, snippet);
	need(mime_utf8_is_valid(text_of(snippet)) && strlen(snippet) < sizeof(snippet));
	buf_clear(&body);
	free(e);
	free(again);
	return 0;
}
