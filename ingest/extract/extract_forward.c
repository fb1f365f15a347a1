#include "ingest/extract/extract_forward.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/mime/mime_fold.h"
#include "ingest/mime/mime_utf8.h"

void extract_forward_of_header(const struct extract_lines *l, const struct extract_header *h,
			       struct extract_forward *ret)
{
	ret->from = extract_header_value(l, h, CLASSIFY_MARK_FROM);
	ret->to = extract_header_value(l, h, CLASSIFY_MARK_TO);
	ret->cc = extract_header_value(l, h, CLASSIFY_MARK_CC);
	ret->subject = extract_header_value(l, h, CLASSIFY_MARK_SUBJECT);
	ret->date = extract_header_value(l, h, CLASSIFY_MARK_DATE);
}

/* ---- the line over a quote ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_mark(char c)
{
	return c == '"' || c == '\'' || c == '(' || c == ' ' || c == '<';
}

/* The address in `t`: where it begins; `ret_len` its bytes.  SIZE_MAX: none. */
static size_t find_address(struct text t, size_t *ret_len)
{
	const char *at = t.len ? memchr(t.at, '@', t.len) : NULL;
	size_t from, to;

	if (!at)
		return SIZE_MAX;
	from = to = (size_t)(at - t.at);
	while (from > 0 && !strchr("<>()[]\"' \t\r\n,;:", t.at[from - 1]))
		from--;
	while (to < t.len && !strchr("<>()[]\"' \t\r\n,;:", t.at[to]))
		to++;
	*ret_len = to - from;
	return from;
}

/* From the first digit to the last of a date and a time. */
static struct text date_in(struct text t)
{
	size_t from = 0, to, last;

	while (from < t.len && !is_digit(t.at[from]))
		from++;
	for (to = last = from; to < t.len && to - last < 14; to++) {
		if (t.at[to] == '<' || t.at[to] == '"' || t.at[to] == '@')
			break;
		if (is_digit(t.at[to]))
			last = to + 1;
	}
	return text_sub(t, from, last > from ? last - from : 0);
}

void extract_forward_of_attribution(const struct extract_lines *l, size_t i, size_t n,
				    struct extract_forward *ret)
{
	struct text first = extract_lines_raw(l, i), last = extract_lines_raw(l, i + n - 1);
	struct text t = { first.at, (size_t)(last.at + last.len - first.at) };
	size_t len, at = find_address(t, &len), name;

	ret->date = date_in(t);
	if (at == SIZE_MAX)
		return;
	/* the name is what stands between a date, or a word, and the address */
	for (name = at; name > 0 && is_mark(t.at[name - 1]); name--)
		;
	while (name > 0 && !is_digit(t.at[name - 1]) && !strchr(",:;\n\"", t.at[name - 1]))
		name--;
	ret->from = text_sub(t, name, at + len - name);
	if (at > 0 && t.at[at - 1] == '<')
		ret->from.len++; /* with its bracket */
}

/* ---- all on one line ---- */

#define LOOK_BACK 40 /* bytes of the longest label */
#define ONE_LINE  4000

/* The label that ends before the colon at `colon`, and where it begins. */
static unsigned label_before(const struct extract_lines *l, struct text t, size_t colon,
			     size_t *ret_from)
{
	for (size_t from = colon > LOOK_BACK ? colon - LOOK_BACK : 0; from < colon; from++) {
		struct classify_marks_front f;
		cleanup_buf struct buf folded = { 0 };

		if (((unsigned char)t.at[from] & 0xc0) == 0x80 || t.at[from] == ' ' ||
		    (from > 0 && t.at[from] >= 'a' && t.at[from] <= 'z' && t.at[from - 1] != ' '))
			continue;
		buf_init(&folded, LOOK_BACK * 3);
		mime_fold_add(&folded, text_sub(t, from, colon - from));
		classify_marks_front(l->marks, text_of_buf(&folded), &f);
		for (unsigned i = CLASSIFY_MARK_FROM; i <= CLASSIFY_MARK_OTHER; i++)
			if (f.set & 1U << i && f.len[i] == folded.len) {
				*ret_from = from;
				return i;
			}
	}
	return CLASSIFY_MARKS;
}

static struct text *value_of(struct extract_forward *f, unsigned label)
{
	switch ((enum classify_mark)label) {
	case CLASSIFY_MARK_FROM:
		return &f->from;
	case CLASSIFY_MARK_TO:
		return &f->to;
	case CLASSIFY_MARK_CC:
		return &f->cc;
	case CLASSIFY_MARK_SUBJECT:
		return &f->subject;
	case CLASSIFY_MARK_DATE:
		return &f->date;
	case CLASSIFY_MARK_OTHER:
	case CLASSIFY_MARK_INTRO:
	case CLASSIFY_MARK_VERB:
	case CLASSIFY_MARK_ORIGINAL:
	case CLASSIFY_MARK_FORWARD:
	case CLASSIFY_MARK_BANNER:
	case CLASSIFY_MARK_DEVICE:
	case CLASSIFY_MARK_CLOSING:
	case CLASSIFY_MARK_THANKS:
	case CLASSIFY_MARK_DISCLAIMER:
	case CLASSIFY_MARK_LEGAL:
	case CLASSIFY_MARKS:
		break;
	}
	return NULL;
}

/* "... 09:26:50 CETAssunto Offer": Yahoo in Portuguese writes no colon behind the last label. */
static void cut_subject(const struct extract_lines *l, struct extract_forward *f)
{
	for (size_t at = 1; at < f->date.len; at++) {
		struct text rest = text_sub(f->date, at, f->date.len);
		char c = f->date.at[at];
		struct classify_marks_front front;
		cleanup_buf struct buf folded = { 0 };

		if (c < 'A' || c > 'Z')
			continue;
		buf_init(&folded, LOOK_BACK * 3);
		mime_fold_add(&folded, text_sub(rest, 0, LOOK_BACK));
		classify_marks_front(l->marks, text_of_buf(&folded), &front);
		if (!(front.set & 1U << CLASSIFY_MARK_SUBJECT) ||
		    front.len[CLASSIFY_MARK_SUBJECT] >= rest.len ||
		    rest.at[front.len[CLASSIFY_MARK_SUBJECT]] != ' ')
			continue;
		f->subject = text_sub(rest, front.len[CLASSIFY_MARK_SUBJECT], rest.len);
		f->date.len = at;
		return;
	}
}

bool extract_forward_of_line(const struct extract_lines *l, size_t i, struct extract_forward *ret)
{
	struct text t = text_sub(extract_lines_raw(l, i), 0, ONE_LINE), *value = NULL;
	struct extract_forward f = { 0 };
	size_t colons = 0;

	for (size_t at = 0; t.at && at < t.len && colons < 64; at++) {
		size_t from = 0;
		unsigned label;
		struct text *next;

		if (t.at[at] != ':')
			continue;
		colons++;
		label = label_before(l, t, at, &from);
		next = label == CLASSIFY_MARKS ? NULL : value_of(&f, label);
		if (label == CLASSIFY_MARKS || (next && next->at))
			continue;
		if (value)
			value->len = (size_t)(t.at + from - value->at);
		value = next;
		if (next)
			*next = text_sub(t, at + 1, t.len);
		if (label == CLASSIFY_MARK_SUBJECT && f.from.at)
			break; /* it is the last, and a colon in it is its own */
	}
	if (value == &f.date && !f.subject.at)
		cut_subject(l, &f);
	if (f.from.at)
		*ret = f;
	return f.from.at != NULL;
}

/* ---- reading ---- */

/* Without the quote marks at the front of a line. */
static struct text unquoted(struct text line, bool first)
{
	struct text t = line;

	while (!first && t.len && (t.at[0] == '>' || t.at[0] == ' ' || t.at[0] == '\t')) {
		t = text_sub(t, 1, t.len);
		if (t.len && t.at[0] == ' ' && line.at + 1 == t.at)
			t = text_sub(t, 1, t.len);
		if (!t.len || t.at[0] != '>')
			break;
	}
	return t;
}

static struct text without_ornaments(struct text t)
{
	t = text_trim(t);
	while (t.len && (t.at[0] == '*' || t.at[0] == '_' || t.at[0] == '|'))
		t = text_trim(text_sub(t, 1, t.len));
	while (t.len && (t.at[t.len - 1] == '*' || t.at[t.len - 1] == '_'))
		t = text_trim(text_sub(t, 0, t.len - 1));
	return t;
}

void extract_forward_value(struct text slice, struct buf *ret)
{
	struct text line;
	bool more = slice.len > 0, first = true;

	while (more) {
		more = text_cut(slice, '\n', &line, &slice);
		line = without_ornaments(unquoted(line, first));
		first = false;
		if (line.len && ret->len)
			(void)text_add(ret, TEXT(" "));
		(void)text_add(ret, line);
	}
}

void extract_forward_body(struct text slice, struct buf *ret)
{
	struct text line;
	bool more = slice.len > 0, first = true;

	while (more) {
		more = text_cut(slice, '\n', &line, &slice);
		if (line.len && line.at[0] == '>')
			line = unquoted(line, false);
		if (!first)
			(void)text_add(ret, TEXT("\n"));
		(void)text_add(ret, line);
		first = false;
	}
}

/* ---- people ---- */

static struct text without_quotes(struct text t)
{
	static const char *const marks[] = { "\"",
					     "'",
					     "\xc2\xab",
					     "\xc2\xbb",
					     "\xe2\x80\x9c",
					     "\xe2\x80\x9d",
					     "\xe2\x80\x9e",
					     "\xc2\xa0",
					     "<",
					     ">",
					     "(",
					     ")",
					     "[",
					     "]",
					     "," };
	bool again = true;

	while (again) {
		again = false;
		t = text_trim(t);
		for (size_t i = 0; i < countof(marks); i++) {
			struct text m = text_of(marks[i]);

			if (text_istarts(t, m)) {
				t = text_sub(t, m.len, t.len);
				again = true;
			}
			if (text_iends(t, m)) {
				t = text_sub(t, 0, t.len - m.len);
				again = true;
			}
		}
	}
	return t;
}

/* Where the piece that begins `t` ends: at a ',' or ';' outside of quotes, behind an address. */
static size_t end_of_piece(struct text t)
{
	bool quoted = false, address = false;
	size_t last = t.len; /* behind the last '@'; 0: there is none */

	while (last > 0 && t.at[last - 1] != '@')
		last--;
	for (size_t i = 0; i < t.len; i++) {
		if (t.at[i] == '"')
			quoted = !quoted;
		address = address || t.at[i] == '@';
		if (quoted || (t.at[i] != ',' && t.at[i] != ';'))
			continue;
		/* "Archer, Ann <ann@x.example>": a comma before any address parts a name, not
		 * people */
		if (t.at[i] == ';' || address || i >= last)
			return i;
	}
	return t.len;
}

static void read_person(struct text piece, struct extract_person *ret)
{
	size_t len, at = find_address(piece, &len);
	struct text name;

	*ret = (struct extract_person){ 0 };
	if (at == SIZE_MAX) {
		mime_utf8_copy(ret->name, sizeof(ret->name), without_quotes(piece));
		return;
	}
	mime_utf8_copy(ret->address, sizeof(ret->address), text_sub(piece, at, len));
	name = text_sub(piece, 0, at);
	/* "Ann<mailto:ann@x.example> <ann@x.example>" and "Ann [mailto:ann@x.example]" */
	at = text_ifind(name, TEXT("mailto:"));
	if (at != SIZE_MAX)
		name = text_sub(name, 0, at);
	mime_utf8_copy(ret->name, sizeof(ret->name), without_quotes(name));
	if (strcmp(ret->name, ret->address) == 0)
		ret->name[0] = '\0';
}

size_t extract_forward_people(struct text slice, struct extract_person *ret, size_t max)
{
	cleanup_buf struct buf line;
	struct text t;
	size_t n = 0;

	buf_init(&line, slice.len + 1);
	extract_forward_value(slice, &line);
	for (t = text_of_buf(&line); t.len && n < max;) {
		size_t end = end_of_piece(t);
		struct text piece = text_trim(text_sub(t, 0, end));

		t = text_sub(t, end + 1, t.len);
		if (piece.len)
			read_person(piece, &ret[n++]);
	}
	return n;
}
