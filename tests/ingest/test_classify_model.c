#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/classify/classify_model.h"

static const char *ask(const struct classify_model *m, const char *text, struct text *ret_word)
{
	return classify_intent_name(classify_model_ask(m, text_of(text), ret_word));
}

static void words_and_pairs_add_up(void **state)
{
	struct classify_model *m = classify_model_new();
	struct text word;

	(void)state;
	/* interested meeting information_request not_now not_interested wrong_person referral
	 * left_company unsubscribe complaint_threat neutral */
	assert_null(classify_model_add(m, "price", "0 0 40 0 0 0 0 0 0 0 0"));
	assert_null(classify_model_add(m, "wonder", "30 0 0 0 0 0 0 0 0 0 0"));
	assert_null(classify_model_add(m, "no wonder", "-60 0 0 0 20 0 0 0 0 0 0"));
	assert_string_equal(ask(m, "what a price", &word), "information_request");
	assert_true(text_eq(word, TEXT("price")));
	assert_string_equal(ask(m, "wonderful", &word), "interested"); /* cut to six letters */
	assert_string_equal(ask(m, "no wonder", &word), "not_interested");
	assert_string_equal(ask(m, "no 12345 wonder", &word), "not_interested");
	/* nothing known, and two that are too near each other */
	assert_string_equal(ask(m, "", &word), "neutral");
	assert_string_equal(ask(m, "something else", &word), "neutral");
	assert_string_equal(ask(m, "price wonder", &word), "information_request");
	assert_null(classify_model_add(m, "offer", "36 0 40 0 0 0 0 0 0 0 0"));
	assert_string_equal(ask(m, "offer", &word), "neutral");
	classify_model_free(m);
}

static void many_words_are_found_again(void **state)
{
	struct classify_model *m = classify_model_new();
	struct text found;
	char word[8];

	(void)state;
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(word, sizeof(word), "%c%c%c%c", 'a' + i % 26, 'a' + i / 26 % 26,
			       'a' + i / 676, 'z');
		assert_null(classify_model_add(
			m, word, i % 2 ? "90 0 0 0 0 0 0 0 0 0 0" : "0 90 0 0 0 0 0 0 0 0 0"));
	}
	for (int i = 0; i < 3000; i++) {
		(void)snprintf(word, sizeof(word), "%c%c%c%c", 'a' + i % 26, 'a' + i / 26 % 26,
			       'a' + i / 676, 'z');
		assert_string_equal(ask(m, word, &found), i % 2 ? "interested" : "meeting");
	}
	classify_model_free(m);
}

static void what_is_no_row_is_refused(void **state)
{
	static const char *const wrong[] = { "",
					     "1 2 3",
					     "0 0 0 0 0 0 0 0 0 0 x",
					     "0 0 0 0 0 0 0 0 0 0 128",
					     "0 0 0 0 0 0 0 0 0 0 0 0",
					     "0 0 0 0 0 0 0 0 0 0 -" };

	(void)state;
	for (size_t i = 0; i < countof(wrong); i++) {
		struct classify_model *m = classify_model_new();

		if (!classify_model_add(m, "word", wrong[i]))
			fail_msg("\"%s\" was taken", wrong[i]);
		classify_model_free(m);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_and_pairs_add_up),
		cmocka_unit_test(many_words_are_found_again),
		cmocka_unit_test(what_is_no_row_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
