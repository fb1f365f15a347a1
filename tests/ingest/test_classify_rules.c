#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/rand.h"
#include "ingest/classify/classify_phrase.h"
#include "ingest/classify/classify_rules.h"

/* ---- the matcher ---- */

static const struct {
	const char *name, *phrases, *text, *want; /* "phrase@place" by blanks */
} rows[] = {
	{ "one", "away", "i am away", "away@5" },
	{ "where a word begins", "way", "away by way", "way@8" },
	{ "ends free", "holiday", "two holidays", "holiday@4" },
	{ "twice", "ab", "ab ab", "ab@0 ab@3" },
	{ "shorter before longer", "out,out of office", "out of office", "out@0 out of office@0" },
	{ "one inside another", "of,out of office", "out of office", "out of office@0 of@4 of@7" },
	{ "no letter: anywhere", "[ticket", "re[ticket", "[ticket@2" },
	{ "no ascii: anywhere", "\xe4\xb8\x8d\xe5\x9c\xa8", "x\xe4\xb8\x8d\xe5\x9c\xa8y",
	  "\xe4\xb8\x8d\xe5\x9c\xa8@1" },
	{ "cut at the end", "away", "i am awa", "" },
	{ "nothing", "away", "", "" },
	{ "whole text", "a", "a", "a@0" },
};

static void phrases_are_found_where_they_stand(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct text rest = text_of(rows[i].phrases), all[8];
		struct classify_trie *t = classify_trie_new();
		struct classify_trie_walk w;
		cleanup_buf struct buf got;
		uint32_t n = 0, value;
		size_t at;

		buf_init(&got, 200);
		while (rest.len) {
			(void)text_cut(rest, ',', &all[n], &rest);
			classify_trie_add(t, all[n], n);
			n++;
		}
		classify_trie_start(&w, t, text_of(rows[i].text));
		while (classify_trie_next(&w, &value, &at))
			(void)text_addf(&got, "%s%.*s@%zu", got.len ? " " : "",
					TEXT_ARG(all[value]), at);
		assert_false(classify_trie_next(&w, &value, &at));
		if (!text_eq(text_of_buf(&got), text_of(rows[i].want)))
			fail_msg("%s: got \"%.*s\", want \"%s\"", rows[i].name,
				 TEXT_ARG(text_of_buf(&got)), rows[i].want);
		classify_trie_free(t);
	}
}

/* Against the plain way: each phrase looked for by itself. */
static void it_finds_what_looking_one_by_one_finds(void **state)
{
	static const char letters[] = "ab -";
	struct rand_gen g;
	char phrase[40][8], text[200];

	(void)state;
	rand_gen_seed(&g, 7);
	for (int round = 0; round < 300; round++) {
		struct classify_trie *t = classify_trie_new();
		struct classify_trie_walk w;
		size_t n = 1 + rand_gen_below(&g, 40), len = rand_gen_below(&g, sizeof(text)), at,
		       found = 0, wanted = 0;
		uint32_t value;

		for (size_t i = 0; i < n; i++) {
			size_t k = 1 + rand_gen_below(&g, 7);

			for (size_t j = 0; j < k; j++)
				phrase[i][j] = letters[rand_gen_below(&g, 4)];
			phrase[i][k] = '\0';
			classify_trie_add(t, text_of(phrase[i]), (uint32_t)i);
		}
		for (size_t i = 0; i < len; i++)
			text[i] = letters[rand_gen_below(&g, 4)];
		classify_trie_start(&w, t, (struct text){ text, len });
		while (classify_trie_next(&w, &value, &at)) {
			assert_true(at + strlen(phrase[value]) <= len);
			assert_memory_equal(text + at, phrase[value], strlen(phrase[value]));
			found++;
		}
		for (size_t i = 0; i < n; i++)
			for (at = 0; (at = classify_phrase_find((struct text){ text, len },
								phrase[i], at)) != SIZE_MAX;
			     at++)
				wanted++;
		assert_int_equal(found, wanted);
		classify_trie_free(t);
	}
}

/* ---- tables ---- */

static const struct {
	const char *name, *table, *text, *why;
} bad[] = {
	{ "a column too few", "words.tsv", "# c\n\ntext\tauto\tweak\tx.y\n", "words.tsv, line 3" },
	{ "a column too many", "reasons.tsv", "a\tweak\tb\tc\n", "another number of columns" },
	{ "two tabs", "words.tsv", "text\t\tweak\tx\ty\n", "has an empty column" },
	{ "no such place", "words.tsv", "body\tauto\tweak\tx\ty\n",
	  "\"body\" is none of subject inside text" },
	{ "says nothing", "headers.tsv", "x\tX\tis\tno\tmaybe\tweak\n",
	  "\"maybe\" is none of human" },
	{ "no weight", "words.tsv", "text\tauto\theavy\tx\ty\n", "is none of hint weak strong" },
	{ "not folded", "words.tsv", "text\tauto\tweak\tx\tR\xc3\xa9ponse\n", "is not folded" },
	{ "no such weight", "reasons.tsv", "a\tboth\tb\n", "is none of weak strong sure" },
	{ "no status", "statuses.tsv", "6.1.1\topen\tx\n", "is no status like" },
	{ "firm or not", "statuses.tsv", "x.1.1\tmaybe\tx\n", "is none of open firm" },
	{ "nobody's sender", "senders.tsv", "person\tis\tx\n", "is none of daemon" },
	{ "nowhere in a sender", "senders.tsv", "robot\tdomain\tx\n", "is none of is starts" },
	{ "no such word of a server", "ndr.tsv", "maybe\tx\tb\n", "is none of sign trying" },
	{ "no such list of words", "cues.tsv", "gadget\tfridge\n", "is none of contact title" },
	{ "no such comparison", "headers.tsv", "x\tX\tlike\tno\tauto\tweak\n",
	  "\"like\" is none of" },
};

static int take(const char *name, const char *text, char why[CLASSIFY_RULES_WHY])
{
	const struct classify_rules_table one = { name, text_of(text) };

	return classify_rules_take(&one, 1, why);
}

static void a_bad_table_is_named_and_changes_nothing(void **state)
{
	const struct classify_rules *before = classify_rules_now();
	char why[CLASSIFY_RULES_WHY];

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		why[0] = '\0';
		assert_int_equal(take(bad[i].table, bad[i].text, why), -EINVAL);
		if (!strstr(why, bad[i].why))
			fail_msg("%s: got \"%s\", want \"%s\"", bad[i].name, why, bad[i].why);
	}
	assert_ptr_equal(classify_rules_now(), before);
}

static void a_table_takes_the_place_of_one(void **state)
{
	const struct classify_word_rule *rule;
	struct classify_rules_walk walk;
	char why[CLASSIFY_RULES_WHY];
	size_t at;

	(void)state;
	assert_int_equal(
		take("words.tsv", "# ours\r\nsubject\tauto\tstrong\tours\trobot:\r\n", why), 0);
	rule = classify_rules_front(classify_rules_now(), CLASSIFY_IN_SUBJECT,
				    TEXT("robot: hello"));
	assert_non_null(rule);
	assert_string_equal(rule->id, "ours");
	assert_null(classify_rules_front(classify_rules_now(), CLASSIFY_IN_SUBJECT,
					 TEXT("automatic reply: x")));
	classify_rules_start(&walk, classify_rules_now(), CLASSIFY_IN_SERVER,
			     TEXT("552 mailbox full"));
	assert_non_null(classify_rules_next(&walk, &at)); /* the other tables stay */
	assert_int_equal(classify_rules_take(NULL, 0, why), 0);
	rule = classify_rules_front(classify_rules_now(), CLASSIFY_IN_SUBJECT,
				    TEXT("automatic reply: x"));
	assert_non_null(rule);
	assert_int_equal(rule->weight, CLASSIFY_STRONG);
}

static void words_of_a_list_are_compared(void **state)
{
	const struct classify_cues *c;
	char why[CLASSIFY_RULES_WHY];
	size_t n;

	(void)state;
	assert_int_equal(
		take("cues.tsv", "device\tfridge\ntitle\tHerr\ntitle\tSir\nuntil\tbis zum\n", why),
		0);
	c = classify_rules_cues(classify_rules_now());
	assert_string_equal(classify_cues_of(c, CLASSIFY_CUE_TITLE, &n)[1], "Sir");
	assert_int_equal(n, 2);
	assert_true(classify_cues_is(c, CLASSIFY_CUE_TITLE, TEXT("Sir")));
	assert_false(classify_cues_is(c, CLASSIFY_CUE_TITLE, TEXT("sir")));
	assert_true(classify_cues_starts(c, CLASSIFY_CUE_DEVICE, TEXT("Fridge2")));
	assert_false(classify_cues_starts(c, CLASSIFY_CUE_DEVICE, TEXT("my fridge")));
	assert_true(classify_cues_in(c, CLASSIFY_CUE_UNTIL, TEXT("nur bis zum 3.")));
	assert_false(classify_cues_in(c, CLASSIFY_CUE_UNTIL, TEXT("nurbis zum 3.")));
	assert_false(classify_cues_in(c, CLASSIFY_CUE_PAST, TEXT("was"))); /* none is left */
	assert_int_equal(classify_rules_take(NULL, 0, why), 0);
}

static void the_one_written_first_counts(void **state)
{
	const struct classify_rules *r;
	char why[CLASSIFY_RULES_WHY];

	(void)state;
	assert_int_equal(take("words.tsv",
			      "subject\tauto\tstrong\tlong\tout of office:\n"
			      "subject\tauto\tweak\tshort\tout\n"
			      "subject\tauto\tweak\tlate\tout of\n",
			      why),
			 0);
	r = classify_rules_now();
	assert_string_equal(
		classify_rules_front(r, CLASSIFY_IN_SUBJECT, TEXT("out of office: x"))->id, "long");
	assert_string_equal(classify_rules_front(r, CLASSIFY_IN_SUBJECT, TEXT("out of time"))->id,
			    "short");
	assert_null(classify_rules_front(r, CLASSIFY_IN_SUBJECT, TEXT("outage")));
	assert_null(classify_rules_front(r, CLASSIFY_IN_SUBJECT, TEXT("re: out of time")));
	assert_int_equal(classify_rules_take(NULL, 0, why), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(phrases_are_found_where_they_stand),
		cmocka_unit_test(it_finds_what_looking_one_by_one_finds),
		cmocka_unit_test(a_bad_table_is_named_and_changes_nothing),
		cmocka_unit_test(a_table_takes_the_place_of_one),
		cmocka_unit_test(words_of_a_list_are_compared),
		cmocka_unit_test(the_one_written_first_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
