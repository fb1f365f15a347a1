#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_verdict.h"
#include "ingest/mime/mime_utf8.h"

static const char *const source_names[] = {
	[CLASSIFY_BY_HEADER] = "header",
	[CLASSIFY_BY_DSN] = "dsn",
	[CLASSIFY_BY_TEXT] = "text",
	[CLASSIFY_BY_SUBJECT] = "subject",
};

const char *classify_verdict_source_name(enum classify_source source)
{
	return source_names[source];
}

void classify_verdict_init(struct classify_verdict *v, enum classify_kind kind)
{
	memset(v, 0, offsetof(struct classify_verdict, recipients));
	v->kind = kind;
}

void classify_verdict_add_hint(struct classify_verdict *v, const char *rule,
			       enum classify_source source, struct text saw)
{
	for (size_t i = 0; i < v->n_evidence; i++)
		if (strcmp(v->evidence[i].rule, rule) == 0)
			return;
	if (v->n_evidence < CLASSIFY_HINTS)
		classify_verdict_add(v, rule, source, saw);
}

void classify_verdict_add(struct classify_verdict *v, const char *rule, enum classify_source source,
			  struct text saw)
{
	struct classify_evidence *e;

	if (v->n_evidence == countof(v->evidence))
		v->n_evidence--;
	e = &v->evidence[v->n_evidence];
	*e = (struct classify_evidence){ .rule = rule, .source = source };
	mime_utf8_copy(e->text, sizeof(e->text), saw);
	v->n_evidence++;
}

static enum classify_kind softer(enum classify_kind kind)
{
	return kind == CLASSIFY_BOUNCE_HARD ? CLASSIFY_BOUNCE_SOFT : kind;
}

void classify_verdict_soften(struct classify_verdict *v)
{
	if (v->kind == CLASSIFY_COMPLAINT) {
		v->kind = CLASSIFY_REPLY;
		v->complaint = (struct classify_complaint){ 0 };
	}
	v->kind = softer(v->kind);
	v->bounce.kind = softer(v->bounce.kind);
	for (size_t i = 0; i < v->n_recipients; i++)
		v->recipients[i].kind = softer(v->recipients[i].kind);
}
