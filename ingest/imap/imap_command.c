#include "ingest/imap/imap_command.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>

#include "base/mem.h"
#include "ingest/imap/imap_caps.h"
#include "ingest/imap/imap_date.h"

bool imap_command_needs_folder(enum imap_command command)
{
	return command == IMAP_COMMAND_SEARCH || command == IMAP_COMMAND_FETCH_HEADERS ||
	       command == IMAP_COMMAND_FETCH_PART;
}

bool imap_command_is_section(struct text t)
{
	static const char *const words[] = { "HEADER", "TEXT", "MIME" };
	struct text head, tail = t;

	if (!t.len || t.len >= sizeof(((struct imap_asked *)NULL)->section))
		return false;
	while (tail.len && tail.at[0] >= '1' && tail.at[0] <= '9') {
		uint64_t n;
		bool more = text_cut(tail, '.', &head, &tail);

		if (text_u64(head, UINT32_MAX, &n) < 0 || (more && !tail.len))
			return false;
	}
	for (size_t i = 0; tail.len && i < countof(words); i++)
		if (text_ieq(tail, text_of(words[i])))
			return tail.len < t.len || i < 2; /* MIME only of a part */
	return tail.len == 0;
}

static int write_simple(struct imap_text *out, uint32_t tag, enum imap_verb verb)
{
	imap_text_begin(out, tag, verb);
	imap_text_end(out);
	return 0;
}

static const char *status_items(const struct imap_means *means)
{
	/* RFC 7162 section 3.1.7 */
	return means->caps & IMAP_CAP(CONDSTORE) ? "(MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ)"
						 : "(MESSAGES UIDNEXT UIDVALIDITY)";
}

static int write_list(struct imap_text *out, uint32_t tag, const struct imap_means *means)
{
	uint64_t extended = IMAP_CAP(LIST_EXTENDED) | IMAP_CAP(SPECIAL_USE);

	imap_text_begin(out, tag, IMAP_VERB_LIST);
	imap_text_words(out, "\"\" \"*\"");
	if ((means->caps & extended) == extended)
		imap_text_words(out, "RETURN (SPECIAL-USE)"); /* RFC 6154 section 2 */
	imap_text_end(out);
	return 0;
}

static int write_list_status(struct imap_text *out, uint32_t tag, const struct imap_means *means)
{
	bool has_use = (means->caps & IMAP_CAP(SPECIAL_USE)) != 0;

	if (!(means->caps & IMAP_CAP(LIST_STATUS)))
		return -EOPNOTSUPP;
	imap_text_begin(out, tag, IMAP_VERB_LIST);
	imap_text_words(out, "\"\" \"*\" RETURN (%sSTATUS %s)", has_use ? "SPECIAL-USE " : "",
			status_items(means));
	imap_text_end(out);
	return 0;
}

/*
 * RFC 5465.  MessageNew and MessageExpunge go together (section 5); DELAYED
 * keeps sequence numbers sound (section 6.2); STATUS tells of what came before
 * (section 3.1).  Names are not asked for: Dovecot then repeats folders without
 * what they are for.
 */
static int write_notify(struct imap_text *out, uint32_t tag, const struct imap_means *means)
{
	if (!(means->caps & IMAP_CAP(NOTIFY)))
		return -EOPNOTSUPP;
	imap_text_begin(out, tag, IMAP_VERB_NOTIFY);
	imap_text_words(out, "SET STATUS (SELECTED-DELAYED (MessageNew MessageExpunge)) "
			     "(PERSONAL (MessageNew MessageExpunge))");
	imap_text_end(out);
	return 0;
}

static int write_folder(struct imap_text *out, uint32_t tag, enum imap_verb verb, struct text raw,
			const char *behind, const struct imap_means *means)
{
	int r;

	imap_text_begin(out, tag, verb);
	r = raw.len ? imap_text_astring(out, raw, means) : -EINVAL;
	if (r < 0) {
		imap_text_take_back(out);
		return r;
	}
	if (behind)
		imap_text_words(out, "%s", behind);
	imap_text_end(out);
	return 0;
}

/*
 * RFC 7162 section 3.1.8 (CONDSTORE), section 3.2.5 (QRESYNC, which must be
 * enabled).  The range of UIDs is said although it is all there are: Cyrus cuts
 * an implied one at the highest UID that still exists.
 */
static int write_examine(struct imap_text *out, uint32_t tag, const struct imap_asked *a,
			 const struct imap_means *means)
{
	char behind[96] = "";
	int n = 0;

	if ((means->enabled & IMAP_CAP(QRESYNC)) && a->known.uidvalidity && a->known.modseq)
		n = snprintf(behind, sizeof(behind), "(QRESYNC (%u %llu %u:%u))",
			     a->known.uidvalidity, (unsigned long long)a->known.modseq,
			     a->known.uid_from ? a->known.uid_from : 1, UINT32_MAX);
	else if ((means->caps & ~means->enabled) & IMAP_CAP(CONDSTORE))
		n = snprintf(behind, sizeof(behind), "(CONDSTORE)");
	assert(n >= 0 && (size_t)n < sizeof(behind));
	return write_folder(out, tag, IMAP_VERB_EXAMINE, a->raw, n ? behind : NULL, means);
}

static int write_search(struct imap_text *out, uint32_t tag, const struct imap_asked *a,
			const struct imap_means *means)
{
	/* the server's day may have begun 14 hours before ours, and may end 12 after it */
	int64_t s = a->since_unix_s < 86400 ? a->since_unix_s : a->since_unix_s - 86400;
	char day[IMAP_DATE_DAY];
	int r = imap_date_day(s, day);

	if (r < 0)
		return r;
	imap_text_begin(out, tag, IMAP_VERB_UID_SEARCH);
	if (means->caps & IMAP_CAP(ESEARCH))
		imap_text_words(out, "RETURN (MIN COUNT)"); /* RFC 4731 section 3.1 */
	if (a->uid_to)                                      /* what a MESSAGELIMIT left */
		imap_text_words(out, "UID 1:%u", a->uid_to);
	imap_text_words(out, "SINCE %s", day);
	imap_text_end(out);
	return 0;
}

static void write_range(struct imap_text *out, const struct imap_asked *a)
{
	if (a->uid_to == UINT32_MAX)
		imap_text_words(out, "%u:*", a->uid_from);
	else if (a->uid_to > a->uid_from)
		imap_text_words(out, "%u:%u", a->uid_from, a->uid_to);
	else
		imap_text_words(out, "%u", a->uid_from);
}

static int write_headers(struct imap_text *out, uint32_t tag, const struct imap_asked *a,
			 const struct imap_means *means)
{
	if (!a->uid_from || a->uid_from > a->uid_to)
		return -EINVAL;
	imap_text_begin(out, tag, IMAP_VERB_UID_FETCH);
	write_range(out, a);
	imap_text_open(out);
	imap_text_words(out, "UID INTERNALDATE RFC822.SIZE FLAGS BODYSTRUCTURE");
	if (means->caps & IMAP_CAP(GMAIL))
		imap_text_words(out, "X-GM-MSGID X-GM-THRID X-GM-LABELS");
	if (means->caps & IMAP_CAP(OBJECTID))
		imap_text_words(out, "EMAILID THREADID"); /* RFC 8474 section 5 */
	if (a->is_partial)
		imap_text_words(out, "BODY.PEEK[HEADER]<0.%u>", (unsigned)IMAP_HEADER_MAX);
	else
		imap_text_words(out, "BODY.PEEK[HEADER]");
	imap_text_close(out);
	imap_text_end(out);
	return 0;
}

static int write_part(struct imap_text *out, uint32_t tag, const struct imap_asked *a)
{
	if (!a->uid_from || !a->max_bytes)
		return -EINVAL;
	imap_text_begin(out, tag, IMAP_VERB_UID_FETCH);
	imap_text_words(out, "%u", a->uid_from);
	imap_text_open(out);
	imap_text_words(out, "UID");
	if (a->is_partial)
		imap_text_words(out, "BODY.PEEK[%s]<0.%u>", a->section, a->max_bytes);
	else
		imap_text_words(out, "BODY.PEEK[%s]", a->section);
	imap_text_close(out);
	imap_text_end(out);
	return 0;
}

int imap_command_write(struct imap_text *out, uint32_t tag, struct imap_asked *a,
		       const struct imap_means *means)
{
	a->is_partial = !(means->quirks & IMAP_QUIRK_NO_PARTIAL);
	switch (a->command) {
	case IMAP_COMMAND_NONE:
	case IMAP_COMMAND_PROOF: /* several commands: imap_proof.c */
		break;
	case IMAP_COMMAND_LIST:
		return write_list(out, tag, means);
	case IMAP_COMMAND_EXAMINE:
		return write_examine(out, tag, a, means);
	case IMAP_COMMAND_LIST_STATUS:
		return write_list_status(out, tag, means);
	case IMAP_COMMAND_NOTIFY:
		return write_notify(out, tag, means);
	case IMAP_COMMAND_STATUS:
		return write_folder(out, tag, IMAP_VERB_STATUS, a->raw, status_items(means), means);
	case IMAP_COMMAND_SEARCH:
		return write_search(out, tag, a, means);
	case IMAP_COMMAND_FETCH_HEADERS:
		return write_headers(out, tag, a, means);
	case IMAP_COMMAND_FETCH_PART:
		return write_part(out, tag, a);
	case IMAP_COMMAND_NOOP:
		return write_simple(out, tag, IMAP_VERB_NOOP);
	case IMAP_COMMAND_IDLE:
		if (!(means->caps & IMAP_CAP(IDLE)))
			return -EOPNOTSUPP;
		return write_simple(out, tag, IMAP_VERB_IDLE);
	case IMAP_COMMAND_LOGOUT:
		return write_simple(out, tag, IMAP_VERB_LOGOUT);
	}
	return -EINVAL;
}
