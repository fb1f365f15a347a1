#include "ingest/imap/imap_fetch.h"

#include <errno.h>

#include "base/mem.h"
#include "ingest/imap/imap_date.h"

static int read_uid(struct imap_lex *l, struct imap_fetch *f)
{
	uint64_t n;

	if (imap_lex_number(l, &n) < 0 || n > UINT32_MAX)
		return -EBADMSG;
	f->uid = (uint32_t)n;
	return 0;
}

static int read_size(struct imap_lex *l, struct imap_fetch *f)
{
	int r = imap_lex_number(l, &f->size);

	f->has_size = r == 0;
	return r;
}

static int read_flags(struct imap_lex *l, struct imap_fetch *f)
{
	int r = imap_lex_list(l, &f->flags);

	f->has_flags = r == 0;
	return r;
}

/* A date that cannot be read is no reason to lose the message. */
static int read_date(struct imap_lex *l, struct imap_fetch *f)
{
	struct text t;
	int r = imap_lex_string(l, &t);

	f->has_date = r >= 0 && imap_date_parse(t, &f->date_unix_s) == 0;
	return r < 0 ? r : 0;
}

static int read_structure(struct imap_lex *l, struct imap_fetch *f)
{
	char *was = l->at;
	bool is_list = imap_lex_is(l, '(');
	int r = imap_lex_skip(l);

	if (r == 0 && is_list) {
		f->bodystructure.at = was;
		f->bodystructure.len = (size_t)(l->at - was);
	}
	return r;
}

/* MODSEQ (12), and EMAILID (M6d99...) below */
static int read_modseq(struct imap_lex *l, struct imap_fetch *f)
{
	int r = -EBADMSG;

	if (imap_lex_eat(l, '(')) {
		r = imap_lex_number(l, &f->modseq);
		if (r == 0 && !imap_lex_eat(l, ')'))
			r = -EBADMSG;
	}
	return r;
}

static int read_emailid(struct imap_lex *l, struct imap_fetch *f)
{
	return imap_lex_list(l, &f->emailid);
}

static int read_threadid(struct imap_lex *l, struct imap_fetch *f)
{
	return imap_lex_list(l, &f->threadid);
}

static int read_gmail_msgid(struct imap_lex *l, struct imap_fetch *f)
{
	return imap_lex_number(l, &f->gmail_msgid);
}

static int read_gmail_thrid(struct imap_lex *l, struct imap_fetch *f)
{
	return imap_lex_number(l, &f->gmail_thrid);
}

static int read_gmail_labels(struct imap_lex *l, struct imap_fetch *f)
{
	return imap_lex_list(l, &f->gmail_labels);
}

static const struct {
	const char *item;
	int (*read)(struct imap_lex *l, struct imap_fetch *f);
} items[] = {
	{ "UID", read_uid },
	{ "FLAGS", read_flags },
	{ "RFC822.SIZE", read_size },
	{ "INTERNALDATE", read_date },
	{ "BODYSTRUCTURE", read_structure },
	{ "MODSEQ", read_modseq },
	{ "X-GM-MSGID", read_gmail_msgid },
	{ "X-GM-THRID", read_gmail_thrid },
	{ "X-GM-LABELS", read_gmail_labels },
	{ "EMAILID", read_emailid },
	{ "THREADID", read_threadid },
};

/* The bytes of a section.  Yandex may leave the value out altogether. */
static int read_bytes(struct imap_lex *l, struct imap_section *s)
{
	int kind;

	if (imap_lex_is(l, ')') || imap_lex_is_end(l)) {
		s->is_nil = true;
		return 0;
	}
	kind = imap_lex_string(l, &s->data);
	if (kind < 0)
		return kind;
	s->is_nil = kind == IMAP_LEX_NIL;
	s->is_cut = kind == IMAP_LEX_LITERAL && imap_lex_is_cut(s->data, l);
	return 0;
}

/* At "[1.2]<0>", "[HEADER.FIELDS (DATE)]": what stands in the brackets. */
static int read_section_name(struct imap_lex *l, struct imap_section *s)
{
	const char *from = l->at + 1;
	uint64_t origin;

	while (l->at < l->end && *l->at != ']')
		l->at++;
	if (!imap_lex_eat(l, ']'))
		return -EBADMSG;
	s->name = (struct text){ from, (size_t)(l->at - from - 1) };
	if (imap_lex_eat(l, '<')) {
		s->has_origin = true;
		if (imap_lex_number(l, &origin) < 0 || !imap_lex_eat(l, '>'))
			return -EBADMSG;
	}
	return 0;
}

static void keep(struct imap_fetch *f, const struct imap_section *s)
{
	if (f->n_sections < IMAP_FETCH_SECTIONS)
		f->sections[f->n_sections++] = *s;
}

/* BODY[...], BINARY[...], and the three of old: RFC822, RFC822.HEADER, RFC822.TEXT */
static int read_section(struct imap_lex *l, struct text item, struct imap_fetch *f)
{
	struct imap_section s = { .name = text_sub(item, sizeof("RFC822.") - 1, SIZE_MAX) };
	int r = imap_lex_is(l, '[') ? read_section_name(l, &s) : 0;

	imap_lex_blanks(l);
	if (r == 0)
		r = read_bytes(l, &s);
	if (r == 0)
		keep(f, &s);
	return r;
}

static bool is_old_section(struct text item)
{
	return text_ieq(item, TEXT("RFC822")) || text_ieq(item, TEXT("RFC822.HEADER")) ||
	       text_ieq(item, TEXT("RFC822.TEXT"));
}

static int read_item(struct imap_lex *l, struct imap_fetch *f)
{
	struct text item;

	if (imap_lex_word(l, "[", &item) < 0)
		return -EBADMSG;
	if (is_old_section(item) || (imap_lex_is(l, '[') && (text_ieq(item, TEXT("BODY")) ||
							     text_ieq(item, TEXT("BINARY")))))
		return read_section(l, item, f);

	if (imap_lex_is(l, '[')) { /* BINARY.SIZE[1], unknown ones */
		struct imap_section other = { 0 };

		if (read_section_name(l, &other) < 0)
			return -EBADMSG;
	}
	imap_lex_blanks(l);
	for (size_t i = 0; i < countof(items); i++) {
		char *was = l->at;

		if (!text_ieq(item, text_of(items[i].item)))
			continue;
		if (items[i].read(l, f) == 0)
			return 0;
		l->at = was; /* an odd value: pass over it */
		f->is_partial = true;
		break;
	}
	return imap_lex_is(l, ')') ? 0 : imap_lex_skip(l);
}

void imap_fetch_parse(struct imap_lex *l, struct imap_fetch *ret)
{
	bool has_items = false;

	*ret = (struct imap_fetch){ 0 };
	imap_lex_blanks(l);
	if (!imap_lex_eat(l, '(')) {
		ret->is_partial = true;
		return;
	}
	for (;;) {
		imap_lex_blanks(l);
		/* a line that ends where only the ')' is missing lost nothing */
		if (imap_lex_eat(l, ')') || (imap_lex_is_end(l) && has_items))
			return;
		has_items = true;
		if (read_item(l, ret) < 0) {
			ret->is_partial = true;
			return;
		}
	}
}
