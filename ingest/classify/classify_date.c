#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_rules.h"
#include "ingest/classify/classify_date.h"
#include "ingest/classify/classify_phrase.h"
#include "ingest/classify/classify_trie.h"

#define WINDOW 60 /* bytes behind a cue in which its date begins */
#define BEFORE 40 /* bytes before a cue in which its date begins */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (uint8_t)c >= 0x80;
}

/* ---- cues ---- */

/*
 * What stands before a date.  `rank`: 3 a return word, 2 the end of an absence,
 * 1 the end of a range, which must have its date right behind it.
 */
static const struct cue {
	const char *words;
	int rank;
	int plus; /* days: 1 where the named day is still one of absence */
	bool day_first;
	bool look_back; /* where no date follows, one may stand before it */
} cues[] = {
	{ "back", 3, 0, false, true },
	{ "reopen", 3, 0, false, false },
	{ "re-open", 3, 0, false, false },
	{ "return on", 3, 0, false, false },
	{ "return to", 3, 0, false, false },
	{ "returning", 3, 0, false, false },
	{ "will return", 3, 0, false, false },
	{ "i return", 3, 0, false, false },
	{ "my return", 3, 0, false, false },
	{ "returns on", 3, 0, false, false },
	{ "available again", 3, 0, false, false },
	{ "reachable again", 3, 0, false, false },
	{ "in the office again", 3, 0, false, false },
	{ "until and including", 2, 1, false, false },
	{ "up to and including", 2, 1, false, false },
	{ "until", 2, 0, false, false },
	{ "till", 2, 0, false, false },
	{ "through", 2, 1, false, false },
	{ "thru", 2, 1, false, false },
	{ "to", 1, 1, false, false },
	{ "zuruck", 3, 0, true, true },
	{ "wieder", 3, 0, true, true },
	{ "ab dem", 2, 0, true, false },
	{ "ab", 2, 0, true, false },
	{ "bis einschliesslich", 2, 1, true, false },
	{ "bis inklusive", 2, 1, true, false },
	{ "bis inkl.", 2, 1, true, false },
	{ "bis einschl.", 2, 1, true, false },
	{ "bis und mit", 2, 1, true, false },
	{ "bis zum", 2, 0, true, false },
	{ "bis", 2, 0, true, false },
	{ "retour", 3, 0, true, false },
	{ "mon retour", 3, 0, true, false },
	{ "je reviens", 3, 0, true, false },
	{ "je serai de nouveau", 3, 0, true, false },
	{ "reprendrai", 3, 0, true, false },
	{ "jusqu'au", 2, 0, true, false },
	{ "jusqu'a", 2, 0, true, false },
	{ "a partir du", 2, 0, true, false },
	{ "au", 1, 1, true, false },
	{ "de vuelta", 3, 0, true, false },
	{ "regreso", 3, 0, true, false },
	{ "me reincorporo", 3, 0, true, false },
	{ "me reincorporare", 3, 0, true, false },
	{ "regresare", 3, 0, true, false },
	{ "vuelvo", 3, 0, true, false },
	{ "volvere", 3, 0, true, false },
	{ "hasta el", 2, 0, true, false },
	{ "hasta", 2, 0, true, false },
	{ "a partir del", 2, 0, true, false },
	{ "al", 1, 1, true, false },
	{ "di ritorno", 3, 0, true, false },
	{ "rientro", 3, 0, true, false },
	{ "rientrero", 3, 0, true, false },
	{ "tornero", 3, 0, true, false },
	{ "saro di nuovo", 3, 0, true, false },
	{ "fino al", 2, 0, true, false },
	{ "fino a", 2, 0, true, false },
	{ "a partire dal", 2, 0, true, false },
	{ "de volta", 3, 0, true, true },
	{ "retorno", 3, 0, true, false },
	{ "regresso", 3, 0, true, false },
	{ "retornarei", 3, 0, true, false },
	{ "regressarei", 3, 0, true, false },
	{ "volto", 3, 0, true, false },
	{ "voltarei", 3, 0, true, false },
	{ "ate", 2, 0, true, false },
	{ "a partir de", 2, 0, true, false },
	{ "terug", 3, 0, true, true },
	{ "weer", 3, 0, true, true },
	{ "vanaf", 1, 0, true, false },
	{ "tot en met", 2, 1, true, false },
	{ "t/m", 2, 1, true, false },
	{ "tot", 2, 0, true, false },
	{ "tillbaka", 3, 0, true, true },
	{ "ater", 3, 0, true, false },
	{ "till och med", 2, 1, true, false },
	{ "t.o.m.", 2, 1, true, false },
	{ "tilbage", 3, 0, true, true },
	{ "tilbake", 3, 0, true, true },
	{ "til og med", 2, 1, true, false },
	{ "indtil", 2, 0, true, false },
	{ "palaan", 3, 0, true, true },
	{ "takaisin", 3, 0, true, false },
	{ "wracam", 3, 0, true, false },
	{ "wroce", 3, 0, true, false },
	{ "powrot", 3, 0, true, false },
	{ "ponownie dostepn", 3, 0, true, false },
	{ "do dnia", 2, 0, true, false },
	{ "do", 1, 0, true, false },
	{ "вернусь", 3, 0, true, false },
	{ "буду на", 3, 0, true, false },
	{ "по", 1, 1, true, false },
	{ "до", 2, 0, true, false },
};

static bool says_inclusive(struct text t)
{
	return classify_cues_in(classify_rules_cues(classify_rules_now()), CLASSIFY_CUE_INCLUSIVE,
				t);
}

/* "Am 12.10.2026 bin ich wieder erreichbar": the date stands before the word, in the same sentence.
 */
static bool date_before(struct classify_day_reader *r, const struct cue *cue, size_t at,
			struct classify_date *ret, int64_t *ret_days)
{
	size_t from = at > BEFORE ? at - BEFORE : 0, found = 0;

	if (!cue->look_back)
		return false;
	for (size_t i = from; i < at; i++)
		if (r->t.at[i] == '\n' ||
		    (r->t.at[i] == '.' && i + 1 < at && r->t.at[i + 1] == ' ' &&
		     (i == 0 || !is_digit(r->t.at[i - 1]))))
			from = i + 1;
	r->day_first = cue->day_first;
	if (!classify_day_find(r, from, at, &found) || r->at > at)
		return false;
	*ret_days = r->week ? r->week_from : r->days;
	if (*ret_days < r->today)
		*ret_days = r->today; /* in the week under way */
	ret->where = text_sub(r->t, found, at + strlen(cue->words) - found);
	return true;
}

/* "I will get back to you": no return. */
static bool is_other_back(const struct classify_day_reader *r, const struct cue *cue, size_t from)
{
	return strcmp(cue->words, "back") == 0 &&
	       text_istarts(text_sub(r->t, from, r->t.len), TEXT(" to "));
}

/* Between "to" and its date only an article and the name of a day may stand. */
static bool is_day_name_only(struct text t)
{
	struct text word;

	for (bool more = true; more;) {
		bool known;

		more = text_cut(t, ' ', &word, &t);
		known = !word.len || !is_letter(word.at[0]);
		if (!known && !classify_cues_starts(classify_rules_cues(classify_rules_now()),
						    CLASSIFY_CUE_DAY_NAME, word))
			return false;
	}
	return true;
}

/* "wieder da, bis zum 30.9. jedoch nur halbtags": the return word has lost its date to the end of
 * something else. */
static bool has_end_word(struct text t)
{
	return classify_cues_in(classify_rules_cues(classify_rules_now()), CLASSIFY_CUE_UNTIL, t);
}

/* Words for the end of an absence, as against those for the day it is over from. */
static bool is_last_of(const struct cue *cue)
{
	return cue->rank == 2 && (cue->plus || has_end_word(text_of(cue->words)));
}

/* A date behind the cue at `at`; between the end of a range and its date only blanks and short
 * words may stand. */
static bool date_behind(struct classify_day_reader *r, const struct cue *cue, size_t at,
			struct classify_date *ret, int64_t *ret_days)
{
	size_t from = at + strlen(cue->words), found, end;
	int plus = cue->plus;

	if (from < r->t.len && is_letter(r->t.at[from]) &&
	    is_letter(cue->words[strlen(cue->words) - 1]))
		return false; /* "to" of "tomorrow" */
	if (is_other_back(r, cue, from))
		return false;
	r->day_first = cue->day_first;
	if (!classify_day_find(r, from, from + (cue->rank == 1 ? 20 : WINDOW), &found))
		return false;
	if (cue->rank == 1 && !is_day_name_only(text_sub(r->t, from, found - from)))
		return false;
	if (cue->rank == 3 && has_end_word(text_sub(r->t, from, found - from)))
		return false;
	end = r->at;
	if (r->week && is_last_of(cue))
		plus = 7;
	if (!plus && cue->rank == 2 &&
	    (says_inclusive(text_sub(r->t, end, 20)) ||
	     says_inclusive(text_sub(r->t, from, found - from))))
		plus = 1;
	*ret_days = (r->week && !is_last_of(cue) ? r->week_from : r->days) + plus;
	if (*ret_days < r->today)
		*ret_days = r->today; /* in the week under way */
	ret->where = text_sub(r->t, at, end - at);
	return true;
}

/* "Bis 30.9. vertritt mich Frau Klein", "... gilt unser Angebot": an end, but not that of the
 * absence. */
static bool is_end_of_other(struct text behind)
{
	return classify_cues_in(classify_rules_cues(classify_rules_now()), CLASSIFY_CUE_STAND_IN,
				text_sub(behind, 0, 20));
}

/* All cues in one pass. */
static const struct classify_trie *all_cues(void)
{
	static struct classify_trie *trie;

	if (trie)
		return trie;
	trie = classify_trie_new();
	for (size_t i = 0; i < countof(cues); i++)
		classify_trie_add(trie, text_of(cues[i].words), (uint32_t)i);
	return trie;
}

/* A date that a cue names. */
struct named_day {
	struct classify_date date; /* `day` is written at the end */
	const struct cue *cue;     /* NULL: there is none */
	int rank;
	int64_t days;
};

static bool read_named(struct classify_day_reader *r, const struct cue *cue, size_t at,
		       struct named_day *ret)
{
	*ret = (struct named_day){ .cue = cue, .rank = cue->rank };
	if (!date_behind(r, cue, at, &ret->date, &ret->days) &&
	    !date_before(r, cue, at, &ret->date, &ret->days))
		return false;
	if (ret->rank == 2 && is_end_of_other(text_sub(r->t, r->at, r->t.len)))
		ret->rank = 1;
	return true;
}

/* Of one rank the later day: "from 3 until 5, and then until 12 September".  Of one day the cue
 * that stands first in the table, which is the longer. */
static bool is_better(const struct named_day *a, const struct named_day *b)
{
	if (a->rank != b->rank || !b->cue)
		return !b->cue || a->rank > b->rank;
	return a->days != b->days ? a->days > b->days : a->cue < b->cue;
}

bool classify_date_return(struct text folded, int64_t received_at, struct classify_date *ret)
{
	struct classify_day_reader r = { .t = text_sub(folded, 0, 4000),
					 .today = classify_day_today(received_at) };
	struct named_day best = { .cue = NULL }, one;
	struct classify_trie_walk walk;
	uint32_t cue;
	size_t at;

	if (received_at == INT64_MIN)
		return false;
	classify_trie_start(&walk, all_cues(), r.t);
	while (classify_trie_next(&walk, &cue, &at))
		if (read_named(&r, &cues[cue], at, &one) && is_better(&one, &best))
			best = one;
	if (!best.cue)
		return false;
	*ret = best.date;
	ret->named = best.rank == 3;
	classify_day_write(best.days, ret->day);
	return true;
}

bool classify_date_plain(struct text folded, int64_t received_at, bool day_first,
			 struct classify_date *ret)
{
	struct classify_day_reader r = { .t = text_sub(folded, 0, 400),
					 .today = classify_day_today(received_at),
					 .day_first = day_first };
	size_t at;

	if (received_at == INT64_MIN || !classify_day_find(&r, 0, r.t.len, &at))
		return false;
	ret->where = text_sub(r.t, at, r.at - at);
	ret->named = true;
	classify_day_write(r.days, ret->day);
	return true;
}
