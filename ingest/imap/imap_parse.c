#include "ingest/imap/imap_parse.h"

#include <errno.h>

#include "base/mem.h"
#include "ingest/imap/imap_lex.h"

static uint32_t to_u32(uint64_t n)
{
	return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* "[", up to the "]" that is not in quotes; at `l` afterwards: behind it. */
static int read_code(struct imap_lex *l, struct imap_code *ret)
{
	char *at = l->at + 1, *end = at;
	struct imap_lex args;
	bool in_quotes = false;

	for (; end < l->end && (*end != ']' || in_quotes); end++)
		if (*end == '"')
			in_quotes = !in_quotes;
	if (end == l->end)
		return -EBADMSG;
	text_cut((struct text){ at, (size_t)(end - at) }, ' ', &ret->word, &ret->args);
	imap_lex_init(&args, end - ret->args.len, ret->args.len, l->max_literal);
	if (imap_lex_number(&args, &ret->number) < 0)
		ret->number = 0;
	l->at = end + 1;
	return 0;
}

/* "[CODE args] text for people": a bracket that never closes is text. */
static void read_said(struct imap_lex *l, struct imap_resp *ret)
{
	imap_lex_blanks(l);
	if (imap_lex_is(l, '['))
		(void)read_code(l, &ret->code);
	imap_lex_blanks(l);
	ret->said = imap_lex_rest(l);
}

static bool condition_of(struct text word, enum imap_condition *ret)
{
	static const struct {
		const char *word;
		enum imap_condition condition;
	} rows[] = {
		{ "OK", IMAP_CONDITION_OK },           { "NO", IMAP_CONDITION_NO },
		{ "BAD", IMAP_CONDITION_BAD },         { "BYE", IMAP_CONDITION_BYE },
		{ "PREAUTH", IMAP_CONDITION_PREAUTH },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		if (text_ieq(word, text_of(rows[i].word))) {
			*ret = rows[i].condition;
			return true;
		}
	}
	return false;
}

/* "/" in quotes, NIL, or bare; some who use "\" do not escape it */
static int read_separator(struct imap_lex *l, char *ret)
{
	struct text t = imap_lex_rest(l);
	int kind;

	if (text_istarts(t, TEXT("\"\\\"")) && (t.len == 3 || t.at[3] == ' ' || t.at[3] == ')')) {
		l->at += 3;
		*ret = '\\';
		return 0;
	}
	kind = imap_lex_string(l, &t);
	if (kind < 0)
		return kind;
	*ret = t.len ? t.at[0] : '\0';
	return 0;
}

/*
 * A folder's name.  Exchange writes some bare although they hold blanks: a
 * bare name goes on to `stop` or the end.
 */
static int read_mailbox(struct imap_lex *l, struct text stop, struct text *ret)
{
	size_t at;

	imap_lex_blanks(l);
	if (imap_lex_is(l, '"') || imap_lex_is(l, '{') || imap_lex_is(l, '~'))
		return imap_lex_string(l, ret) < 0 ? -EBADMSG : 0;
	*ret = imap_lex_rest(l);
	at = text_ifind(*ret, stop);
	if (at != SIZE_MAX)
		ret->len = at;
	l->at += ret->len;
	*ret = text_trim(*ret);
	return ret->len ? 0 : -EBADMSG;
}

static int read_list(struct imap_lex *l, struct imap_resp *ret)
{
	ret->kind = IMAP_RESP_LIST;
	if (imap_lex_list(l, &ret->list.attributes) < 0)
		return -EBADMSG;
	imap_lex_blanks(l);
	if (read_separator(l, &ret->list.separator) < 0)
		return -EBADMSG;
	/* behind the name only "(...)" may stand: RFC 5258's extended data */
	return read_mailbox(l, TEXT(" (\""), &ret->list.raw);
}

static int read_status(struct imap_lex *l, struct imap_resp *ret)
{
	ret->kind = IMAP_RESP_STATUS;
	if (read_mailbox(l, TEXT(" ("), &ret->status.raw) < 0)
		return -EBADMSG;
	imap_lex_blanks(l);
	if (!imap_lex_eat(l, '('))
		return -EBADMSG;
	while (imap_lex_blanks(l), !imap_lex_eat(l, ')')) {
		struct text item;
		uint64_t n = 0;

		if (imap_lex_atom(l, &item) < 0)
			return -EBADMSG;
		imap_lex_blanks(l);
		if (imap_lex_number(l, &n) < 0 && imap_lex_skip(l) < 0)
			return -EBADMSG;
		if (text_ieq(item, TEXT("MESSAGES"))) {
			ret->status.messages = n;
			ret->status.has_messages = true;
		} else if (text_ieq(item, TEXT("UIDNEXT")))
			ret->status.uidnext = n;
		else if (text_ieq(item, TEXT("UIDVALIDITY")))
			ret->status.uidvalidity = n;
		else if (text_ieq(item, TEXT("HIGHESTMODSEQ")))
			ret->status.highestmodseq = n;
	}
	return 0;
}

/* "2 84 882", at the end perhaps "(MODSEQ 917162500)" */
static int read_search(struct imap_lex *l, struct imap_resp *ret)
{
	uint64_t n;

	ret->kind = IMAP_RESP_SEARCH;
	ret->search.has_count = true;
	while (imap_lex_blanks(l), !imap_lex_is_end(l)) {
		if (imap_lex_is(l, '('))
			return imap_lex_skip(l);
		if (imap_lex_number(l, &n) < 0)
			return -EBADMSG;
		ret->search.count++;
		if (n && (!ret->search.lowest || n < ret->search.lowest))
			ret->search.lowest = n;
	}
	return 0;
}

/* RFC 3501 section 9, sequence-set.  `ret_lowest` and `ret_count` take "*" for the highest. */
static int check_set(struct text set, uint64_t *ret_lowest, uint64_t *ret_count)
{
	uint64_t lowest = 0, count = 0;

	if (!set.len)
		return -EBADMSG;
	while (set.len) {
		struct text range, end[2];
		uint64_t at[2];

		if (text_cut(set, ',', &range, &set) && !set.len)
			return -EBADMSG;
		if (!text_cut(range, ':', &end[0], &end[1]))
			end[1] = end[0];
		for (size_t i = 0; i < 2; i++) {
			uint64_t n = UINT32_MAX;

			if (!text_eq(end[i], TEXT("*")) && text_u64(end[i], UINT32_MAX, &n) < 0)
				return -EBADMSG;
			if (n && (!lowest || n < lowest))
				lowest = n;
			at[i] = n;
		}
		/* "7:3" is "3:7" */
		count += 1 + (at[1] > at[0] ? at[1] - at[0] : at[0] - at[1]);
	}
	*ret_lowest = lowest;
	*ret_count = count;
	return 0;
}

/* RFC 4731: (TAG "r7") UID MIN 2 COUNT 3 ALL 2,10:11 */
static int read_esearch(struct imap_lex *l, struct imap_resp *ret)
{
	struct text word, all;
	uint64_t n_all;

	ret->kind = IMAP_RESP_SEARCH;
	if (imap_lex_is(l, '(') && imap_lex_skip(l) < 0)
		return -EBADMSG;
	while (imap_lex_blanks(l), !imap_lex_is_end(l)) {
		if (imap_lex_atom(l, &word) < 0)
			return -EBADMSG;
		if (text_ieq(word, TEXT("UID")))
			continue;
		imap_lex_blanks(l);
		if (text_ieq(word, TEXT("MIN"))) {
			if (imap_lex_number(l, &ret->search.lowest) < 0)
				return -EBADMSG;
		} else if (text_ieq(word, TEXT("COUNT"))) {
			if (imap_lex_number(l, &ret->search.count) < 0)
				return -EBADMSG;
			ret->search.has_count = true;
		} else if (text_ieq(word, TEXT("ALL")) && !ret->search.lowest) {
			if (imap_lex_atom(l, &all) < 0 ||
			    check_set(all, &ret->search.lowest, &n_all) < 0)
				return -EBADMSG;
		} else if (imap_lex_skip(l) < 0) {
			return -EBADMSG;
		}
	}
	return 0;
}

static int read_vanished(struct imap_lex *l, struct imap_resp *ret)
{
	struct text list;
	uint64_t lowest;

	ret->kind = IMAP_RESP_VANISHED;
	if (imap_lex_is(l, '(')) {
		if (imap_lex_list(l, &list) < 0)
			return -EBADMSG;
		ret->vanished.is_earlier = text_ieq(text_trim(list), TEXT("EARLIER"));
	}
	imap_lex_blanks(l);
	if (imap_lex_atom(l, &ret->vanished.uids) < 0)
		return -EBADMSG;
	return check_set(ret->vanished.uids, &lowest, &ret->vanished.count);
}

/* RFC 2342: (("INBOX." ".")) NIL NIL */
static int read_namespace(struct imap_lex *l, struct imap_resp *ret)
{
	ret->kind = IMAP_RESP_NAMESPACE;
	if (!imap_lex_eat(l, '('))
		return 0; /* no personal one */
	if (!imap_lex_eat(l, '('))
		return -EBADMSG;
	if (imap_lex_string(l, &ret->space.prefix) < 0)
		return -EBADMSG;
	imap_lex_blanks(l);
	return read_separator(l, &ret->space.separator);
}

static int read_capability(struct imap_lex *l, struct imap_resp *ret)
{
	ret->kind = IMAP_RESP_CAPABILITY;
	ret->words = imap_lex_rest(l);
	return 0;
}

static int read_enabled(struct imap_lex *l, struct imap_resp *ret)
{
	ret->kind = IMAP_RESP_ENABLED;
	ret->words = imap_lex_rest(l);
	return 0;
}

static int read_other(struct imap_lex *l, struct imap_resp *ret)
{
	(void)l;
	ret->kind = IMAP_RESP_OTHER;
	return 0;
}

static const struct {
	const char *word;
	int (*read)(struct imap_lex *l, struct imap_resp *ret);
} untagged[] = {
	{ "CAPABILITY", read_capability },
	{ "ENABLED", read_enabled },
	{ "LIST", read_list },
	{ "STATUS", read_status },
	{ "SEARCH", read_search },
	{ "ESEARCH", read_esearch },
	{ "VANISHED", read_vanished },
	{ "NAMESPACE", read_namespace },
	{ "FLAGS", read_other },
	{ "ID", read_other },
	{ "LSUB", read_other },
	{ "XLIST", read_other },
	{ "QUOTA", read_other },
	{ "QUOTAROOT", read_other },
	{ "METADATA", read_other },
	{ "SORT", read_other },
	{ "THREAD", read_other },
	{ "ACL", read_other },
	{ "LISTRIGHTS", read_other },
	{ "MYRIGHTS", read_other },
	{ "LANGUAGE", read_other },
	{ "COMPARATOR", read_other },
	{ "GENURLAUTH", read_other },
	{ "URLFETCH", read_other },
	{ "CONVERSION", read_other },
	{ "NOTIFICATIONOVERFLOW", read_other },
};

/* "* 12 EXISTS" */
static int read_numbered(struct imap_lex *l, uint64_t n, struct imap_resp *ret)
{
	struct text word;

	ret->number = to_u32(n);
	imap_lex_blanks(l);
	if (imap_lex_atom(l, &word) < 0)
		return -EBADMSG;
	if (text_ieq(word, TEXT("EXISTS"))) {
		ret->kind = IMAP_RESP_EXISTS;
	} else if (text_ieq(word, TEXT("EXPUNGE"))) {
		ret->kind = IMAP_RESP_EXPUNGE;
	} else if (text_ieq(word, TEXT("RECENT"))) {
		ret->kind = IMAP_RESP_OTHER;
	} else if (text_ieq(word, TEXT("FETCH")) || text_ieq(word, TEXT("UIDFETCH"))) {
		ret->kind = IMAP_RESP_FETCH;
		imap_fetch_parse(l, &ret->fetch);
		/* RFC 9586: the number of UIDFETCH is the UID */
		if (word.len == sizeof("UIDFETCH") - 1 && !ret->fetch.uid)
			ret->fetch.uid = ret->number;
	} else {
		return -EBADMSG;
	}
	return 0;
}

static int read_untagged(struct imap_lex *l, struct imap_resp *ret)
{
	struct text word;
	char *was = l->at;
	uint64_t n;

	if (imap_lex_number(l, &n) == 0) {
		if (imap_lex_blanks(l))
			return read_numbered(l, n, ret);
		l->at = was;
	}
	if (imap_lex_atom(l, &word) < 0)
		return -EBADMSG;
	if (condition_of(word, &ret->condition)) {
		ret->kind = IMAP_RESP_CONDITION;
		read_said(l, ret);
		return 0;
	}
	imap_lex_blanks(l);
	for (size_t i = 0; i < countof(untagged); i++)
		if (text_ieq(word, text_of(untagged[i].word)))
			return untagged[i].read(l, ret);
	/* an extension we never asked for; RFC 3501 section 9: it has a name */
	if (!(word.at[0] >= 'A' && word.at[0] <= 'Z') && !(word.at[0] >= 'a' && word.at[0] <= 'z'))
		return -EBADMSG;
	return read_other(l, ret);
}

static int read_tagged(struct imap_lex *l, struct imap_resp *ret)
{
	struct text word;

	ret->kind = IMAP_RESP_TAGGED;
	if (imap_lex_atom(l, &ret->tag) < 0 || !imap_lex_blanks(l) || imap_lex_atom(l, &word) < 0 ||
	    !condition_of(word, &ret->condition))
		return -EBADMSG;
	read_said(l, ret);
	return 0;
}

void imap_parse(char *line, size_t len, size_t max_literal, struct imap_resp *ret)
{
	struct imap_lex l;
	int r;

	*ret = (struct imap_resp){ .line = { line, len } };
	imap_lex_init(&l, line, len, max_literal);
	if (imap_lex_eat(&l, '+')) {
		ret->kind = IMAP_RESP_PLUS;
		imap_lex_blanks(&l);
		ret->said = imap_lex_rest(&l);
		return;
	}
	if (imap_lex_eat(&l, '*'))
		r = imap_lex_blanks(&l) ? read_untagged(&l, ret) : -EBADMSG;
	else
		r = read_tagged(&l, ret);
	if (r < 0)
		*ret = (struct imap_resp){ .kind = IMAP_RESP_ODD, .line = { line, len } };
}
