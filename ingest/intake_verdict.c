#include "ingest/intake_verdict.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ingest/classify/classify.h"
#include "ingest/classify/classify_snippet.h"
#include "ingest/event_json.h"
#include "ingest/extract/extract.h"
#include "ingest/ladder.h"

/* Why nothing of its text is told; NULL: it is told. */
static const char *why_unavailable(const struct intake_mail *m)
{
	if (!m->has_head)
		return "gone";
	if (m->is_set_aside)
		return "set_aside";
	return intake_mail_is_unreadable(m) ? "refused" : NULL;
}

/* The mail was there and is gone: that somebody answered is certain, what he said is not. */
static void judge_gone(struct classify_verdict *ret)
{
	classify_verdict_init(ret, CLASSIFY_REPLY);
	ret->confidence = 0.5;
	classify_verdict_add(ret, "gone.before.read", CLASSIFY_BY_HEADER,
			     TEXT("the mail vanished before its text was read"));
}

static void judge(const struct intake_mail *m, const struct intake_mail_place *p, struct text fresh,
		  struct classify_verdict *ret)
{
	const struct classify_input in = {
		.head = &m->head,
		.body = text_of_buf(&m->text),
		.fresh = fresh,
		.dsn = mime_dsn_is_empty(&m->dsn) ? NULL : &m->dsn,
		.report = &m->report,
		.matched = true,
		.matched_by_dsn = m->is_by_dsn,
		.is_known = !m->is_weak,
		.authserv = p->authserv,
		.received_at = m->internal_us / 1000000,
	};

	if (m->has_head)
		classify_full(&in, ret);
	else
		judge_gone(ret);
}

static char *snippet_of(const struct extract *cut)
{
	char snippet[CLASSIFY_SNIPPET];
	cleanup_buf struct buf joined;

	buf_init(&joined, (size_t)LIMIT_MIME_TEXT * 2);
	extract_new(cut, &joined);
	classify_snippet(text_of_buf(&joined), snippet);
	return mem_text(snippet);
}

static void name_event(const struct intake_mail *m, const struct intake_mail_place *p,
		       const char *type, char dst[EVENT_ID])
{
	const struct text parts[] = { text_of(p->workspace), text_of(m->message), text_of(type),
				      TEXT("1") };

	event_id_of(parts, countof(parts), dst);
}

/* What its event tells; borrows from everything. */
static struct event_json_mail told_of(const struct intake_mail *m,
				      const struct intake_mail_place *p, int64_t now_us,
				      const struct classify_verdict *verdict,
				      const struct ladder_step *step,
				      const struct intake_verdict *v)
{
	const struct mime_dsn *dsn = &m->dsn;

	return (struct event_json_mail){
		.about = m->about,
		.evidence = v->evidence,
		.inbox = p->inbox,
		.inbox_address = p->address,
		.folder_role = p->folder_role,
		.message = m->message,
		.header_message_id = m->header_message_id,
		.from = m->sender,
		.subject = m->subject,
		.original_message_id =
			dsn->original.message_id ? dsn->original.message_id : dsn->original_id,
		.snippet = v->snippet,
		.received_us = m->internal_us,
		.detected_us = m->detected_us,
		.gated_us = m->gated_us,
		.ingested_us = now_us,
		.verdict = verdict,
		.level = step->level,
		.reason = step->reason,
		.recovered = m->is_recovered,
		.text_unavailable = why_unavailable(m),
	};
}

/* What is written; borrows from `m` and `v`. */
static struct arrival_verdict verdict_row(const struct intake_mail *m,
					  const struct classify_verdict *verdict,
					  const struct ladder_step *step,
					  const struct intake_verdict *v)
{
	return (struct arrival_verdict){
		.message = m->message,
		.prospects = (const char *const *)m->prospects,
		.n_prospects = m->n_prospects,
		.text_unavailable = why_unavailable(m) != NULL,
		.kind = classify_kind_name(verdict->kind),
		.confidence = verdict->confidence,
		.snippet = v->snippet,
		.evidence = v->evidence,
		.matches = m->matches,
		.return_at_us = step->return_at_us,
		.level = step->level,
		.reason = step->reason,
		.hold_until_us = step->hold_until_us,
		.event = v->event,
		.event_type = step->event_type,
		.event_data = v->event_data,
	};
}

int intake_verdict_of(const struct intake_mail *m, const struct intake_mail_place *p,
		      int64_t now_us, struct intake_verdict *ret)
{
	cleanup_free struct classify_verdict *verdict = mem_new(sizeof(*verdict));
	struct extract_about about = extract_about_of(&m->head);
	struct event_json_mail told;
	struct ladder_step step;
	cleanup_buf struct buf fresh;
	struct extract cut;

	buf_init(&fresh, (size_t)LIMIT_MIME_TEXT * 2);
	extract_cut(text_of_buf(&m->text), &about, &cut);
	extract_join(&cut, EXTRACT_NEW, &fresh);
	judge(m, p, text_of_buf(&fresh), verdict);
	ladder_of(verdict, m->internal_us, now_us, &step);
	if (m->is_weak && verdict->is_unproven)
		ladder_doubt(&step);
	*ret = (struct intake_verdict){ .snippet = snippet_of(&cut),
					.evidence = event_json_evidence(verdict) };
	name_event(m, p, step.event_type, ret->event);
	told = told_of(m, p, now_us, verdict, &step, ret);
	ret->event_data = event_json_mail(&told);
	ret->v = verdict_row(m, verdict, &step, ret);
	return ret->event_data && ret->evidence ? 0 : -EILSEQ;
}

void intake_verdict_clear(struct intake_verdict *v)
{
	free(v->evidence);
	free(v->event_data);
	free(v->snippet);
	*v = (struct intake_verdict){ 0 };
}
