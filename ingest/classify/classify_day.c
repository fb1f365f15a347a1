#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_day.h"

#define DAY_SECONDS 86400
#define FAR_DAYS    92 /* a day without a year */
#define FAREST_DAYS 400

/* ---- calendar ---- */

/* Days since 1970-01-01 of a civil date (proleptic Gregorian), and the reverse. */
static int64_t days_of(int y, int m, int d)
{
	int64_t year = m <= 2 ? y - 1 : y, era = (year >= 0 ? year : year - 399) / 400;
	int64_t yoe = year - era * 400, doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static struct classify_civil civil_of(int64_t days)
{
	int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	int m = (int)(mp < 10 ? mp + 3 : mp - 9);

	return (struct classify_civil){ (int)(yoe + era * 400 + (m <= 2)), m,
					(int)(doy - (153 * mp + 2) / 5 + 1) };
}

static int days_in_month(int y, int m)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return m == 2 && (y % 4 == 0 && (y % 100 != 0 || y % 400 == 0)) ? 29 : days[m - 1];
}

int64_t classify_day_today(int64_t received_at)
{
	return received_at / DAY_SECONDS - (received_at % DAY_SECONDS < 0);
}

/* ---- reading ---- */

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (uint8_t)c >= 0x80;
}

/* A number of 1 to `most` digits that is not part of a longer one. */
static bool read_number(struct classify_day_reader *r, size_t most, int *ret)
{
	size_t n = 0;
	int v = 0;

	for (; r->at + n < r->t.len && is_digit(r->t.at[r->at + n]) && n <= most; n++)
		v = v * 10 + (r->t.at[r->at + n] - '0');
	if (!n || n > most)
		return false;
	r->at += n;
	*ret = v;
	return true;
}

static bool skip(struct classify_day_reader *r, const char *word)
{
	size_t n = strlen(word);

	if (r->t.len - r->at < n || memcmp(r->t.at + r->at, word, n) != 0)
		return false;
	r->at += n;
	return true;
}

static void skip_blanks(struct classify_day_reader *r)
{
	while (r->at < r->t.len && (r->t.at[r->at] == ' ' || r->t.at[r->at] == '\n'))
		r->at++;
}

/* Rows stand in the order of bytes: they are looked for by halves. */
struct named {
	const char *name;
	int number;
};

static int by_name(const void *key, const void *row)
{
	const struct text *word = key;
	const struct named *named = row;
	int order = strncmp(word->at, named->name, word->len);

	return order ? order : -(named->name[word->len] != '\0');
}

static int number_of(struct text word, const struct named *rows, size_t n, int otherwise)
{
	const struct named *row = word.len ? bsearch(&word, rows, n, sizeof(*rows), by_name) : NULL;

	return row ? row->number : otherwise;
}

static const struct named months[] = {
	{ "abr", 4 },          { "abril", 4 },         { "ago", 8 },           { "agosto", 8 },
	{ "aout", 8 },         { "apr", 4 },           { "april", 4 },         { "aprile", 4 },
	{ "aug", 8 },          { "august", 8 },        { "augusti", 8 },       { "augustus", 8 },
	{ "avr", 4 },          { "avril", 4 },         { "czerwca", 6 },       { "czerwcu", 6 },
	{ "dec", 12 },         { "december", 12 },     { "decembre", 12 },     { "dez", 12 },
	{ "dezember", 12 },    { "dezembro", 12 },     { "dic", 12 },          { "dicembre", 12 },
	{ "diciembre", 12 },   { "elokuuta", 8 },      { "ene", 1 },           { "enero", 1 },
	{ "feb", 2 },          { "febbraio", 2 },      { "febrero", 2 },       { "februar", 2 },
	{ "februari", 2 },     { "february", 2 },      { "fev", 2 },           { "fevereiro", 2 },
	{ "fevrier", 2 },      { "gen", 1 },           { "gennaio", 1 },       { "giugno", 6 },
	{ "grudnia", 12 },     { "grudniu", 12 },      { "heinakuuta", 7 },    { "helmikuuta", 2 },
	{ "huhtikuuta", 4 },   { "jan", 1 },           { "janeiro", 1 },       { "janner", 1 },
	{ "januar", 1 },       { "januari", 1 },       { "january", 1 },       { "janv", 1 },
	{ "janvier", 1 },      { "joulukuuta", 12 },   { "juil", 7 },          { "juillet", 7 },
	{ "juin", 6 },         { "jul", 7 },           { "julho", 7 },         { "juli", 7 },
	{ "julio", 7 },        { "july", 7 },          { "jun", 6 },           { "june", 6 },
	{ "junho", 6 },        { "juni", 6 },          { "junio", 6 },         { "kesakuuta", 6 },
	{ "kwietnia", 4 },     { "kwietniu", 4 },      { "lipca", 7 },         { "lipcu", 7 },
	{ "listopada", 11 },   { "listopadzie", 11 },  { "lokakuuta", 10 },    { "luglio", 7 },
	{ "lutego", 2 },       { "lutym", 2 },         { "maaliskuuta", 3 },   { "maart", 3 },
	{ "maerz", 3 },        { "maggio", 5 },        { "mai", 5 },           { "maio", 5 },
	{ "maj", 5 },          { "maja", 5 },          { "maju", 5 },          { "mar", 3 },
	{ "marca", 3 },        { "march", 3 },         { "marco", 3 },         { "marcu", 3 },
	{ "marraskuuta", 11 }, { "mars", 3 },          { "marts", 3 },         { "marz", 3 },
	{ "marzo", 3 },        { "may", 5 },           { "mayo", 5 },          { "mei", 5 },
	{ "mrt", 3 },          { "mrz", 3 },           { "nov", 11 },          { "november", 11 },
	{ "novembre", 11 },    { "novembro", 11 },     { "noviembre", 11 },    { "oct", 10 },
	{ "october", 10 },     { "octobre", 10 },      { "octubre", 10 },      { "okt", 10 },
	{ "oktober", 10 },     { "ott", 10 },          { "ottobre", 10 },      { "out", 10 },
	{ "outubro", 10 },     { "pazdziernika", 10 }, { "pazdzierniku", 10 }, { "sep", 9 },
	{ "sept", 9 },         { "september", 9 },     { "septembre", 9 },     { "septiembre", 9 },
	{ "set", 9 },          { "setembro", 9 },      { "settembre", 9 },     { "sierpnia", 8 },
	{ "sierpniu", 8 },     { "stycznia", 1 },      { "styczniu", 1 },      { "syyskuuta", 9 },
	{ "tammikuuta", 1 },   { "toukokuuta", 5 },    { "wrzesnia", 9 },      { "wrzesniu", 9 },
};

int classify_day_month(struct text word)
{
	return number_of(word, months, countof(months), 0);
}

/* A whole word that names a month, with the dot of an abbreviation. */
static bool read_month(struct classify_day_reader *r, int *ret)
{
	size_t n = 0;
	int month;

	while (r->at + n < r->t.len && is_letter(r->t.at[r->at + n]))
		n++;
	month = n ? classify_day_month(text_sub(r->t, r->at, n)) : 0;
	if (!month)
		return false;
	r->at += n;
	if (n < 5)
		(void)skip(r, ".");
	*ret = month;
	return true;
}

/* A year behind a day: ", 2026", " de 2026", " 2026".  Where none stands the reader stays where it
 * was. */
static int read_year(struct classify_day_reader *r)
{
	size_t before = r->at;
	int y = 0;

	(void)skip(r, ",");
	skip_blanks(r);
	if (skip(r, "de ") || skip(r, "del "))
		skip_blanks(r);
	if (read_number(r, 4, &y) && y >= 2000 && y < 2100)
		return y;
	r->at = before;
	return 0;
}

static int64_t far_of(const struct classify_day_reader *r)
{
	return r->far_days ? r->far_days : FAR_DAYS;
}

/* A day is settled: with its year, or in the next one to come.  false: not for certain, or too far
 * away. */
static bool settle(struct classify_day_reader *r, int y, int m, int d)
{
	struct classify_civil now = civil_of(r->today);
	int year = y ? y : now.y;
	int64_t days;

	if (m < 1 || m > 12 || d < 1 || d > days_in_month(year, m))
		return false;
	days = days_of(year, m, d);
	if (!y && days < r->today) {
		if (d > days_in_month(year + 1, m))
			return false;
		days = days_of(year + 1, m, d);
	}
	if (days < r->today || days > r->today + (y ? FAREST_DAYS : far_of(r)))
		return false;
	r->days = days;
	return true;
}

/* ---- forms ---- */

/* "2026-09-12", "2026/09/12" */
static bool read_iso(struct classify_day_reader *r)
{
	int y, m, d;

	return read_number(r, 4, &y) && y >= 2000 &&
	       (skip(r, "-") || skip(r, "/") || skip(r, ".")) && read_number(r, 2, &m) &&
	       (skip(r, "-") || skip(r, "/") || skip(r, ".")) && read_number(r, 2, &d) &&
	       settle(r, y, m, d);
}

static int full_year(int y)
{
	return y < 100 ? 2000 + y : y;
}

/* "12.09.2026", "12.9.", "12. 9. 2026": with dots the day stands first everywhere. */
static bool read_dotted(struct classify_day_reader *r)
{
	int d, m, y = 0;
	size_t before;

	if (!read_number(r, 2, &d) || !skip(r, "."))
		return false;
	(void)skip(r, " ");
	if (!read_number(r, 2, &m))
		return false;
	before = r->at;
	if (!skip(r, "."))
		return false; /* "17.30" is a time */
	(void)skip(r, " ");
	if (!read_number(r, 4, &y) || (y >= 100 && y < 2000)) {
		r->at = before + 1;
		y = 0;
	}
	return settle(r, y ? full_year(y) : 0, m, d);
}

/* "12/09/2026", "12-09-2026", "24/9": taken when only one reading is a date, or when the language
 * settles it. */
static bool read_slashed(struct classify_day_reader *r)
{
	int a, b, y = 0;
	const char *sep;

	if (!read_number(r, 2, &a))
		return false;
	sep = skip(r, "/") ? "/" : skip(r, "-") ? "-" : NULL;
	if (!sep || !read_number(r, 2, &b))
		return false;
	if (skip(r, sep) && (!read_number(r, 4, &y) || (y >= 100 && y < 2000)))
		return false;
	if (!y && sep[0] == '-')
		return false; /* "9-17" is a span */
	y = y ? full_year(y) : 0;
	if (r->day_first || a > 12 || a == b)
		return settle(r, y, b, a);
	return b > 12 && settle(r, y, a, b);
}

/* "12 September 2026", "12th of September", "12. September", "1er octobre", "12 de septiembre de
 * 2026", "9月12日" */
static bool read_day_month(struct classify_day_reader *r)
{
	static const char *const endings[] = { "st", "nd", "rd", "th", "er", ".",
					       "º",  "°",  "e",  ":a", ":e" };
	int d, m;

	if (!read_number(r, 2, &d))
		return false;
	if (skip(r, "月")) {
		m = d;
		return read_number(r, 2, &d) && skip(r, "日") && settle(r, 0, m, d);
	}
	for (size_t i = 0; i < countof(endings); i++)
		if (skip(r, endings[i]))
			break;
	skip_blanks(r);
	if (skip(r, "of ") || skip(r, "de ") || skip(r, "d'"))
		skip_blanks(r);
	return read_month(r, &m) && settle(r, read_year(r), m, d);
}

/* "September 12th, 2026" */
static bool read_month_day(struct classify_day_reader *r)
{
	static const char *const endings[] = { "st", "nd", "rd", "th", "." };
	int d, m;

	if (!read_month(r, &m))
		return false;
	skip_blanks(r);
	if (skip(r, "the "))
		skip_blanks(r);
	if (!read_number(r, 2, &d))
		return false;
	for (size_t i = 0; i < countof(endings); i++)
		if (skip(r, endings[i]))
			break;
	return settle(r, read_year(r), m, d);
}

/* The Monday of an ISO 8601 week: of this year, or of the next when that one is over. */
static bool settle_week(const struct classify_day_reader *r, int week, int64_t *ret)
{
	struct classify_civil now = civil_of(r->today);

	for (int y = now.y; y <= now.y + 1; y++) {
		int64_t jan4 = days_of(y, 1, 4);
		int64_t monday = jan4 - (jan4 + 3) % 7 + (int64_t)(week - 1) * 7;

		if (monday + 6 >= r->today && monday <= r->today + far_of(r)) {
			*ret = monday;
			return true;
		}
	}
	return false;
}

/* "KW 37", "KW 37/38", "week 37" */
static bool read_week(struct classify_day_reader *r)
{
	int first, last;

	if (!skip(r, "kw ") && !skip(r, "kw") && !skip(r, "kalenderwoche ") && !skip(r, "uge ") &&
	    !skip(r, "vecka ") && !skip(r, "v.") && !skip(r, "week ") && !skip(r, "semaine ") &&
	    !skip(r, "settimana ") && !skip(r, "semana "))
		return false;
	skip_blanks(r);
	if (!read_number(r, 2, &first))
		return false;
	last = first;
	if (skip(r, "/") || skip(r, "-"))
		(void)read_number(r, 2, &last);
	r->week = true;
	return first >= 1 && first <= 53 && last >= 1 && last <= 53 &&
	       settle_week(r, first, &r->week_from) && settle_week(r, last, &r->days);
}

/* 0 Monday to 6; -1: no word for a day of the week. */
static int weekday_of(struct text word)
{
	static const struct named weekdays[] = {
		{ "czwartek", 3 },  { "dienstag", 1 },     { "dimanche", 6 },
		{ "dinsdag", 1 },   { "domenica", 6 },     { "domingo", 6 },
		{ "donderdag", 3 }, { "donnerstag", 3 },   { "fredag", 4 },
		{ "freitag", 4 },   { "friday", 4 },       { "giovedi", 3 },
		{ "jeudi", 3 },     { "jueves", 3 },       { "keskiviikkona", 2 },
		{ "lordag", 5 },    { "lordagen", 5 },     { "lundi", 0 },
		{ "lunedi", 0 },    { "lunes", 0 },        { "maanantaina", 0 },
		{ "maandag", 0 },   { "mandag", 0 },       { "mardi", 1 },
		{ "martedi", 1 },   { "martes", 1 },       { "mercoledi", 2 },
		{ "mercredi", 2 },  { "miercoles", 2 },    { "mittwoch", 2 },
		{ "monday", 0 },    { "montag", 0 },       { "niedziela", 6 },
		{ "niedziele", 6 }, { "onsdag", 2 },       { "perjantaina", 4 },
		{ "piatek", 4 },    { "poniedzialek", 0 }, { "quarta", 2 },
		{ "quinta", 3 },    { "sabado", 5 },       { "sabato", 5 },
		{ "samedi", 5 },    { "samstag", 5 },      { "saturday", 5 },
		{ "segunda", 0 },   { "sexta", 4 },        { "sobota", 5 },
		{ "sobote", 5 },    { "sondag", 6 },       { "sonnabend", 5 },
		{ "sonntag", 6 },   { "sroda", 2 },        { "srode", 2 },
		{ "sunday", 6 },    { "terca", 1 },        { "thursday", 3 },
		{ "tiistaina", 1 }, { "tirsdag", 1 },      { "tisdag", 1 },
		{ "torsdag", 3 },   { "torstaina", 3 },    { "tuesday", 1 },
		{ "vendredi", 4 },  { "venerdi", 4 },      { "viernes", 4 },
		{ "vrijdag", 4 },   { "wednesday", 2 },    { "woensdag", 2 },
		{ "wtorek", 1 },    { "zaterdag", 5 },     { "zondag", 6 },
	};

	return number_of(word, weekdays, countof(weekdays), -1);
}

/* "Monday the 14th", "lundi 14", "Montag, den 14.": the next 14th, which must be a Monday. */
static bool read_weekday_day(struct classify_day_reader *r)
{
	static const char *const articles[] = {
		"the ", "den ", "dem ", "le ", "el ", "il ", "dia "
	};
	static const char *const endings[] = { "st", "nd", "rd", "th", "." };
	size_t n = 0;
	int weekday, d;

	while (r->at + n < r->t.len && is_letter(r->t.at[r->at + n]))
		n++;
	weekday = weekday_of(text_sub(r->t, r->at, n));
	if (weekday < 0)
		return false;
	r->at += n;
	(void)skip(r, ",");
	skip_blanks(r);
	for (size_t i = 0; i < countof(articles); i++)
		if (skip(r, articles[i]))
			break;
	if (!read_number(r, 2, &d) || (r->at < r->t.len && strchr(":h/-", r->t.at[r->at])))
		return false;
	for (size_t i = 0; i < countof(endings); i++)
		if (skip(r, endings[i]))
			break;
	if (r->at < r->t.len && is_digit(r->t.at[r->at]))
		return false;
	for (int64_t days = r->today; days <= r->today + 45; days++) {
		if (civil_of(days).d == d && (days + 3) % 7 == weekday) {
			r->days = days;
			return true;
		}
	}
	return false;
}

typedef bool (*form_cb)(struct classify_day_reader *r);

/* Those that begin with a digit, and those that begin with a word. */
static const form_cb of_digits[] = { read_iso, read_dotted, read_slashed, read_day_month };
static const form_cb of_words[] = { read_month_day, read_week, read_weekday_day };

/* A date at `at`, by whichever form reads it. */
static bool read_date(struct classify_day_reader *r, size_t at)
{
	bool digit = is_digit(r->t.at[at]);
	const form_cb *forms = digit ? of_digits : of_words;
	size_t n = digit ? countof(of_digits) : countof(of_words);

	for (size_t i = 0; i < n; i++) {
		r->at = at;
		r->week = false;
		if (forms[i](r))
			return true;
	}
	return false;
}

static bool can_begin(struct text t, size_t at)
{
	return at == 0 ||
	       (!is_digit(t.at[at - 1]) && !is_letter(t.at[at - 1]) && t.at[at - 1] != '/' &&
		!(t.at[at - 1] == '.' && at > 1 && is_digit(t.at[at - 2])));
}

/* The first date that begins in [from, to): a full stop that ends the sentence ends the search. */
bool classify_day_find(struct classify_day_reader *r, size_t from, size_t to, size_t *ret_at)
{
	for (size_t at = from; at < to && at < r->t.len; at++) {
		char c = r->t.at[at];

		if (c == '.' && at + 1 < r->t.len &&
		    (r->t.at[at + 1] == ' ' || r->t.at[at + 1] == '\n') && at > from &&
		    is_letter(r->t.at[at - 1]) && at - from > 4)
			return false;
		if ((is_digit(c) || is_letter(c)) && can_begin(r->t, at) && read_date(r, at)) {
			*ret_at = at;
			return true;
		}
	}
	return false;
}

int64_t classify_day_of(struct classify_civil c)
{
	return days_of(c.y, c.m, c.d);
}

struct classify_civil classify_day_civil(int64_t days)
{
	return civil_of(days);
}

int classify_day_weekday(struct text word)
{
	return weekday_of(word);
}

bool classify_day_is_short_weekday(struct text word)
{
	static const char *const names[] = { "mon", "tue",  "tues",  "wed", "weds",
					     "thu", "thur", "thurs", "fri" };

	for (size_t i = 0; i < countof(names); i++)
		if (text_eq(word, text_of(names[i])))
			return true;
	return false;
}

void classify_day_write(int64_t days, char ret[CLASSIFY_DATE])
{
	struct classify_civil c = civil_of(days);

	(void)snprintf(ret, CLASSIFY_DATE, "%04u-%02u-%02u", (unsigned)c.y % 10000,
		       (unsigned)c.m % 100, (unsigned)c.d % 100);
}
