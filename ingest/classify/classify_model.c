#include "ingest/classify/classify_model.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define CUT    6  /* letters of a word */
#define MARGIN 10 /* sixteenths between the first and the second */
#define WORDS  200

/* A word or pair by its hash; 64 bits do not meet among some thousand words. */
struct entry {
	uint64_t hash; /* 0: free */
	int8_t weight[CLASSIFY_MODEL_INTENTS];
};

struct classify_model {
	struct entry *at;
	size_t n, size; /* size: a power of two, more than half of it free */
};

struct classify_model *classify_model_new(void)
{
	struct classify_model *m = mem_new(sizeof(*m));

	m->size = 1024;
	m->at = mem_new(m->size * sizeof(*m->at));
	return m;
}

void classify_model_free(struct classify_model *m)
{
	if (!m)
		return;
	free(m->at);
	free(m);
}

/* FNV-1a: nobody gains by words that meet. */
static uint64_t hash_more(uint64_t hash, struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		hash = (hash ^ (uint8_t)t.at[i]) * UINT64_C(1099511628211);
	return hash;
}

static uint64_t hash_of(struct text before, struct text word)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	if (before.len)
		hash = hash_more(hash_more(hash, before), TEXT(" "));
	return hash_more(hash, word) | 1;
}

static struct entry *slot(struct entry *at, size_t size, uint64_t hash)
{
	size_t i = (size_t)(hash >> 20) & (size - 1);

	while (at[i].hash && at[i].hash != hash)
		i = (i + 1) & (size - 1);
	return &at[i];
}

static void grow(struct classify_model *m)
{
	size_t size = m->size * 2;
	struct entry *at = mem_new(size * sizeof(*at));

	for (size_t i = 0; i < m->size; i++)
		if (m->at[i].hash)
			*slot(at, size, m->at[i].hash) = m->at[i];
	free(m->at);
	m->at = at;
	m->size = size;
}

const char *classify_model_add(struct classify_model *m, const char *word, const char *weights)
{
	struct entry new = { .hash = hash_of((struct text){ 0 }, text_of(word)) };
	struct text rest = text_of(weights), one;
	bool more = true;

	for (size_t i = 0; i < CLASSIFY_MODEL_INTENTS; i++) {
		uint64_t n;
		bool minus;

		if (!more)
			return "has too few weights";
		more = text_cut(rest, ' ', &one, &rest);
		minus = one.len && one.at[0] == '-';
		if (text_u64(text_sub(one, minus, one.len), 127, &n) < 0)
			return "has a weight that is none from -127 to 127";
		new.weight[i] = (int8_t)(minus ? -(int)n : (int)n);
	}
	if (more)
		return "has too many weights";
	if (m->n * 2 >= m->size)
		grow(m);
	*slot(m->at, m->size, new.hash) = new;
	m->n++;
	return NULL;
}

/* ---- asking ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return c >= 'a' && c <= 'z';
}

/* What is of one kind from `at` on: letters, digits or one question mark; else one byte. */
static struct text run_at(struct text t, size_t at)
{
	bool letters = is_letter(t.at[at]), digits = is_digit(t.at[at]);
	size_t n = 1;

	while (at + n < t.len &&
	       ((letters && is_letter(t.at[at + n])) || (digits && is_digit(t.at[at + n]))))
		n++;
	return text_sub(t, at, n);
}

/* The next word as the model knows it, and where it ends.  Empty: there is none. */
static struct text next_word(struct text t, size_t *at)
{
	while (*at < t.len) {
		struct text run = run_at(t, *at);

		*at += run.len;
		if (run.at[0] == '?')
			return run;
		if (is_digit(run.at[0]) && run.len <= 2) /* no year, no telephone */
			return TEXT("0");
		if (is_letter(run.at[0]) && run.len > 1) /* no "l'", no initial */
			return text_sub(run, 0, CUT);
	}
	return (struct text){ 0 };
}

struct sums {
	int of[CLASSIFY_MODEL_INTENTS];
};

static const struct entry *add(const struct classify_model *m, struct text before, struct text word,
			       struct sums *s)
{
	const struct entry *e = slot(m->at, m->size, hash_of(before, word));

	for (size_t i = 0; e->hash && i < CLASSIFY_MODEL_INTENTS; i++)
		s->of[i] += e->weight[i];
	return e->hash ? e : NULL;
}

static size_t strongest(const struct sums *s, size_t but)
{
	size_t best = but == 0 ? 1 : 0;

	for (size_t i = 0; i < CLASSIFY_MODEL_INTENTS; i++)
		if (i != but && s->of[i] > s->of[best])
			best = i;
	return best;
}

enum classify_intent classify_model_ask(const struct classify_model *m, struct text folded,
					struct text *ret_word)
{
	const struct entry *known[WORDS];
	struct text word, before = { 0 }, words[WORDS];
	struct sums s = { { 0 } };
	size_t at = 0, n = 0, best;
	int most = 0;

	while (n < WORDS && (word = next_word(folded, &at)).len) {
		words[n] = word;
		/* a number alone says nothing: signatures are full of them */
		known[n++] = word.at[0] == '0' ? NULL : add(m, (struct text){ 0 }, word, &s);
		if (before.len)
			(void)add(m, before, word, &s);
		before = word;
	}
	best = strongest(&s, SIZE_MAX);
	if (s.of[best] - s.of[strongest(&s, best)] < MARGIN)
		return CLASSIFY_INTENT_NEUTRAL;
	*ret_word = (struct text){ 0 };
	for (size_t i = 0; i < n; i++) {
		if (known[i] && known[i]->weight[best] > most) {
			most = (int)known[i]->weight[best];
			*ret_word = words[i];
		}
	}
	return (enum classify_intent)(CLASSIFY_INTENT_INTERESTED + best);
}
