#include "ingest/imap/imap_body.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "ingest/imap/imap_lex.h"

/*
 * A descent into parentheses.  RFC 3501 section 9: body-type-mpart,
 * body-type-1part.  Every reader stops before a ')' it does not own, so a list
 * that is too short leaves its last fields empty, and whatever is too long is
 * passed over up to its ')'.
 */
struct reader {
	struct imap_lex l;
	struct imap_body *b;
};

/* Where we are: "3.1." in an attached message, part 2 of its multipart. */
struct place {
	char prefix[IMAP_BODY_SECTION]; /* "3.1."; empty at the top */
	unsigned number;                /* 0: the whole of a message, not a part of a multipart */
	unsigned inside, depth;
};

static int read_node(struct reader *r, const struct place *p);

void imap_body_init(struct imap_body *b)
{
	*b = (struct imap_body){ 0 };
}

void imap_body_clear(struct imap_body *b)
{
	free(b->parts);
	imap_body_init(b);
}

/* Room for one more, doubled each time; NULL: there are enough. */
static struct imap_part *next_part(struct imap_body *b)
{
	struct imap_part *p;

	if (b->n_parts == LIMIT_IMAP_PARTS) {
		b->is_partial = true;
		return NULL;
	}
	if ((b->n_parts & (b->n_parts - 1)) == 0)
		b->parts =
			mem_resize(b->parts, (b->n_parts ? 2 * b->n_parts : 1) * sizeof(*b->parts));
	p = &b->parts[b->n_parts++];
	*p = (struct imap_part){ 0 };
	return p;
}

/* A string, NIL, or nothing; a list where a string should be is passed over. */
static struct text read_text(struct reader *r)
{
	struct text t = { NULL, 0 };

	imap_lex_blanks(&r->l);
	if (imap_lex_is(&r->l, ')') || imap_lex_is_end(&r->l))
		return t;
	if (imap_lex_is(&r->l, '(') || imap_lex_string(&r->l, &t) < 0) {
		r->b->is_partial = true;
		(void)imap_lex_skip(&r->l);
		return (struct text){ NULL, 0 };
	}
	return t;
}

/* A number if there is one. */
static uint64_t read_number(struct reader *r)
{
	uint64_t n = 0;

	imap_lex_blanks(&r->l);
	if (imap_lex_number(&r->l, &n) < 0)
		return 0;
	return n;
}

/* A number that must be there, though it may be NIL. */
static uint64_t read_size(struct reader *r)
{
	uint64_t n = 0;

	imap_lex_blanks(&r->l);
	if (imap_lex_number(&r->l, &n) < 0)
		(void)read_text(r);
	return n;
}

/* Up to and over the ')' of the list we are in. */
static int leave(struct reader *r)
{
	for (;;) {
		imap_lex_blanks(&r->l);
		if (imap_lex_eat(&r->l, ')'))
			return 0;
		if (imap_lex_skip(&r->l) < 0) {
			r->b->is_partial = true;
			return -EBADMSG;
		}
	}
}

/* "charset" "utf-8" "name" "a.pdf", up to the ')': the values of two names. */
static int read_pairs(struct reader *r, const char *name, struct text *ret, const char *other,
		      struct text *ret_other)
{
	while (imap_lex_blanks(&r->l), !imap_lex_is(&r->l, ')') && !imap_lex_is_end(&r->l)) {
		const char *was = r->l.at;
		struct text key = read_text(r), value = read_text(r);

		if (r->l.at == was)
			return -EBADMSG;
		/* RFC 2231 in BODYSTRUCTURE: "filename*" is better than nothing */
		if (key.len && key.at[key.len - 1] == '*' && !ret->len)
			key.len--;
		if (text_ieq(key, text_of(name)) && value.len)
			*ret = value;
		else if (other && text_ieq(key, text_of(other)) && value.len)
			*ret_other = value;
	}
	return 0;
}

static int read_params(struct reader *r, const char *name, struct text *ret, const char *other,
		       struct text *ret_other)
{
	imap_lex_blanks(&r->l);
	if (!imap_lex_eat(&r->l, '(')) {
		(void)read_text(r); /* NIL, or a stray string */
		return 0;
	}
	if (read_pairs(r, name, ret, other, ret_other) < 0)
		return -EBADMSG;
	return leave(r);
}

/*
 * ("attachment" ("filename" "a.pdf")); Exchange also "inline" alone and (NIL
 * NIL), others ("attachment" "filename" "a.pdf").
 */
static int read_disposition(struct reader *r, struct imap_part *p)
{
	struct text name = { NULL, 0 };
	int e;

	imap_lex_blanks(&r->l);
	if (!imap_lex_eat(&r->l, '(')) {
		p->disposition = read_text(r);
		return 0;
	}
	p->disposition = read_text(r);
	imap_lex_blanks(&r->l);
	if (imap_lex_is(&r->l, '"'))
		e = read_pairs(r, "filename", &name, NULL, NULL);
	else
		e = read_params(r, "filename", &name, NULL, NULL);
	if (name.len)
		p->name = name;
	return e < 0 ? e : leave(r);
}

static int section_of(const struct place *p, char dst[IMAP_BODY_SECTION])
{
	int n = snprintf(dst, IMAP_BODY_SECTION, "%s%u", p->prefix, p->number ? p->number : 1);

	return n < 0 || n >= IMAP_BODY_SECTION ? -ENOBUFS : 0;
}

/* ("text" "plain" ... or ((...: a body; ("attachment" (...)) is a disposition. */
static bool looks_like_body(struct imap_lex l)
{
	if (!imap_lex_eat(&l, '('))
		return false;
	imap_lex_blanks(&l);
	if (imap_lex_is(&l, '('))
		return true;
	if (imap_lex_skip(&l) < 0)
		return false;
	imap_lex_blanks(&l);
	return imap_lex_is(&l, '"') || imap_lex_is(&l, '{');
}

/*
 * Behind the size of message/rfc822: envelope, body, lines.  Some servers leave
 * them out and go on with the extensions.
 */
static int read_message(struct reader *r, const struct place *p)
{
	struct place within = { .inside = p->inside + 1, .depth = p->depth + 1 };
	struct imap_lex l = r->l;
	int n = snprintf(within.prefix, sizeof(within.prefix), "%s%u.", p->prefix,
			 p->number ? p->number : 1);

	imap_lex_blanks(&l);
	if (imap_lex_is(&l, ')') || imap_lex_skip(&l) < 0)
		return 0;
	imap_lex_blanks(&l);
	if (!looks_like_body(l))
		return 0;
	r->l = l;
	if (n < 0 || n >= (int)sizeof(within.prefix)) {
		r->b->is_partial = true;
		return imap_lex_skip(&r->l);
	}
	return read_node(r, &within);
}

/* Behind the type: the fields of body-fields, then those of the type, then the extensions. */
static int read_leaf(struct reader *r, const struct place *p, struct text type)
{
	struct imap_part part = { .inside = p->inside, .type = type }, *kept;
	size_t index;

	part.subtype = read_text(r);
	if (read_params(r, "charset", &part.charset, "name", &part.name) < 0)
		return -EBADMSG;
	part.id = read_text(r);
	(void)read_text(r); /* description */
	part.encoding = read_text(r);
	part.size = read_size(r);
	if (section_of(p, part.section) < 0) {
		r->b->is_partial = true;
		return leave(r);
	}
	kept = next_part(r->b);
	index = r->b->n_parts - 1;
	if (kept)
		*kept = part;

	if (text_ieq(type, TEXT("message")) &&
	    (text_ieq(part.subtype, TEXT("rfc822")) || text_ieq(part.subtype, TEXT("global"))) &&
	    read_message(r, p) < 0)
		return -EBADMSG;
	(void)read_number(r); /* lines: of text and messages, and of others by mistake */
	imap_lex_blanks(&r->l);
	if (!imap_lex_is(&r->l, '('))
		(void)read_text(r); /* MD5, which some leave out */
	if (read_disposition(r, kept ? &r->b->parts[index] : &part) < 0)
		return -EBADMSG;
	return leave(r);
}

/* At the first part of a multipart, behind its '('. */
static int read_multipart(struct reader *r, const struct place *p)
{
	struct place part = { .inside = p->inside, .depth = p->depth + 1 };
	size_t first = r->b->n_parts;
	struct text subtype;
	int n = p->number
			? snprintf(part.prefix, sizeof(part.prefix), "%s%u.", p->prefix, p->number)
			: snprintf(part.prefix, sizeof(part.prefix), "%s", p->prefix);

	if (n < 0 || n >= (int)sizeof(part.prefix)) {
		r->b->is_partial = true;
		return leave(r);
	}
	while (imap_lex_blanks(&r->l), imap_lex_is(&r->l, '(')) {
		part.number++;
		if (read_node(r, &part) < 0)
			return -EBADMSG;
	}
	subtype = read_text(r);
	for (size_t i = first; i < r->b->n_parts; i++)
		if (r->b->parts[i].inside == p->inside && !r->b->parts[i].multipart.at)
			r->b->parts[i].multipart = subtype;
	return leave(r);
}

static int read_node(struct reader *r, const struct place *p)
{
	struct text type;

	imap_lex_blanks(&r->l);
	if (p->depth > LIMIT_IMAP_DEPTH) {
		r->b->is_partial = true;
		return imap_lex_skip(&r->l);
	}
	if (!imap_lex_eat(&r->l, '('))
		return -EBADMSG;
	imap_lex_blanks(&r->l);
	if (imap_lex_is(&r->l, '('))
		return read_multipart(r, p);

	type = read_text(r);
	imap_lex_blanks(&r->l);
	if (imap_lex_is(&r->l, ')')) {
		/* Gmail: ("ALTERNATIVE"), a multipart it found nothing in */
		r->b->is_partial = true;
		return leave(r);
	}
	return read_leaf(r, p, type);
}

void imap_body_parse(struct imap_body *b, char *at, size_t len, size_t max_literal)
{
	struct reader r = { .b = b };
	struct place top = { .depth = 1 };

	imap_body_clear(b);
	imap_lex_init(&r.l, at, len, max_literal);
	if (read_node(&r, &top) < 0)
		b->is_partial = true;
}

const struct imap_part *imap_body_find(const struct imap_body *b, struct text type,
				       struct text subtype)
{
	for (size_t i = 0; i < b->n_parts; i++)
		if (b->parts[i].inside == 0 && text_ieq(b->parts[i].type, type) &&
		    text_ieq(b->parts[i].subtype, subtype))
			return &b->parts[i];
	return NULL;
}
