#include "ingest/classify/classify_language.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"
#include "ingest/classify/classify_rules.h"
#include "ingest/mime/mime_fold.h"
#include "ingest/mime/mime_utf8.h"

#define LANGUAGES 32
#define LOOKED_AT 600 /* bytes */
#define ENOUGH    24  /* what a word of one language alone counts */
#define LETTER    12  /* and a letter of one language alone: names carry them anywhere */

struct classify_lexicon {
	char name[LANGUAGES][4];
	unsigned n;
	struct map word; /* of each the languages that have it, a bit each */
};

struct classify_lexicon *classify_language_new(void)
{
	struct classify_lexicon *l = mem_new(sizeof(*l));

	map_init(&l->word);
	return l;
}

void classify_language_free(struct classify_lexicon *l)
{
	if (!l)
		return;
	map_clear(&l->word);
	free(l);
}

const char *classify_language_add(struct classify_lexicon *l, const char *language,
				  const char *words)
{
	struct text rest = text_of(words), word;
	unsigned i = 0;

	if (strlen(language) != 2)
		return "is no language of two letters";
	while (i < l->n && strcmp(l->name[i], language) != 0)
		i++;
	if (i == LANGUAGES)
		return "is one language too many";
	if (i == l->n)
		memcpy(l->name[l->n++], language, 3);
	for (bool more = true; more;) {
		uintptr_t bits;

		more = text_cut(rest, ' ', &word, &rest);
		if (!word.len)
			continue;
		bits = (uintptr_t)map_get(&l->word, word) | (uintptr_t)1 << i;
		(void)map_put(&l->word, word, (void *)bits); /* NOLINT(performance-no-int-to-ptr) */
	}
	return NULL;
}

/* ---- scripts ---- */

/* Where one language, or one for most, has a script to itself. */
static const struct {
	uint32_t first, last;
	const char *language;
} scripts[] = {
	{ 0x370, 0x3ff, "el" },   { 0x400, 0x52f, "ru" },   { 0x590, 0x5ff, "he" },
	{ 0x600, 0x6ff, "ar" },   { 0x900, 0x97f, "hi" },   { 0xb80, 0xbff, "ta" },
	{ 0xe00, 0xe7f, "th" },   { 0x3040, 0x30ff, "ja" }, { 0x4e00, 0x9fff, "zh" },
	{ 0xac00, 0xd7af, "ko" },
};

/* Letters that tell a language from the others of its script. */
static const struct {
	uint32_t letter;
	const char *language;
} telling[] = {
	{ 0x454, "uk" }, { 0x456, "uk" }, { 0x457, "uk" }, { 0x491, "uk" },
	{ 0x458, "sr" }, { 0x459, "sr" }, { 0x45a, "sr" }, { 0x67e, "fa" },
	{ 0x686, "fa" }, { 0x6af, "fa" }, { 0x6cc, "fa" },
};

static const char *script_of(struct text t)
{
	size_t seen[countof(scripts)] = { 0 }, latin = 0, best = 0;
	const char *told = NULL;

	while (t.len) {
		uint32_t c;

		t = text_sub(t, mime_utf8_next(t, &c), t.len);
		latin += (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
		for (size_t i = 0; c >= 0x370 && i < countof(scripts); i++)
			seen[i] += c >= scripts[i].first && c <= scripts[i].last;
		for (size_t i = 0; c >= 0x370 && i < countof(telling); i++)
			if (c == telling[i].letter)
				told = telling[i].language;
	}
	if (seen[7]) /* kana are Japanese, however many Han stand around them */
		seen[7] += seen[8];
	for (size_t i = 1; i < countof(scripts); i++)
		if (seen[i] > seen[best])
			best = i;
	if (seen[best] < 2 || seen[best] * 2 < latin)
		return NULL;
	return told && (best == 1 || best == 3) ? told : scripts[best].language;
}

/* ---- words ---- */

struct scores {
	unsigned of[LANGUAGES];
};

/* The fewer languages have it, the more it says. */
static void count(const struct classify_lexicon *l, struct text word, unsigned enough,
		  struct scores *s)
{
	uintptr_t bits = (uintptr_t)map_get(&l->word, word);
	unsigned n = 0, worth;

	for (uintptr_t rest = bits; rest; rest &= rest - 1)
		n++;
	worth = n ? enough / n : 0;
	for (unsigned i = 0; n && i < l->n; i++)
		if (bits >> i & 1)
			s->of[i] += worth;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (uint8_t)c >= 0x80;
}

static void count_words(const struct classify_lexicon *l, struct text folded, struct scores *s)
{
	for (size_t i = 0; i < folded.len;) {
		size_t n = 0;

		while (i + n < folded.len && is_letter(folded.at[i + n]))
			n++;
		if (n)
			count(l, text_sub(folded, i, n), ENOUGH, s);
		i += n ? n : 1;
	}
}

static void count_letters(const struct classify_lexicon *l, struct text raw, struct scores *s)
{
	for (size_t at = 0; at < raw.len;) {
		uint32_t c;
		size_t n = mime_utf8_next(text_sub(raw, at, raw.len), &c);

		if (n > 1)
			count(l, text_sub(raw, at, n), LETTER, s);
		at += n;
	}
}

/* One that is clearly before all others. */
static const char *winner(const struct classify_lexicon *l, const struct scores *s)
{
	unsigned best = 0, second = 0;

	for (unsigned i = 1; i < l->n; i++)
		if (s->of[i] > s->of[best])
			best = i;
	for (unsigned i = 0; i < l->n; i++)
		if (i != best && s->of[i] > second)
			second = s->of[i];
	return s->of[best] >= ENOUGH / 2 && s->of[best] * 6 >= second * 7 ? l->name[best] : "";
}

const char *classify_language_of(struct text raw)
{
	const struct classify_lexicon *l = classify_rules_languages(classify_rules_now());
	struct text head = mime_utf8_cut(raw, LOOKED_AT);
	const char *script = script_of(head);
	cleanup_buf struct buf folded;
	struct scores s = { { 0 } };

	buf_init(&folded, (size_t)LOOKED_AT * 3);
	if (script)
		return script;
	mime_fold_add(&folded, head);
	count_words(l, text_of_buf(&folded), &s);
	count_letters(l, head, &s);
	return l->n ? winner(l, &s) : "";
}
