#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/secret.h"

static void holds_bytes_and_a_nul(void **state)
{
	cleanup_secret struct secret s = { 0 };

	(void)state;
	assert_true(secret_is_empty(&s));
	assert_string_equal(secret_text(&s), "");
	secret_set(&s, "a\0b", 3);
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.data, "a\0b", 4);
	secret_set_text(&s, TEXT("password"));
	assert_string_equal(secret_text(&s), "password");
	/* a part of itself */
	secret_set(&s, s.data + 4, 4);
	assert_string_equal(secret_text(&s), "word");
	secret_set(&s, NULL, 0);
	assert_true(secret_is_empty(&s));
	secret_clear(&s);
	secret_clear(&s);
	assert_null(s.data);
	secret_set_text(&s, TEXT("usable again"));
	assert_false(secret_is_empty(&s));
}

static void compares_bytes_and_length(void **state)
{
	cleanup_secret struct secret a = { 0 }, b = { 0 };

	(void)state;
	assert_true(secret_eq(&a, &b));
	secret_set_text(&a, TEXT("same"));
	assert_false(secret_eq(&a, &b));
	secret_set_text(&b, TEXT("same"));
	assert_true(secret_eq(&a, &b));
	for (size_t i = 0; i < 4; i++) {
		secret_set_text(&b, TEXT("same"));
		b.data[i] ^= 0x80;
		assert_false(secret_eq(&a, &b));
	}
	secret_set_text(&b, TEXT("same but longer"));
	assert_false(secret_eq(&a, &b));
}

static void blanks_what_a_peer_repeats(void **state)
{
	static const struct {
		const char *secret, *text, *want;
	} rows[] = {
		{ "correct-horse", "no: correct-horse!", "no: *************!" },
		{ "correct-horse", "correct-horse", "*************" },
		{ "correct-horse", "correct-horsecorrect-horse", "**************************" },
		{ "correct-horse", "cut off: correct-", "cut off: ********" },
		{ "correct-horse", "is not correct", "is not correct" },
		{ "correct-horse", "corcorrect-horse", "cor*************" },
		{ "pin", "a pin, a pi", "a ***, a pi" },
		{ "", "nothing", "nothing" },
		{ "correct-horse", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct secret s = { 0 };
		char text[64];

		secret_set_text(&s, text_of(rows[i].secret));
		(void)snprintf(text, sizeof(text), "%s", rows[i].text);
		secret_blank(text, &s);
		assert_string_equal(text, rows[i].want);
		secret_clear(&s);
	}
}

static void wipe_leaves_nothing(void **state)
{
	uint8_t bytes[64];

	(void)state;
	memset(bytes, 0xa5, sizeof(bytes));
	secret_wipe(bytes, 32);
	for (size_t i = 0; i < sizeof(bytes); i++)
		assert_int_equal(bytes[i], i < 32 ? 0 : 0xa5);
	secret_wipe(NULL, 0);
}

/* What is too large was no secret; nobody's size reaches the allocator. */
static void too_large_aborts(void **state)
{
	static uint8_t much[LIMIT_SECRET + 1];
	struct rlimit no_core = { 0, 0 };
	struct secret s = { 0 };
	int status = 0;
	pid_t pid;

	(void)state;
	secret_set(&s, much, LIMIT_SECRET);
	secret_clear(&s);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)setrlimit(RLIMIT_CORE, &no_core);
		(void)signal(SIGABRT, SIG_DFL);
		secret_set(&s, much, sizeof(much));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(holds_bytes_and_a_nul),
		cmocka_unit_test(compares_bytes_and_length),
		cmocka_unit_test(blanks_what_a_peer_repeats),
		cmocka_unit_test(wipe_leaves_nothing),
		cmocka_unit_test(too_large_aborts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
