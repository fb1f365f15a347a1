#include "ingest/intake_mail.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/keyed.h"
#include "base/mem.h"
#include "ingest/classify/classify.h"
#include "ingest/event_json.h"
#include "ingest/intake_match.h"
#include "ingest/intake_own.h"
#include "ingest/mime/mime_fold.h"
#include "ingest/mime/mime_identity.h"
#include "ingest/mime/mime_part.h"
#include "ingest/mime/mime_subject.h"

static const char *const state_names[] = {
#define INTAKE_MAIL_STATE(name, word) word,
	INTAKE_MAIL_STATES(INTAKE_MAIL_STATE)
#undef INTAKE_MAIL_STATE
};

const char *intake_mail_state_name(enum intake_mail_state s)
{
	return state_names[s];
}

static void enter(struct intake_mail *m, enum intake_mail_state state)
{
	m->state = state;
}

void intake_mail_init(struct intake_mail *m, uint32_t uid)
{
	*m = (struct intake_mail){ .uid = uid };
	mime_head_init(&m->head);
	mime_dsn_init(&m->dsn);
	buf_init(&m->text, LIMIT_MIME_TEXT);
	buf_init(&m->links, LIMIT_MIME_LINKS);
	buf_init(&m->raw, LIMIT_MIME_HEAD);
}

static void forget_match(struct intake_mail *m)
{
	char **const texts[] = { &m->matches, &m->about, &m->header_message_id, &m->sender,
				 &m->subject };

	for (size_t i = 0; i < countof(texts); i++) {
		free(*texts[i]);
		*texts[i] = NULL;
	}
	while (m->n_prospects)
		free(m->prospects[--m->n_prospects]);
}

void intake_mail_clear(struct intake_mail *m)
{
	mime_head_clear(&m->head);
	mime_dsn_clear(&m->dsn);
	buf_clear(&m->text);
	buf_clear(&m->links);
	buf_clear(&m->raw);
	forget_match(m);
	*m = (struct intake_mail){ 0 };
}

/* Whom it concerns, and what is told of that. */
static void concerns(struct intake_mail *m, const struct event_json_match *at, size_t n)
{
	m->matches = event_json_matches(at, n);
	m->about = event_json_about(at, n);
	m->n_prospects = event_json_prospects(at, n, m->prospects, LIMIT_MATCHES);
}

void intake_mail_gone(struct intake_mail *m, const struct folder_pending *p)
{
	cleanup_free struct event_json_list *list = mem_new(sizeof(*list));

	(void)snprintf(m->message, sizeof(m->message), "%s", p->message);
	event_json_list_read(p->matches, list);
	concerns(m, list->at, list->n);
	event_json_list_clear(list);
	if (!m->n_prospects)
		m->prospects[m->n_prospects++] = mem_text(p->prospect);
	m->header_message_id = mem_text(p->header_message_id);
	m->sender = mem_text(p->sender);
	m->subject = mem_text(p->subject);
	m->internal_us = p->internal_at_us;
	m->detected_us = p->detected_at_us;
	m->gated_us = p->gated_at_us;
	m->is_recovered = p->recovered;
	enter(m, INTAKE_MAIL_READ);
}

/* ---- told ---- */

static enum mime_pick_as pick_as(const struct intake_mail *m)
{
	struct text raw = text_of_buf(&m->raw);

	if (m->state != INTAKE_MAIL_UNREAD)
		return classify_head_pick_as(&m->head);
	/* Close enough to choose its parts by: no more is looked at here. */
	if (text_ifind(raw, TEXT("multipart/report")) != SIZE_MAX)
		return MIME_PICK_AS_REPORT;
	return text_ifind(raw, TEXT("daemon")) != SIZE_MAX ||
			       text_ifind(raw, TEXT("postmaster")) != SIZE_MAX
		       ? MIME_PICK_AS_SERVERS
		       : MIME_PICK_AS_MAIL;
}

static void pick_parts(struct intake_mail *m, const struct imap_body *body)
{
	struct mime_part_info infos[LIMIT_IMAP_PARTS];
	size_t n = body->n_parts < LIMIT_IMAP_PARTS ? body->n_parts : LIMIT_IMAP_PARTS;

	for (size_t i = 0; i < n; i++) {
		const struct imap_part *p = &body->parts[i];

		infos[i] = (struct mime_part_info){
			.section = text_of(p->section),
			.type = p->type,
			.subtype = p->subtype,
			.charset = p->charset,
			.encoding = p->encoding,
			.disposition = p->disposition,
			.size = p->size,
		};
	}
	mime_pick_parts(infos, n, pick_as(m), &m->pick);
}

void intake_mail_told(struct intake_mail *m, const struct imap_message *told)
{
	if (told->has & IMAP_HAS_DATE)
		m->internal_us = told->date_unix_s * 1000000;
	if (told->has & IMAP_HAS_SIZE)
		m->size = told->size;
	if (told->has & IMAP_HAS_HEADER) {
		mime_head_read(&m->head, told->header.at, told->header.len);
		m->has_head = true;
		m->is_head_cut = told->is_header_cut;
	}
	if (told->gmail_thrid)
		m->gmail_thread = told->gmail_thrid;
	m->is_draft |= intake_own_is_marked(told->flags, TEXT("Draft"));
	m->is_sent |= intake_own_is_marked(told->gmail_labels, TEXT("Sent"));
	m->is_draft |= intake_own_is_marked(told->gmail_labels, TEXT("Draft"));
	if (told->has & IMAP_HAS_BODY) {
		m->is_suspicious = told->body->is_partial;
		pick_parts(m, told->body);
	}
}

void intake_mail_held(struct intake_mail *m, const struct imap_message *told)
{
	struct imap_message rest = *told;

	if (told->has & IMAP_HAS_HEADER) {
		m->has_head = true;
		m->is_head_cut = told->is_header_cut;
		buf_clear(&m->raw);
		if (buf_add(&m->raw, told->header.at, told->header.len))
			m->is_head_cut =
				true; /* more than LIMIT_MIME_HEAD: nobody asked for that */
		enter(m, INTAKE_MAIL_UNREAD);
		rest.has &= ~(unsigned)IMAP_HAS_HEADER;
	}
	intake_mail_told(m, &rest);
}

void intake_mail_read(struct intake_mail *m)
{
	mime_head_read(&m->head, (const char *)m->raw.data, m->raw.len);
	buf_clear(&m->raw);
	enter(m, INTAKE_MAIL_NEW);
}

/* The server described no part: RFC 3501 section 6.4.5, every mail has a part 1. */
static void pick_first_part(struct intake_mail *m)
{
	struct mime_pick_item *item = &m->pick.at[0];

	*item = (struct mime_pick_item){
		.want = MIME_WANT_TEXT,
		.section = "1",
		.max_bytes = LIMIT_MIME_PART,
		.part.html = mime_head_is_type(&m->head, "text", "html", NULL),
	};
	if (m->head.encoding)
		item->part.encoding = mime_part_encoding(text_of(m->head.encoding));
	if (m->head.type.charset)
		(void)snprintf(item->part.charset, sizeof(item->part.charset), "%s",
			       m->head.type.charset);
	m->pick.n = 1;
}

void intake_mail_begin(struct intake_mail *m, const struct intake_mail_place *p)
{
	const struct text own = text_of(p->address);

	if (!m->pick.n && !m->head.type.type)
		pick_first_part(m);
	for (size_t i = 0; i < m->pick.n; i++)
		if (m->pick.at[i].want == MIME_WANT_TEXT && m->pick.at[i].max_bytes > p->text_max)
			m->pick.at[i].max_bytes = p->text_max;
	/* What the seller sent answers nothing, wherever it lies. */
	if (!m->has_head || m->is_draft)
		enter(m, INTAKE_MAIL_OVER);
	else if (m->is_sent || match_pick_is_own(&m->head, &own, 1))
		enter(m, INTAKE_MAIL_OWN);
	else if (m->is_head_cut)
		enter(m, INTAKE_MAIL_CUT);
}

/* ---- whom does it concern? ---- */

/* The next part of this kind that was not asked for; MIME_PICK_MAX: none. */
static size_t unread(const struct intake_mail *m, enum mime_want want)
{
	for (size_t i = 0; i < m->pick.n; i++)
		if (m->pick.at[i].want == want && m->parts[i] == INTAKE_PART_UNREAD)
			return i;
	return MIME_PICK_MAX;
}

static bool is_picked(const struct intake_mail *m, enum mime_want want)
{
	for (size_t i = 0; i < m->pick.n; i++)
		if (m->pick.at[i].want == want)
			return true;
	return false;
}

/*
 * Where a report hides the id of the mail it is about: the headers it returns,
 * its status (Exchange), or plain words (qmail, Exim).  Only mails that look like
 * reports are opened before it is known that they concern us.
 */
static size_t hidden_id(const struct intake_mail *m)
{
	static const enum mime_want order[] = { MIME_WANT_ORIGINAL, MIME_WANT_STATUS,
						MIME_WANT_RECEIPT, MIME_WANT_TEXT };
	size_t part = MIME_PICK_MAX;

	if (!is_picked(m, MIME_WANT_STATUS) && !classify_head_is_report(&m->head))
		return MIME_PICK_MAX;
	for (size_t i = 0; i < countof(order) && part == MIME_PICK_MAX; i++)
		part = unread(m, order[i]);
	return part;
}

void intake_mail_name(struct intake_mail *m, const struct intake_mail_place *p)
{
	uint8_t digest[KEYED_DIGEST];
	cleanup_buf struct buf identity;

	buf_init(&identity, LIMIT_MIME_IDENTITY);
	mime_identity_bytes(&m->head, m->internal_us / 1000000, m->size, &identity);
	keyed_mail_digest(p->key, text_of_buf(&identity), digest);
	const struct text parts[] = { text_of(p->workspace),
				      TEXT("message"),
				      { (const char *)digest, sizeof(digest) } };

	event_id_of(parts, countof(parts), m->message);
}

static void matched(struct intake_mail *m, const struct intake_mail_place *p,
		    const struct match_list *list, const struct arrival_outbound *found)
{
	struct event_json_match shown[LIMIT_MATCHES];

	forget_match(m); /* of an earlier look */
	m->is_weak = match_pick_is_vague(list);
	for (size_t i = 0; i < list->n; i++) {
		const struct arrival_outbound *o = &found[list->at[i].outbound];

		shown[i] = (struct event_json_match){
			.outbound = o->outbound,
			.inbox = o->inbox,
			.sequence = o->sequence,
			.step = o->step,
			.prospect = o->prospect,
			.address = o->address,
			.message_id = o->message_id,
			.method = match_ids_method_name(list->at[i].method),
			.relation = match_relation_name(list->at[i].relation),
			.confidence = list->at[i].confidence,
			.evidence = list->at[i].evidence,
		};
		m->is_by_dsn |= list->at[i].method == MATCH_DSN_ORIGINAL;
	}
	concerns(m, shown, list->n);
	m->header_message_id = mem_text(m->head.message_id ? m->head.message_id : "");
	m->sender = mem_text(m->head.from.address ? m->head.from.address : "");
	m->subject = mem_text(m->head.subject ? m->head.subject : "");
	intake_mail_name(m, p);
}

static bool is_among_sent(const struct intake_mail_place *p)
{
	return strcmp(p->folder_role, "sent") == 0;
}

/*
 * Among the sent mails lies what the inbox sent, perhaps under another address of
 * its own; but some people file the answers there too.
 */
static bool is_from_prospect(const struct intake_mail *m, const struct match_list *list,
			     const struct arrival_outbound *found)
{
	const struct text from = text_of(m->head.from.address);

	for (size_t i = 0; i < list->n; i++)
		if (from.len && text_ieq(from, text_of(found[list->at[i].outbound].address)))
			return true;
	return false;
}

/*
 * It answers, or passes on, a mail that no header names: if that was ours, its text
 * may say so.  Mails that answer nothing are not opened before it is known that they
 * concern us, nor are those of lists.
 */
static size_t answer_text(const struct intake_mail *m, const struct intake_mail_place *p)
{
	const struct mime_head *h = &m->head;
	cleanup_buf struct buf subject;
	size_t part = unread(m, MIME_WANT_TEXT);

	buf_init(&subject, LIMIT_MIME_SUBJECT);
	if (!p->opens_answers || part == MIME_PICK_MAX || match_names_is_of_list(h))
		return MIME_PICK_MAX;
	mime_fold_add(&subject, text_of(h->subject));
	return h->in_reply_to.n || h->references.n || mime_subject_is_answer(text_of_buf(&subject))
		       ? part
		       : MIME_PICK_MAX;
}

/* Is something to be read of it before it is said whom it concerns? */
static bool is_inside(const struct intake_mail *m, const struct intake_mail_place *p,
		      const struct match_list *list)
{
	if (!match_pick_is_vague(list) || is_among_sent(p) || m->gated_us)
		return false;
	/* a receipt comes from the prospect: the id it hides says more than that */
	return hidden_id(m) != MIME_PICK_MAX || (!list->n && answer_text(m, p) != MIME_PICK_MAX);
}

void intake_mail_found(struct intake_mail *m, const struct intake_mail_place *p,
		       const struct arrival_outbound *found, size_t n)
{
	cleanup_free struct match_list *list = mem_new(sizeof(*list));

	if (n > 0)
		intake_match_pick(m, p, found, n, list);
	if (is_inside(m, p, list)) {
		enter(m, INTAKE_MAIL_INSIDE);
		return;
	}
	if (m->gated_us && match_pick_is_vague(list)) {
		enter(m, INTAKE_MAIL_READ); /* by its text no more is known than before */
		return;
	}
	if (list->n > 0)
		matched(m, p, list, found);
	if (m->n_prospects > 0 && !(is_among_sent(p) && !is_from_prospect(m, list, found)))
		enter(m, INTAKE_MAIL_MATCHED);
	else if (is_among_sent(p))
		enter(m, INTAKE_MAIL_OWN);
	else
		enter(m, m->is_last_look ? INTAKE_MAIL_OVER : INTAKE_MAIL_STRANGER);
}

void intake_mail_lost(struct intake_mail *m, const struct intake_mail_place *p,
		      const struct arrival_outbound *found, size_t n, int64_t seen_us)
{
	struct event_json_match shown[LIMIT_MATCHES];
	char where[32];

	n = n < LIMIT_MATCHES ? n : LIMIT_MATCHES;
	for (size_t i = 0; i < n; i++)
		shown[i] = (struct event_json_match){
			.outbound = found[i].outbound,
			.inbox = found[i].inbox,
			.sequence = found[i].sequence,
			.step = found[i].step,
			.prospect = found[i].prospect,
			.address = found[i].address,
			.message_id = found[i].message_id,
			.method = "trace",
			.relation = match_relation_name(MATCH_RELATION_UNKNOWN),
			.confidence = 0.5,
			.evidence =
				"a mail that named it came before it was registered, and is gone",
		};
	(void)snprintf(where, sizeof(where), "%lld %lu", (long long)p->uidvalidity,
		       (unsigned long)m->uid);
	const struct text parts[] = { text_of(p->workspace), TEXT("lost message"),
				      text_of(p->folder), text_of(where) };

	event_id_of(parts, countof(parts), m->message);
	concerns(m, shown, n);
	m->header_message_id = mem_text("");
	m->sender = mem_text("");
	m->subject = mem_text("");
	m->internal_us = m->detected_us = seen_us;
	m->is_recovered = true;
	enter(m, INTAKE_MAIL_MATCHED);
}

/* ---- its parts ---- */

static size_t wanted(const struct intake_mail *m)
{
	if (m->state == INTAKE_MAIL_INSIDE && hidden_id(m) != MIME_PICK_MAX)
		return hidden_id(m);
	if (m->state == INTAKE_MAIL_INSIDE)
		return unread(m, MIME_WANT_TEXT);
	for (size_t i = 0; m->state == INTAKE_MAIL_GATED && i < m->pick.n; i++)
		if (m->parts[i] == INTAKE_PART_UNREAD)
			return i;
	return MIME_PICK_MAX;
}

/* All of it once more, and further: what was told of it is not kept as bytes. */
static const struct mime_pick_item whole_head = { .section = "HEADER",
						  .max_bytes = LIMIT_MIME_HEAD };

const struct mime_pick_item *intake_mail_wants(const struct intake_mail *m)
{
	size_t part = wanted(m);

	if (m->state == INTAKE_MAIL_CUT)
		return &whole_head;
	return part == MIME_PICK_MAX ? NULL : &m->pick.at[part];
}

static void read_part(struct intake_mail *m, const struct mime_pick_item *item, struct text bytes)
{
	if (item->want != MIME_WANT_TEXT) {
		mime_report_read(&m->report, &m->dsn, text_of(m->head.from.address), item, bytes);
		return;
	}
	mime_part_text(&item->part, bytes.at, bytes.len, &m->text, &m->links);
	m->is_opened |= m->state == INTAKE_MAIL_INSIDE;
	if (is_picked(m, MIME_WANT_STATUS) || classify_head_is_report(&m->head))
		mime_dsn_read_text(&m->dsn, text_of_buf(&m->text));
}

/* What it cannot be had of stays unknown: the ids before the cut are what there is. */
static void read_head(struct intake_mail *m, struct text bytes)
{
	if (bytes.at) {
		mime_head_read(&m->head, bytes.at, bytes.len);
		m->is_head_cut = bytes.len >= LIMIT_MIME_HEAD;
	}
	enter(m, INTAKE_MAIL_NEW);
}

/* Its gate is closed.  Who wrote says whom it concerns, and no more: its text may say it better. */
static void text_is_read(struct intake_mail *m)
{
	if (m->is_weak && !m->is_opened && intake_match_is_named_inside(m)) {
		m->is_opened = true;
		enter(m, INTAKE_MAIL_NEW);
	} else {
		enter(m, INTAKE_MAIL_READ);
	}
}

bool intake_mail_is_open(const struct intake_mail *m)
{
	switch (m->state) {
	case INTAKE_MAIL_NEW:
	case INTAKE_MAIL_UNREAD:
	case INTAKE_MAIL_CUT:
	case INTAKE_MAIL_INSIDE:
	case INTAKE_MAIL_STRANGER:
	case INTAKE_MAIL_OWN:
		return true;
	case INTAKE_MAIL_MATCHED:
	case INTAKE_MAIL_GATED:
		return m->is_weak && !m->is_opened && unread(m, MIME_WANT_TEXT) != MIME_PICK_MAX;
	case INTAKE_MAIL_READ:
	case INTAKE_MAIL_OVER:
		break;
	}
	return false;
}

void intake_mail_part(struct intake_mail *m, struct text bytes)
{
	size_t part = wanted(m);

	if (m->state == INTAKE_MAIL_CUT)
		read_head(m, bytes);
	if (part == MIME_PICK_MAX)
		return;
	if (bytes.at)
		read_part(m, &m->pick.at[part], bytes);
	m->parts[part] = bytes.at ? INTAKE_PART_READ : INTAKE_PART_GONE;
	if (m->state == INTAKE_MAIL_INSIDE)
		enter(m, INTAKE_MAIL_NEW);
	else if (wanted(m) == MIME_PICK_MAX)
		text_is_read(m);
}

static void glance(struct intake_mail *m, const struct intake_mail_place *p)
{
	mime_head_glance(&m->head, m->raw.data, m->raw.len);
	buf_clear(&m->raw);
	m->is_head_cut = false; /* the rest of it is not asked for */
	enter(m, INTAKE_MAIL_NEW);
	intake_mail_begin(m, p);
}

void intake_mail_set_aside(struct intake_mail *m, const struct intake_mail_place *p)
{
	m->is_set_aside = true;
	if (m->state == INTAKE_MAIL_UNREAD)
		glance(m, p);
	else
		enter(m, m->state == INTAKE_MAIL_GATED ? INTAKE_MAIL_READ : INTAKE_MAIL_NEW);
	for (size_t i = 0; i < m->pick.n; i++)
		if (m->parts[i] == INTAKE_PART_UNREAD)
			m->parts[i] = INTAKE_PART_GONE;
}

void intake_mail_give_up(struct intake_mail *m)
{
	m->is_set_aside = true;
	enter(m, INTAKE_MAIL_OVER);
}

bool intake_mail_is_unreadable(const struct intake_mail *m)
{
	for (size_t i = 0; i < m->pick.n; i++)
		if (m->parts[i] == INTAKE_PART_READ)
			return false;
	return m->pick.n > 0;
}

void intake_mail_gated(struct intake_mail *m, enum arrival_was was, int64_t now_us)
{
	if (!m->gated_us)
		m->gated_us = now_us;
	enter(m, was == ARRIVAL_DONE ? INTAKE_MAIL_OVER : INTAKE_MAIL_GATED);
	if (m->state == INTAKE_MAIL_GATED && wanted(m) == MIME_PICK_MAX)
		enter(m, INTAKE_MAIL_READ);
}

void intake_mail_kept(struct intake_mail *m, bool is_late)
{
	m->is_last_look = true;
	m->is_recovered |= is_late;
	enter(m, is_late ? INTAKE_MAIL_NEW : INTAKE_MAIL_OVER);
}

void intake_mail_settled(struct intake_mail *m)
{
	enter(m, INTAKE_MAIL_OVER);
}

/* ---- transaction 1 ---- */

struct arrival_item intake_mail_item(const struct intake_mail *m)
{
	return (struct arrival_item){
		.message = m->message,
		.prospects = (const char *const *)m->prospects,
		.n_prospects = m->n_prospects,
		.uid = m->uid,
		.header_message_id = m->header_message_id,
		.sender = m->sender,
		.subject = m->subject,
		.internal_at_us = m->internal_us,
		.size_bytes = m->size,
		.matches = m->matches,
		.detected_at_us = m->detected_us,
		.recovered = m->is_recovered,
	};
}

void intake_mail_plain(struct intake_mail *m)
{
	char *const texts[] = { m->header_message_id, m->sender, m->subject };

	for (size_t i = 0; i < countof(texts); i++)
		if (texts[i])
			text_printable(texts[i], strlen(texts[i]) + 1, text_of(texts[i]));
	buf_clear(&m->text);
}
