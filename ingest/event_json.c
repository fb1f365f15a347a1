#include "ingest/event_json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json_text.h"
#include "base/limits.h"
#include "base/mem.h"

static json_t *instant(int64_t us)
{
	char text[CLOCK_TEXT];

	clock_rfc3339(us, text);
	return json_string(text);
}

static json_t *said(const char *text)
{
	return text && text[0] ? json_string(text) : json_null();
}

/* Text and its JSON: the value is given up. */
static char *dump(json_t *v)
{
	char *text =
		v ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15)) : NULL;

	json_decref(v);
	return text;
}

/* The text, unless something in it could not be written. */
static char *written(const struct json_text *j)
{
	return json_text_status(j) < 0 ? NULL : buf_take(j->to);
}

char *event_json_matches(const struct event_json_match *at, size_t n)
{
	cleanup_buf struct buf text;
	struct json_text j = json_text_to(&text);

	buf_init(&text, LIMIT_EVENT);
	json_text_open(&j, NULL, '[');
	for (size_t i = 0; i < n; i++) {
		const struct event_json_match *m = &at[i];

		json_text_open(&j, NULL, '{');
		json_text_string(&j, "outbound_id", m->outbound);
		json_text_string(&j, "inbox_id", m->inbox);
		json_text_string(&j, "sequence", m->sequence);
		json_text_string(&j, "step", m->step);
		json_text_string(&j, "prospect", m->prospect);
		json_text_string(&j, "address", m->address);
		json_text_string(&j, "message_id", m->message_id);
		json_text_string(&j, "method", m->method);
		json_text_string(&j, "relation", m->relation);
		json_text_real(&j, "confidence", m->confidence);
		json_text_string(&j, "evidence", m->evidence);
		json_text_close(&j, '}');
	}
	json_text_close(&j, ']');
	return written(&j);
}

/* What an event shows of each match: not the addresses and ids of other outbounds. */
static void put_shown(struct json_text *j, const struct event_json_match *at, size_t n)
{
	json_text_open(j, "matches", '[');
	for (size_t i = 0; i < n; i++) {
		json_text_open(j, NULL, '{');
		json_text_string(j, "outbound_id", at[i].outbound);
		json_text_string(j, "sequence", at[i].sequence);
		json_text_string(j, "step", at[i].step);
		json_text_string(j, "prospect", at[i].prospect);
		json_text_string(j, "method", at[i].method);
		json_text_string(j, "relation", at[i].relation);
		json_text_real(j, "confidence", at[i].confidence);
		json_text_string(j, "evidence", at[i].evidence);
		json_text_close(j, '}');
	}
	json_text_close(j, ']');
}

char *event_json_about(const struct event_json_match *at, size_t n)
{
	static const struct event_json_match none = { "", "", "", "", "", "", "", "", "", 0, "" };
	const struct event_json_match *best = n ? &at[0] : &none;
	cleanup_buf struct buf text;
	struct json_text j = json_text_to(&text);

	buf_init(&text, LIMIT_EVENT);
	json_text_open(&j, "prospect", '{');
	json_text_string(&j, "key", best->prospect);
	json_text_string(&j, "address", best->address);
	json_text_close(&j, '}');
	json_text_string(&j, "sequence", best->sequence);
	json_text_string(&j, "step", best->step);
	json_text_open(&j, "outbound", '{');
	json_text_string(&j, "id", best->outbound);
	json_text_string(&j, "message_id", best->message_id);
	json_text_close(&j, '}');
	json_text_string(&j, "relation", best->relation[0] ? best->relation : "unknown");
	put_shown(&j, at, n);
	return written(&j);
}

size_t event_json_prospects(const struct event_json_match *at, size_t n, char **ret, size_t max)
{
	size_t found = 0;

	for (size_t k = 0; k < n; k++) {
		size_t i = 0;

		while (i < found && strcmp(ret[i], at[k].prospect) != 0)
			i++;
		if (i == found && found < max)
			ret[found++] = mem_text(at[k].prospect);
	}
	return found;
}

static const char *of(const json_t *match, const char *key)
{
	const char *v = json_string_value(json_object_get(match, key));

	return v ? v : "";
}

void event_json_list_read(const char *matches, struct event_json_list *ret)
{
	size_t at;
	json_t *m;

	ret->doc = json_loads(matches, 0, NULL);
	ret->n = 0;
	json_array_foreach(ret->doc, at, m)
	{
		if (ret->n < LIMIT_MATCHES && of(m, "prospect")[0])
			ret->at[ret->n++] = (struct event_json_match){
				.outbound = of(m, "outbound_id"),
				.inbox = of(m, "inbox_id"),
				.sequence = of(m, "sequence"),
				.step = of(m, "step"),
				.prospect = of(m, "prospect"),
				.address = of(m, "address"),
				.message_id = of(m, "message_id"),
				.method = of(m, "method"),
				.relation = of(m, "relation"),
				.confidence = json_number_value(json_object_get(m, "confidence")),
				.evidence = of(m, "evidence"),
			};
	}
}

void event_json_list_clear(struct event_json_list *l)
{
	json_decref(l->doc);
	l->doc = NULL;
	l->n = 0;
}

char *event_json_evidence(const struct classify_verdict *v)
{
	cleanup_buf struct buf text;
	struct json_text j = json_text_to(&text);

	buf_init(&text, LIMIT_EVENT);
	json_text_open(&j, NULL, '[');
	for (size_t i = 0; i < v->n_evidence; i++) {
		json_text_open(&j, NULL, '{');
		json_text_string(&j, "rule", v->evidence[i].rule);
		json_text_string(&j, "source", classify_verdict_source_name(v->evidence[i].source));
		json_text_string(&j, "text", v->evidence[i].text);
		json_text_close(&j, '}');
	}
	json_text_close(&j, ']');
	return written(&j);
}

/* Of one recipient. */
static void put_failure(struct json_text *j, const struct classify_bounce *b)
{
	json_text_said(j, "recipient", b->recipient);
	json_text_string(j, "kind", classify_kind_name(b->kind));
	json_text_said(j, "action", mime_dsn_action_name(b->action));
	json_text_said(j, "status", b->status);
	if (b->smtp_code)
		json_text_int(j, "smtp_code", b->smtp_code);
	else
		json_text_null(j, "smtp_code");
	json_text_said(j, "reason", b->reason);
	json_text_said(j, "fault", classify_fault_name(b->fault));
	json_text_said(j, "diagnostic", b->diagnostic);
}

static void put_bounce(struct json_text *j, const struct classify_verdict *v)
{
	if (!classify_kind_is_bounce(v->kind)) {
		json_text_null(j, "bounce");
		return;
	}
	json_text_open(j, "bounce", '{');
	put_failure(j, &v->bounce);
	json_text_open(j, "recipients", '[');
	for (size_t i = 0; i < v->n_recipients; i++) {
		json_text_open(j, NULL, '{');
		put_failure(j, &v->recipients[i]);
		json_text_close(j, '}');
	}
	json_text_close(j, ']');
	json_text_close(j, '}');
}

static void put_complaint(struct json_text *j, const struct event_json_mail *m)
{
	const struct classify_complaint *c = &m->verdict->complaint;

	if (!c->type) {
		json_text_null(j, "complaint");
		return;
	}
	json_text_open(j, "complaint", '{');
	json_text_said(j, "type", c->type);
	json_text_said(j, "recipient", c->recipient);
	json_text_said(j, "original_message_id", m->original_message_id);
	json_text_close(j, '}');
}

static void put_calendar(struct json_text *j, const struct classify_calendar *c)
{
	if (!c->answer) {
		json_text_null(j, "calendar");
		return;
	}
	json_text_open(j, "calendar", '{');
	json_text_said(j, "answer", c->answer);
	json_text_said(j, "starts_at", c->starts_at);
	json_text_close(j, '}');
}

static void put_contact(struct json_text *j, const struct classify_contact *c)
{
	if (!c->name[0] && !c->address[0]) {
		json_text_null(j, "contact");
		return;
	}
	json_text_open(j, "contact", '{');
	json_text_said(j, "name", c->name);
	json_text_said(j, "email", c->address);
	json_text_close(j, '}');
}

static int64_t ms_between(int64_t from_us, int64_t to_us)
{
	return to_us > from_us ? (to_us - from_us) / 1000 : 0;
}

static void put_message(struct json_text *j, const struct event_json_mail *m)
{
	json_text_open(j, "inbox", '{');
	json_text_string(j, "id", m->inbox);
	json_text_string(j, "address", m->inbox_address);
	json_text_string(j, "folder_role", m->folder_role);
	json_text_close(j, '}');
	json_text_open(j, "message", '{');
	json_text_string(j, "id", m->message);
	json_text_said(j, "message_id", m->header_message_id);
	json_text_said(j, "from", m->from);
	json_text_string(j, "subject", m->subject);
	json_text_time(j, "received_at", m->received_us);
	json_text_string(j, "snippet", m->snippet);
	json_text_close(j, '}');
}

static void put_verdict(struct json_text *j, const struct event_json_mail *m)
{
	const struct classify_verdict *v = m->verdict;

	json_text_string(j, "kind", classify_kind_name(v->kind));
	json_text_said(j, "intent", classify_intent_name(v->intent));
	json_text_real(j, "confidence", v->confidence);
	json_text_given(j, "evidence", m->evidence);
	json_text_open(j, "gate", '{');
	json_text_int(j, "level", m->level);
	json_text_string(j, "reason", m->reason);
	json_text_close(j, '}');
	put_bounce(j, v);
	put_complaint(j, m);
	put_calendar(j, &v->calendar);
	json_text_said(j, "return_at", v->return_at);
	json_text_said(j, "followup_at", v->followup_at);
	put_contact(j, &v->contact);
}

char *event_json_mail(const struct event_json_mail *m)
{
	cleanup_buf struct buf text;
	struct json_text j = json_text_to(&text);

	buf_init(&text, LIMIT_EVENT);
	json_text_open(&j, NULL, '{');
	json_text_more(&j, text_of(m->about));
	put_message(&j, m);
	put_verdict(&j, m);
	json_text_bool(&j, "recovered", m->recovered);
	json_text_bool(&j, "text_unavailable", m->text_unavailable != NULL);
	json_text_said(&j, "text_unavailable_reason", m->text_unavailable);
	json_text_open(&j, "latency_ms", '{');
	json_text_int(&j, "detected_to_gated", ms_between(m->detected_us, m->gated_us));
	json_text_int(&j, "detected_to_ingested", ms_between(m->detected_us, m->ingested_us));
	json_text_close(&j, '}');
	json_text_time(&j, "detected_at", m->detected_us);
	json_text_time(&j, "gated_at", m->gated_us);
	json_text_close(&j, '}');
	return written(&j);
}

static json_t *answered(const json_t *prospect)
{
	json_t *message = json_object_get(prospect, "message_id");
	json_t *outbound = json_object_get(prospect, "outbound_id");

	if (!json_is_string(message) && !json_is_string(outbound))
		return json_null();
	return json_pack("{sO? sO?}", "message_id", message, "outbound_id", outbound);
}

json_t *event_json_manual(const struct event_json_manual *m, const json_t *prospect)
{
	return json_pack("{s{sO sO} s{ss ss ss} s{ss so ss so} so sb so}", "prospect", "key",
			 json_object_get(prospect, "key"), "address",
			 json_object_get(prospect, "address"), "inbox", "id", m->inbox, "address",
			 m->inbox_address, "folder_role", m->folder_role, "message", "id",
			 m->message, "message_id", said(m->header_message_id), "subject",
			 m->subject, "sent_at", instant(m->sent_us), "answers", answered(prospect),
			 "recovered", m->recovered, "detected_at", instant(m->detected_us));
}

char *event_json_inbox(const char *inbox, const char *address, const char *reason, const char *hint)
{
	return dump(json_pack("{ss ss ss ss}", "inbox_id", inbox, "address", address, "reason",
			      reason, "connect_hint", hint));
}
