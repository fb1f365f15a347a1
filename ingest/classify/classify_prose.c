#include "ingest/classify/classify_prose.h"

#include <stdint.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/classify/classify_rules.h"
#include "ingest/classify/classify_sender.h"
#include "ingest/mime/mime_fold.h"
#include "ingest/mime/mime_returned.h"

/*
 * How an address stands in the text, best first.  Only those of the best kind that
 * there is are recipients.
 */
enum place {
	AT_FRONT, /* begins its line, or is all of it */
	NAMED,    /* behind words that name a recipient */
	HEADER,   /* behind "To:" of the returned mail's digest */
	LOOSE,    /* somewhere */
	PLACES,
	NOBODY = PLACES, /* not a recipient's */
};

struct seen {
	struct text address; /* in the raw text where that can be told, else in the folded */
	size_t line, end;    /* of its line in the folded text */
	bool is_answer;      /* codes stand before it: the line ends what is told of it */
	enum place place;
};

struct reader {
	struct classify_prose *p;
	const struct mime_head *head, *original;
	struct seen at[CLASSIFY_PROSE_RECIPIENTS * 2];
	size_t n;
	bool is_contact; /* the line before spoke of whom to ask */
	size_t line;     /* where the line under the eye begins */
};

void classify_prose_init(struct classify_prose *p)
{
	*p = (struct classify_prose){ 0 };
	buf_init(&p->folded, (size_t)LIMIT_CLASSIFY_PROSE * 3);
}

void classify_prose_clear(struct classify_prose *p)
{
	buf_clear(&p->folded);
	classify_prose_init(p);
}

/* ---- addresses ---- */

static bool is_of_address(char c)
{
	return (uint8_t)c > ' ' && !strchr("<>()[]\",;:'`|*\\", c);
}

/* The next address of `line` from `*at` on; empty: none.  `*at` is moved behind it. */
static struct text next_address(struct text line, size_t *at)
{
	for (size_t i = *at + 1; i + 1 < line.len; i++) {
		size_t from = i, to = i + 1;

		if (line.at[i] != '@')
			continue;
		while (from > *at && is_of_address(line.at[from - 1]) && line.at[from - 1] != '@')
			from--;
		if (from == i && from > *at && line.at[from - 1] == '"') /* "quoted"@mail.example */
			for (from--; from > *at && line.at[from - 1] != '"';)
				from--;
		if (from < i && from > *at && line.at[i - 1] == '"')
			from--;
		while (to < line.len && is_of_address(line.at[to]) && line.at[to] != '@')
			to++;
		while (to > i + 1 && strchr(".!?/", line.at[to - 1]))
			to--;
		if (from < i && to > i + 1 && to - from <= LIMIT_MIME_ADDRESS) {
			*at = to;
			return text_sub(line, from, to - from);
		}
		i = to - 1;
	}
	*at = line.len;
	return (struct text){ 0 };
}

/* Of a server, or of a program that nobody writes to. */
static bool is_nobodys(struct text address)
{
	return (classify_sender_of_address(address) &
		(CLASSIFY_SENDER_DAEMON | CLASSIFY_SENDER_POSTMASTER | CLASSIFY_SENDER_NO_REPLY)) !=
	       0;
}

static bool is_among(struct text address, const struct mime_addresses *list)
{
	for (size_t i = 0; i < list->n; i++)
		if (text_ieq(address, text_of(list->at[i].address)))
			return true;
	return false;
}

/* Ours, the server's, or an id that only looks like an address. */
static bool is_somebody_else(const struct reader *r, struct text address)
{
	if (is_among(address, &r->head->failed))
		return false;
	if (r->original && is_among(address, &r->original->to))
		return false;
	if (text_ieq(address, text_of(r->head->from.address)) || is_nobodys(address) ||
	    is_among(address, &r->head->to))
		return true;
	return r->original && (text_ieq(address, text_of(r->original->from.address)) ||
			       text_ieq(address, text_of(r->original->message_id)));
}

/* ---- where it stands ---- */

/* What may stand before an address that begins its line: marks of a list, and of a transcript the
 * codes of an answer ("550 5.1.1 <ann@mail.example>... User unknown"). */
static size_t front_of(struct text line)
{
	size_t n = 0, from;

	while (n < line.len && strchr(" \t<>*-|\"'`", line.at[n]))
		n++;
	from = n;
	while (n < line.len && ((line.at[n] >= '0' && line.at[n] <= '9') || line.at[n] == '.' ||
				line.at[n] == '-' || line.at[n] == ' '))
		n++;
	if (n - from < 4 || (line.at[from] != '4' && line.at[from] != '5'))
		n = from;
	while (n < line.len && line.at[n] == '<')
		n++;
	return n;
}

/* "554 <ann@mail.example>... Host unknown" */
static bool begins_with_code(struct text line)
{
	size_t n = 0;

	while (n < line.len && strchr(" \t*-", line.at[n]))
		n++;
	return n + 3 < line.len && (line.at[n] == '4' || line.at[n] == '5') &&
	       line.at[n + 1] >= '0' && line.at[n + 1] <= '9' && line.at[n + 2] >= '0' &&
	       line.at[n + 2] <= '9' && (line.at[n + 3] == ' ' || line.at[n + 3] == '-');
}

/* What follows one that begins its line: nothing, or what a server says of it. */
static bool goes_on_as_report(struct text rest, bool in_brackets)
{
	size_t n = 0;

	while (n < rest.len && strchr(">\"'`|*", rest.at[n]))
		n++;
	in_brackets |= n > 0;
	rest = text_sub(rest, n, rest.len);
	if (!text_trim(rest).len || in_brackets)
		return true;
	if (strchr(":(\t;,", rest.at[0]) || text_istarts(rest, TEXT("...")) ||
	    text_istarts(rest, TEXT("  ")) || text_istarts(rest, TEXT(" on ")) ||
	    text_istarts(rest, TEXT(" (")) || text_istarts(rest, TEXT(" [")) ||
	    text_istarts(rest, TEXT(" - ")) || text_istarts(rest, TEXT(" :")))
		return true;
	return rest.len > 1 && rest.at[0] == ' ' && (rest.at[1] == '4' || rest.at[1] == '5');
}

/* Phrases of one line: where the last that names a recipient ends, where somebody else is meant. */
struct words_seen {
	size_t named_end[8], n_named;
	size_t other; /* SIZE_MAX: nobody else */
};

static void look_at_words(struct text line, struct words_seen *ret)
{
	const struct classify_word_rule *rule;
	struct classify_rules_walk w;
	size_t at;

	*ret = (struct words_seen){ .other = SIZE_MAX };
	classify_rules_start(&w, classify_rules_now(), CLASSIFY_IN_REPORT, line);
	while ((rule = classify_rules_next(&w, &at))) {
		if (rule->report == CLASSIFY_REPORT_NAMED)
			ret->named_end[ret->n_named++ % countof(ret->named_end)] =
				at + strlen(rule->phrase);
		else if (rule->report == CLASSIFY_REPORT_OTHER && at < ret->other)
			ret->other = at;
	}
}

/* Does a naming phrase end right before the address at `from`? */
static bool is_named(const struct words_seen *w, struct text line, size_t from)
{
	while (from > 0 && strchr(" <\"':\t(\\", line.at[from - 1])) {
		for (size_t i = 0; i < w->n_named && i < countof(w->named_end); i++)
			if (w->named_end[i] == from)
				return true;
		from--;
	}
	for (size_t i = 0; i < w->n_named && i < countof(w->named_end); i++)
		if (w->named_end[i] == from)
			return true;
	return false;
}

static enum place place_of(const struct reader *r, struct text line, struct text address,
			   const struct words_seen *w, bool is_first)
{
	size_t from = (size_t)(address.at - line.at), front = front_of(line);
	struct text rest = text_sub(line, from + address.len, line.len);

	/* "<ann@mail.example>:" is how servers begin what they say of her, also to herself */
	if (is_first && from <= front && from > 0 && line.at[from - 1] == '<' &&
	    text_istarts(rest, TEXT(">:")))
		return AT_FRONT;
	if (is_somebody_else(r, address))
		return NOBODY;
	if (is_first && from <= front &&
	    goes_on_as_report(rest, memchr(line.at, '<', from) != NULL))
		return r->is_contact ? LOOSE : AT_FRONT;
	if (w->other < from)
		return NOBODY;
	if (text_istarts(text_trim(line), TEXT("to:")) && from <= front + 5)
		return HEADER;
	return is_named(w, line, from) ? NAMED : LOOSE;
}

/* ---- reading ---- */

/* The nth address of the raw line, if both lines have as many. */
static struct text as_written(struct text raw, struct text folded, size_t nth)
{
	struct text found = { 0 }, address;
	size_t raw_at = 0, at = 0, n = 0, m = 0;

	while ((address = next_address(raw, &raw_at)).len)
		if (n++ == nth)
			found = address;
	while (next_address(folded, &at).len)
		m++;
	return n == m ? found : (struct text){ 0 };
}

static void take_line(struct reader *r, struct text raw, struct text line, size_t end)
{
	struct words_seen words;
	struct text address;
	size_t at = 0, nth = 0;

	look_at_words(line, &words);
	while (line.len && r->n < countof(r->at) && nth < 8 &&
	       (address = next_address(line, &at)).len) {
		struct text written = as_written(raw, line, nth);
		bool is_first = nth == 0;

		r->at[r->n] = (struct seen){
			.address = written.len ? written : address,
			.line = r->line,
			.end = end,
			.is_answer = is_first && begins_with_code(line),
			.place = place_of(r, line, address, &words, is_first),
		};
		if (r->at[r->n].place != NOBODY)
			r->n++;
		nth++;
	}
	if (text_trim(line).len)
		r->is_contact = words.other != SIZE_MAX;
}

static bool has_address(const struct classify_prose *p, struct text address)
{
	return classify_prose_find(p, address) != SIZE_MAX;
}

/* Those of the best kind; of addresses that merely stand somewhere, whom the returned mail was for.
 */
static void choose(struct reader *r)
{
	struct classify_prose *p = r->p;
	enum place best = NOBODY;
	bool known = false;

	for (size_t i = 0; i < r->n; i++)
		if (r->at[i].place < best)
			best = r->at[i].place;
	for (size_t i = 0; i < r->n && r->original && best != AT_FRONT; i++)
		known |= is_among(r->at[i].address, &r->original->to);
	for (size_t i = 0; i < r->n; i++) {
		const struct seen *s = &r->at[i];

		if (known ? !is_among(s->address, &r->original->to) : s->place != best)
			continue;
		if (p->n == countof(p->at) || has_address(p, s->address))
			continue;
		p->at[p->n++] = (struct classify_prose_recipient){ s->address, s->line, s->end,
								   s->is_answer };
		if (best == LOOSE && !known)
			break; /* the first is the likeliest, the others are anybody's */
	}
}

/* In a transcript what was said stands before the answer: from the last one on, or the paragraph.
 */
static void spread_back(struct classify_prose *p, size_t i)
{
	const char *text = (const char *)p->folded.data;
	size_t stop = i ? p->at[i - 1].to : 0, from = p->at[i].from;

	while (from > stop && !(from > 1 && text[from - 1] == '\n' && text[from - 2] == '\n'))
		from--;
	p->at[i].from = from;
}

/* His lines go on to the next recipient, or to an empty line that has words before it. */
static void spread(struct classify_prose *p)
{
	struct text all = text_of_buf(&p->folded);

	for (size_t i = 0; i < p->n; i++)
		if (p->at[i].is_answer)
			spread_back(p, i);
	for (size_t i = 0; i < p->n; i++) {
		if (p->at[i].is_answer)
			continue;
		size_t stop = i + 1 < p->n && p->at[i + 1].from > p->at[i].from ? p->at[i + 1].from
										: all.len;
		size_t at = p->at[i].to, words = 0, lines = 0;

		while (at < stop && lines++ < 30) {
			const char *end = memchr(all.at + at, '\n', stop - at);
			size_t next = end ? (size_t)(end - all.at) + 1 : stop;
			struct text line = text_trim(text_sub(all, at, next - at));

			if (!line.len && words)
				break;
			words += line.len > 0;
			at = next;
		}
		p->at[i].to = at;
	}
}

static void look_for_signs(struct classify_prose *p)
{
	const struct classify_word_rule *rule;
	struct classify_rules_walk w;
	size_t at, returned = p->folded.len;

	classify_rules_start(&w, classify_rules_now(), CLASSIFY_IN_REPORT, text_of_buf(&p->folded));
	while ((rule = classify_rules_next(&w, &at))) {
		if (rule->report == CLASSIFY_REPORT_DONE && !p->done && at < returned)
			p->done = rule->id;
		if (rule->report == CLASSIFY_REPORT_RETURNED && at > 0 && at < returned)
			returned = at;
		if (rule->report == CLASSIFY_REPORT_SIGN && !p->sign && at < returned)
			p->sign = rule->id;
		if (rule->report == CLASSIFY_REPORT_TRYING && !p->trying && at < returned)
			p->trying = rule->id;
	}
}

void classify_prose_read(struct classify_prose *p, struct text text, const struct mime_head *head,
			 const struct mime_head *original)
{
	struct reader r = { .p = p, .head = head, .original = original };
	struct mime_returned returned;
	struct text raw, folded, raw_line, line;
	bool more;

	text = text_sub(text, 0, LIMIT_CLASSIFY_PROSE);
	(void)mime_returned_find(text, &returned);
	p->text = text_sub(text, 0, returned.report);
	mime_fold_add(&p->folded, p->text);
	look_for_signs(p);
	raw = p->text;
	folded = text_of_buf(&p->folded);
	if (!folded.len)
		return;
	do {
		size_t from = (size_t)(folded.at - (const char *)p->folded.data);

		(void)text_cut(raw, '\n', &raw_line, &raw);
		more = text_cut(folded, '\n', &line, &folded);
		r.line = from;
		take_line(&r, raw_line, line, more ? from + line.len + 1 : p->folded.len);
	} while (more);
	choose(&r);
	spread(p);
	p->stage = classify_prose_stage(text_of_buf(&p->folded));
}

/* ---- asking ---- */

size_t classify_prose_find(const struct classify_prose *p, struct text address)
{
	for (size_t i = 0; i < p->n; i++)
		if (text_ieq(p->at[i].address, address))
			return i;
	return SIZE_MAX;
}

static void add_line(struct buf *ret, struct text line)
{
	if (text_add(ret, line) == 0)
		(void)buf_add(ret, " ", 1);
}

/* Lines elsewhere that name him, and in a transcript the line before: what had been said. */
static void add_mentions(const struct classify_prose *p, const struct classify_prose_recipient *who,
			 struct buf *ret)
{
	struct text all = text_of_buf(&p->folded), before = { 0 }, line;
	bool more = all.len > 0;

	while (more) {
		size_t from = (size_t)(all.at - (const char *)p->folded.data);

		more = text_cut(all, '\n', &line, &all);
		if ((from < who->from || from >= who->to) &&
		    text_ifind(line, who->address) != SIZE_MAX) {
			if (text_istarts(line, TEXT("<<<")))
				add_line(ret, before);
			add_line(ret, line);
		}
		before = line;
	}
}

void classify_prose_words(const struct classify_prose *p, size_t n, struct buf *ret)
{
	struct text all = text_of_buf(&p->folded);
	size_t from = ret->len;

	if (n < p->n) {
		add_line(ret, text_sub(all, p->at[n].from, p->at[n].to - p->at[n].from));
		add_mentions(p, &p->at[n], ret);
	} else {
		(void)text_add(ret, all);
	}
	for (size_t i = from; i < ret->len; i++) /* a phrase may run over a line end */
		if (ret->data[i] == '\n')
			ret->data[i] = ' ';
}

/* Where the same line of the raw text begins: folding keeps lines. */
static size_t raw_at(const struct classify_prose *p, size_t folded_at)
{
	const char *folded = (const char *)p->folded.data;
	size_t at = 0;

	for (size_t i = 0; i < folded_at && at < p->text.len; i++) {
		const char *end;

		if (folded[i] != '\n')
			continue;
		end = memchr(p->text.at + at, '\n', p->text.len - at);
		at = end ? (size_t)(end - p->text.at) + 1 : p->text.len;
	}
	return folded_at == p->folded.len ? p->text.len : at;
}

struct text classify_prose_lines(const struct classify_prose *p, size_t n)
{
	size_t from = raw_at(p, p->at[n].from), to = raw_at(p, p->at[n].to);

	return text_trim(text_sub(p->text, from, to - from));
}

bool classify_prose_is_bare(const struct classify_prose *p, size_t n)
{
	const struct classify_prose_recipient *r = &p->at[n];
	struct text lines = text_trim(text_sub(text_of_buf(&p->folded), r->from, r->to - r->from));

	return lines.len <= r->address.len + 8; /* "<", ">", a mark of a list */
}

enum classify_stage classify_prose_stage(struct text folded)
{
	enum classify_stage stage = CLASSIFY_STAGE_NONE;
	const struct classify_word_rule *rule;
	struct classify_rules_walk w;
	size_t at, answer = text_ifind(folded, TEXT("<<< 5"));

	if (answer == SIZE_MAX)
		answer = text_ifind(folded, TEXT("<<< 4"));
	classify_rules_start(&w, classify_rules_now(), CLASSIFY_IN_REPORT, folded);
	while ((rule = classify_rules_next(&w, &at))) {
		if (rule->report < CLASSIFY_REPORT_CONNECT ||
		    (answer != SIZE_MAX && at > answer && stage != CLASSIFY_STAGE_NONE))
			continue;
		stage = (enum classify_stage)(CLASSIFY_STAGE_CONNECT + rule->report -
					      CLASSIFY_REPORT_CONNECT);
	}
	return stage;
}
