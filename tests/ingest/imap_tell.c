#include "tests/ingest/imap_tell.h"

#include "base/text.h"
#include "ingest/imap/imap_verdict.h"

static void add_escaped(struct buf *b, struct text t)
{
	(void)text_add(b, TEXT("\""));
	for (size_t i = 0; i < t.len; i++) {
		uint8_t c = (uint8_t)t.at[i];

		if (c == '\r')
			(void)text_add(b, TEXT("\\r"));
		else if (c == '\n')
			(void)text_add(b, TEXT("\\n"));
		else if (c < ' ')
			(void)text_addf(b, "\\x%02x", c);
		else
			(void)buf_add(b, &c, 1);
	}
	(void)text_add(b, TEXT("\""));
}

static void add_verdict(struct buf *b, const struct imap_verdict *v)
{
	if (outcome_ok(&v->outcome)) {
		(void)text_add(b, TEXT(" ok"));
		return;
	}
	(void)text_addf(b, " %s %s", outcome_blame_name(v->outcome.blame),
			imap_verdict_remedy_name(v->remedy));
	if (v->backoff_ms)
		(void)text_addf(b, " %llums", (unsigned long long)v->backoff_ms);
	(void)text_addf(b, " what=\"%s\"", v->outcome.what);
	if (v->outcome.said[0])
		(void)text_addf(b, " said=\"%s\"", v->outcome.said);
}

static void add_message(struct buf *b, const struct imap_message *m)
{
	(void)text_addf(b, " uid=%u", m->uid);
	if (m->has & IMAP_HAS_DATE)
		(void)text_addf(b, " date=%lld", (long long)m->date_unix_s);
	if (m->has & IMAP_HAS_SIZE)
		(void)text_addf(b, " size=%llu", (unsigned long long)m->size);
	if (m->has & IMAP_HAS_FLAGS)
		(void)text_addf(b, " flags=(%.*s)", TEXT_ARG(m->flags));
	if (m->gmail_msgid)
		(void)text_addf(b, " msgid=%llu", (unsigned long long)m->gmail_msgid);
	if (m->modseq)
		(void)text_addf(b, " modseq=%llu", (unsigned long long)m->modseq);
	if (m->emailid.len)
		(void)text_addf(b, " emailid=%.*s", TEXT_ARG(m->emailid));
	if (m->threadid.len)
		(void)text_addf(b, " threadid=%.*s", TEXT_ARG(m->threadid));
	if (m->gmail_labels.len)
		(void)text_addf(b, " labels=(%.*s)", TEXT_ARG(m->gmail_labels));
	if (m->has & IMAP_HAS_HEADER) {
		(void)text_add(b, TEXT(" header="));
		add_escaped(b, m->header);
	}
	for (size_t i = 0; i < m->body->n_parts; i++) {
		const struct imap_part *part = &m->body->parts[i];

		(void)text_addf(b, " %s:%.*s/%.*s", part->section, TEXT_ARG(part->type),
				TEXT_ARG(part->subtype));
	}
	if (m->is_header_cut)
		(void)text_add(b, TEXT(" header-cut"));
	if (m->body->is_partial)
		(void)text_add(b, TEXT(" body-partial"));
}

static void add_folder(struct buf *b, const struct imap_folder *f)
{
	(void)text_add(b, TEXT(" "));
	add_escaped(b, f->name);
	if (!text_eq(f->name, f->raw)) {
		(void)text_add(b, TEXT(" raw="));
		add_escaped(b, f->raw);
	}
	(void)text_addf(b, " %s%s", imap_folder_role_name(f->role), f->is_guess ? "?" : "");
	if (!f->is_selectable)
		(void)text_add(b, TEXT(" noselect"));
}

static const char *command_name(enum imap_command command)
{
	static const char *const names[] = {
		"NONE", "LIST", "EXAMINE", "SEARCH",      "HEADERS", "PART",  "STATUS",
		"NOOP", "IDLE", "LOGOUT",  "LIST-STATUS", "NOTIFY",  "PROOF",
	};

	return names[command];
}

static void add_counters(struct buf *b, const struct imap_event *ev)
{
	(void)text_addf(b, "STATUS %.*s messages=%u uidnext=%u uidvalidity=%u",
			TEXT_ARG(ev->status.raw), ev->status.messages, ev->status.uidnext,
			ev->status.uidvalidity);
	if (ev->status.highestmodseq)
		(void)text_addf(b, " modseq=%llu", (unsigned long long)ev->status.highestmodseq);
	if (!ev->status.has_messages)
		(void)text_add(b, TEXT(" messages-untold"));
}

static void add_part(struct buf *b, const struct imap_event *ev)
{
	(void)text_addf(b, "PART uid=%u section=%.*s data=", ev->part.uid,
			TEXT_ARG(ev->part.section));
	add_escaped(b, ev->part.data);
	(void)text_addf(b, "%s%s", ev->part.is_cut ? " cut" : "", ev->part.is_nil ? " nil" : "");
}

static void add_proven(struct buf *b, const struct imap_event *ev)
{
	(void)text_addf(b, "PROVEN%s", ev->proven.is_alive ? "" : " dead");
	if (ev->proven.refused)
		(void)text_addf(b, " refused=0x%x", ev->proven.refused);
	add_verdict(b, ev->proven.verdict);
}

static void add_done(struct buf *b, const struct imap_event *ev)
{
	(void)text_addf(b, "DONE %s", command_name(ev->done.command));
	if (ev->done.lost)
		(void)text_addf(b, " lost=%u", ev->done.lost);
	if (ev->done.is_short)
		(void)text_add(b, TEXT(" short"));
	add_verdict(b, ev->done.verdict);
}

static void add_text(struct buf *b, const char *name, struct text said)
{
	(void)text_addf(b, "%s ", name);
	add_escaped(b, said);
}

static void add_over(struct buf *b, const char *name, const struct imap_event *ev)
{
	(void)text_add(b, text_of(name));
	add_verdict(b, ev->over.verdict);
}

void imap_tell_event(struct buf *b, const struct imap_event *ev)
{
	switch (ev->kind) {
	case IMAP_EV_STARTTLS_NOW:
		(void)text_add(b, TEXT("STARTTLS_NOW"));
		break;
	case IMAP_EV_READY:
		(void)text_add(b, TEXT("READY prefix="));
		add_escaped(b, ev->ready.prefix);
		(void)text_addf(b, " separator=%c%s",
				ev->ready.separator ? ev->ready.separator : '-',
				ev->ready.was_preauth ? " preauth" : "");
		break;
	case IMAP_EV_FOLDER:
		(void)text_add(b, TEXT("FOLDER"));
		add_folder(b, &ev->folder);
		break;
	case IMAP_EV_EXAMINED:
		(void)text_addf(b, "EXAMINED uidvalidity=%u uidnext=%u exists=%u modseq=%llu%s",
				ev->examined.uidvalidity, ev->examined.uidnext, ev->examined.exists,
				(unsigned long long)ev->examined.highestmodseq,
				ev->examined.is_uid_unsticky ? " unsticky" : "");
		break;
	case IMAP_EV_LOWEST_UID:
		(void)text_addf(b, "LOWEST_UID %u found=%u", ev->lowest.uid, ev->lowest.found);
		break;
	case IMAP_EV_MESSAGE:
		(void)text_add(b, TEXT("MESSAGE"));
		add_message(b, &ev->message);
		break;
	case IMAP_EV_PART:
		add_part(b, ev);
		break;
	case IMAP_EV_STATUS:
		add_counters(b, ev);
		break;
	case IMAP_EV_EXISTS:
		(void)text_addf(b, "EXISTS %u", ev->exists.count);
		break;
	case IMAP_EV_EXPUNGE:
		(void)text_addf(b, "EXPUNGE %u exists=%u", ev->expunge.seq, ev->expunge.exists);
		break;
	case IMAP_EV_VANISHED:
		(void)text_addf(b, "VANISHED %.*s count=%u exists=%u%s",
				TEXT_ARG(ev->vanished.uids), ev->vanished.count,
				ev->vanished.exists, ev->vanished.is_earlier ? " earlier" : "");
		break;
	case IMAP_EV_IDLING:
		(void)text_add(b, TEXT("IDLING"));
		break;
	case IMAP_EV_PROVEN:
		add_proven(b, ev);
		break;
	case IMAP_EV_NOTIFY_OVER:
		(void)text_add(b, TEXT("NOTIFY_OVER"));
		break;
	case IMAP_EV_ALERT:
		add_text(b, "ALERT", ev->alert.said);
		break;
	case IMAP_EV_ODD:
		add_text(b, "ODD", ev->odd.said);
		break;
	case IMAP_EV_DONE:
		add_done(b, ev);
		break;
	case IMAP_EV_BYE:
		add_over(b, "BYE", ev);
		break;
	case IMAP_EV_FAILED:
		add_over(b, "FAILED", ev);
		break;
	}
	(void)text_add(b, TEXT("\n"));
}
