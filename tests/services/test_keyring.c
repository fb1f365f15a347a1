#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cred.h"
#include "base/mem.h"
#include "services/up/credentials.h"
#include "services/up/keyring.h"

static char dir[64];

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
	snprintf(dir, sizeof(dir), "/tmp/replyd-keyring-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void made_once_and_kept(void **state)
{
	struct keyring a, b;
	char why[512];

	(void)state;
	assert_int_equal(keyring_open(&a, dir, "", why), 0);
	assert_int_equal(keyring_open(&b, dir, "", why), 0);
	for (int i = 0; i < KEYRING_NAMES; i++) {
		assert_true(a.is[i].len >= 32);
		assert_true(secret_eq(&a.is[i], &b.is[i]));
		for (int k = 0; k < i; k++)
			assert_false(secret_eq(&a.is[i], &a.is[k]));
	}
	keyring_clear(&a);
	keyring_clear(&b);
}

static int check_mode(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)at;
	if (type == FTW_F && (st->st_mode & 0777) != 0600)
		fail_msg("%s has mode %o", path, st->st_mode & 0777);
	return 0;
}

static void files_are_private(void **state)
{
	struct keyring k;
	struct stat st;
	char path[128], why[512];

	(void)state;
	assert_int_equal(keyring_open(&k, dir, "", why), 0);
	keyring_clear(&k);
	snprintf(path, sizeof(path), "%s/secrets", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	nftw(path, check_mode, 16, FTW_PHYS);
}

/* A key that is gone is never replaced: what it sealed would be lost without a word. */
static void a_missing_key_is_an_error(void **state)
{
	struct keyring k;
	char path[128], why[512];

	(void)state;
	assert_int_equal(keyring_open(&k, dir, "", why), 0);
	keyring_clear(&k);
	snprintf(path, sizeof(path), "%s/secrets/grant", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(keyring_open(&k, dir, "", why), -ENOKEY);
	assert_non_null(strstr(why, "secrets/grant"));
	assert_non_null(strstr(why, "backup"));
	assert_int_equal(access(path, F_OK), -1);
}

static void a_readable_key_is_an_error(void **state)
{
	struct keyring k;
	char path[128], why[512];

	(void)state;
	assert_int_equal(keyring_open(&k, dir, "", why), 0);
	keyring_clear(&k);
	snprintf(path, sizeof(path), "%s/secrets/token", dir);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(keyring_open(&k, dir, "", why), -EPERM);
	assert_non_null(strstr(why, "chmod 600"));
}

/* A first start that died half-way goes on; what was made stays, since it may be the mark alone
 * that is gone. */
static void half_a_set_is_completed(void **state)
{
	static const char *const gone[] = { "made", "digest", "broker-public", "token" };
	struct keyring a, b;
	char path[128], why[512];

	(void)state;
	assert_int_equal(keyring_open(&a, dir, "", why), 0);
	for (size_t i = 0; i < countof(gone); i++) {
		snprintf(path, sizeof(path), "%s/secrets/%s", dir, gone[i]);
		assert_int_equal(unlink(path), 0);
	}
	assert_int_equal(keyring_open(&b, dir, "", why), 0);
	for (int i = 0; i < KEYRING_NAMES; i++)
		assert_int_equal(secret_eq(&a.is[i], &b.is[i]),
				 i != KEYRING_DIGEST && i != KEYRING_TOKEN);
	assert_int_equal(b.is[KEYRING_DIGEST].len, SEAL_KEY);
	keyring_clear(&a);
	keyring_clear(&b);
}

static void a_key_of_the_wrong_length_is_an_error(void **state)
{
	struct keyring k;
	char path[128], why[512];
	FILE *f;

	(void)state;
	assert_int_equal(keyring_open(&k, dir, "", why), 0);
	keyring_clear(&k);
	snprintf(path, sizeof(path), "%s/secrets/webhook", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("c2hvcnQ=\n", f);
	fclose(f);
	assert_int_equal(keyring_open(&k, dir, "", why), -EBADMSG);
	assert_non_null(strstr(why, "secrets/webhook"));
	assert_int_equal(keyring_exit_code(-EBADMSG), EX_CONFIG);
	for (int i = 0; i < KEYRING_NAMES; i++)
		assert_true(secret_is_empty(&k.is[i]));
}

/* Each role is given exactly its own, as docs/interfaces.md says. */
static const struct {
	const char *role;
	const char *names[8];
} given[] = {
	{ "ingest", { "db.password", "key.token", "key.digest" } },
	{ "broker", { "db.password", "key.grant", "key.broker_private", "key.token" } },
	{ "dispatch", { "db.password", "key.webhook" } },
	{ "rotation", { "db.password" } },
	{ "api", { "db.password", "key.broker_public", "key.digest", "key.webhook" } },
};

static void each_role_gets_its_own(void **state)
{
	struct settings s;
	struct keyring k;
	char why[512];
	char *none[] = { NULL };

	(void)state;
	assert_int_equal(settings_load(&s, NULL, none, NULL, 0, why), 0);
	assert_int_equal(keyring_open(&k, dir, "", why), 0);
	for (size_t i = 0; i < countof(given); i++) {
		char place[16], cause[CRED_WHY];
		struct cred *c;
		size_t n = 0;
		int fd = credentials_pipe(&k, &s, given[i].role);

		assert_true(fd >= 0);
		snprintf(place, sizeof(place), "fd:%d", fd);
		assert_int_equal(cred_load(place, &c, cause), 0);
		for (; n < countof(given[i].names) && given[i].names[n]; n++)
			if (!cred_get(c, given[i].names[n]))
				fail_msg("%s lacks %s", given[i].role, given[i].names[n]);
		if (cred_count(c) != n)
			fail_msg("%s is given %zu credentials, not %zu", given[i].role,
				 cred_count(c), n);
		cred_free(c);
	}
	assert_int_equal(credentials_pipe(&k, &s, "nobody"), -EINVAL);
	keyring_clear(&k);
	settings_clear(&s);
}

static void a_later_key_is_found_and_given_on(void **state)
{
	static const char *const roles[] = { "broker", "dispatch" };
	char *none[] = { NULL }, path[128], why[512], place[16], cause[CRED_WHY];
	struct settings s;
	struct keyring k;
	unsigned id = 0, again = 0;

	(void)state;
	assert_int_equal(settings_load(&s, NULL, none, NULL, 0, why), 0);
	assert_int_equal(keyring_open(&k, dir, "", why), 0);
	assert_int_equal(keyring_look(&k, dir, why), 0);
	assert_int_equal(keyring_make_next(dir, "", "grant", 1, &id, why), 0);
	assert_int_equal(id, 2);
	/* made before a crash: not made again */
	assert_int_equal(keyring_make_next(dir, "", "grant", 1, &again, why), 0);
	assert_int_equal(again, 2);
	assert_int_equal(keyring_make_next(dir, "", "digest", 1, &again, why), -EINVAL);
	assert_int_equal(keyring_make_next(dir, "", "token", 255, &again, why), -ENOSPC);
	assert_int_equal(keyring_look(&k, dir, why), 0);
	assert_int_equal(k.n_later, 1);
	assert_int_equal(keyring_look(&k, dir, why), 0);
	assert_int_equal(k.n_later, 1);
	for (size_t i = 0; i < countof(roles); i++) {
		struct cred *c;
		int fd = credentials_pipe(&k, &s, roles[i]);

		snprintf(place, sizeof(place), "fd:%d", fd);
		assert_int_equal(cred_load(place, &c, cause), 0);
		assert_int_equal(cred_get(c, "key.grant.2") != NULL, i == 0);
		cred_free(c);
	}
	keyring_clear(&k);
	/* rotated away: number 1 is not missed any more */
	snprintf(path, sizeof(path), "%s/secrets/grant", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(keyring_open(&k, dir, "", why), 0);
	assert_true(secret_is_empty(&k.is[KEYRING_GRANT]));
	assert_int_equal(k.n_later, 1);
	keyring_clear(&k);
	/* nor made again when the set is completed: another number 1 would be taken for it */
	snprintf(path, sizeof(path), "%s/secrets/made", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(keyring_open(&k, dir, "", why), 0);
	assert_true(secret_is_empty(&k.is[KEYRING_GRANT]));
	assert_int_equal(k.is[KEYRING_TOKEN].len, SEAL_KEY);
	keyring_clear(&k);
	settings_clear(&s);
}

static void spoil(const char *file)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/secrets/%s", dir, file);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	fputs("c2hvcnQ=\n", f);
	fclose(f);
}

/* Whatever the folder's order: the good one is read at this look, and not lost for the next. */
static void a_bad_later_key_hides_no_good_one(void **state)
{
	struct keyring k;
	char why[512];
	unsigned id = 0;

	(void)state;
	assert_int_equal(keyring_open(&k, dir, "", why), 0);
	spoil("grant.3");
	spoil("token.2");
	spoil("webhook.9");
	assert_int_equal(keyring_make_next(dir, "", "grant", 1, &id, why), 0);
	assert_int_equal(id, 3); /* made already, as it seems */
	assert_int_equal(keyring_make_next(dir, "", "grant", 3, &id, why), 0);
	assert_int_equal(keyring_make_next(dir, "", "webhook", 9, &id, why), 0);
	assert_int_equal(keyring_look(&k, dir, why), -EBADMSG);
	assert_non_null(strstr(why, "grant.3"));
	assert_int_equal(k.n_later, 2);
	assert_int_equal(k.later[0].id, 4);
	assert_int_equal(k.later[1].id, 10);
	assert_int_equal(keyring_look(&k, dir, why), -EBADMSG);
	assert_int_equal(k.n_later, 2);
	keyring_clear(&k);
}

/* What a process cannot hold is not made; where somebody did it by hand, the newest count. */
static void a_group_has_sixteen_keys(void **state)
{
	char *none[] = { NULL }, from[128], to[128], why[512];
	struct settings s;
	struct keyring k;
	unsigned id = 1;
	int fd;

	(void)state;
	assert_int_equal(settings_load(&s, NULL, none, NULL, 0, why), 0);
	assert_int_equal(keyring_open(&k, dir, "", why), 0);
	for (unsigned n = 2; n <= VAULT_KEYS; n++)
		assert_int_equal(keyring_make_next(dir, "", "token", n - 1, &id, why), 0);
	assert_int_equal(id, VAULT_KEYS);
	assert_int_equal(keyring_make_next(dir, "", "token", id, &id, why), -ENOSPC);
	assert_non_null(strstr(why, "seal nothing"));
	assert_int_equal(keyring_look(&k, dir, why), 0);
	assert_int_equal(k.n_later, VAULT_KEYS - 1);
	snprintf(from, sizeof(from), "%s/secrets/token.2", dir);
	snprintf(to, sizeof(to), "%s/secrets/token.17", dir);
	assert_int_equal(link(from, to), 0);
	assert_int_equal(keyring_look(&k, dir, why), -ENOSPC);
	assert_non_null(strstr(why, "token.17"));
	keyring_clear(&k);

	assert_int_equal(keyring_open(&k, dir, "", why), 0);
	assert_int_equal(k.n_later, VAULT_KEYS - 1);
	assert_int_equal(k.later[0].id, 17);
	assert_int_equal(k.later[k.n_later - 1].id, 3);
	fd = credentials_pipe(&k, &s, "broker");
	assert_true(fd >= 0);
	close(fd);
	/* there is room again */
	snprintf(from, sizeof(from), "%s/secrets/token", dir);
	assert_int_equal(unlink(from), 0);
	assert_int_equal(keyring_look(&k, dir, why), 0);
	assert_int_equal(k.n_later, VAULT_KEYS);
	keyring_clear(&k);
	settings_clear(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(made_once_and_kept, set_up, tear_down),
		cmocka_unit_test_setup_teardown(files_are_private, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_missing_key_is_an_error, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_readable_key_is_an_error, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_key_of_the_wrong_length_is_an_error, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(half_a_set_is_completed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(each_role_gets_its_own, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_later_key_is_found_and_given_on, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_bad_later_key_hides_no_good_one, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(a_group_has_sixteen_keys, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
