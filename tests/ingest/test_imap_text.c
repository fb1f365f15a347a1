#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "ingest/imap/imap_caps.h"
#include "ingest/imap/imap_command.h"
#include "ingest/imap/imap_text.h"

static struct text ready(const struct imap_text *t)
{
	const uint8_t *at = NULL;
	size_t n = imap_text_ready(t, &at);

	return (struct text){ (const char *)at, n };
}

static void assert_ready(const struct imap_text *t, const char *want)
{
	struct text got = ready(t);

	if (!text_eq(got, text_of(want)))
		fail_msg("want: %s\ngot:  %.*s", want, TEXT_ARG(got));
}

/*
 * The audit: this is all that can ever be said.  A verb that changes a mailbox
 * does not pass here.
 */
static void verbs_are_harmless(void **state)
{
	static const char *const all[] = { "CAPABILITY", "STARTTLS",   "AUTHENTICATE", "LOGIN",
					   "ID",         "NAMESPACE",  "LIST",         "EXAMINE",
					   "STATUS",     "UID SEARCH", "UID FETCH",    "NOOP",
					   "IDLE",       "LOGOUT",     "ENABLE",       "NOTIFY" };

	(void)state;
	for (unsigned i = 0; i < countof(all); i++)
		assert_string_equal(imap_text_verb(i), all[i]);
	assert_null(imap_text_verb(countof(all)));
}

static void strings_are_quoted(void **state)
{
	static const struct {
		const char *in, *want; /* NULL: refused */
	} rows[] = {
		{ "INBOX", "r1 EXAMINE \"INBOX\"\r\n" },
		{ "a b", "r1 EXAMINE \"a b\"\r\n" },
		{ "a\"b\\c", "r1 EXAMINE \"a\\\"b\\\\c\"\r\n" },
		{ "x\" (SELECT", "r1 EXAMINE \"x\\\" (SELECT\"\r\n" },
		{ "{5}", "r1 EXAMINE \"{5}\"\r\n" },
		{ "%*", "r1 EXAMINE \"%*\"\r\n" },
		{ "a\x01"
		  "b",
		  "r1 EXAMINE \"a\x01"
		  "b\"\r\n" },
		{ "", NULL },
		{ "a\r\nr2 DELETE INBOX", NULL },
		{ "a\nb", NULL },
		{ "a\rb", NULL },
	};
	struct imap_means means = { 0 };

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct imap_asked a = { .command = IMAP_COMMAND_EXAMINE,
					.raw = text_of(rows[i].in) };
		struct imap_text t;
		int r;

		imap_text_init(&t);
		r = imap_command_write(&t, 1, &a, &means);
		assert_int_equal(r, rows[i].want ? 0 : -EINVAL);
		assert_ready(&t, rows[i].want ? rows[i].want : "");
		imap_text_clear(&t);
	}
}

static void nul_and_length_are_refused(void **state)
{
	struct imap_means means = { 0 };
	struct imap_asked a = { .command = IMAP_COMMAND_STATUS, .raw = { "a\0b", 3 } };
	cleanup_free char *longest = mem_new(LIMIT_IMAP_NAME + 1);
	struct imap_text t;

	(void)state;
	imap_text_init(&t);
	assert_int_equal(imap_command_write(&t, 1, &a, &means), -EINVAL);
	memset(longest, 'x', LIMIT_IMAP_NAME + 1);
	a.raw = (struct text){ longest, LIMIT_IMAP_NAME + 1 };
	assert_int_equal(imap_command_write(&t, 1, &a, &means), -EINVAL);
	a.raw.len = LIMIT_IMAP_NAME;
	assert_int_equal(imap_command_write(&t, 1, &a, &means), 0);
	imap_text_clear(&t);
}

/* A name that cannot be quoted waits for its invitation, unless none is needed. */
static void strings_are_literals(void **state)
{
	struct imap_means means = { 0 };
	struct imap_asked a = { .command = IMAP_COMMAND_EXAMINE, .raw = TEXT("Gelöscht") };
	struct imap_text t;

	(void)state;
	imap_text_init(&t);
	assert_int_equal(imap_command_write(&t, 1, &a, &means), 0);
	assert_ready(&t, "r1 EXAMINE {9}\r\n");
	imap_text_sent(&t, 5);
	assert_ready(&t, "AMINE {9}\r\n");
	imap_text_sent(&t, 11);
	assert_ready(&t, "");
	assert_true(imap_text_go_on(&t));
	assert_ready(&t, "Gelöscht\r\n");
	assert_false(imap_text_go_on(&t));
	imap_text_sent(&t, 11);
	assert_null(t.data.data);

	/* refused: what waits is never sent */
	assert_int_equal(imap_command_write(&t, 2, &a, &means), 0);
	imap_text_sent(&t, ready(&t).len);
	imap_text_give_up(&t);
	assert_ready(&t, "");
	assert_null(t.data.data);

	means.caps = IMAP_CAP(LITERAL_MINUS);
	assert_int_equal(imap_command_write(&t, 3, &a, &means), 0);
	assert_ready(&t, "r3 EXAMINE {9+}\r\nGelöscht\r\n");
	imap_text_clear(&t);
}

static void sections_are_checked(void **state)
{
	static const struct {
		const char *in;
		bool is_good;
	} rows[] = {
		{ "1", true },           { "1.2.3", true },
		{ "12.MIME", true },     { "HEADER", true },
		{ "2.HEADER", true },    { "TEXT", true },
		{ "1.TEXT", true },      { "MIME", false },
		{ "", false },           { "0", false },
		{ "1.", false },         { ".1", false },
		{ "1..2", false },       { "1 2", false },
		{ "1]", false },         { "HEADER.FIELDS", false },
		{ "1\r\n", false },      { "4294967296", false },
		{ "1.HEADER.1", false }, { "a", false },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		if (imap_command_is_section(text_of(rows[i].in)) != rows[i].is_good)
			fail_msg("%s", rows[i].in);
}

/* RFC 6855: once it is on, UTF-8 may be quoted; what is not UTF-8 may not. */
static void utf8_is_quoted(void **state)
{
	static const struct {
		const char *in, *want;
	} rows[] = {
		{ "Gelöscht", "r1 STATUS \"Gelöscht\" (MESSAGES UIDNEXT UIDVALIDITY)\r\n" },
		{ "日本 \"語\"🐇",
		  "r1 STATUS \"日本 \\\"語\\\"🐇\" (MESSAGES UIDNEXT UIDVALIDITY)\r\n" },
		{ "Gel\xf6scht", "r1 STATUS {8}\r\n" },
		{ "\xc0\xaf", "r1 STATUS {2}\r\n" },
		{ "\xe0\x80\xaf", "r1 STATUS {3}\r\n" },
		{ "\xed\xa0\x80", "r1 STATUS {3}\r\n" },
		{ "\xf0\x80\x80\x80", "r1 STATUS {4}\r\n" },
		{ "\xf4\x90\x80\x80", "r1 STATUS {4}\r\n" },
		{ "\xf5\x80\x80\x80", "r1 STATUS {4}\r\n" },
		{ "a\xc3", "r1 STATUS {2}\r\n" },
	};
	const struct imap_means means = { .enabled = IMAP_CAP(UTF8_ACCEPT) };

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct imap_asked a = { .command = IMAP_COMMAND_STATUS,
					.raw = text_of(rows[i].in) };
		struct imap_text t;

		imap_text_init(&t);
		assert_int_equal(imap_command_write(&t, 1, &a, &means), 0);
		assert_ready(&t, rows[i].want);
		imap_text_clear(&t);
	}
}

/* Whatever is asked for with FETCH is asked for with PEEK. */
static void fetch_peeks(void **state)
{
	static const enum imap_command commands[] = { IMAP_COMMAND_FETCH_HEADERS,
						      IMAP_COMMAND_FETCH_PART };
	static const unsigned quirks[] = { 0, IMAP_QUIRK_NO_PARTIAL };

	(void)state;
	for (size_t i = 0; i < countof(commands); i++) {
		for (size_t j = 0; j < countof(quirks); j++) {
			struct imap_means means = { UINT64_MAX, 0, quirks[j] };
			struct imap_asked a = { .command = commands[i],
						.uid_from = 1,
						.uid_to = 2,
						.section = "1",
						.max_bytes = 10 };
			struct imap_text t;
			struct text said;

			imap_text_init(&t);
			assert_int_equal(imap_command_write(&t, 1, &a, &means), 0);
			said = ready(&t);
			assert_true(text_ifind(said, TEXT("BODY.PEEK[")) != SIZE_MAX);
			assert_true(text_ifind(said, TEXT("BODY[")) == SIZE_MAX);
			assert_true(text_ifind(said, TEXT("RFC822 ")) == SIZE_MAX);
			assert_true(text_ifind(said, TEXT("RFC822.TEXT")) == SIZE_MAX);
			imap_text_clear(&t);
		}
	}
}

static void sasl(void **state)
{
	static const struct {
		const char *name;
		enum imap_sasl mechanism;
		struct text user, host, secret;
		const char *want; /* decoded, SOH and NUL as "|"; NULL: refused */
	} rows[] = {
		{ "plain", IMAP_SASL_PLAIN, TEXT("u@a"), TEXT("h"), TEXT("p w"), "|u@a|p w" },
		{ "xoauth2", IMAP_SASL_XOAUTH2, TEXT("u@a"), TEXT("h"), TEXT("tok"),
		  "user=u@a|auth=Bearer tok||" },
		{ "oauthbearer", IMAP_SASL_OAUTHBEARER, TEXT("u,=@a"), TEXT("h.example"),
		  TEXT("tok"), "n,a=u=2C=3D@a,|host=h.example|port=993|auth=Bearer tok||" },
		{ "SOH in the user", IMAP_SASL_XOAUTH2, TEXT("u\001auth=x"), TEXT("h"), TEXT("t"),
		  NULL },
		{ "NUL in the user", IMAP_SASL_PLAIN, { "u\0v", 3 }, TEXT("h"), TEXT("t"), NULL },
		{ "NUL in the password",
		  IMAP_SASL_PLAIN,
		  TEXT("u"),
		  TEXT("h"),
		  { "t\0v", 3 },
		  NULL },
		{ "CR in the host", IMAP_SASL_OAUTHBEARER, TEXT("u"), TEXT("h\r"), TEXT("t"),
		  NULL },
		{ "blank in a token", IMAP_SASL_XOAUTH2, TEXT("u"), TEXT("h"), TEXT("t v"), NULL },
		{ "SOH in a token", IMAP_SASL_XOAUTH2, TEXT("u"), TEXT("h"), TEXT("t\001"), NULL },
		{ "an empty token", IMAP_SASL_XOAUTH2, TEXT("u"), TEXT("h"), TEXT(""), NULL },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct secret secret = { NULL, 0 };
		struct imap_sasl_input in = {
			.mechanism = rows[i].mechanism,
			.user = rows[i].user,
			.host = rows[i].host,
			.port = 993,
			.credential = &secret,
		};
		struct imap_text t;
		struct buf plain;
		int r;

		secret_set_text(&secret, rows[i].secret);
		imap_text_init(&t);
		r = imap_text_sasl(&t, &in);
		imap_text_end(&t);
		buf_init(&plain, 1000);
		if (rows[i].want) {
			assert_int_equal(r, 0);
			assert_int_equal(text_from_base64(&plain, text_trim(ready(&t))), 0);
			for (size_t j = 0; j < plain.len; j++)
				if (plain.data[j] <= 1)
					plain.data[j] = '|';
			if (!text_eq(text_of_buf(&plain), text_of(rows[i].want)))
				fail_msg("%s: %.*s", rows[i].name, TEXT_ARG(text_of_buf(&plain)));
		} else if (r != -EINVAL) {
			fail_msg("%s: %d", rows[i].name, r);
		}
		buf_clear(&plain);
		imap_text_clear(&t);
		secret_clear(&secret);
	}
}

/* The secret range follows the bytes as they are sent. */
static void secrets_are_marked(void **state)
{
	static const struct imap_means none;
	struct imap_text t;
	size_t from, len;

	(void)state;
	imap_text_init(&t);
	imap_text_begin(&t, 1, IMAP_VERB_LOGIN);
	assert_false(imap_text_ready_secret(&t, &from, &len));
	imap_text_secret(&t, 100);
	assert_int_equal(imap_text_astring(&t, TEXT("user"), &none), 0);
	assert_int_equal(imap_text_astring(&t, TEXT("pass"), &none), 0);
	imap_text_end(&t);
	assert_ready(&t, "r1 LOGIN \"user\" \"pass\"\r\n");
	assert_true(imap_text_ready_secret(&t, &from, &len));
	assert_int_equal(from, 8);
	assert_int_equal(len, 14);
	imap_text_sent(&t, 10);
	assert_true(imap_text_ready_secret(&t, &from, &len));
	assert_int_equal(from, 0);
	assert_int_equal(len, 12);
	imap_text_sent(&t, 12);
	assert_false(imap_text_ready_secret(&t, &from, &len));
	imap_text_sent(&t, 2);
	assert_null(t.data.data);
	assert_int_equal(t.verbs, 1U << IMAP_VERB_LOGIN);
}

/* The longest token there is can be said. */
static void longest_token(void **state)
{
	struct secret secret = { NULL, 0 };
	struct imap_sasl_input in = { .mechanism = IMAP_SASL_XOAUTH2,
				      .user = TEXT("u"),
				      .credential = &secret };
	cleanup_free char *token = mem_new(LIMIT_SECRET);
	struct imap_text t;

	(void)state;
	memset(token, 'x', LIMIT_SECRET);
	secret_set(&secret, token, LIMIT_SECRET);
	imap_text_init(&t);
	imap_text_begin(&t, 1, IMAP_VERB_AUTHENTICATE);
	assert_int_equal(imap_text_sasl(&t, &in), 0);
	imap_text_end(&t);
	imap_text_clear(&t);
	secret_clear(&secret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(verbs_are_harmless),
		cmocka_unit_test(strings_are_quoted),
		cmocka_unit_test(nul_and_length_are_refused),
		cmocka_unit_test(strings_are_literals),
		cmocka_unit_test(sections_are_checked),
		cmocka_unit_test(utf8_is_quoted),
		cmocka_unit_test(fetch_peeks),
		cmocka_unit_test(sasl),
		cmocka_unit_test(secrets_are_marked),
		cmocka_unit_test(longest_token),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
