#include "ingest/classify/classify_followup.h"

#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_days.h"
#include "ingest/classify/classify_phrase.h"
#include "ingest/classify/classify_rules.h"

#define FAR       400 /* days */
#define LOOKED_AT 2000
#define WEEK      7
#define DATES     16 /* of one mail */
#define SENTENCE  ".!?\n"
#define CLAUSE    ",;" SENTENCE

/* What was read, and where. */
struct found {
	int64_t days;
	size_t from, to;
};

struct reader {
	const struct classify_days *words;
	struct text t;
	int64_t today;
	struct classify_civil now;
};

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (uint8_t)c >= 0x80;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* The word or number that begins at `at`. */
static struct text word_at(struct text t, size_t at)
{
	size_t to = at;
	bool digits = at < t.len && is_digit(t.at[at]);

	while (to < t.len && (digits ? is_digit(t.at[to]) : is_letter(t.at[to])))
		to++;
	return text_sub(t, at, to - at);
}

static size_t next_word(struct text t, size_t at)
{
	while (at < t.len &&
	       (t.at[at] == ' ' || t.at[at] == '\n' || t.at[at] == '\'' || t.at[at] == '-'))
		at++;
	return at;
}

/* Does one of the words of this list end before `at`, among the `most` words there? */
static bool stands_before(struct text t, size_t at, enum classify_cue cue, int most)
{
	const struct classify_cues *cues = classify_rules_cues(classify_rules_now());

	while (most-- > 0) {
		size_t end, from;

		while (at && !is_letter(t.at[at - 1])) {
			if (strchr(".!?;", t.at[at - 1]))
				return false;
			at--;
		}
		for (end = at, from = at; from && is_letter(t.at[from - 1]); from--)
			;
		if (classify_cues_is(cues, cue, text_sub(t, from, end - from)))
			return true;
		at = from;
	}
	return false;
}

/* ---- calendar ---- */

static int64_t first_of(int y, int m)
{
	y += (m - 1) / 12;
	return classify_day_of((struct classify_civil){ y, (m - 1) % 12 + 1, 1 });
}

/* Easter Sunday (the computus of the Gregorian calendar, Meeus). */
static int64_t easter(int y)
{
	int a = y % 19, b = y / 100, c = y % 100, d = b / 4, e = b % 4, f = (b + 8) / 25;
	int g = (b - f + 1) / 3, h = (19 * a + b - d - g + 15) % 30, i = c / 4, k = c % 4;
	int l = (32 + 2 * e + 2 * i - h - k) % 7, m = (a + 11 * h + 22 * l) / 451;
	int n = h + l - 7 * m + 114;

	return classify_day_of((struct classify_civil){ y, n / 31, n % 31 + 1 });
}

static int64_t next_monday(int64_t today)
{
	return today + WEEK - (today + 3) % WEEK; /* 1970-01-01 was a Thursday */
}

/* ---- phrases ---- */

/* A month's first day in this year or the next, not before today. */
static int64_t coming(const struct reader *r, int month, int day)
{
	int64_t days = classify_day_of((struct classify_civil){ r->now.y, month, day });

	return days > r->today
		       ? days
		       : classify_day_of((struct classify_civil){ r->now.y + 1, month, day });
}

/* The same day some months on; the last of a shorter month. */
static int64_t months_on(const struct reader *r, int n)
{
	int64_t first = first_of(r->now.y, r->now.m + n),
		next = first_of(r->now.y, r->now.m + n + 1);

	return first + r->now.d - 1 < next ? first + r->now.d - 1 : next - 1;
}

static int64_t day_of(const struct reader *r, enum classify_when when)
{
	int64_t sunday = easter(r->now.y);

	switch (when) {
	case CLASSIFY_WHEN_NEXT_WEEK:
		return next_monday(r->today);
	case CLASSIFY_WHEN_NEXT_MONTH:
		return first_of(r->now.y, r->now.m + 1);
	case CLASSIFY_WHEN_NEXT_QUARTER:
		return first_of(r->now.y, (r->now.m + 2) / 3 * 3 + 1);
	case CLASSIFY_WHEN_NEXT_YEAR:
		return first_of(r->now.y + 1, 1);
	case CLASSIFY_WHEN_Q1:
	case CLASSIFY_WHEN_Q2:
	case CLASSIFY_WHEN_Q3:
	case CLASSIFY_WHEN_Q4:
		return coming(r, (int)(when - CLASSIFY_WHEN_Q1) * 3 + 1, 1);
	case CLASSIFY_WHEN_HALF:
		return coming(r, 7, 1);
	case CLASSIFY_WHEN_HALF_YEAR:
		return months_on(r, 6);
	case CLASSIFY_WHEN_SUMMER:
		return coming(r, 9, 1);
	case CLASSIFY_WHEN_CHRISTMAS:
		return coming(r, 1, 7);
	case CLASSIFY_WHEN_EASTER:
		return (sunday >= r->today ? sunday : easter(r->now.y + 1)) + 2;
	}
	return 0;
}

static bool read_phrase(const struct reader *r, size_t at, struct found *ret)
{
	enum classify_when when;
	size_t len = classify_days_when(r->words, text_sub(r->t, at, r->t.len), &when);

	if (!len)
		return false;
	*ret = (struct found){ day_of(r, when), at, at + len };
	return true;
}

/* ---- "in two weeks" ---- */

static bool read_span(const struct reader *r, size_t at, struct found *ret)
{
	struct text word = word_at(r->t, at);
	int n = classify_days_number(r->words, word);
	size_t behind = next_word(r->t, at + word.len);

	if (!n || !stands_before(r->t, at, CLASSIFY_CUE_SPAN_BEFORE, 2))
		return false;
	if (text_eq(word_at(r->t, behind), TEXT("of")))
		behind = next_word(r->t, behind + 2);
	word = word_at(r->t, behind);
	*ret = (struct found){ .from = at, .to = behind + word.len };
	switch (classify_days_unit(r->words, word)) {
	case CLASSIFY_UNIT_NONE:
		return false;
	case CLASSIFY_UNIT_DAY:
		ret->days = r->today + n;
		break;
	case CLASSIFY_UNIT_WEEK:
		ret->days = r->today + (int64_t)n * WEEK;
		break;
	case CLASSIFY_UNIT_MONTH:
		ret->days = months_on(r, n);
		break;
	case CLASSIFY_UNIT_YEAR:
		ret->days = months_on(r, n * 12);
		break;
	}
	return true;
}

/* ---- "in November", "mid-January" ---- */

static int year_behind(const struct reader *r, size_t at)
{
	struct text w = word_at(r->t, next_word(r->t, at));
	uint64_t y;

	return w.len == 4 && text_u64(w, 2099, &y) == 0 && y >= 2000 ? (int)y : 0;
}

static bool read_month(const struct reader *r, size_t at, struct found *ret)
{
	struct text word = word_at(r->t, at);
	int month = word.len > 2 ? classify_day_month(word) : 0, year, day = 1;

	if (!month || !stands_before(r->t, at, CLASSIFY_CUE_MONTH_BEFORE, 1))
		return false;
	if (stands_before(r->t, at, CLASSIFY_CUE_MONTH_MIDDLE, 2))
		day = 15;
	else if (stands_before(r->t, at, CLASSIFY_CUE_MONTH_END, 2))
		day = 25;
	year = year_behind(r, at + word.len);
	ret->days = year ? classify_day_of((struct classify_civil){ year, month, day })
			 : coming(r, month, day);
	ret->from = at;
	ret->to = at + word.len;
	/* the month under way, and no day in it to come: nobody knows which is meant */
	return year || month != r->now.m || ret->days < r->today + 31;
}

/* ---- all of them ---- */

static bool read_day(const struct reader *r, size_t at, struct found *ret)
{
	struct classify_day_reader day = {
		.t = r->t, .today = r->today, .far_days = 366, .day_first = true
	};
	size_t where;

	if (!classify_day_find(&day, at, at + 1, &where))
		return false;
	*ret = (struct found){ day.days, at, day.at };
	return true;
}

static size_t read_all(const struct reader *r, struct found ret[DATES])
{
	size_t n = 0;

	for (size_t at = 0; at < r->t.len && n < DATES;) {
		struct found *f = &ret[n];

		if (!classify_phrase_may_begin(r->t, at) ||
		    (!is_letter(r->t.at[at]) && !is_digit(r->t.at[at]))) {
			at++;
			continue;
		}
		if ((read_day(r, at, f) || read_span(r, at, f) || read_phrase(r, at, f) ||
		     read_month(r, at, f)) &&
		    f->to > at && f->days >= r->today && f->days <= r->today + FAR) {
			at = f->to;
			n++;
		} else {
			size_t word = word_at(r->t, at).len;

			at += word ? word : 1;
		}
	}
	return n;
}

/* Does what stands around it, up to one of `ends`, speak of getting in touch? */
static bool is_in_request(const struct classify_days *words, struct text t, const struct found *f,
			  const char *ends)
{
	size_t from = f->from, to = f->to;
	struct text sentence;

	while (from && !strchr(ends, t.at[from - 1]))
		from--;
	while (to < t.len && !strchr(ends, t.at[to]))
		to++;
	sentence = text_sub(t, from, to - from);
	return classify_days_touch(words, sentence);
}

/* "on Monday", where no other day is named and one asks to get in touch: the next to come.  How
 * many were found. */
static size_t read_weekday(const struct reader *r, struct found *ret)
{
	for (size_t at = 0; at < r->t.len;) {
		struct text word = word_at(r->t, at);
		int day = classify_day_weekday(word);

		if (day >= 0) {
			*ret = (struct found){ next_monday(r->today) + day, at, at + word.len };
			if (ret->days - WEEK > r->today)
				ret->days -= WEEK;
			if (is_in_request(r->words, r->t, ret, CLAUSE))
				return 1;
		}
		at += word.len ? word.len : 1;
	}
	return 0;
}

/* What is read of a text, in `ret`; how many. */
static size_t look(struct text folded, int64_t received_at, struct reader *ret,
		   struct found all[DATES])
{
	size_t n;

	if (received_at == INT64_MIN)
		return 0;
	*ret = (struct reader){ .words = classify_rules_days(classify_rules_now()),
				.t = text_sub(folded, 0, LOOKED_AT),
				.today = classify_day_today(received_at) };
	ret->now = classify_day_civil(ret->today);
	n = read_all(ret, all);
	return n ? n : read_weekday(ret, &all[0]);
}

bool classify_followup_of(struct text folded, int64_t received_at, struct classify_date *ret)
{
	struct reader r;
	struct found all[DATES];
	size_t n = look(folded, received_at, &r, all), best = 0;

	if (!n)
		return false;
	while (best < n && !is_in_request(r.words, r.t, &all[best], CLAUSE))
		best++;
	if (best == n)
		best = 0;
	while (best < n && !is_in_request(r.words, r.t, &all[best], SENTENCE))
		best++;
	if (best == n)
		best = 0;
	ret->where = text_sub(r.t, all[best].from, all[best].to - all[best].from);
	ret->named = true;
	classify_day_write(all[best].days, ret->day);
	return true;
}

bool classify_followup_within(struct text folded, int64_t received_at, int64_t days)
{
	struct reader r;
	struct found all[DATES];
	size_t n = look(folded, received_at, &r, all);

	for (size_t i = 0; i < n; i++)
		if (all[i].days > r.today + days)
			return false;
	return n > 0;
}
