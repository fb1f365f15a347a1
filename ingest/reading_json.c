#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ingest/reading_json.h"

static json_t *said(const char *s)
{
	return s && *s ? json_string(s) : json_null();
}

static json_t *evidence_json(const struct classify_verdict *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->n_evidence; i++)
		json_append(list, json_pack("{ss ss ss}", "rule", v->evidence[i].rule, "source",
					    classify_verdict_source_name(v->evidence[i].source),
					    "text", v->evidence[i].text));
	return list;
}

static json_t *refs_json(const struct match_ids *ids)
{
	json_t *list = json_array();

	for (size_t i = 0; i < ids->n; i++)
		json_append(list, json_pack("{ss ss}", "id", ids->at[i].id, "where",
					    match_ids_method_name(ids->at[i].method)));
	return list;
}

/* ---- bounces ---- */

static json_t *recipient_json(const struct classify_bounce *b)
{
	return json_pack("{so ss so so so so so so}", "address", said(b->recipient), "kind",
			 classify_kind_name(b->kind), "action",
			 said(mime_dsn_action_name(b->action)), "status", said(b->status),
			 "smtp_code", b->smtp_code ? json_integer(b->smtp_code) : json_null(),
			 "reason", said(b->reason), "fault", said(classify_fault_name(b->fault)),
			 "diagnostic", said(b->diagnostic));
}

static json_t *bounce_json(const struct reading *r)
{
	const struct classify_verdict *v = &r->verdict;
	const struct mime_head *original = &r->dsn.original;
	json_t *list;

	if (!classify_kind_is_bounce(v->kind))
		return json_null();
	list = json_array();
	for (size_t i = 0; i < v->n_recipients; i++)
		json_append(list, recipient_json(&v->recipients[i]));
	return json_pack("{so so so so}", "recipients", list, "reporting_mta",
			 said(r->dsn.reporting_mta), "original_message_id",
			 said(original->message_id ? original->message_id : r->dsn.original_id),
			 "original_subject", said(original->subject));
}

static json_t *complaint_json(const struct reading *r)
{
	const struct classify_complaint *c = &r->verdict.complaint;
	const struct mime_dsn *d = &r->dsn;

	if (!c->type)
		return json_null();
	return json_pack("{so so so}", "type", said(c->type), "recipient", said(c->recipient),
			 "original_message_id",
			 said(d->original.message_id ? d->original.message_id : d->original_id));
}

static json_t *calendar_json(const struct classify_calendar *c)
{
	if (!c->answer)
		return json_null();
	return json_pack("{so so}", "answer", said(c->answer), "starts_at", said(c->starts_at));
}

/* ---- text ---- */

static json_t *span_json(const struct reading *r, struct text t)
{
	size_t from = (size_t)(t.at - (const char *)r->text.data);
	json_t *span = json_array();

	json_append(span, json_integer((json_int_t)from));
	json_append(span, json_integer((json_int_t)from + (json_int_t)t.len));
	return span;
}

static json_t *text_json(const struct reading *r, const char *new_text)
{
	json_t *o = json_object(), *spans = json_array();

	json_put_text(o, "full", text_of_buf(&r->text));
	json_put_text(o, "new", text_of(new_text));
	for (size_t i = 0; i < r->cut.n; i++)
		json_append(spans, span_json(r, r->cut.at[i]));
	json_put(o, "new_spans", spans);
	return o;
}

static json_t *contact_json(const struct classify_contact *c)
{
	if (!c->name[0] && !c->address[0])
		return json_null();
	return json_pack("{so so}", "name", said(c->name), "email", said(c->address));
}

json_t *reading_json(const struct reading *r)
{
	const struct classify_verdict *v = &r->verdict;
	cleanup_buf struct buf joined;
	json_t *o = json_object();

	buf_init(&joined, LIMIT_MIME_TEXT + 1);
	classify_quote_join(&r->cut, &joined);
	(void)buf_add(&joined, "", 1);
	json_put(o, "kind", json_string(classify_kind_name(v->kind)));
	json_put(o, "intent", said(classify_intent_name(v->intent)));
	json_put(o, "lang", said(v->lang));
	json_put(o, "confidence", json_real(v->confidence));
	if (classify_kind_is_human(v->kind))
		json_put_text(o, "new_text", text_of((const char *)joined.data));
	else
		json_put_null(o, "new_text");
	json_put(o, "return_at", said(v->return_at));
	json_put(o, "contact", contact_json(&v->contact));
	json_put(o, "followup_at", said(v->followup_at));
	json_put(o, "outbound_message_id", said(r->ids.n ? r->ids.at[0].id : NULL));
	json_put(o, "evidence", evidence_json(v));
	json_put(o, "refs", refs_json(&r->ids));
	json_put(o, "bounce", bounce_json(r));
	json_put(o, "complaint", complaint_json(r));
	json_put(o, "calendar", calendar_json(&v->calendar));
	json_put(o, "text", text_json(r, (const char *)joined.data));
	return o;
}
