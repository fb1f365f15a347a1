#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/secret.h"
#include "ingest/match/match_ids.h"
#include "ingest/match/match_pick.h"
#include "ingest/mime/mime_utf8.h"

static void read_head(struct mime_head *h, const char *in)
{
	mime_head_init(h);
	mime_head_read(h, in, strlen(in));
}

/* A workspace's key, and the digest of an id under it. */
static const struct secret *workspace_key(void)
{
	static struct secret key;

	if (secret_is_empty(&key))
		secret_set_text(&key, TEXT("0123456789abcdef0123456789abcdef"));
	return &key;
}

static const uint8_t *digest_of(const char *id)
{
	static uint8_t ring[256][KEYED_DIGEST];
	static size_t at;
	uint8_t *d = ring[at++ % countof(ring)];

	keyed_id_digest(workspace_key(), text_of(id), d);
	return d;
}

/* As a mail in an inbox of these addresses is judged. */
static void pick(const struct mime_head *h, const struct text *own, size_t n_own,
		 const struct match_outbound *found, size_t n, struct match_list *ret)
{
	const struct match_mail mail = { h, own, n_own, 1000 };
	struct match_keys *keys = mem_new(sizeof(*keys));
	struct match_ids ids;

	match_ids_of(h, NULL, &ids);
	match_names_keys(&ids, NULL, workspace_key(), keys);
	match_pick_all(keys, &mail, found, n, ret);
	free(keys);
}

static const char reply[] = "From: ann@mail.example\r\nIn-Reply-To: <s2@send.example>\r\n"
			    "References: <other@x> <s1@send.example> <s2@send.example>\r\n";

/* Each candidate as "method id", in order. */
static void order_of_candidates(void **state)
{
	static const char *const want[] = { "in_reply_to s2@send.example",
					    "references s2@send.example",
					    "references s1@send.example", "references other@x" };
	struct mime_head h;
	struct match_ids ids;
	char got[128];

	(void)state;
	read_head(&h, reply);
	match_ids_of(&h, NULL, &ids);
	assert_int_equal(ids.n, countof(want));
	for (size_t i = 0; i < ids.n; i++) {
		(void)snprintf(got, sizeof(got), "%s %s", match_ids_method_name(ids.at[i].method),
			       ids.at[i].id);
		assert_string_equal(got, want[i]);
		assert_true(i == 0 || ids.at[i].confidence <= ids.at[i - 1].confidence);
	}
	mime_head_clear(&h);
}

static void a_report_names_its_original_first(void **state)
{
	static const char original[] = "Message-ID: <s1@send.example>\r\n";
	struct mime_head h;
	struct mime_dsn d;
	struct match_ids ids;

	(void)state;
	read_head(&h, "From: mailer-daemon@x.example\r\nIn-Reply-To: <s1@send.example>\r\n");
	mime_dsn_init(&d);
	mime_dsn_read_original(&d, MIME_PLAIN, original, sizeof(original) - 1);
	match_ids_of(&h, &d, &ids);
	assert_int_equal(ids.n, 2);
	assert_int_equal(ids.at[0].method, MATCH_DSN_ORIGINAL);
	assert_string_equal(ids.at[0].id, "s1@send.example");
	assert_int_equal(ids.at[1].method, MATCH_IN_REPLY_TO);
	mime_dsn_clear(&d);
	mime_head_clear(&h);
}

static void candidates_have_a_ceiling(void **state)
{
	struct mime_head h;
	struct match_ids ids;
	struct buf b;

	(void)state;
	buf_init(&b, LIMIT_MIME_HEAD);
	(void)text_add(&b, TEXT("References:"));
	for (int i = 0; i < 3000; i++)
		(void)text_addf(&b, " <%d@x>", i);
	(void)text_add(&b, TEXT("\r\nIn-Reply-To:"));
	for (int i = 0; i < 3000; i++)
		(void)text_addf(&b, " <%d@y>", i);
	(void)text_add(&b, TEXT("\r\n"));
	mime_head_init(&h);
	mime_head_read(&h, b.data, b.len);
	match_ids_of(&h, NULL, &ids);
	assert_int_equal(ids.n, 2 * LIMIT_MIME_IDS);
	buf_clear(&b);
	mime_head_clear(&h);
}

#define OUTBOUND(uuid, message, sent)                                                              \
	{                                                                                          \
		.id = TEXT(uuid), .prospect = TEXT("p1"), .digest = digest_of(message),            \
		.sent_at = (sent)                                                                  \
	}

static void every_match_is_recorded_strongest_first(void **state)
{
	const struct match_outbound found[] = { OUTBOUND("o1", "s1@send.example", 100),
						OUTBOUND("o2", "s2@send.example", 200) };
	static const struct {
		size_t outbound;
		enum match_method method;
		const char *evidence;
	} want[] = {
		{ 1, MATCH_IN_REPLY_TO, "In-Reply-To names s2@send.example" },
		{ 1, MATCH_REFERENCES, "References names s2@send.example" },
		{ 0, MATCH_REFERENCES, "References names s1@send.example" },
	};
	struct mime_head h;
	struct match_list list;

	(void)state;
	read_head(&h, reply);
	pick(&h, NULL, 0, found, countof(found), &list);
	assert_int_equal(list.n, countof(want));
	for (size_t i = 0; i < list.n; i++) {
		assert_int_equal(list.at[i].outbound, want[i].outbound);
		assert_int_equal(list.at[i].method, want[i].method);
		assert_string_equal(list.at[i].evidence, want[i].evidence);
	}
	mime_head_clear(&h);
}

/* An outbound that was found by two of its ids (registered, and as the provider rewrote it) is one
 * match per method. */
static void one_outbound_by_two_ids(void **state)
{
	const struct match_outbound found[] = { OUTBOUND("o1", "s1@send.example", 100),
						OUTBOUND("o1", "s2@send.example", 100) };
	struct mime_head h;
	struct match_list list;

	(void)state;
	read_head(&h, reply);
	pick(&h, NULL, 0, found, countof(found), &list);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.at[0].method, MATCH_IN_REPLY_TO);
	assert_int_equal(list.at[1].method, MATCH_REFERENCES);
	mime_head_clear(&h);
}

static void of_equal_strength_the_last_sent_is_first(void **state)
{
	const struct match_outbound found[] = { OUTBOUND("o1", "s2@send.example", 100),
						OUTBOUND("o2", "s2@send.example", 200) };
	struct mime_head h;
	struct match_list list;

	(void)state;
	read_head(&h, "In-Reply-To: <s2@send.example>\r\n");
	pick(&h, NULL, 0, found, countof(found), &list);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.at[0].outbound, 1);
	mime_head_clear(&h);
}

static const struct {
	const char *name, *from;
	bool own;
} senders[] = {
	{ "the prospect", "From: ann@mail.example\r\n", false },
	{ "the inbox", "From: Bo <bo@send.example>\r\n", true },
	{ "the inbox in other case", "From: Bo <BO@Send.Example>\r\n", true },
	{ "an alias", "From: bo.b@send.example\r\n", true },
	{ "a colleague", "From: cy@send.example\r\n", false },
	{ "nobody", "Subject: s\r\n", false },
};

static void own_copies_never_match(void **state)
{
	static const struct text own[] = { { "bo@send.example", 15 },
					   { " bo.b@send.example ", 19 },
					   { NULL, 0 } };
	const struct match_outbound found[] = { OUTBOUND("o1", "s1@send.example", 100) };

	(void)state;
	for (size_t i = 0; i < countof(senders); i++) {
		struct mime_head h;
		struct match_list list;
		char in[128];

		(void)snprintf(in, sizeof(in), "%sIn-Reply-To: <s1@send.example>\r\n",
			       senders[i].from);
		read_head(&h, in);
		pick(&h, own, countof(own), found, countof(found), &list);
		if (match_pick_is_own(&h, own, countof(own)) != senders[i].own ||
		    list.n != !senders[i].own)
			fail_msg("%s: %zu matches", senders[i].name, list.n);
		mime_head_clear(&h);
	}
}

static void matches_have_a_ceiling(void **state)
{
	struct match_outbound *found = mem_new(200 * sizeof(*found));
	static char ids_of_them[200][16];
	struct mime_head h;
	struct match_list list;

	(void)state;
	read_head(&h, "In-Reply-To: <s@x>\r\n");
	for (int i = 0; i < 200; i++) {
		(void)snprintf(ids_of_them[i], sizeof(ids_of_them[i]), "o%d", i);
		found[i] = (struct match_outbound){ .id = text_of(ids_of_them[i]),
						    .digest = digest_of("s@x") };
	}
	pick(&h, NULL, 0, found, 200, &list);
	assert_int_equal(list.n, LIMIT_MATCHES);
	free(found);
	mime_head_clear(&h);
}

static void long_evidence_stays_valid(void **state)
{
	struct mime_head h;
	struct match_ids ids;
	struct match_list list;
	struct match_outbound found = { .id = TEXT("o1") };
	struct buf b;

	(void)state;
	buf_init(&b, 2000);
	(void)text_add(&b, TEXT("In-Reply-To: <"));
	for (int i = 0; i < 200; i++)
		(void)text_add(&b, TEXT("ä"));
	(void)text_add(&b, TEXT(">\r\n"));
	mime_head_init(&h);
	mime_head_read(&h, b.data, b.len);
	match_ids_of(&h, NULL, &ids);
	assert_int_equal(ids.n, 1);
	found.digest = digest_of(ids.at[0].id);
	pick(&h, NULL, 0, &found, 1, &list);
	assert_int_equal(list.n, 1);
	assert_true(mime_utf8_is_valid(text_of(list.at[0].evidence)));
	buf_clear(&b);
	mime_head_clear(&h);
}

static void one_normal_form_for_all(void **state)
{
	char id[MIME_ID];

	(void)state;
	assert_int_equal(match_ids_normal(TEXT(" <Ab@C.EXAMPLE>\r\n"), id), 12);
	assert_string_equal(id, "Ab@c.example");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_of_candidates),
		cmocka_unit_test(a_report_names_its_original_first),
		cmocka_unit_test(candidates_have_a_ceiling),
		cmocka_unit_test(every_match_is_recorded_strongest_first),
		cmocka_unit_test(one_outbound_by_two_ids),
		cmocka_unit_test(of_equal_strength_the_last_sent_is_first),
		cmocka_unit_test(own_copies_never_match),
		cmocka_unit_test(matches_have_a_ceiling),
		cmocka_unit_test(long_evidence_stays_valid),
		cmocka_unit_test(one_normal_form_for_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
