#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "ingest/match/match_names.h"
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

/* What an outbound is found by beside the ids.  A company is told by its domain. */
static json_t *names_json(const struct reading *r)
{
	const struct match_names_place nowhere = { 0 };
	struct match_names names;
	json_t *list = json_array();

	match_names_of(&r->mail.head, &nowhere, &names);
	match_names_add_links((const char(*)[MATCH_LINK])r->body.links, r->body.n_links, &names);
	for (size_t i = 0; i < names.n; i++) {
		const struct match_name *n = &names.at[i];

		if (n->method != MATCH_SELF)
			json_append(list, json_pack("{ss ss}", "name", n->shown, "where",
						    match_ids_method_name(n->method)));
	}
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

/* "new" is what a person is shown; the small print goes with the signature. */
static void put_kind(json_t *o, const char *name, const struct reading *r, enum extract_kind kind,
		     enum extract_kind and)
{
	cleanup_buf struct buf joined;

	buf_init(&joined, (size_t)LIMIT_MIME_TEXT * 2);
	extract_join(&r->cut, kind, &joined);
	if (and != kind && joined.len)
		(void)text_add(&joined, TEXT("\n\n"));
	if (and != kind)
		extract_join(&r->cut, and, &joined);
	json_put_text(o, name, text_trim(text_of_buf(&joined)));
}

static json_t *spans_json(const struct reading *r)
{
	json_t *spans = json_array();

	for (size_t i = 0; i < r->cut.n; i++) {
		const struct extract_span *s = &r->cut.at[i];
		json_int_t from = (json_int_t)(s->text.at - (const char *)r->text.data);

		json_append(spans, json_pack("{ss sI sI}", "kind", extract_kind_name(s->kind),
					     "start", from, "end", from + (json_int_t)s->text.len));
	}
	return spans;
}

static json_t *text_json(const struct reading *r, struct text new_text)
{
	json_t *o = json_object();

	json_put_text(o, "full", text_of_buf(&r->text));
	json_put_text(o, "new", new_text);
	put_kind(o, "quoted", r, EXTRACT_QUOTED, EXTRACT_QUOTED);
	put_kind(o, "signature", r, EXTRACT_SIGNATURE, EXTRACT_DISCLAIMER);
	json_put(o, "spans", spans_json(r));
	return o;
}

/* ---- forwards ---- */

static json_t *person_json(const struct extract_person *p)
{
	return json_pack("{so so}", "name", said(p->name), "address", said(p->address));
}

static json_t *people_json(struct text slice)
{
	struct extract_person *people = mem_new(LIMIT_MIME_RECIPIENTS * sizeof(*people));
	size_t n = extract_forward_people(slice, people, LIMIT_MIME_RECIPIENTS);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_append(list, person_json(&people[i]));
	free(people);
	return list;
}

static void put_value(json_t *o, const char *name, struct text slice)
{
	cleanup_buf struct buf value;

	buf_init(&value, slice.len + 1);
	extract_forward_value(slice, &value);
	if (value.len)
		json_put_text(o, name, text_of_buf(&value));
	else
		json_put_null(o, name);
}

static json_t *forwarded_json(const struct reading *r)
{
	const struct extract_forward *f = &r->cut.forward;
	struct extract_person from = { 0 };
	cleanup_buf struct buf body, subject;
	json_t *o = json_object();

	buf_init(&body, LIMIT_MIME_TEXT);
	buf_init(&subject, LIMIT_MIME_SUBJECT);
	extract_body(&r->cut, &body);
	extract_subject(&r->cut, text_of(r->mail.head.subject), &subject);
	(void)extract_forward_people(f->from, &from, 1);
	json_put(o, "from", person_json(&from));
	json_put(o, "to", people_json(f->to));
	json_put(o, "cc", people_json(f->cc));
	put_value(o, "subject", text_of_buf(&subject));
	put_value(o, "date", f->date);
	json_put_text(o, "body", text_of_buf(&body));
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
	struct match_ids ids = r->ids;
	cleanup_buf struct buf joined;
	json_t *o = json_object();

	match_ids_add_body(&r->body, &ids);
	buf_init(&joined, (size_t)LIMIT_MIME_TEXT * 2);
	extract_new(&r->cut, &joined);
	json_put(o, "kind", json_string(classify_kind_name(v->kind)));
	json_put(o, "intent", said(classify_intent_name(v->intent)));
	json_put(o, "lang", said(v->lang));
	json_put(o, "confidence", json_real(v->confidence));
	if (classify_kind_is_human(v->kind))
		json_put_text(o, "new_text", text_of_buf(&joined));
	else
		json_put_null(o, "new_text");
	json_put(o, "return_at", said(v->return_at));
	json_put(o, "contact", contact_json(&v->contact));
	json_put(o, "followup_at", said(v->followup_at));
	json_put(o, "outbound_message_id", said(ids.n ? ids.at[0].id : NULL));
	json_put(o, "evidence", evidence_json(v));
	json_put(o, "refs", refs_json(&ids));
	json_put(o, "names", names_json(r));
	json_put(o, "bounce", bounce_json(r));
	json_put(o, "complaint", complaint_json(r));
	json_put(o, "calendar", calendar_json(&v->calendar));
	json_put(o, "forwarded", r->cut.is_forward ? forwarded_json(r) : json_null());
	json_put(o, "text", text_json(r, text_of_buf(&joined)));
	return o;
}
