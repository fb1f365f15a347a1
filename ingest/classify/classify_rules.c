#include "ingest/classify/classify_rules.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "ingest/classify/classify_phrase.h"
#include "ingest/classify/classify_rules_text.h"
#include "ingest/mime/mime_fold.h"

enum table {
	TABLE_HEADERS,
	TABLE_WORDS,
	TABLE_NDR,
	TABLE_REASONS,
	TABLE_STATUSES,
	TABLE_SENDERS,
	TABLE_INTENTS,
	TABLE_LANGUAGES,
	TABLE_QUOTES,
	TABLE_WEIGHTS,
	TABLE_DAYS,
	TABLE_CUES,
	TABLES
};

static const char *const table_names[] = { "headers.tsv", "words.tsv",     "ndr.tsv",
					   "reasons.tsv", "statuses.tsv",  "senders.tsv",
					   "intents.tsv", "languages.tsv", "quotes.tsv",
					   "weights.tsv", "days.tsv",      "cues.tsv",
					   NULL };

struct classify_rules {
	char *text[TABLES]; /* a copy, whose tabs and line ends are NUL; rules point into it */
	struct classify_header_rule *header;
	struct classify_word_rule *word;
	struct classify_sender_rule *sender;
	struct classify_status_rule *status;
	size_t n_headers, n_words, n_senders, n_statuses;
	struct classify_trie *trie[CLASSIFY_PLACES];
	struct classify_intent_rule *intent;
	size_t n_intents;
	struct classify_patterns *intents;
	struct classify_lexicon *languages;
	struct classify_days *days;
	struct classify_marks *marks;
	struct classify_cues *cues;
	struct classify_model *model;
};

const char *const *classify_rules_tables(void)
{
	return table_names;
}

/* ---- reading ---- */

#define COLUMNS 6

struct reader {
	struct classify_rules *rules;
	enum table table;
	char *col[COLUMNS];
	size_t n_cols, line;
	char *why;
};

static int bad(struct reader *rd, const char *what, const char *cause)
{
	(void)snprintf(rd->why, CLASSIFY_RULES_WHY, "%s, line %zu: \"%.60s\" %s",
		       table_names[rd->table], rd->line, what, cause);
	return -EINVAL;
}

/* The index of `word` among NULL-ended `words`. */
static int word_of(struct reader *rd, const char *word, const char *const *words, unsigned *ret)
{
	char cause[240] = "is none of";

	for (*ret = 0; words[*ret]; ++*ret)
		if (strcmp(words[*ret], word) == 0)
			return 0;
	for (unsigned i = 0; words[i]; i++) {
		size_t n = strlen(cause);

		(void)snprintf(cause + n, sizeof(cause) - n, " %s", words[i]);
	}
	return bad(rd, word, cause);
}

static int says_of(struct reader *rd, const char *word, enum classify_says *ret)
{
	static const char *const words[CLASSIFY_SAYINGS + 1] = {
		[CLASSIFY_SAYS_HUMAN] = "human",
		[CLASSIFY_SAYS_UNSUBSCRIBE] = "unsubscribe",
		[CLASSIFY_SAYS_AUTO] = "auto",
		[CLASSIFY_SAYS_NOTICE] = "notice",
		[CLASSIFY_SAYS_ABSENCE] = "absence",
		[CLASSIFY_SAYS_LEFT] = "left",
		[CLASSIFY_SAYS_TICKET] = "ticket",
		[CLASSIFY_SAYS_CHALLENGE] = "challenge",
		[CLASSIFY_SAYS_OTHER] = "other",
		[CLASSIFY_SAYS_LIST] = "list",
		[CLASSIFY_SAYS_BOUNCE] = "bounce",
		[CLASSIFY_SAYS_DELAY] = "delay",
		[CLASSIFY_SAYS_COMPLAINT] = "complaint",
		[CLASSIFY_SAYS_READ] = "read",
		[CLASSIFY_SAYS_CALENDAR] = "calendar",
		[CLASSIFY_SAYS_ACCEPTED] = "accepted",
		[CLASSIFY_SAYS_DECLINED] = "declined",
		[CLASSIFY_SAYS_TENTATIVE] = "tentative",
		[CLASSIFY_SAYS_COUNTER] = "counter",
	};
	unsigned i;
	int r = word_of(rd, word, words, &i);

	*ret = (enum classify_says)i;
	return r;
}

static int weight_of(struct reader *rd, const char *word, enum classify_weight *ret)
{
	static const char *const words[] = { "hint", "weak", "strong", NULL };
	unsigned i;
	int r = word_of(rd, word, words, &i);

	*ret = (enum classify_weight)i;
	return r;
}

static int read_header(struct reader *rd)
{
	static const char *const hows[] = { "has", "is", "starts", "contains", NULL };
	struct classify_rules *r = rd->rules;
	struct classify_header_rule rule = { .id = rd->col[0],
					     .header = rd->col[1],
					     .value = rd->col[3] };
	unsigned how;

	if (word_of(rd, rd->col[2], hows, &how) < 0 || says_of(rd, rd->col[4], &rule.says) < 0 ||
	    weight_of(rd, rd->col[5], &rule.weight) < 0)
		return -EINVAL;
	rule.how = (enum classify_how)how;
	if (r->n_headers % 64 == 0)
		r->header = mem_resize(r->header, (r->n_headers + 64) * sizeof(*r->header));
	r->header[r->n_headers++] = rule;
	return 0;
}

static int add_word(struct reader *rd, const struct classify_word_rule *rule)
{
	struct classify_rules *r = rd->rules;
	struct text phrase = text_of(rule->phrase);

	if (!mime_fold_is(phrase))
		return bad(rd, rule->phrase, "is not folded: lower case, without accents");
	if (r->n_words % 256 == 0)
		r->word = mem_resize(r->word, (r->n_words + 256) * sizeof(*r->word));
	classify_trie_add(r->trie[rule->place], phrase, (uint32_t)r->n_words);
	r->word[r->n_words++] = *rule;
	return 0;
}

static int read_word(struct reader *rd)
{
	static const char *const places[] = { "subject", "inside", "text", NULL };
	struct classify_word_rule rule = { .id = rd->col[3], .phrase = rd->col[4] };
	unsigned place;

	if (word_of(rd, rd->col[0], places, &place) < 0 ||
	    says_of(rd, rd->col[1], &rule.says) < 0 || weight_of(rd, rd->col[2], &rule.weight) < 0)
		return -EINVAL;
	rule.place = (enum classify_place)place;
	return add_word(rd, &rule);
}

/* The front of the subject is a place of its own; all else stands in the text. */
static int read_ndr(struct reader *rd)
{
	static const char *const words[] = { "sign",  "trying",  "done", "returned", "named",
					     "other", "connect", "mail", "rcpt",     "data",
					     "late",  "failed",  NULL };
	struct classify_word_rule rule = { .id = rd->col[1],
					   .place = CLASSIFY_IN_REPORT,
					   .says = CLASSIFY_SAYS_BOUNCE,
					   .weight = CLASSIFY_STRONG,
					   .phrase = rd->col[2] };
	unsigned i;

	if (word_of(rd, rd->col[0], words, &i) < 0)
		return -EINVAL;
	rule.report = (enum classify_report)i;
	if (i > CLASSIFY_REPORT_DATA) {
		rule.place = CLASSIFY_IN_NDR;
		rule.says =
			strcmp(words[i], "late") == 0 ? CLASSIFY_SAYS_DELAY : CLASSIFY_SAYS_BOUNCE;
	}
	return add_word(rd, &rule);
}

static int read_reason(struct reader *rd)
{
	static const char *const weights[] = { "weak", "strong", "sure", NULL };
	struct classify_word_rule rule = { .id = "bounce.words",
					   .place = CLASSIFY_IN_SERVER,
					   .says = CLASSIFY_SAYS_BOUNCE,
					   .reason = rd->col[0],
					   .phrase = rd->col[2] };
	unsigned weight;

	if (word_of(rd, rd->col[1], weights, &weight) < 0)
		return -EINVAL;
	rule.weight = (enum classify_weight)(CLASSIFY_WEAK + weight);
	return add_word(rd, &rule);
}

/* "521" */
static bool is_reply_code(const char *s)
{
	return (s[0] == '4' || s[0] == '5') && strlen(s) == 3 && strspn(s, "0123456789") == 3;
}

static int read_status(struct reader *rd)
{
	static const char *const weights[] = { "open", "firm", NULL };
	struct classify_rules *r = rd->rules;
	const char *status = rd->col[0];
	unsigned i;

	if (!is_reply_code(status) &&
	    (!strchr("x245", status[0]) || status[1] != '.' || status[2] < '0' || status[2] > '9'))
		return bad(rd, status,
			   "is no status like x.1.1, 5.4.1 or x.7, nor a code like 521");
	if (word_of(rd, rd->col[1], weights, &i) < 0)
		return -EINVAL;
	if (r->n_statuses % 64 == 0)
		r->status = mem_resize(r->status, (r->n_statuses + 64) * sizeof(*r->status));
	r->status[r->n_statuses++] = (struct classify_status_rule){ status, rd->col[2], i == 1 };
	return 0;
}

static int read_sender(struct reader *rd)
{
	static const char *const says[] = { "daemon",   "postmaster", "robot",
					    "no-reply", "unread",     NULL };
	static const char *const wheres[] = { "is", "starts", "ends", "has", "name", "bare", NULL };
	struct classify_rules *r = rd->rules;
	unsigned i, where;

	if (word_of(rd, rd->col[0], says, &i) < 0 || word_of(rd, rd->col[1], wheres, &where) < 0)
		return -EINVAL;
	if (r->n_senders % 64 == 0)
		r->sender = mem_resize(r->sender, (r->n_senders + 64) * sizeof(*r->sender));
	r->sender[r->n_senders++] = (struct classify_sender_rule){
		.says = (enum classify_sender)(1U << i),
		.where = (enum classify_where)where,
		.what = rd->col[2],
	};
	return 0;
}

/* An intent by its name, or one of the words for what is none. */
static int means_of(struct reader *rd, const char *word, struct classify_intent_rule *ret)
{
	static const char *const words[] = { "courtesy", "negation", "nothing", NULL };
	unsigned i;

	for (i = CLASSIFY_INTENT_INTERESTED; i <= CLASSIFY_INTENT_NEUTRAL; i++) {
		ret->intent = (enum classify_intent)i;
		if (strcmp(classify_intent_name(ret->intent), word) == 0)
			return 0;
	}
	ret->is_again = strcmp(word, "again") == 0;
	ret->intent = ret->is_again ? CLASSIFY_INTENT_NOT_NOW : CLASSIFY_INTENT_NONE;
	if (ret->is_again)
		return 0;
	if (word_of(rd, word, words, &i) < 0)
		return bad(rd, word, "is no intent, nor again, courtesy, negation or nothing");
	ret->means = (enum classify_means)(CLASSIFY_MEANS_COURTESY + i);
	return 0;
}

static int read_intent(struct reader *rd)
{
	struct classify_rules *r = rd->rules;
	struct classify_intent_rule rule = { .id = rd->col[0] };
	const char *wrong;
	uint64_t weight;

	if (means_of(rd, rd->col[1], &rule) < 0)
		return -EINVAL;
	if (text_u64(text_of(rd->col[2]), 9, &weight) < 0)
		return bad(rd, rd->col[2], "is no weight from 0 to 9");
	rule.weight = (unsigned)weight;
	if (r->n_intents % 256 == 0)
		r->intent = mem_resize(r->intent, (r->n_intents + 256) * sizeof(*r->intent));
	wrong = classify_pattern_add(r->intents, rd->col[3], (uint32_t)r->n_intents);
	if (wrong)
		return bad(rd, rd->col[3], wrong);
	r->intent[r->n_intents++] = rule;
	return 0;
}

static int read_language(struct reader *rd)
{
	const char *wrong = classify_language_add(rd->rules->languages, rd->col[0], rd->col[1]);

	return wrong ? bad(rd, rd->col[0], wrong) : 0;
}

static int read_quote(struct reader *rd)
{
	struct text phrase = text_of(rd->col[2]);
	unsigned what;

	if (word_of(rd, rd->col[0], classify_marks_names(), &what) < 0)
		return -EINVAL;
	if (!mime_fold_is(phrase))
		return bad(rd, rd->col[2], "is not folded: lower case, without accents");
	classify_marks_add(rd->rules->marks, (enum classify_mark)what, phrase);
	return 0;
}

static int read_weights(struct reader *rd)
{
	const char *wrong = classify_model_add(rd->rules->model, rd->col[0], rd->col[1]);

	return wrong ? bad(rd, rd->col[0], wrong) : 0;
}

static int read_days(struct reader *rd)
{
	const char *wrong = classify_days_add(rd->rules->days, rd->col[0], rd->col[2], rd->col[3]);

	return wrong ? bad(rd, rd->col[2], wrong) : 0;
}

static int read_cue(struct reader *rd)
{
	unsigned which;

	if (word_of(rd, rd->col[0], classify_cues_names(), &which) < 0)
		return -EINVAL;
	classify_cues_add(rd->rules->cues, (enum classify_cue)which, rd->col[1]);
	return 0;
}

static const struct {
	size_t columns;
	int (*read)(struct reader *rd);
} formats[] = {
	[TABLE_HEADERS] = { 6, read_header },  [TABLE_WORDS] = { 5, read_word },
	[TABLE_NDR] = { 3, read_ndr },         [TABLE_REASONS] = { 3, read_reason },
	[TABLE_STATUSES] = { 3, read_status }, [TABLE_SENDERS] = { 3, read_sender },
	[TABLE_INTENTS] = { 4, read_intent },  [TABLE_LANGUAGES] = { 2, read_language },
	[TABLE_QUOTES] = { 3, read_quote },    [TABLE_WEIGHTS] = { 2, read_weights },
	[TABLE_DAYS] = { 4, read_days },       [TABLE_CUES] = { 2, read_cue },
};

/* Cut `line`, which ends with a NUL, into its columns. */
static int read_line(struct reader *rd, char *line)
{
	char *at = line;
	size_t n = strlen(line);

	if (n && line[n - 1] == '\r')
		line[n - 1] = '\0';
	if (!*line || *line == '#')
		return 0;
	for (rd->n_cols = 0; at && rd->n_cols < COLUMNS; rd->n_cols++) {
		char *tab = strchr(at, '\t');

		if (tab)
			*tab++ = '\0';
		if (!*at)
			return bad(rd, line, "has an empty column; write one tab between columns");
		rd->col[rd->n_cols] = at;
		at = tab;
	}
	if (at || rd->n_cols != formats[rd->table].columns)
		return bad(rd, line, "has another number of columns than the comment at the top");
	return formats[rd->table].read(rd);
}

static int read_table(struct classify_rules *rules, enum table table, struct text text,
		      /* NOLINTNEXTLINE(readability-non-const-parameter): bad() writes it */
		      char why[CLASSIFY_RULES_WHY])
{
	struct reader rd = { .rules = rules, .table = table, .why = why };
	char *at = rules->text[table] = mem_text_n(text.at, text.len);
	int r = 0;

	while (at && r == 0) {
		char *end = strchr(at, '\n');

		if (end)
			*end++ = '\0';
		rd.line++;
		r = read_line(&rd, at);
		at = end;
	}
	return r;
}

/* ---- which hold ---- */

static struct classify_rules *held;

static void rules_free(struct classify_rules *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < TABLES; i++)
		free(r->text[i]);
	for (size_t i = 0; i < CLASSIFY_PLACES; i++)
		classify_trie_free(r->trie[i]);
	classify_pattern_free(r->intents);
	classify_language_free(r->languages);
	classify_days_free(r->days);
	classify_marks_free(r->marks);
	classify_cues_free(r->cues);
	classify_model_free(r->model);
	free(r->header);
	free(r->word);
	free(r->sender);
	free(r->status);
	free(r->intent);
	free(r);
}

int classify_rules_take(const struct classify_rules_table *tables, size_t n,
			char why[CLASSIFY_RULES_WHY])
{
	struct text text[TABLES] = {
		classify_rules_text_headers(),  classify_rules_text_words(),
		classify_rules_text_ndr(),      classify_rules_text_reasons(),
		classify_rules_text_statuses(), classify_rules_text_senders(),
		classify_rules_text_intents(),  classify_rules_text_languages(),
		classify_rules_text_quotes(),   classify_rules_text_weights(),
		classify_rules_text_days(),     classify_rules_text_cues()
	};
	struct classify_rules *r = mem_new(sizeof(*r));
	int error = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < TABLES; k++)
			if (tables[i].text.at && strcmp(tables[i].name, table_names[k]) == 0)
				text[k] = tables[i].text;
	for (size_t i = 0; i < CLASSIFY_PLACES; i++)
		r->trie[i] = classify_trie_new();
	r->intents = classify_pattern_new();
	r->languages = classify_language_new();
	r->days = classify_days_new();
	r->marks = classify_marks_new();
	r->cues = classify_cues_new();
	r->model = classify_model_new();
	for (size_t i = 0; i < TABLES && error == 0; i++)
		error = read_table(r, (enum table)i, text[i], why);
	if (error) {
		rules_free(r);
		return error;
	}
	classify_pattern_compile(r->intents);
	rules_free(held);
	held = r;
	mem_give_back(); /* what compiling took, several times what is kept */
	return 0;
}

const struct classify_rules *classify_rules_now(void)
{
	char why[CLASSIFY_RULES_WHY];

	if (!held && classify_rules_take(NULL, 0, why) < 0)
		abort(); /* a test reads the tables of the binary */
	return held;
}

/* ---- asking ---- */

const struct classify_marks *classify_rules_marks(const struct classify_rules *r)
{
	return r->marks;
}

const struct classify_header_rule *classify_rules_headers(const struct classify_rules *r,
							  size_t *ret_n)
{
	*ret_n = r->n_headers;
	return r->header;
}

const struct classify_status_rule *classify_rules_statuses(const struct classify_rules *r,
							   size_t *ret_n)
{
	*ret_n = r->n_statuses;
	return r->status;
}

const struct classify_sender_rule *classify_rules_senders(const struct classify_rules *r,
							  size_t *ret_n)
{
	*ret_n = r->n_senders;
	return r->sender;
}

const struct classify_word_rule *classify_rules_words(const struct classify_rules *r, size_t *ret_n)
{
	*ret_n = r->n_words;
	return r->word;
}

const struct classify_patterns *classify_rules_intents(const struct classify_rules *r)
{
	return r->intents;
}

const struct classify_intent_rule *classify_rules_intent(const struct classify_rules *r,
							 uint32_t value)
{
	return &r->intent[value];
}

const struct classify_model *classify_rules_model(const struct classify_rules *r)
{
	return r->model;
}

const struct classify_cues *classify_rules_cues(const struct classify_rules *r)
{
	return r->cues;
}

const struct classify_days *classify_rules_days(const struct classify_rules *r)
{
	return r->days;
}

const struct classify_lexicon *classify_rules_languages(const struct classify_rules *r)
{
	return r->languages;
}

void classify_rules_start(struct classify_rules_walk *w, const struct classify_rules *r,
			  enum classify_place place, struct text folded)
{
	w->rules = r;
	classify_trie_start(&w->walk, r->trie[place], folded);
}

const struct classify_word_rule *classify_rules_next(struct classify_rules_walk *w, size_t *ret_at)
{
	uint32_t i;

	return classify_trie_next(&w->walk, &i, ret_at) ? &w->rules->word[i] : NULL;
}

const struct classify_word_rule *classify_rules_front(const struct classify_rules *r,
						      enum classify_place place, struct text folded)
{
	const struct classify_word_rule *first = NULL, *rule;
	struct classify_rules_walk w;
	size_t at = 0;

	classify_rules_start(&w, r, place, folded);
	while (at == 0 && (rule = classify_rules_next(&w, &at)))
		if (at == 0 && (!first || rule < first) &&
		    classify_phrase_starts(folded, rule->phrase))
			first = rule;
	return first;
}
