#include "ingest/mime/mime_subject.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define FRONT_MAX                                                                                  \
	40 /* "[External]", "out of office autoreply:": longer ones are part of a subject */

/* The assembler reads the file.  The path is relative to the folder make runs in. */
__asm__(".pushsection .rodata\n"
	"mime_subject_tsv:\n"
	".incbin \"ingest/mime/subjects.tsv\"\n"
	".byte 0\n"
	".popsection\n");
extern const char mime_subject_tsv[] __attribute__((visibility("hidden")));

/* ---- the words ---- */

enum what { WHAT_RE, WHAT_FW, WHAT_AUTO, WHAT_TAG, WHATS };

struct word {
	struct text words;
	enum what what;
};

static struct {
	struct word *at; /* sorted */
	size_t n;
} table; /* read once, kept */

static int compare(struct text a, struct text b)
{
	int c = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);

	return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int by_words(const void *a, const void *b)
{
	return compare(((const struct word *)a)->words, ((const struct word *)b)->words);
}

static void read_row(struct text line)
{
	static const char *const names[WHATS] = { "re", "fw", "auto", "tag" };
	struct text what, lang, words;

	if (!line.len || line.at[0] == '#')
		return;
	if (!text_cut(line, '\t', &what, &line) || !text_cut(line, '\t', &lang, &words))
		abort(); /* a test reads the table of the binary */
	for (unsigned i = 0; i < WHATS; i++)
		if (text_eq(what, text_of(names[i])))
			table.at[table.n++] = (struct word){ words, (enum what)i };
}

static void read_table(void)
{
	struct text rest = text_of(mime_subject_tsv), line;
	size_t lines = 1;

	for (size_t i = 0; i < rest.len; i++)
		lines += rest.at[i] == '\n';
	table.at = mem_new(lines * sizeof(*table.at));
	for (bool more = true; more;) {
		more = text_cut(rest, '\n', &line, &rest);
		read_row(line);
	}
	qsort(table.at, table.n, sizeof(*table.at), by_words);
}

static const struct word *word_of(struct text words)
{
	const struct word key = { .words = words };

	if (!table.n)
		read_table();
	return words.len ? bsearch(&key, table.at, table.n, sizeof(*table.at), by_words) : NULL;
}

static bool is_tag(struct text words)
{
	const struct word *w = word_of(words);

	return w && w->what == WHAT_TAG;
}

/* ---- one front ---- */

/* Without the count of "re[2]", "re(3)", "re^2". */
static struct text without_count(struct text word)
{
	size_t n;

	word = text_trim(word);
	n = word.len;
	if (n && (word.at[n - 1] == ']' || word.at[n - 1] == ')'))
		n--;
	while (n && word.at[n - 1] >= '0' && word.at[n - 1] <= '9')
		n--;
	if (n && n < word.len && strchr("[(^", word.at[n - 1]))
		return text_trim(text_sub(word, 0, n - 1));
	return word;
}

/* The length of ":" or of the full-width one at `at`; 0: none. */
static size_t colon_at(struct text t, size_t at)
{
	if (t.at[at] == ':')
		return 1;
	return text_eq(text_sub(t, at, 3), TEXT("：")) ? 3 : 0;
}

/* The word of the table before the first colon, and what follows it; NULL: none stands there. */
static const struct word *prefix_of(struct text t, struct text *ret_rest)
{
	for (size_t i = 0; i < t.len && i < FRONT_MAX; i++) {
		size_t colon = colon_at(t, i);
		const struct word *w;

		if (!colon)
			continue;
		w = word_of(without_count(text_sub(t, 0, i)));
		if (w)
			*ret_rest = text_trim(text_sub(t, i + colon, t.len));
		return w;
	}
	return NULL;
}

/* What stands in "[...]" or "***...***" in front of something; empty: nothing does. */
static struct text bracketed(struct text t, struct text *ret_rest)
{
	struct text inside = { 0 };
	size_t end;

	if (t.len && t.at[0] == '[') {
		end = text_ifind(text_sub(t, 0, FRONT_MAX), TEXT("]"));
		if (end != SIZE_MAX)
			inside = text_sub(t, 1, end - 1);
		*ret_rest = text_trim(text_sub(t, inside.len + 2, t.len));
	} else if (text_istarts(t, TEXT("***"))) {
		end = text_ifind(text_sub(t, 3, FRONT_MAX), TEXT("***"));
		if (end != SIZE_MAX)
			inside = text_sub(t, 3, end);
		*ret_rest = text_trim(text_sub(t, inside.len + 6, t.len));
	}
	return inside.len && ret_rest->len ? inside : (struct text){ 0 };
}

/* "acme external mail": does a word of gateways stand among others? */
static bool has_tag(struct text inside)
{
	struct text word;

	for (bool more = true; more;) {
		more = text_cut(inside, ' ', &word, &inside);
		if (is_tag(word))
			return true;
	}
	return false;
}

struct text mime_subject_untagged(struct text t)
{
	struct text rest, inside;

	t = text_trim(t);
	for (bool more = true; more;) {
		const struct word *w;

		inside = bracketed(t, &rest);
		more = inside.len && has_tag(inside);
		if (!more) {
			w = prefix_of(t, &rest);
			more = w && w->what == WHAT_TAG;
		}
		if (more)
			t = rest;
	}
	return t;
}

enum mime_subject_front mime_subject_front(struct text t, struct text *ret_rest)
{
	const struct word *w = NULL;
	struct text rest, inside;

	t = text_trim(t);
	for (bool more = true; more;) {
		inside = bracketed(t, &rest);
		w = inside.len ? word_of(inside) : prefix_of(t, &rest);
		if (w && w->what == WHAT_AUTO)
			break; /* "[Auto-Reply] Re:" is not said by a person */
		more = inside.len || (w && w->what == WHAT_TAG);
		if (more)
			t = rest;
	}
	if (ret_rest)
		*ret_rest = w ? rest : t;
	if (!w)
		return MIME_SUBJECT_PLAIN;
	return w->what == WHAT_RE   ? MIME_SUBJECT_RE
	       : w->what == WHAT_FW ? MIME_SUBJECT_FW
				    : MIME_SUBJECT_AUTO;
}

bool mime_subject_is_answer(struct text folded)
{
	enum mime_subject_front front = mime_subject_front(folded, NULL);

	return front == MIME_SUBJECT_RE || front == MIME_SUBJECT_FW;
}
