#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/dialogue.h"
#include "ingest/veil.h"

/* ---- dialogue ---- */

static const char server[] =
	"* OK ready\r\n"
	"* LIST (\\Junk) \"/\" \"Bulk Mail\"\r\n"
	"* 2 FETCH (UID 3 ENVELOPE (NIL \"Re: a \\\"secret\\\" plan\") BODY[HEADER]<0> {21}\r\n"
	"Subject: my secret\r\n\r FLAGS ())\r\n"
	"* 12 fetch (UID 4 BODY[1] ~{6+}\r\nsecret BODY[2] {0}\r\n X \"secret)\r\n"
	"a7 BAD {12} what\r\n"
	"* OK \"said\"\r\n";

static const char kept[] = "S: * OK ready\r\n"
			   "S: * LIST (\\Junk) \"/\" \"Bulk Mail\"\r\n"
			   "S: * 2 FETCH (UID 3 ENVELOPE (NIL \"\") BODY[HEADER]<0> {21}\r\n"
			   "S: [literal, 21 bytes] FLAGS ())\r\n"
			   "S: * 12 fetch (UID 4 BODY[1] ~{6+}\r\n"
			   "S: [literal, 6 bytes] BODY[2] {0}\r\n"
			   "S: [literal, 0 bytes] X \"\n"
			   "S: a7 BAD {12} what\r\n"
			   "S: * OK \"said\"\r\n";

static void nothing_that_was_written_is_kept(void **state)
{
	(void)state;
	for (size_t step = 1; step < sizeof(server); step++) {
		struct dialogue *d = dialogue_new();

		for (size_t at = 0; at < sizeof(server) - 1; at += step) {
			size_t left = sizeof(server) - 1 - at;

			dialogue_in(d, server + at, left < step ? left : step);
		}
		if (!text_eq(dialogue_text(d), text_of(kept)))
			fail_msg("step %zu: %.*s", step, TEXT_ARG(dialogue_text(d)));
		dialogue_free(d);
	}
}

static void both_sides_begin_their_lines(void **state)
{
	static const char login[] = "a1 AUTHENTICATE PLAIN c2VjcmV0\r\na2 NOOP\r\n";
	struct dialogue *d = dialogue_new();

	(void)state;
	dialogue_out(d, login, sizeof(login) - 1, 22, 8);
	dialogue_in(d, "* half", 6);
	dialogue_out(d, "DONE\r\n", 6, 0, 0);
	assert_true(text_eq(dialogue_text(d), TEXT("C: a1 AUTHENTICATE PLAIN [secret]\r\n"
						   "C: a2 NOOP\r\n"
						   "S: * half\n"
						   "C: DONE\r\n")));
	dialogue_free(d);
	dialogue_free(NULL);
}

static void the_older_half_goes(void **state)
{
	struct dialogue *d = dialogue_new();
	char line[64];
	struct text t;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		int n = snprintf(line, sizeof(line), "* %d EXISTS\r\n", i);

		dialogue_in(d, line, (size_t)n);
		assert_true(dialogue_text(d).len <= DIALOGUE_MAX);
	}
	t = dialogue_text(d);
	assert_true(t.len > DIALOGUE_MAX / 3);
	assert_true(text_istarts(t, TEXT("S: * ")));
	assert_true(text_iends(t, TEXT("S: * 4999 EXISTS\r\n")));
	dialogue_free(d);
}

/* ---- veil ---- */

static void veiled(struct veil *v, const char *said, size_t step, struct buf *out)
{
	struct text t;

	for (size_t at = 0; at < strlen(said); at += step) {
		size_t left = strlen(said) - at;

		veil_add(v, said + at, left < step ? left : step);
		while (veil_next(v, &t))
			assert_int_equal(text_add(out, t), 0);
	}
	if (veil_last(v, &t))
		assert_int_equal(text_add(out, t), 0);
}

static void a_repeated_credential_is_blanked(void **state)
{
	static const char said[] = "* OK hello\r\n"
				   "a1 NO not with correcthorse, says AGFkYQBjb3JyZWN0aG9yc2U=!\r\n"
				   "* BAD AGFkYQBjb3\r\n" /* cut */
				   "a2 OK correct\r\nthe rest: correcthorse";
	static const char want[] = "* OK hello\r\n"
				   "a1 NO not with ************, says ************************!\r\n"
				   "* BAD **********\r\n"
				   "a2 OK correct\r\nthe rest: ************";
	struct secret s = { 0 };

	(void)state;
	secret_set_text(&s, TEXT("correcthorse"));
	for (size_t step = 1; step < sizeof(said); step++) {
		struct veil *v = veil_new(&s);
		struct buf out = { .max = 4096 };

		veil_told(v, "AGFkYQBjb3JyZWN0aG9yc2U=\r\n", 26);
		veiled(v, said, step, &out);
		assert_string_equal((char *)out.data, want);
		buf_clear(&out);
		veil_free(v);
	}
	secret_clear(&s);
	veil_free(NULL);
}

static void a_line_without_end_is_not_kept(void **state)
{
	struct secret s = { 0 };
	struct buf said = { .max = 4 * VEIL_LINE }, out = { .max = 4 * VEIL_LINE };
	static const size_t steps[] = { 1, 100, VEIL_LINE, 3 * VEIL_LINE };

	(void)state;
	secret_set_text(&s, TEXT("correcthorse"));
	for (size_t i = 0; i < 2 * VEIL_LINE; i++)
		assert_int_equal(buf_add(&said, "x", 1), 0);
	assert_int_equal(text_add(&said, TEXT("correcthorse\r\n* OK\r\n")), 0);
	for (size_t i = 0; i < countof(steps); i++) {
		struct veil *v = veil_new(&s);

		veiled(v, (char *)said.data, steps[i], &out);
		assert_string_equal((char *)out.data, "[a line too long]\r\n* OK\r\n");
		buf_clear(&out);
		veil_free(v);
	}
	buf_clear(&said);
	secret_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_that_was_written_is_kept),
		cmocka_unit_test(both_sides_begin_their_lines),
		cmocka_unit_test(the_older_half_goes),
		cmocka_unit_test(a_repeated_credential_is_blanked),
		cmocka_unit_test(a_line_without_end_is_not_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
