#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "services/key_hook.h"
#include "services/up/keyring.h"

/* The key service of tests/sandbox/kms.sh, in all its moods. */

static char dir[64], command[256], cwd[128];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof(dir), "/tmp/replyd-hook-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	snprintf(command, sizeof(command), "%s/tests/sandbox/kms.sh %s", cwd, dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void how(const char *word)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/how", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(word, f);
	fclose(f);
}

static void what_was_wrapped_is_unwrapped(void **state)
{
	struct secret key = { 0 }, wrapped = { 0 }, back = { 0 };
	char why[512];

	(void)state;
	secret_set_text(&key, TEXT("0123456789abcdef0123456789abcdef"));
	if (key_hook_run(command, KEY_HOOK_WRAP, &key, 15000, &wrapped, why) != 0)
		fail_msg("%s", why);
	assert_false(secret_eq(&key, &wrapped));
	assert_int_equal(key_hook_run(command, KEY_HOOK_UNWRAP, &wrapped, 15000, &back, why), 0);
	assert_true(secret_eq(&key, &back));
	secret_clear(&key);
	secret_clear(&wrapped);
	secret_clear(&back);
}

static void what_goes_wrong_is_said(void **state)
{
	static const struct {
		const char *how, *command; /* NULL: the service */
		int r;
		const char *said;
	} rows[] = {
		{ "slow", NULL, -ETIMEDOUT, "did not end in time" },
		{ "fail", NULL, -EPROTO, "status 3: AccessDenied" },
		{ "garbage", NULL, -EPROTO, "something else than one line of base64" },
		{ "silent", NULL, -EPROTO, "something else than one line of base64" },
		/* what comes without end, what does not listen, and who leaves somebody behind */
		{ "ok", "/usr/bin/yes", -EPROTO, "base64" },
		{ "ok", "/bin/true", -EPROTO, "base64" },
		{ "deaf", NULL, -ETIMEDOUT, "did not end in time" },
		{ "loud", NULL, -EPROTO, "status 4" },
		{ "linger", NULL, -ETIMEDOUT, "did not end in time" },
		{ "ok", "/nonexistent/kms", -ENOENT, "No such file" },
		{ "ok", "kms", -EINVAL, "whole path" },
		{ "ok", " ", -EINVAL, "whole path" },
		{ "ok", "/bin/true a a a a a a a a a a a a a a a a a", -EINVAL, "15 words" },
		{ "ok", "/etc", -EACCES, "denied" },
		/* no shell sees it */
		{ "ok", "/bin/echo $(id); #", -EPROTO, "base64" },
	};
	struct secret key = { 0 }, got = { 0 };
	char why[512];

	(void)state;
	secret_set_text(&key, TEXT("0123456789abcdef0123456789abcdef"));
	for (size_t i = 0; i < countof(rows); i++) {
		uint64_t before_ms = clock_mono_ms();
		int r;

		how(rows[i].how);
		r = key_hook_run(rows[i].command ? rows[i].command : command, KEY_HOOK_WRAP, &key,
				 rows[i].r == -ETIMEDOUT ? 300 : 15000, &got, why);
		if (r != rows[i].r || !strstr(why, rows[i].said))
			fail_msg("%s: %d, %s", rows[i].said, r, why);
		assert_null(strstr(why, "MDEyMzQ1")); /* the key, which the service repeats */
		assert_true(secret_is_empty(&got));
		if (rows[i].r == -ETIMEDOUT)
			assert_true(clock_mono_ms() - before_ms < 30000);
	}
	secret_clear(&key);
}

static void a_keyring_is_wrapped_and_comes_back(void **state)
{
	struct keyring plain, a, b;
	char why[512], path[128], line[64] = "";
	unsigned id;
	FILE *f;

	(void)state;
	/* made in clear, then the setting comes */
	assert_int_equal(keyring_open(&plain, dir, "", why), 0);
	if (keyring_open(&a, dir, command, why) != 0)
		fail_msg("%s", why);
	snprintf(path, sizeof(path), "%s/secrets/grant", dir);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_non_null(fgets(line, sizeof(line), f));
	fclose(f);
	assert_memory_equal(line, KEY_HOOK_PREFIX, strlen(KEY_HOOK_PREFIX));
	assert_int_equal(keyring_make_next(dir, command, "token", 1, &id, why), 0);
	assert_int_equal(keyring_open(&b, dir, command, why), 0);
	for (int i = 0; i < KEYRING_NAMES; i++) {
		assert_true(secret_eq(&plain.is[i], &a.is[i]));
		assert_true(secret_eq(&a.is[i], &b.is[i]));
	}
	assert_int_equal(b.n_later, 1);
	assert_int_equal(b.later[0].key.len, SEAL_KEY);
	keyring_clear(&plain);
	keyring_clear(&a);
	keyring_clear(&b);
	/* without the service nothing opens, and it is said why */
	assert_int_equal(keyring_open(&a, dir, "", why), -EPROTO);
	assert_non_null(strstr(why, "key_command is not set"));
	how("fail");
	assert_int_equal(keyring_open(&a, dir, command, why), -EPROTO);
	assert_non_null(strstr(why, "AccessDenied"));
	/* a service that holds another key */
	how("other");
	assert_int_equal(keyring_open(&a, dir, command, why), -EBADMSG);
	assert_non_null(strstr(why, "key_command uses another key"));
	how("ok");
	assert_int_equal(keyring_open(&a, dir, command, why), 0);
	keyring_clear(&a);
}

/* A service that does not give back what it was given never gets to hold the only copy. */
static void a_bad_service_wraps_nothing(void **state)
{
	struct keyring plain, a;
	char why[512];

	(void)state;
	assert_int_equal(keyring_open(&plain, dir, "", why), 0);
	how("other");
	assert_int_equal(keyring_open(&a, dir, command, why), -EPROTO);
	assert_int_equal(keyring_open(&a, dir, "", why), 0);
	for (int i = 0; i < KEYRING_NAMES; i++)
		assert_true(secret_eq(&plain.is[i], &a.is[i]));
	keyring_clear(&plain);
	keyring_clear(&a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_wrapped_is_unwrapped),
		TEST(what_goes_wrong_is_said),
		TEST(a_keyring_is_wrapped_and_comes_back),
		TEST(a_bad_service_wraps_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
