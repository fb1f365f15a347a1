/* What a server says no with, and what becomes of the inbox then; servers that say nothing, or too
 * much. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"
#include "tests/db/pgtest.h"
#include "tests/db/stage.h"

#define EVENTS   "select count(*) = %d from event where type = '%s'"
#define OF_INBOX " from inbox_state where inbox_id = '" SEED_A "'"
#define LIVE     "select state = 'live'" OF_INBOX
#define REASON   "select state || ' ' || reason" OF_INBOX

static bool has_been_rude(struct stage *s)
{
	return s->imapd.cuts == 0 && s->imapd.refusals == 0 && s->imapd.hushes == 0;
}

/* ---- what is said ---- */

static void a_refusal_has_a_state_and_a_reason(void **state)
{
	static const struct {
		const char *name, *what, *with;
		bool is_password;
		const char *stands;
	} rows[] = {
		{ "refusal_web", "AUTHENTICATE", "NO [WEBALERT https://x] Web login required.",
		  false, "held less_secure_blocked" },
		{ "refusal_zoho", "AUTHENTICATE",
		  "NO [ALERT] You are yet to enable IMAP for your account.", true,
		  "held imap_off" },
		{ "refusal_domain", "AUTHENTICATE", "NO IMAP access is disabled for your domain.",
		  false, "held imap_off_for_domain" },
		{ "refusal_many", "AUTHENTICATE",
		  "NO [ALERT] Too many simultaneous connections. (Failure)", false,
		  "backing_off too_many_connections" },
		{ "refusal_rate", "AUTHENTICATE", "NO [AUTHENTICATIONFAILED] Login Rate Limit Hit",
		  false, "backing_off login_rate_limit" },
		{ "refusal_nobox", "NAMESPACE", "BAD User is authenticated but not connected.",
		  false, "backing_off mailbox_not_connected" },
		{ "refusal_throttle", "LIST",
		  "BAD Request is throttled. Suggested Backoff Time: 92415 milliseconds", false,
		  "backing_off throttled" },
		{ "refusal_bug", "AUTHENTICATE", "NO [CLIENTBUG] what is that", false,
		  "backing_off our_mistake" },
	};
	static struct stage s;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		stage_open(&s, rows[i].name);
		s.token_life_s = rows[i].is_password ? 0 : 3600;
		s.imapd.refuse = rows[i].what;
		s.imapd.refuse_with = rows[i].with;
		s.imapd.refusals = 1;
		stage_watch(&s, 1);
		stage_until_holds(&s, has_been_rude);
		stage_until(&s, "select reason <> ''" OF_INBOX);
		assert_string_equal(stage_value(&s, REASON), rows[i].stands);
		assert_int_equal(s.asked, 1);
		assert_string_equal(stage_value(&s, SEED_EVENTS), "0");
		assert_non_null(strstr(s.notes, rows[i].stands[0] == 'h' ? "held" : "backing_off"));
		/* somebody mends it */
		mailbox_poke(s.mailbox);
		stage_until(&s, LIVE);
		stage_close(&s);
	}
}

/* Whose password is right and refused all the same learns why. */
static void a_refused_password_says_what_is_known_of_the_provider(void **state)
{
	static const struct {
		const char *name, *with;
		unsigned auth;
		bool takes_app_passwords;
		const char *stands;
	} rows[] = {
		{ "where_any", "NO [AUTHENTICATIONFAILED] Invalid credentials",
		  PROVIDER_AUTH_PASSWORD, false, "reauth_required password_refused" },
		{ "where_app", "NO [AUTHENTICATIONFAILED] LOGIN Invalid credentials",
		  PROVIDER_AUTH_PASSWORD, true, "reauth_required second_factor" },
		{ "where_none", "NO LOGIN failed.", PROVIDER_AUTH_OAUTH, false,
		  "reauth_required basic_auth_ended" },
		{ "where_both",
		  "NO [AUTHENTICATIONFAILED] LOGIN invalid credentials or IMAP is "
		  "disabled sc=1",
		  PROVIDER_AUTH_PASSWORD, true, "held imap_off_or_refused" },
	};
	static struct stage s;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		stage_open(&s, rows[i].name);
		stage_provider(&s)->auth = rows[i].auth;
		stage_provider(&s)->takes_app_passwords = rows[i].takes_app_passwords;
		s.imapd.refuse = "AUTHENTICATE";
		s.imapd.refuse_with = rows[i].with;
		s.imapd.refusals = 2;
		stage_watch(&s, 1);
		stage_until(&s, "select state in ('held', 'reauth_required')" OF_INBOX);
		assert_string_equal(stage_value(&s, REASON), rows[i].stands);
		stage_close(&s);
	}
}

static bool is_held(struct stage *s)
{
	return mailbox_state_of(s->mailbox) == MAILBOX_HELD;
}

static bool is_backing_off(struct stage *s)
{
	return mailbox_state_of(s->mailbox) == MAILBOX_BACKING_OFF;
}

/* A fresh token that is refused is tried once more, later, before the user is asked. */
static void a_refused_token_is_doubted_once(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "refusal_doubt");
	s.token_life_s = 3600;
	s.imapd.password = "another";
	stage_watch(&s, 1);
	stage_until_holds(&s, is_backing_off);
	assert_string_equal(s.settled_for, "token_refused");
	assert_int_equal(s.asked, 2);
	assert_int_equal(s.token_version, 2);
	stage_until_holds(&s, is_held);
	assert_int_equal(s.asked, 3);
	assert_int_equal(s.token_version, 2); /* the same token, and no other refresh */
	stage_until(&s, EVENTS, 1, "inbox.reauth_required");
	assert_string_equal(stage_value(&s, REASON), "reauth_required token_refused");
	stage_close(&s);
}

static bool provider_is_down(void *owner)
{
	(void)owner;
	return true;
}

static int n_settled;

static bool has_settled_four_times(struct stage *s)
{
	return s->settled >= n_settled + 4;
}

/* While the provider is down for everybody, its refusals are not the user's matter. */
static void an_outage_is_no_mass_revocation(void **state)
{
	static struct stage s;
	struct mailbox_params p;

	(void)state;
	stage_open(&s, "refusal_outage");
	p = stage_params(&s);
	p.is_down = provider_is_down;
	p.retry_first_ms = 2;
	s.token_life_s = 3600;
	s.imapd.password = "another";
	n_settled = s.settled;
	stage_watch_as(&s, 1, &p);
	stage_until_holds(&s, has_settled_four_times);
	assert_string_equal(stage_value(&s, REASON), "backing_off token_refused");
	assert_string_equal(stage_value(&s, SEED_EVENTS), "0");
	s.imapd.password = NULL;
	stage_until(&s, LIVE);
	stage_close(&s);
}

static bool has_been_back(struct stage *s)
{
	return s->imapd.logins >= 3 && mailbox_is_live(s->mailbox);
}

/* A token that ended with its session is not used again, and a server that says so at once each
 * time is not asked without end. */
static void the_end_of_a_token_ends_a_session(void **state)
{
	static struct stage s;

	(void)state;
	stage_open(&s, "refusal_expired");
	s.token_life_s = 3600;
	s.imapd.say_at = "LIST";
	s.imapd.say = "* BYE Session invalidated - AccessTokenExpired\r\n";
	stage_watch(&s, 1);
	stage_until(&s, "select state = 'backing_off' and reason = 'token_refused'" OF_INBOX);
	stage_for(&s, 200);
	assert_true(s.imapd.logins < 8);
	s.imapd.say_at = NULL;
	stage_until_holds(&s, has_been_back);
	assert_true(s.asked_refused > 0);
	assert_non_null(strstr(s.notes, "bye"));
	stage_close(&s);
}

/* ---- what is kept ---- */

/* The only file in `dir`, read and removed; "": there is none. */
static void take_file(const char *dir, char *dst, size_t size)
{
	struct dirent *at;
	DIR *d = opendir(dir);
	int n = 0;

	dst[0] = '\0';
	assert_non_null(d);
	while ((at = readdir(d))) {
		char path[512];
		size_t len;
		FILE *f;

		if (at->d_name[0] == '.')
			continue;
		n++;
		snprintf(path, sizeof(path), "%s/%s", dir, at->d_name);
		f = fopen(path, "r");
		assert_non_null(f);
		len = fread(dst, 1, size - 1, f);
		dst[len] = '\0';
		fclose(f);
		unlink(path);
	}
	closedir(d);
	assert_true(n <= 1);
}

/* Of a refusal that may be our mistake the dialogue is kept, once, and nobody's mail in it. */
static void what_went_wrong_by_us_is_kept(void **state)
{
	static const struct {
		const char *name, *what, *with;
		const char *say; /* before the answer */
		const char *kept, *not_kept;
	} rows[] = {
		{ "kept_login", "AUTHENTICATE", "NO [CLIENTBUG] not right, AHdyb25n", NULL,
		  "AUTHENTICATE PLAIN [secret]", "right" },
		{ "kept_fetch", "BODYSTRUCTURE", "BAD what is that",
		  "* 9 FETCH (UID 9 BODY[HEADER] {6}\r\nDinner)\r\n", "[literal, 6 bytes])",
		  "Dinner" },
		{ "kept_not", "AUTHENTICATE", "NO [UNAVAILABLE] later", NULL, "", "S: " },
	};
	static struct stage s;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char dir[] = "/tmp/kept-XXXXXX", got[32768];
		struct mailbox_params p;

		assert_non_null(mkdtemp(dir));
		stage_open(&s, rows[i].name);
		p = stage_params(&s);
		p.rawlog_dir = dir;
		s.token = "not right";
		s.imapd.refuse = s.imapd.say_at = rows[i].what;
		s.imapd.refuse_with = rows[i].with;
		s.imapd.say = rows[i].say ? rows[i].say : "";
		s.imapd.refusals = 2;
		imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes.\r\n");
		stage_watch_as(&s, 1, &p);
		for (int k = 0; k < 2; k++) {
			stage_until_holds(&s, is_backing_off);
			mailbox_poke(s.mailbox);
			stage_for(&s, 50);
		}
		stage_until(&s, LIVE);
		take_file(dir, got, sizeof(got));
		if (!strstr(got, rows[i].kept) || strstr(got, rows[i].not_kept))
			fail_msg("%s: %s", rows[i].name, got);
		rmdir(dir);
		stage_close(&s);
	}
}

/* ---- what is not said ---- */

static bool is_live(struct stage *s)
{
	return has_been_rude(s) && s->imapd.connections >= 2 && mailbox_is_live(s->mailbox);
}

/* A server that falls silent, at whatever point, is left and connected to again. */
static void silence_is_noticed(void **state)
{
	static const struct {
		const char *name, *at;
	} rows[] = {
		{ "silence_greeting", "greeting" }, { "silence_login", "AUTHENTICATE" },
		{ "silence_list", "LIST" },         { "silence_examine", "EXAMINE" },
		{ "silence_fetch", "FETCH" },       { "silence_idle", "IDLE" },
		{ "silence_done", "DONE" },         { "silence_noop", "NOOP" },
	};
	static struct stage s;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct mailbox_params p;

		stage_open(&s, rows[i].name);
		stage_register(&s, "out.1@example.test", "pat");
		p = stage_params(&s);
		p.patience.greeting_ms = p.patience.command_ms = p.patience.done_ms = 150;
		s.imapd.hush_at = rows[i].at;
		s.imapd.hushes = 1;
		imapd_reply(&s.imapd, 0, "r1@prospect.test", "out.1@example.test", "Yes.\r\n");
		stage_watch_as(&s, 1, &p);
		stage_until_holds(&s, is_live);
		stage_until(&s, EVENTS, 1, "reply.received");
		assert_int_equal(s.imapd.connections, 2);
		assert_non_null(strstr(s.notes, "backing_off"));
		stage_close(&s);
	}
}

/* Bytes that come one by one are no answer either. */
static void a_drip_is_no_answer(void **state)
{
	static const struct {
		const char *name;
		uint64_t entry_ms, whole_ms;
	} rows[] = { { "drip_entry", 200, 0 }, { "drip_whole", 20000, 200 } };
	static struct stage s;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct mailbox_params p;

		stage_open(&s, rows[i].name);
		p = stage_params(&s);
		p.entry_ms = rows[i].entry_ms;
		p.patience.whole_ms = rows[i].whole_ms;
		s.imapd.step = 1;
		s.imapd.drip_ms = 20;
		stage_watch_as(&s, 1, &p);
		stage_until_holds(&s, is_backing_off);
		stage_until(&s, "select state = 'backing_off' and reason = 'network'" OF_INBOX);
		s.imapd.step = 0;
		s.imapd.drip_ms = 0;
		stage_until(&s, LIVE);
		stage_close(&s);
	}
}

static void start_dripping(struct stage *s)
{
	s->imapd.step = 1;
	s->imapd.drip_ms = 30;
}

static bool has_stalled(struct stage *s)
{
	return strstr(s->notes, "stalled") != NULL;
}

static void a_session_that_begins_to_drip_is_replaced(void **state)
{
	static struct stage s;
	struct mailbox_params p;

	(void)state;
	stage_open(&s, "drip_later");
	p = stage_params(&s);
	p.patience.whole_ms = 300;
	stage_watch_as(&s, 1, &p);
	stage_until(&s, LIVE);
	start_dripping(&s);
	stage_until_holds(&s, has_stalled);
	s.imapd.step = 0;
	s.imapd.drip_ms = 0;
	stage_until_holds(&s, is_live);
	assert_int_equal(s.imapd.connections, 2);
	stage_close(&s);
}

/* ---- what is no mail server ---- */

static void what_is_no_mail_server(void **state)
{
	static const struct {
		const char *name, *greeting, *say_at, *say, *reason;
	} rows[] = {
		{ "odd_http", "HTTP/1.1 400 Bad Request", NULL, NULL, "server" },
		{ "odd_bye", "* BYE Too busy, come back later", NULL, NULL, "server_unavailable" },
		{ "odd_giant", NULL, "NAMESPACE", "* 1 FETCH (BODY[] {4294967296}\r\n", "server" },
		{ "odd_more", NULL, "LIST", "* 1 FETCH (BODY[] {99999999999999999999}\r\n",
		  "server" },
	};
	static struct stage s;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		stage_open(&s, rows[i].name);
		s.imapd.greeting = rows[i].greeting;
		s.imapd.say_at = rows[i].say_at;
		s.imapd.say = rows[i].say;
		stage_watch(&s, 1);
		stage_until(&s, "select reason <> ''" OF_INBOX);
		assert_string_equal(stage_value(&s, "select reason" OF_INBOX), rows[i].reason);
		s.imapd.greeting = s.imapd.say_at = NULL;
		mailbox_poke(s.mailbox);
		stage_until(&s, LIVE);
		stage_close(&s);
	}
}

/* A host that is none, one that is not known, one inside. */
static void what_cannot_be_dialled(void **state)
{
	static const struct {
		const char *name, *host, *net_allow, *reason;
	} rows[] = {
		{ "dial_unknown", "no-such-host.invalid", "127.0.0.0/8", "name_lookup" },
		{ "dial_inside", "127.0.0.1", "", "host_refused" },
		{ "dial_none", "", "", "bad_host" },
	};
	static struct stage s;

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		stage_open(&s, rows[i].name);
		assert_int_equal(netaddr_policy_parse(&s.policy, text_of(rows[i].net_allow)), 0);
		s.host = rows[i].host;
		stage_watch(&s, 1);
		stage_until(&s, "select reason <> ''" OF_INBOX);
		assert_string_equal(stage_value(&s, "select reason" OF_INBOX), rows[i].reason);
		/* whoever gave us the name learns nothing of what is behind it */
		assert_null(strstr(stage_value(&s, "select detail" OF_INBOX), "127."));
		stage_close(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_refusal_has_a_state_and_a_reason),
		cmocka_unit_test(a_refused_password_says_what_is_known_of_the_provider),
		cmocka_unit_test(a_refused_token_is_doubted_once),
		cmocka_unit_test(an_outage_is_no_mass_revocation),
		cmocka_unit_test(the_end_of_a_token_ends_a_session),
		cmocka_unit_test(what_went_wrong_by_us_is_kept),
		cmocka_unit_test(silence_is_noticed),
		cmocka_unit_test(a_drip_is_no_answer),
		cmocka_unit_test(a_session_that_begins_to_drip_is_replaced),
		cmocka_unit_test(what_is_no_mail_server),
		cmocka_unit_test(what_cannot_be_dialled),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
