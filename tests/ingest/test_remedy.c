#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/remedy.h"

static const struct {
	const char *state, *reason, *says; /* NULL: nothing is to be done */
} rows[] = {
	{ "live", "", NULL },
	{ "connecting", "token_refused", NULL },
	{ "catching_up", "", NULL },
	{ "backing_off", "certificate", "certificate" },
	{ "backing_off", "host_refused", "net.allow" },
	{ "backing_off", "name_lookup", "name of the IMAP server" },
	{ "backing_off", "server", "IMAP server" },
	{ "backing_off", "token_refused", "by itself" },
	{ "backing_off", "a reason of tomorrow", "by itself" },
	{ "held", "second_factor", "app password" },
	{ "held", "less_secure_blocked", "OAuth" },
	{ "reauth_required", "basic_auth_ended", "OAuth" },
	{ "held", "policy_blocked", "administrator" },
	{ "held", "imap_off_or_refused", "IMAP" },
	{ "held", "a reason of tomorrow", "detail" },
	{ "reauth_required", "password_refused", "password" },
	{ "reauth_required", "token_refused", "connect link" },
	{ "reauth_required", "rotation_lost", "connect link" },
	{ "unwatched", "", "worker" },
	{ "unwatched", "paused", "paused" },
	{ "paused", "", "paused" },
	{ "a state of tomorrow", "", NULL },
};

static void what_to_do(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const char *got = remedy_of(text_of(rows[i].state), text_of(rows[i].reason));

		if (rows[i].says ? !strstr(got, rows[i].says) : *got != '\0')
			fail_msg("%s %s: %s", rows[i].state, rows[i].reason, got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
