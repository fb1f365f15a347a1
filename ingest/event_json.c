#include "ingest/event_json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
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

char *event_json_matches(const struct event_json_match *at, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		const struct event_json_match *m = &at[i];

		json_array_append_new(list,
				      json_pack("{ss ss ss ss ss ss ss ss sf ss}", "outbound_id",
						m->outbound, "inbox_id", m->inbox, "sequence",
						m->sequence, "step", m->step, "prospect",
						m->prospect, "address", m->address, "message_id",
						m->message_id, "method", m->method, "confidence",
						m->confidence, "evidence", m->evidence));
	}
	return dump(list);
}

size_t event_json_prospects(const char *matches, char **ret, size_t max)
{
	json_t *list = json_loads(matches, 0, NULL), *one;
	size_t n = 0, at;

	json_array_foreach(list, at, one)
	{
		const char *key = json_string_value(json_object_get(one, "prospect"));
		size_t i = 0;

		while (key && i < n && strcmp(ret[i], key) != 0)
			i++;
		if (key && i == n && n < max)
			ret[n++] = mem_text(key);
	}
	json_decref(list);
	return n;
}

char *event_json_evidence(const struct classify_verdict *v)
{
	json_t *list = json_array();

	for (size_t i = 0; i < v->n_evidence; i++)
		json_array_append_new(list,
				      json_pack("{ss ss ss}", "rule", v->evidence[i].rule, "source",
						classify_verdict_source_name(v->evidence[i].source),
						"text", v->evidence[i].text));
	return dump(list);
}

static json_t *bounce_json(const struct classify_verdict *v)
{
	const struct classify_bounce *b = &v->bounce;

	if (v->kind != CLASSIFY_BOUNCE_HARD && v->kind != CLASSIFY_BOUNCE_SOFT)
		return json_null();
	return json_pack("{so so so so so so}", "recipient", said(b->recipient), "action",
			 said(mime_dsn_action_name(b->action)), "status", said(b->status),
			 "smtp_code", b->smtp_code ? json_integer(b->smtp_code) : json_null(),
			 "reason", said(b->reason), "diagnostic", said(b->diagnostic));
}

/* What an event shows of each match: not the addresses and ids of other outbounds. */
static json_t *shown_matches(const json_t *matches)
{
	static const char *const keys[] = { "outbound_id", "sequence",   "step",    "prospect",
					    "method",      "confidence", "evidence" };
	json_t *list = json_array();

	for (size_t i = 0; i < json_array_size(matches); i++) {
		json_t *shown = json_object();

		for (size_t k = 0; k < countof(keys); k++)
			json_object_set(shown, keys[k],
					json_object_get(json_array_get(matches, i), keys[k]));
		json_array_append_new(list, shown);
	}
	return list;
}

static const char *of(const json_t *match, const char *key)
{
	const char *v = json_string_value(json_object_get(match, key));

	return v ? v : "";
}

static int64_t ms_between(int64_t from_us, int64_t to_us)
{
	return to_us > from_us ? (to_us - from_us) / 1000 : 0;
}

static json_t *mail_json(const struct event_json_mail *m, const json_t *matches)
{
	const json_t *best = json_array_get(matches, 0);
	const struct classify_verdict *v = m->verdict;
	json_t *evidence = json_loads(m->evidence, 0, NULL);

	return json_pack(
		"{s{ss ss} s{ss ss ss} ss ss s{ss ss} s{ss so so ss so ss} ss sn sf so so s{si ss} "
		"so so sb sb so"
		" s{sI sI} so so}",
		"prospect", "key", of(best, "prospect"), "address", of(best, "address"), "inbox",
		"id", m->inbox, "address", m->inbox_address, "folder_role", m->folder_role,
		"sequence", of(best, "sequence"), "step", of(best, "step"), "outbound", "id",
		of(best, "outbound_id"), "message_id", of(best, "message_id"), "message", "id",
		m->message, "message_id", said(m->header_message_id), "from", said(m->from),
		"subject", m->subject, "received_at", instant(m->received_us), "snippet",
		m->snippet, "kind", classify_kind_name(v->kind), "intent", "confidence",
		v->confidence, "evidence", evidence ? evidence : json_array(), "matches",
		shown_matches(matches), "gate", "level", m->level, "reason", m->reason, "bounce",
		bounce_json(v), "return_at", said(v->return_at), "recovered", m->recovered,
		"text_unavailable", m->text_unavailable != NULL, "text_unavailable_reason",
		said(m->text_unavailable), "latency_ms", "detected_to_gated",
		(json_int_t)ms_between(m->detected_us, m->gated_us), "detected_to_ingested",
		(json_int_t)ms_between(m->detected_us, m->ingested_us), "detected_at",
		instant(m->detected_us), "gated_at", instant(m->gated_us));
}

char *event_json_mail(const struct event_json_mail *m)
{
	json_t *matches = json_loads(m->matches, 0, NULL);
	char *text = dump(mail_json(m, matches));

	json_decref(matches);
	return text;
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
