#include "ingest/imap/imap_answer.h"

#include <string.h>

#include "base/limits.h"
#include "ingest/imap/imap_utf7.h"

/* A name in modified UTF-7 grows at most by half; one that is broken, threefold. */
#define NAME_MAX_UTF8 (4 * LIMIT_IMAP_NAME)

void imap_answer_init(struct imap_answer *a)
{
	*a = (struct imap_answer){ 0 };
	imap_body_init(&a->body);
	buf_init(&a->name, NAME_MAX_UTF8);
}

void imap_answer_rest(struct imap_answer *a)
{
	imap_body_clear(&a->body);
	buf_clear(&a->name);
}

void imap_answer_clear(struct imap_answer *a)
{
	imap_answer_rest(a);
	imap_answer_init(a);
}

void imap_answer_expect(struct imap_answer *a, const struct imap_asked *asked)
{
	a->asked = *asked;
	a->asked.raw = TEXT(""); /* the caller's */
	a->lowest = a->found = a->lost = a->rounds = 0;
	a->is_short = false;
	if (asked->command == IMAP_COMMAND_EXAMINE)
		a->opened = (struct imap_opened){ .state = IMAP_OPENED_SOON };
}

bool imap_answer_limited(struct imap_answer *a, const struct imap_resp *r)
{
	struct text limit, below;
	uint64_t uid;

	if (!text_ieq(r->code.word, TEXT("MESSAGELIMIT")))
		return false;
	a->is_short = true;
	if (a->asked.command == IMAP_COMMAND_FETCH_HEADERS)
		a->lost++; /* what was not looked at is not gone */
	text_cut(r->code.args, ' ', &limit, &below);
	if (a->asked.command != IMAP_COMMAND_SEARCH ||
	    text_u64(text_trim(below), UINT32_MAX, &uid) < 0)
		return true;
	if (a->asked.uid_to && uid > a->asked.uid_to)
		uid = 0; /* it does not come nearer */
	a->is_short = uid != 1;
	a->asked.uid_to = uid ? (uint32_t)uid - 1 : 0;
	return true;
}

bool imap_answer_ended(struct imap_answer *a, bool is_ok, struct imap_event *ret)
{
	const struct imap_opened *o = &a->opened;

	if (a->asked.command == IMAP_COMMAND_EXAMINE) {
		/* RFC 3501 6.3.1: a refused one leaves no folder open */
		a->opened.state = is_ok ? IMAP_OPENED : IMAP_OPENED_NONE;
		*ret = (struct imap_event){
			.kind = IMAP_EV_EXAMINED,
			.examined = { .uidvalidity = o->uidvalidity,
				      .uidnext = o->uidnext,
				      .exists = o->exists,
				      .highestmodseq = o->highestmodseq,
				      .is_uid_unsticky = o->is_uid_unsticky },
		};
		return is_ok;
	}
	if (a->asked.command == IMAP_COMMAND_NOTIFY)
		a->is_notified = is_ok;
	if (a->asked.command == IMAP_COMMAND_SEARCH) {
		*ret = (struct imap_event){
			.kind = IMAP_EV_LOWEST_UID,
			.lowest = { .uid = a->lowest, .found = a->found },
		};
		return is_ok;
	}
	return false;
}

static uint32_t to_u32(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static bool odd(struct text said, struct imap_event *ret)
{
	*ret = (struct imap_event){ .kind = IMAP_EV_ODD, .odd = { .said = said } };
	return true;
}

/* "* OK [UIDNEXT 4392] ...": the folder's counters, and words for the operator. */
static bool heard_condition(struct imap_answer *a, const struct imap_resp *r,
			    struct imap_event *ret)
{
	struct imap_opened *o = &a->opened;

	if (text_ieq(r->code.word, TEXT("UIDVALIDITY")))
		o->uidvalidity = to_u32(r->code.number);
	else if (text_ieq(r->code.word, TEXT("UIDNEXT")))
		o->uidnext = to_u32(r->code.number);
	else if (text_ieq(r->code.word, TEXT("HIGHESTMODSEQ")))
		o->highestmodseq = r->code.number;
	else if (text_ieq(r->code.word, TEXT("NOMODSEQ")))
		o->highestmodseq = 0;
	else if (text_ieq(r->code.word, TEXT("UIDNOTSTICKY")))
		o->is_uid_unsticky = true;
	else if (text_ieq(r->code.word, TEXT("NOTIFICATIONOVERFLOW"))) {
		/* RFC 5465 section 5.8: from now on as after NOTIFY NONE */
		bool was_notified = a->is_notified;

		a->is_notified = false;
		*ret = (struct imap_event){ .kind = IMAP_EV_NOTIFY_OVER };
		return was_notified;
	} else if (text_ieq(r->code.word, TEXT("CLOSED")) && o->state == IMAP_OPENED_SOON)
		/* RFC 7162 3.2.11: what came until here spoke of the folder before */
		*o = (struct imap_opened){ .state = IMAP_OPENED_SOON };
	else if (text_ieq(r->code.word, TEXT("ALERT")) || r->condition == IMAP_CONDITION_NO ||
		 r->condition == IMAP_CONDITION_BAD) {
		*ret = (struct imap_event){ .kind = IMAP_EV_ALERT, .alert = { .said = r->said } };
		return true;
	}
	return false;
}

static bool has_foreign(struct text raw)
{
	return raw.len > LIMIT_IMAP_NAME || memchr(raw.at, '\r', raw.len) ||
	       memchr(raw.at, '\n', raw.len) || memchr(raw.at, '\0', raw.len);
}

static bool heard_list(struct imap_answer *a, const struct imap_resp *r, struct imap_event *ret)
{
	struct imap_folder f = { .raw = r->list.raw, .separator = r->list.separator };

	if (a->asked.command != IMAP_COMMAND_LIST && a->asked.command != IMAP_COMMAND_LIST_STATUS)
		return false;
	if (!f.raw.len)
		return false;
	buf_clear(&a->name);
	if (imap_utf7_decode(&a->name, f.raw, a->is_utf8) < 0)
		return odd(f.raw, ret);
	f.name = text_of_buf(&a->name);
	imap_folder_judge(&f, r->list.attributes);
	if (has_foreign(f.raw))
		f.is_selectable = false; /* a name that cannot be said cannot be opened */
	*ret = (struct imap_event){ .kind = IMAP_EV_FOLDER, .folder = f };
	return true;
}

static bool heard_status(const struct imap_resp *r, struct imap_event *ret)
{
	*ret = (struct imap_event){
		.kind = IMAP_EV_STATUS,
		.status = {
			.raw = r->status.raw,
			.messages = to_u32(r->status.messages),
			.uidnext = to_u32(r->status.uidnext),
			.uidvalidity = to_u32(r->status.uidvalidity),
			.highestmodseq = r->status.highestmodseq,
			.has_messages = r->status.has_messages,
		},
	};
	return true;
}

/* Several lines add up: some servers split a long SEARCH. */
static bool heard_search(struct imap_answer *a, const struct imap_resp *r)
{
	uint32_t lowest = to_u32(r->search.lowest);

	if (a->asked.command != IMAP_COMMAND_SEARCH)
		return false;
	if (lowest && (!a->lowest || lowest < a->lowest))
		a->lowest = lowest;
	a->found = to_u32((uint64_t)a->found + r->search.count);
	return false;
}

static bool heard_exists(struct imap_answer *a, const struct imap_resp *r, struct imap_event *ret)
{
	a->opened.exists = r->number;
	if (a->opened.state != IMAP_OPENED)
		return false;
	*ret = (struct imap_event){ .kind = IMAP_EV_EXISTS, .exists = { .count = r->number } };
	return true;
}

static bool heard_expunge(struct imap_answer *a, const struct imap_resp *r, struct imap_event *ret)
{
	if (a->opened.exists)
		a->opened.exists--;
	if (a->opened.state != IMAP_OPENED)
		return false;
	*ret = (struct imap_event){
		.kind = IMAP_EV_EXPUNGE,
		.expunge = { .seq = r->number, .exists = a->opened.exists },
	};
	return true;
}

/* RFC 7162 3.2.10: each one counts, except those of before (EARLIER). */
static bool heard_vanished(struct imap_answer *a, const struct imap_resp *r, struct imap_event *ret)
{
	uint32_t count = to_u32(r->vanished.count);

	if (!r->vanished.is_earlier)
		a->opened.exists -= count < a->opened.exists ? count : a->opened.exists;
	*ret = (struct imap_event){
		.kind = IMAP_EV_VANISHED,
		.vanished = { .uids = r->vanished.uids,
			      .count = count,
			      .exists = a->opened.exists,
			      .is_earlier = r->vanished.is_earlier },
	};
	return true;
}

static const struct imap_section *section_named(const struct imap_fetch *f, struct text name)
{
	for (size_t i = 0; i < f->n_sections; i++)
		if (text_ieq(f->sections[i].name, name))
			return &f->sections[i];
	return NULL;
}

static struct text clip(const struct imap_section *s, uint32_t max, bool was_partial,
			bool *ret_is_cut)
{
	*ret_is_cut = s->is_cut || s->data.len > max || (was_partial && s->data.len == max);
	return text_sub(s->data, 0, max);
}

static bool heard_message(struct imap_answer *a, const struct imap_fetch *f, size_t max_literal,
			  struct imap_event *ret)
{
	const struct imap_section *header = section_named(f, TEXT("HEADER"));
	struct imap_message m = {
		.uid = f->uid,
		.has = (f->has_date ? IMAP_HAS_DATE : 0) | (f->has_size ? IMAP_HAS_SIZE : 0) |
		       (f->has_flags ? IMAP_HAS_FLAGS : 0) |
		       (f->bodystructure.len ? IMAP_HAS_BODY : 0) |
		       (header && !header->is_nil ? IMAP_HAS_HEADER : 0),
		.date_unix_s = f->date_unix_s,
		.size = f->size,
		.flags = f->flags,
		.body = &a->body,
		.modseq = f->modseq,
		.gmail_msgid = f->gmail_msgid,
		.gmail_thrid = f->gmail_thrid,
		.gmail_labels = f->gmail_labels,
		.emailid = f->emailid,
		.threadid = f->threadid,
	};

	/* "n:*" brings the last message even if it is older (RFC 3501 6.4.8) */
	if (f->uid < a->asked.uid_from || f->uid > a->asked.uid_to)
		return false;
	/* only flags: a change somebody made, not our answer */
	if (!(m.has & ~IMAP_HAS_FLAGS))
		return false;
	if (header)
		m.header = clip(header, IMAP_HEADER_MAX, a->asked.is_partial, &m.is_header_cut);
	imap_body_clear(&a->body);
	if (f->bodystructure.len)
		imap_body_parse(&a->body, f->bodystructure.at, f->bodystructure.len, max_literal);
	*ret = (struct imap_event){ .kind = IMAP_EV_MESSAGE, .message = m };
	return true;
}

static bool heard_part(struct imap_answer *a, const struct imap_fetch *f, struct imap_event *ret)
{
	const struct imap_section *s = section_named(f, text_of(a->asked.section));

	if (!s || f->uid != a->asked.uid_from)
		return false;
	*ret = (struct imap_event){
		.kind = IMAP_EV_PART,
		.part = {
			.uid = f->uid,
			.section = text_of(a->asked.section),
			.is_nil = s->is_nil,
		},
	};
	ret->part.data = clip(s, a->asked.max_bytes, a->asked.is_partial, &ret->part.is_cut);
	return true;
}

static bool heard_fetch(struct imap_answer *a, const struct imap_resp *r, size_t max_literal,
			struct imap_event *ret)
{
	bool is_part = a->asked.command == IMAP_COMMAND_FETCH_PART;
	struct text wanted = is_part ? text_of(a->asked.section) : TEXT("HEADER");
	const struct imap_fetch *f = &r->fetch;

	if (a->asked.command != IMAP_COMMAND_FETCH_HEADERS && !is_part)
		return false;
	/* A mail that is not understood must not be taken for one that is not there. */
	if ((f->is_partial || (f->n_sections && !f->uid)) && !(f->uid && section_named(f, wanted)))
		a->lost++;
	if (!f->uid)
		/* without a UID it cannot be told which mail this is; flags alone matter to nobody
		 */
		return f->is_partial || f->n_sections ? odd(TEXT("FETCH without a UID"), ret)
						      : false;
	if (is_part)
		return heard_part(a, f, ret);
	return heard_message(a, f, max_literal, ret);
}

bool imap_answer_heard(struct imap_answer *a, const struct imap_resp *r, size_t max_literal,
		       struct imap_event *ret)
{
	switch (r->kind) {
	case IMAP_RESP_ODD:
		return odd(r->line, ret);
	case IMAP_RESP_CONDITION:
		return heard_condition(a, r, ret);
	case IMAP_RESP_LIST:
		return heard_list(a, r, ret);
	case IMAP_RESP_STATUS:
		return heard_status(r, ret);
	case IMAP_RESP_SEARCH:
		return heard_search(a, r);
	case IMAP_RESP_EXISTS:
		return heard_exists(a, r, ret);
	case IMAP_RESP_EXPUNGE:
		return heard_expunge(a, r, ret);
	case IMAP_RESP_VANISHED:
		return heard_vanished(a, r, ret);
	case IMAP_RESP_FETCH:
		return heard_fetch(a, r, max_literal, ret);
	case IMAP_RESP_OTHER:
	case IMAP_RESP_PLUS:
	case IMAP_RESP_TAGGED:
	case IMAP_RESP_CAPABILITY:
	case IMAP_RESP_ENABLED:
	case IMAP_RESP_NAMESPACE:
		break;
	}
	return false;
}
