#include "ingest/classify/classify_rules.h"
#include "ingest/classify/classify_sentence.h"

#include <stdint.h>
#include <string.h>

#include "base/mem.h"

#define WRAPPED 56 /* bytes: a line as long as this goes on in the next */

static bool is_blank(char c)
{
	return c == ' ' || c == '\n';
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (uint8_t)c >= 0x80;
}

static void join_wrapped_lines(struct buf *b)
{
	size_t line = 0;

	for (size_t i = 0; i < b->len; i++) {
		if (b->data[i] != '\n')
			continue;
		if (i - line >= WRAPPED && i + 1 < b->len && is_word((char)b->data[i + 1]))
			b->data[i] = ' ';
		line = i + 1;
	}
}

/* "dr.", "nr.", "z.b.", "a." */
static bool is_abbreviated(struct text t, size_t dot)
{
	size_t from = dot;
	struct text word;

	while (from && is_word(t.at[from - 1]))
		from--;
	word = text_sub(t, from, dot - from);
	if (word.len < 2)
		return true;
	return classify_cues_is(classify_rules_cues(classify_rules_now()),
				CLASSIFY_CUE_ABBREVIATION, word);
}

/* Bytes of what ends a sentence at `at`; 0: nothing does. */
static size_t end_at(struct text t, size_t at)
{
	static const char *const wide[] = { "。", "！", "？", "؟", "।" };
	char c = t.at[at];
	bool last = at + 1 == t.len || is_blank(t.at[at + 1]);

	if (c == '\n' || c == '!' || c == '?' || (c == ':' && last) || (c == ';' && last))
		return 1;
	if (c == '.')
		return last && !is_abbreviated(t, at) ? 1 : 0;
	for (size_t i = 0; (uint8_t)c >= 0x80 && i < countof(wide); i++)
		if (t.len - at >= strlen(wide[i]) && !memcmp(t.at + at, wide[i], strlen(wide[i])))
			return strlen(wide[i]);
	return 0;
}

static void add(struct classify_sentences *ret, struct text words, bool is_question)
{
	words = text_trim(words);
	if (words.len && ret->n < CLASSIFY_SENTENCES)
		ret->at[ret->n++] = (struct classify_sentence){ words, is_question };
}

void classify_sentence_cut(struct buf *folded, struct classify_sentences *ret)
{
	struct text t;
	size_t from = 0, n;

	join_wrapped_lines(folded);
	t = text_of_buf(folded);
	ret->n = 0;
	for (size_t i = 0; i < t.len; i += n ? n : 1) {
		n = end_at(t, i);
		if (!n)
			continue;
		add(ret, text_sub(t, from, i - from),
		    t.at[i] == '?' || (n == 3 && !memcmp(t.at + i, "？", 3)));
		from = i + n;
	}
	add(ret, text_sub(t, from, t.len), false);
}
