#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "oauth/connect.h"
#include "oauth/policy.h"
#include "services/words/howto.h"
#include "services/words/page_words.h"
#include "services/words/problem_words.h"

/* Nothing of what people read is missing in a language. */

static size_t holes(const char *s)
{
	size_t n = 0;

	for (; (s = strstr(s, "%s")); s += 2)
		n++;
	return n;
}

static void every_text_of_the_page_is_there_in_every_language(void **state)
{
	(void)state;
	for (int i = 0; i < PAGE_WORDS_N; i++) {
		const char *en = page_words(WORDS_EN, (enum page_words)i);
		const char *fr = page_words(WORDS_FR, (enum page_words)i);

		assert_true(en && *en && fr && *fr);
		if (holes(en) != holes(fr) || holes(en) > 1 || strchr(en, '<') || strchr(fr, '<'))
			fail_msg("%s / %s", en, fr);
	}
}

static void whole(const struct problem_words *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct problem_said *en = &rows[i].in[WORDS_EN], *fr = &rows[i].in[WORDS_FR];

		for (int l = 0; l < WORDS_LANGS; l++) {
			const struct problem_said *s = &rows[i].in[l];

			if (!s->title || !s->words || !s->remedy || strlen(s->title) < 8 ||
			    strlen(s->words) < 8 || strlen(s->remedy) < 8)
				fail_msg("%s lacks a text", rows[i].code);
			if (s->words[strlen(s->words) - 1] != '.' ||
			    s->remedy[strlen(s->remedy) - 1] != '.')
				fail_msg("%s: sentences end with a full stop", rows[i].code);
		}
		if (strcmp(en->title, fr->title) == 0 || strcmp(en->remedy, fr->remedy) == 0)
			fail_msg("%s is not translated", rows[i].code);
		assert_true(*problem_words_mender(rows[i].mender));
		/* one row per code, whichever file it stands in */
		assert_ptr_equal(problem_words_of(text_of(rows[i].code)), &rows[i]);
	}
}

static void every_problem_has_title_words_remedy_and_who_mends_it(void **state)
{
	(void)state;
	whole(problem_words_link_rows, problem_words_link_n_rows);
	whole(problem_words_mail_rows, problem_words_mail_n_rows);
	whole(problem_words_domain_rows, problem_words_domain_n_rows);
}

static bool is_known(const char *code)
{
	return strcmp(problem_words_of(text_of(code))->code, code) == 0;
}

static void every_code_has_a_row(void **state)
{
	static const char *const codes[] = {
		/* oauth/policy: why a grant ended */
		"access_denied", "account_disabled", "account_gone", "account_locked",
		"admin_consent_required", "admin_policy", "consent_declined", "consent_withdrawn",
		"interaction_required", "invalid_grant", "mfa_required", "password_changed",
		"revoked", "rotation_lost", "sign_in_frequency", "unused_too_long",
		/* ingest/plight: how an inbox stands */
		"admin_action", "bad_host", "bandwidth_limit", "browser_login_required",
		"certificate", "database", "host_refused", "imap_off", "imap_off_for_domain",
		"imap_off_or_refused", "login_rate_limit", "mailbox_in_use",
		"mailbox_not_connected", "name_lookup", "network", "no_login_offered",
		"no_starttls", "our_mistake", "our_resources", "over_quota", "password_refused",
		"provider_down", "provider_limit", "server", "server_refused", "server_unavailable",
		"session_ended", "throttled", "tls", "token_refused", "token_unavailable",
		"too_many_connections", "user_action",
		/* the check of a connection */
		"second_factor", "less_secure_blocked", "port_unreachable", "slow_sync",
		"basic_auth_ended", "policy_blocked", "no_worker", "check_timeout", "inbox_removed",
		/* oauth/domain: the right of a whole domain */
		"application_unknown", "client_deleted", "client_disabled", "client_not_allowed",
		"client_refused", "client_secret_expired", "client_secret_wrong", "client_unknown",
		"delegation_missing", "domain_grant", "key_refused", "request_refused",
		"scope_refused", "secret_unreadable", "service_account_gone", "tenant_unknown",
		/* the states, where there is no reason */
		"reauth_required", "backing_off", "held", "paused", "removed", "unwatched"
	};

	(void)state;
	for (int p = CONNECT_OK + 1; p <= CONNECT_INTERNAL; p++)
		if (!is_known(connect_problem_code((enum connect_problem)p)))
			fail_msg("no words for %s", connect_problem_code((enum connect_problem)p));
	for (size_t i = 0; i < countof(codes); i++)
		if (!is_known(codes[i]))
			fail_msg("no words for %s", codes[i]);
	assert_string_equal(problem_words_of(TEXT("never heard of"))->code, "internal");
}

static void an_inbox_is_told_by_its_reason_else_by_its_state(void **state)
{
	static const struct {
		const char *st, *reason, *code; /* NULL: nothing is wrong */
	} rows[] = {
		{ "live", "", NULL },
		{ "live", "throttled", NULL },
		{ "catching_up", "", NULL },
		{ "connecting", "token_refused", NULL },
		{ "backing_off", "certificate", "certificate" },
		{ "backing_off", "something new", "backing_off" },
		{ "backing_off", "token_refused", "backing_off" },
		{ "held", "imap_off", "imap_off" },
		{ "held", "something new", "held" },
		{ "reauth_required", "revoked", "revoked" },
		{ "reauth_required", "", "reauth_required" },
		{ "unwatched", "paused", "paused" },
		{ "unwatched", "", "unwatched" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const struct problem_words *w =
			problem_words_of_inbox(text_of(rows[i].st), text_of(rows[i].reason));

		if (!w != !rows[i].code || (w && strcmp(w->code, rows[i].code) != 0))
			fail_msg("%s %s: %s", rows[i].st, rows[i].reason, w ? w->code : "nothing");
	}
}

static void an_app_password_is_explained_in_every_language(void **state)
{
	size_t n;
	const struct howto *rows = howto_rows(&n);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		size_t steps[WORDS_LANGS] = { 0 };

		for (int l = 0; l < WORDS_LANGS; l++)
			while (steps[l] < HOWTO_STEPS && rows[i].steps[l][steps[l]])
				steps[l]++;
		if (steps[WORDS_EN] == 0 || steps[WORDS_EN] != steps[WORDS_FR])
			fail_msg("%s: steps are missing", rows[i].provider);
		if (rows[i].url && strncmp(rows[i].url, "https://", 8) != 0)
			fail_msg("%s: %s", rows[i].provider, rows[i].url);
	}
	assert_string_equal(howto_of(TEXT("icloud"))->brand, "Apple");
	assert_string_equal(howto_of(TEXT("zoho-eu"))->brand, "Zoho");
	assert_string_equal(howto_of(TEXT("gmx-com"))->brand, "GMX");
	assert_null(howto_of(TEXT("zohoo"))->brand);
	assert_null(howto_of(TEXT("generic"))->url);
	assert_null(howto_of(TEXT(""))->url);
}

static void the_language_is_the_one_that_is_wished_most(void **state)
{
	static const struct {
		const char *accept;
		enum words_lang want;
	} rows[] = {
		{ NULL, WORDS_EN },
		{ "", WORDS_EN },
		{ "*", WORDS_EN },
		{ "de", WORDS_EN },
		{ "fr", WORDS_FR },
		{ "FR-ca", WORDS_FR },
		{ "de, fr;q=0.3", WORDS_FR },
		{ "en;q=0.8, fr;q=0.9", WORDS_FR },
		{ "fr;q=0.8, en;q=0.9", WORDS_EN },
		{ "fr-FR,fr;q=0.9,en-US;q=0.8,en;q=0.7", WORDS_FR },
		{ "en-US,en;q=0.9,fr;q=0.8", WORDS_EN },
		{ "fr;q=0", WORDS_EN },
		{ "fr;q=0.000, en;q=0.001", WORDS_EN },
		{ "fr;q=x", WORDS_EN },
		{ "frank", WORDS_EN },
		{ ";;;,,,=,fr", WORDS_FR },
		{ "fr ; q = 0.5 , en;q=0.4", WORDS_FR },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		if (words_of_accept(rows[i].accept) != rows[i].want)
			fail_msg("%s", rows[i].accept);
	assert_int_equal(words_of_code("fr"), WORDS_FR);
	assert_int_equal(words_of_code("de"), -1);
	assert_int_equal(words_of_code(NULL), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_text_of_the_page_is_there_in_every_language),
		cmocka_unit_test(every_problem_has_title_words_remedy_and_who_mends_it),
		cmocka_unit_test(every_code_has_a_row),
		cmocka_unit_test(an_inbox_is_told_by_its_reason_else_by_its_state),
		cmocka_unit_test(an_app_password_is_explained_in_every_language),
		cmocka_unit_test(the_language_is_the_one_that_is_wished_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
