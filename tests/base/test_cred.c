#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cred.h"
#include "base/limits.h"
#include "base/mem.h"

static const char good[] = "# what the ingest role holds\n"
			   "db.password= a = b \n"
			   "\n"
			   "key.token=base64:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\r\n"
			   "oauth.my-corp_2.client_secret=base64 is only a prefix with its colon";

static void assert_good(const struct cred *c)
{
	const struct secret *key = cred_get(c, "key.token");

	assert_int_equal(cred_count(c), 3);
	assert_string_equal(secret_text(cred_get(c, "db.password")), " a = b ");
	assert_int_equal(key->len, 32);
	for (size_t i = 0; i < key->len; i++)
		assert_int_equal(key->data[i], i);
	assert_string_equal(secret_text(cred_get(c, "oauth.my-corp_2.client_secret")),
			    "base64 is only a prefix with its colon");
	assert_null(cred_get(c, "key.grant"));
	assert_null(cred_get(c, ""));
}

static void reads_named_secrets(void **state)
{
	struct cred *c = NULL;
	char why[CRED_WHY];

	(void)state;
	assert_int_equal(cred_parse(text_of(good), &c, why), 0);
	assert_good(c);
	cred_clear(c);
	assert_null(cred_get(c, "db.password"));
	assert_int_equal(cred_count(c), 0);
	cred_free(c);
	cred_free(NULL);
	assert_int_equal(cred_parse((struct text){ NULL, 0 }, &c, why), 0);
	assert_int_equal(cred_count(c), 0);
	cred_free(c);
}

static void says_which_line_is_wrong(void **state)
{
	static const struct {
		struct text in;
		const char *why;
	} rows[] = {
		{ TEXT("a=s3cret\nhunter2\n"), "line 2: there is no '='; write name=value" },
		{ TEXT("A=s3cret"), "line 1: the name is not made of a-z, 0-9, '.', '_' and '-'" },
		{ TEXT("=s3cret"), "line 1: the name is not made of a-z, 0-9, '.', '_' and '-'" },
		{ TEXT(" a=s3cret"), "line 1: the name is not made of a-z, 0-9, '.', '_' and '-'" },
		{ TEXT("a\0=s3cret"),
		  "line 1: the name is not made of a-z, 0-9, '.', '_' and '-'" },
		{ TEXT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=s3cret"),
		  "line 1: the name is not made of a-z, 0-9, '.', '_' and '-'" },
		{ TEXT("a=1\n\n#\nb=2\na=s3cret"), "line 5: a is there twice" },
		{ TEXT("a="), "line 1: a is empty" },
		{ TEXT("a=\r\n"), "line 1: a is empty" },
		{ TEXT("a=base64:"), "line 1: a is empty" },
		{ TEXT("a=base64:s3cret"), "line 1: a is not base64, or too long" },
		{ TEXT("a=base64: AAEC"), "line 1: a is not base64, or too long" },
		{ TEXT("a=s3\0cret"), "line 1: a holds a NUL; write base64:... for binary values" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct cred *c = NULL;
		char why[CRED_WHY] = "";

		if (cred_parse(rows[i].in, &c, why) != -EINVAL || c ||
		    strcmp(why, rows[i].why) != 0)
			fail_msg("row %zu: %s", i, why);
		assert_null(strstr(why, "s3cret"));
	}
}

static void ceilings_hold(void **state)
{
	cleanup_free char *much = mem_new(LIMIT_SECRET + 100);
	cleanup_buf struct buf b;
	struct cred *c = NULL;
	char why[CRED_WHY];

	(void)state;
	memset(much, 'x', LIMIT_SECRET + 99);
	buf_init(&b, LIMIT_SECRET * 2);
	assert_int_equal(text_addf(&b, "a=%.*s", LIMIT_SECRET, much), 0);
	assert_int_equal(cred_parse(text_of_buf(&b), &c, why), 0);
	assert_int_equal(cred_get(c, "a")->len, LIMIT_SECRET);
	cred_free(c);
	assert_int_equal(buf_add(&b, "x", 1), 0);
	assert_int_equal(cred_parse(text_of_buf(&b), &c, why), -EINVAL);
	assert_string_equal(why, "line 1: a is too long");

	buf_clear(&b);
	for (int i = 0; i < CRED_MAX; i++)
		assert_int_equal(text_addf(&b, "n%d=x\n", i), 0);
	assert_int_equal(cred_parse(text_of_buf(&b), &c, why), 0);
	assert_int_equal(cred_count(c), CRED_MAX);
	cred_free(c);
	assert_int_equal(text_addf(&b, "more=x"), 0);
	assert_int_equal(cred_parse(text_of_buf(&b), &c, why), -EINVAL);
	assert_string_equal(why, "line 101: more is one too many");
}

static void comes_through_a_pipe_that_is_closed(void **state)
{
	char place[16], why[CRED_WHY];
	struct cred *c = NULL;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], good, sizeof(good) - 1), sizeof(good) - 1);
	assert_int_equal(close(ends[1]), 0);
	(void)snprintf(place, sizeof(place), "fd:%d", ends[0]);
	assert_int_equal(cred_load(place, &c, why), 0);
	assert_good(c);
	cred_free(c);
	/* a child of this process does not find it again */
	assert_int_equal(fcntl(ends[0], F_GETFD), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(cred_load(place, &c, why), -EBADF);
	assert_string_equal(why, strerror(EBADF));
}

static void a_descriptor_has_a_number(void **state)
{
	static const char *const rows[] = { "fd:", "fd:x", "fd:-1", "fd:3x", "fd:99999999999" };

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct cred *c = NULL;
		char why[CRED_WHY];

		assert_int_equal(cred_load(rows[i], &c, why), -EINVAL);
		assert_string_equal(why, "write fd:3 for descriptor 3");
	}
}

/* A file of ours in a place of its own, gone after the test. */
static int file_setup(void **state)
{
	char *path = mem_text("/tmp/test_cred.XXXXXX");
	int fd = mkstemp(path);

	if (fd < 0 || write(fd, good, sizeof(good) - 1) != sizeof(good) - 1 || close(fd) < 0)
		return -1;
	*state = path;
	return 0;
}

static int file_teardown(void **state)
{
	(void)unlink(*state);
	free(*state);
	return 0;
}

static void a_file_must_be_ours_alone(void **state)
{
	static const struct {
		mode_t mode;
		const char *why; /* NULL: read */
	} rows[] = {
		{ 0600, NULL },
		{ 0400, NULL },
		{ 0700, NULL },
		{ 0640, "its mode is 0640, so others could read it; make it 0600" },
		{ 0604, "its mode is 0604, so others could read it; make it 0600" },
		{ 0620, "its mode is 0620, so others could read it; make it 0600" },
		{ 0601, "its mode is 0601, so others could read it; make it 0600" },
		{ 0777, "its mode is 0777, so others could read it; make it 0600" },
	};

	for (size_t i = 0; i < countof(rows); i++) {
		struct cred *c = NULL;
		char why[CRED_WHY] = "";
		int r;

		assert_int_equal(chmod(*state, rows[i].mode), 0);
		r = cred_load(*state, &c, why);
		if (rows[i].why) {
			assert_int_equal(r, -EACCES);
			assert_string_equal(why, rows[i].why);
			assert_null(c);
		} else {
			assert_int_equal(r, 0);
			assert_good(c);
		}
		cred_free(c);
	}
}

static void a_file_has_a_size(void **state)
{
	struct cred *c = NULL;
	char why[CRED_WHY];

	assert_int_equal(truncate(*state, LIMIT_CRED + 1), 0);
	assert_int_equal(cred_load(*state, &c, why), -EFBIG);
	assert_string_equal(why, "larger than 262144 bytes");
	assert_int_equal(cred_load("/nonexistent/cred", &c, why), -ENOENT);
	assert_string_equal(why, strerror(ENOENT));
	assert_int_equal(cred_load("/", &c, why), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_named_secrets),
		cmocka_unit_test(says_which_line_is_wrong),
		cmocka_unit_test(ceilings_hold),
		cmocka_unit_test(comes_through_a_pipe_that_is_closed),
		cmocka_unit_test(a_descriptor_has_a_number),
		cmocka_unit_test_setup_teardown(a_file_must_be_ours_alone, file_setup,
						file_teardown),
		cmocka_unit_test_setup_teardown(a_file_has_a_size, file_setup, file_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
