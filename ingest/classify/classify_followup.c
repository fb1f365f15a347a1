#include "ingest/classify/classify_followup.h"

#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_phrase.h"

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

static bool is_one_of(struct text word, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text_eq(word, text_of(words[i])))
			return true;
	return false;
}

/* Does one of these words end before `at`, among the `most` words there? */
static bool stands_before(struct text t, size_t at, const char *const *words, size_t n, int most)
{
	while (most-- > 0) {
		size_t end, from;

		while (at && !is_letter(t.at[at - 1])) {
			if (strchr(".!?;", t.at[at - 1]))
				return false;
			at--;
		}
		for (end = at, from = at; from && is_letter(t.at[from - 1]); from--)
			;
		if (is_one_of(text_sub(t, from, end - from), words, n))
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

enum when {
	WHEN_NEXT_WEEK,
	WHEN_NEXT_MONTH,
	WHEN_NEXT_QUARTER,
	WHEN_NEXT_YEAR,
	WHEN_Q1,
	WHEN_Q2,
	WHEN_Q3,
	WHEN_Q4,
	WHEN_HALF,
	WHEN_HALF_YEAR, /* half a year from now */
	WHEN_SUMMER,
	WHEN_CHRISTMAS,
	WHEN_EASTER,
};

static const struct {
	const char *words;
	enum when when;
} phrases[] = {
	{ "next week", WHEN_NEXT_WEEK },
	{ "nachste woche", WHEN_NEXT_WEEK },
	{ "kommende woche", WHEN_NEXT_WEEK },
	{ "semaine prochaine", WHEN_NEXT_WEEK },
	{ "proxima semana", WHEN_NEXT_WEEK },
	{ "semana que viene", WHEN_NEXT_WEEK },
	{ "semana que vem", WHEN_NEXT_WEEK },
	{ "prossima settimana", WHEN_NEXT_WEEK },
	{ "settimana prossima", WHEN_NEXT_WEEK },
	{ "volgende week", WHEN_NEXT_WEEK },
	{ "przyszlym tygodniu", WHEN_NEXT_WEEK },
	{ "next month", WHEN_NEXT_MONTH },
	{ "nachsten monat", WHEN_NEXT_MONTH },
	{ "kommenden monat", WHEN_NEXT_MONTH },
	{ "mois prochain", WHEN_NEXT_MONTH },
	{ "proximo mes", WHEN_NEXT_MONTH },
	{ "mes que viene", WHEN_NEXT_MONTH },
	{ "mes que vem", WHEN_NEXT_MONTH },
	{ "prossimo mese", WHEN_NEXT_MONTH },
	{ "mese prossimo", WHEN_NEXT_MONTH },
	{ "volgende maand", WHEN_NEXT_MONTH },
	{ "przyszlym miesiacu", WHEN_NEXT_MONTH },
	{ "next quarter", WHEN_NEXT_QUARTER },
	{ "nachsten quartal", WHEN_NEXT_QUARTER },
	{ "nachstes quartal", WHEN_NEXT_QUARTER },
	{ "kommenden quartal", WHEN_NEXT_QUARTER },
	{ "trimestre prochain", WHEN_NEXT_QUARTER },
	{ "prochain trimestre", WHEN_NEXT_QUARTER },
	{ "proximo trimestre", WHEN_NEXT_QUARTER },
	{ "prossimo trimestre", WHEN_NEXT_QUARTER },
	{ "volgend kwartaal", WHEN_NEXT_QUARTER },
	{ "przyszlym kwartale", WHEN_NEXT_QUARTER },
	{ "kolejnym kwartale", WHEN_NEXT_QUARTER },
	{ "next year", WHEN_NEXT_YEAR },
	{ "new year", WHEN_NEXT_YEAR },
	{ "nachstes jahr", WHEN_NEXT_YEAR },
	{ "nachsten jahr", WHEN_NEXT_YEAR },
	{ "neuen jahr", WHEN_NEXT_YEAR },
	{ "neues jahr", WHEN_NEXT_YEAR },
	{ "kommendes jahr", WHEN_NEXT_YEAR },
	{ "kommenden jahr", WHEN_NEXT_YEAR },
	{ "jahreswechsel", WHEN_NEXT_YEAR },
	{ "l'annee prochaine", WHEN_NEXT_YEAR },
	{ "annee prochaine", WHEN_NEXT_YEAR },
	{ "l'an prochain", WHEN_NEXT_YEAR },
	{ "debut d'annee", WHEN_NEXT_YEAR },
	{ "nouvelle annee", WHEN_NEXT_YEAR },
	{ "ano que viene", WHEN_NEXT_YEAR },
	{ "proximo ano", WHEN_NEXT_YEAR },
	{ "ano proximo", WHEN_NEXT_YEAR },
	{ "nuevo ano", WHEN_NEXT_YEAR },
	{ "ano nuevo", WHEN_NEXT_YEAR },
	{ "anno prossimo", WHEN_NEXT_YEAR },
	{ "prossimo anno", WHEN_NEXT_YEAR },
	{ "anno nuovo", WHEN_NEXT_YEAR },
	{ "nuovo anno", WHEN_NEXT_YEAR },
	{ "ano que vem", WHEN_NEXT_YEAR },
	{ "para o ano", WHEN_NEXT_YEAR },
	{ "novo ano", WHEN_NEXT_YEAR },
	{ "volgend jaar", WHEN_NEXT_YEAR },
	{ "nieuwe jaar", WHEN_NEXT_YEAR },
	{ "komend jaar", WHEN_NEXT_YEAR },
	{ "przyszlym roku", WHEN_NEXT_YEAR },
	{ "nowym roku", WHEN_NEXT_YEAR },
	{ "q1", WHEN_Q1 },
	{ "q2", WHEN_Q2 },
	{ "q3", WHEN_Q3 },
	{ "q4", WHEN_Q4 },
	{ "t1", WHEN_Q1 },
	{ "t2", WHEN_Q2 },
	{ "t3", WHEN_Q3 },
	{ "t4", WHEN_Q4 },
	{ "first quarter", WHEN_Q1 },
	{ "second quarter", WHEN_Q2 },
	{ "third quarter", WHEN_Q3 },
	{ "fourth quarter", WHEN_Q4 },
	{ "ersten quartal", WHEN_Q1 },
	{ "zweiten quartal", WHEN_Q2 },
	{ "dritten quartal", WHEN_Q3 },
	{ "vierten quartal", WHEN_Q4 },
	{ "1. quartal", WHEN_Q1 },
	{ "2. quartal", WHEN_Q2 },
	{ "3. quartal", WHEN_Q3 },
	{ "4. quartal", WHEN_Q4 },
	{ "premier trimestre", WHEN_Q1 },
	{ "deuxieme trimestre", WHEN_Q2 },
	{ "troisieme trimestre", WHEN_Q3 },
	{ "quatrieme trimestre", WHEN_Q4 },
	{ "primer trimestre", WHEN_Q1 },
	{ "segundo trimestre", WHEN_Q2 },
	{ "tercer trimestre", WHEN_Q3 },
	{ "cuarto trimestre", WHEN_Q4 },
	{ "primo trimestre", WHEN_Q1 },
	{ "secondo trimestre", WHEN_Q2 },
	{ "terzo trimestre", WHEN_Q3 },
	{ "quarto trimestre", WHEN_Q4 },
	{ "primeiro trimestre", WHEN_Q1 },
	{ "terceiro trimestre", WHEN_Q3 },
	{ "eerste kwartaal", WHEN_Q1 },
	{ "tweede kwartaal", WHEN_Q2 },
	{ "derde kwartaal", WHEN_Q3 },
	{ "vierde kwartaal", WHEN_Q4 },
	{ "pierwszym kwartale", WHEN_Q1 },
	{ "drugim kwartale", WHEN_Q2 },
	{ "trzecim kwartale", WHEN_Q3 },
	{ "czwartym kwartale", WHEN_Q4 },
	{ "h2", WHEN_HALF },
	{ "second half of the year", WHEN_HALF },
	{ "zweiten halbjahr", WHEN_HALF },
	{ "second semestre", WHEN_HALF },
	{ "segundo semestre", WHEN_HALF },
	{ "secondo semestre", WHEN_HALF },
	{ "tweede helft van het jaar", WHEN_HALF },
	{ "drugiej polowie roku", WHEN_HALF },
	{ "in half a year", WHEN_HALF_YEAR },
	{ "in einem halben jahr", WHEN_HALF_YEAR },
	{ "over een half jaar", WHEN_HALF_YEAR },
	{ "za pol roku", WHEN_HALF_YEAR },
	{ "after the summer", WHEN_SUMMER },
	{ "after summer", WHEN_SUMMER },
	{ "nach dem sommer", WHEN_SUMMER },
	{ "nach der sommerpause", WHEN_SUMMER },
	{ "nach den sommerferien", WHEN_SUMMER },
	{ "apres l'ete", WHEN_SUMMER },
	{ "a la rentree", WHEN_SUMMER },
	{ "despues del verano", WHEN_SUMMER },
	{ "tras el verano", WHEN_SUMMER },
	{ "dopo l'estate", WHEN_SUMMER },
	{ "depois do verao", WHEN_SUMMER },
	{ "na de zomer", WHEN_SUMMER },
	{ "po wakacjach", WHEN_SUMMER },
	{ "after christmas", WHEN_CHRISTMAS },
	{ "after the holidays", WHEN_CHRISTMAS },
	{ "nach weihnachten", WHEN_CHRISTMAS },
	{ "nach den feiertagen", WHEN_CHRISTMAS },
	{ "apres les fetes", WHEN_CHRISTMAS },
	{ "apres noel", WHEN_CHRISTMAS },
	{ "despues de navidad", WHEN_CHRISTMAS },
	{ "despues de reyes", WHEN_CHRISTMAS },
	{ "dopo natale", WHEN_CHRISTMAS },
	{ "dopo le feste", WHEN_CHRISTMAS },
	{ "depois do natal", WHEN_CHRISTMAS },
	{ "na de kerst", WHEN_CHRISTMAS },
	{ "na de feestdagen", WHEN_CHRISTMAS },
	{ "po swietach", WHEN_CHRISTMAS },
	{ "after easter", WHEN_EASTER },
	{ "nach ostern", WHEN_EASTER },
	{ "apres paques", WHEN_EASTER },
	{ "despues de semana santa", WHEN_EASTER },
	{ "dopo pasqua", WHEN_EASTER },
	{ "depois da pascoa", WHEN_EASTER },
	{ "na pasen", WHEN_EASTER },
	{ "po wielkanocy", WHEN_EASTER },
};

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

static int64_t day_of(const struct reader *r, enum when when)
{
	int64_t sunday = easter(r->now.y);

	switch (when) {
	case WHEN_NEXT_WEEK:
		return next_monday(r->today);
	case WHEN_NEXT_MONTH:
		return first_of(r->now.y, r->now.m + 1);
	case WHEN_NEXT_QUARTER:
		return first_of(r->now.y, (r->now.m + 2) / 3 * 3 + 1);
	case WHEN_NEXT_YEAR:
		return first_of(r->now.y + 1, 1);
	case WHEN_Q1:
	case WHEN_Q2:
	case WHEN_Q3:
	case WHEN_Q4:
		return coming(r, (int)(when - WHEN_Q1) * 3 + 1, 1);
	case WHEN_HALF:
		return coming(r, 7, 1);
	case WHEN_HALF_YEAR:
		return months_on(r, 6);
	case WHEN_SUMMER:
		return coming(r, 9, 1);
	case WHEN_CHRISTMAS:
		return coming(r, 1, 7);
	case WHEN_EASTER:
		return (sunday >= r->today ? sunday : easter(r->now.y + 1)) + 2;
	}
	return 0;
}

static bool read_phrase(const struct reader *r, size_t at, struct found *ret)
{
	struct text rest = text_sub(r->t, at, r->t.len);

	for (size_t i = 0; i < countof(phrases); i++) {
		if (rest.at[0] != phrases[i].words[0] ||
		    !classify_phrase_starts(rest, phrases[i].words))
			continue;
		*ret = (struct found){ day_of(r, phrases[i].when), at,
				       at + strlen(phrases[i].words) };
		return true;
	}
	return false;
}

/* ---- "in two weeks" ---- */

static int number_of(struct text w)
{
	/* by value, one language after the other; NULL ends a value */
	static const char *const words[] = {
		"a",     "an",     "one",   "einem",  "einer",  "un",      "une",    "uno",
		"una",   "um",     "uma",   "een",    NULL,     "two",     "couple", "zwei",
		"deux",  "dos",    "due",   "dois",   "duas",   "twee",    "dwa",    "dwie",
		NULL,    "three",  "drei",  "trois",  "tres",   "tre",     "drie",   "trzy",
		NULL,    "four",   "vier",  "quatre", "cuatro", "quattro", "quatro", "cztery",
		NULL,    "five",   "funf",  "cinq",   "cinco",  "cinque",  "vijf",   "piec",
		NULL,    "six",    "sechs", "seis",   "sei",    "zes",     "szesc",  NULL,
		"seven", "sieben", "sept",  "siete",  "sette",  "sete",    "zeven",  NULL,
		"eight", "acht",   "huit",  "ocho",   "otto",   "oito",    NULL,     "nine",
		"neun",  "neuf",   "nueve", "nove",   "negen",  NULL,      "ten",    "zehn",
		"dix",   "diez",   "dieci", "dez",    "tien",   NULL,
	};
	uint64_t n;
	int value = 1;

	if (text_u64(w, 60, &n) == 0)
		return (int)n;
	for (size_t i = 0; i < countof(words); i++) {
		if (!words[i])
			value++;
		else if (text_eq(w, text_of(words[i])))
			return value;
	}
	return 0;
}

enum unit { UNIT_NONE, UNIT_DAY, UNIT_WEEK, UNIT_MONTH, UNIT_YEAR };

static enum unit unit_of(struct text w)
{
	static const struct {
		const char *word;
		enum unit unit;
	} units[] = {
		{ "day", UNIT_DAY },        { "days", UNIT_DAY },       { "tagen", UNIT_DAY },
		{ "tage", UNIT_DAY },       { "jours", UNIT_DAY },      { "dias", UNIT_DAY },
		{ "giorni", UNIT_DAY },     { "dagen", UNIT_DAY },      { "dni", UNIT_DAY },
		{ "week", UNIT_WEEK },      { "weeks", UNIT_WEEK },     { "woche", UNIT_WEEK },
		{ "wochen", UNIT_WEEK },    { "semaine", UNIT_WEEK },   { "semaines", UNIT_WEEK },
		{ "semana", UNIT_WEEK },    { "semanas", UNIT_WEEK },   { "settimana", UNIT_WEEK },
		{ "settimane", UNIT_WEEK }, { "weken", UNIT_WEEK },     { "tydzien", UNIT_WEEK },
		{ "tygodnie", UNIT_WEEK },  { "tygodni", UNIT_WEEK },   { "month", UNIT_MONTH },
		{ "months", UNIT_MONTH },   { "monat", UNIT_MONTH },    { "monaten", UNIT_MONTH },
		{ "monate", UNIT_MONTH },   { "mois", UNIT_MONTH },     { "mes", UNIT_MONTH },
		{ "meses", UNIT_MONTH },    { "mese", UNIT_MONTH },     { "mesi", UNIT_MONTH },
		{ "maand", UNIT_MONTH },    { "maanden", UNIT_MONTH },  { "miesiac", UNIT_MONTH },
		{ "miesiace", UNIT_MONTH }, { "miesiecy", UNIT_MONTH }, { "year", UNIT_YEAR },
		{ "jahr", UNIT_YEAR },      { "an", UNIT_YEAR },        { "ano", UNIT_YEAR },
		{ "anno", UNIT_YEAR },      { "jaar", UNIT_YEAR },      { "rok", UNIT_YEAR },
	};

	for (size_t i = 0; i < countof(units); i++)
		if (text_eq(w, text_of(units[i].word)))
			return units[i].unit;
	return UNIT_NONE;
}

static bool read_span(const struct reader *r, size_t at, struct found *ret)
{
	static const char *const before[] = { "in", "within", "after",   "nach", "dans",  "dentro",
					      "en", "tra",    "fra",     "em",   "daqui", "over",
					      "za", "apres",  "despues", "dopo", "depois" };
	struct text word = word_at(r->t, at);
	int n = number_of(word);
	size_t behind = next_word(r->t, at + word.len);

	if (!n || !stands_before(r->t, at, before, countof(before), 2))
		return false;
	if (text_eq(word_at(r->t, behind), TEXT("of")))
		behind = next_word(r->t, behind + 2);
	word = word_at(r->t, behind);
	*ret = (struct found){ .from = at, .to = behind + word.len };
	switch (unit_of(word)) {
	case UNIT_NONE:
		return false;
	case UNIT_DAY:
		ret->days = r->today + n;
		break;
	case UNIT_WEEK:
		ret->days = r->today + (int64_t)n * WEEK;
		break;
	case UNIT_MONTH:
		ret->days = months_on(r, n);
		break;
	case UNIT_YEAR:
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
	static const char *const before[] = {
		"in",        "im",      "en",         "a",        "ad",      "em",       "w",
		"we",        "until",   "till",       "by",       "mid",     "mitte",    "mi",
		"meta",      "meados",  "medio",      "mediados", "half",    "early",    "late",
		"end",       "ende",    "anfang",     "fin",      "finales", "fine",     "final",
		"eind",      "koniec",  "after",      "from",     "before",  "around",   "ab",
		"bis",       "jusqu",   "of",         "de",       "di",      "inizio",   "begin",
		"beginning", "debut",   "principios", "inicio",   "polowie", "poczatku", "dopo",
		"apres",     "despues", "depois",     "na",       "nach",    "po",       "od",
		"hasta",     "ate",     "tot",        "vanaf",    "partir",  "dal",      "courant",
		"this",      "next",    "since",      "again",    "say"
	};
	static const char *const middle[] = { "mid",   "mitte",    "mi",   "meta",   "meados",
					      "medio", "mediados", "half", "polowie" };
	static const char *const ends[] = { "end",  "late",  "ende", "fin",    "finales",
					    "fine", "final", "eind", "koniec", "koncu" };
	struct text word = word_at(r->t, at);
	int month = word.len > 2 ? classify_day_month(word) : 0, year, day = 1;

	if (!month || !stands_before(r->t, at, before, countof(before), 1))
		return false;
	if (stands_before(r->t, at, middle, countof(middle), 2))
		day = 15;
	else if (stands_before(r->t, at, ends, countof(ends), 2))
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
static bool is_in_request(struct text t, const struct found *f, const char *ends)
{
	static const char *const stems[] = {
		"again",    "back",    "ping",    "try",       "remind",    "reach",    "contact",
		"write",    "call",    "touch",   "follow",    "revisit",   "melde",    "wieder",
		"nochmal",  "fruhest", "erinner", "rappel",    "recontact", "relanc",   "reven",
		"reparl",   "reecri",  "ecrive",  "escrib",    "llam",      "recuerd",  "habl",
		"vemos",    "retom",   "risent",  "ricontatt", "riscriv",   "richiam",  "riparl",
		"sentiamo", "scriva",  "fale",    "falar",     "volte",     "contat",   "lembr",
		"escrev",   "probeer", "bel ",    "herinner",  "mail",      "kontakt",  "odezw",
		"przypomn", "wroc",    "zadzwon", "napis",     "ask me",    "check in", "circle",
	};
	size_t from = f->from, to = f->to;
	struct text sentence;

	while (from && !strchr(ends, t.at[from - 1]))
		from--;
	while (to < t.len && !strchr(ends, t.at[to]))
		to++;
	sentence = text_sub(t, from, to - from);
	for (size_t i = 0; i < countof(stems); i++)
		if (classify_phrase_in(sentence, stems[i]))
			return true;
	return false;
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
			if (is_in_request(r->t, ret, CLAUSE))
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
	*ret = (struct reader){ .t = text_sub(folded, 0, LOOKED_AT),
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
	while (best < n && !is_in_request(r.t, &all[best], CLAUSE))
		best++;
	if (best == n)
		best = 0;
	while (best < n && !is_in_request(r.t, &all[best], SENTENCE))
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
