/* What the copy of a sent mail teaches: the thread it lies in, and the Message-ID that the provider
 * gave it in the place of its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/mem.h"
#include "ingest/match/match_names.h"
#include "tests/db/pgtest.h"
#include "tests/db/play.h"

#define TO_PAT "To: pat@prospect.test\r\nSubject: The hall\r\n"
/* Another address, and no id of ours: only what the copy taught leads to the outbound. */
#define ANSWER "From: someone@elsewhere.test\r\nTo: a@example.test\r\n"
/* 22 bytes: a time and a GUID; an answer's has five more behind them (MS-OXOMSG 2.2.1.3). */
#define INDEX  "Thread-Index: AQHbPTEyMzQ1Njc4OTBhYmNkZWZnaA==\r\n"
#define LATER  "Thread-Index: AQHbPTEyMzQ1Njc4OTBhYmNkZWZnaAAAAAAA\r\n"
#define OTHERS "Thread-Index: AQHbPTEyMzQ1Njc4OTBhYmNkZWZnegAAAAAA\r\n"

/* `id`, sent to pat@prospect.test under that subject, so many seconds ago. */
static void registered(struct play *p, const char *id, int64_t ago_s)
{
	static struct match_names names;
	static struct match_keys keys;
	uint8_t digest[KEYED_DIGEST];
	cleanup_buf struct buf row, hex;
	char at[CLOCK_TEXT];

	buf_init(&row, 4096);
	buf_init(&hex, 65);
	match_names_sent(TEXT("pat@prospect.test"), TEXT("The hall"), TEXT(""), &names);
	match_names_keys(NULL, &names, &p->s.workspace_key, &keys);
	keyed_id_digest(&p->s.workspace_key, text_of(id), digest);
	(void)text_add_hex(&hex, digest, sizeof(digest));
	clock_rfc3339((clock_unix_s() - ago_s) * 1000000, at);
	(void)text_addf(&row,
			"[{\"outbound_id\":\"%08lx-0000-4000-8000-000000000000\",\"inbox_id\":"
			"\"" SEED_A
			"\",\"sequence\":\"q\",\"step\":\"%s\",\"prospect_key\":\"pat\","
			"\"prospect_address\":\"pat@prospect.test\",\"message_id\":\"%s\","
			"\"sent_at\":\"%s\",\"fingerprint\":\"00\",\"digest\":\"%s\",\"met\":[],"
			"\"names\":[",
			(unsigned long)digest[0] << 8 | digest[1], id, id, at, (char *)hex.data);
	for (size_t i = 0; i < keys.n; i++) {
		buf_clear(&hex);
		(void)text_add_hex(&hex, keys.at[i].digest, KEYED_DIGEST);
		(void)text_addf(&row, "%s\"%s\"", i ? "," : "", (char *)hex.data);
	}
	(void)text_addf(&row, "]}]");
	assert_string_equal(pgtest_value(p->s.api, "select result from outbound_register('%s')",
					 (char *)row.data),
			    "created");
}

static const struct lesson {
	const char *name;
	const char *outbounds[2]; /* that are registered */
	int64_t ago_s;            /* since they were sent */
	struct play_mail copy, answer;
	const char *found; /* "method step"; "": nothing */
} lessons[] = {
	{ "the thread of Gmail",
	  { "out.1@x.test" },
	  60,
	  { .head = PLAY_OWN TO_PAT "Message-ID: <out.1@x.test>\r\n", .gmail_thread = 77 },
	  { .head = ANSWER, .gmail_thread = 77 },
	  "gmail_thread out.1@x.test" },
	{ "another thread of Gmail",
	  { "out.1@x.test" },
	  60,
	  { .head = PLAY_OWN TO_PAT "Message-ID: <out.1@x.test>\r\n", .gmail_thread = 77 },
	  { .head = ANSWER, .gmail_thread = 78 },
	  "" },
	{ "a mail of the thread from before the outbound",
	  { "out.1@x.test" },
	  60,
	  { .head = PLAY_OWN TO_PAT "Message-ID: <out.1@x.test>\r\n", .gmail_thread = 77 },
	  { .head = ANSWER, .gmail_thread = 77, .date_s = 1000000000 },
	  "" },
	{ "the conversation of Exchange",
	  { "out.1@x.test" },
	  60,
	  { .head = PLAY_OWN TO_PAT INDEX "Message-ID: <out.1@x.test>\r\n" },
	  { .head = ANSWER LATER },
	  "thread_index out.1@x.test" },
	{ "another conversation",
	  { "out.1@x.test" },
	  60,
	  { .head = PLAY_OWN TO_PAT INDEX "Message-ID: <out.1@x.test>\r\n" },
	  { .head = ANSWER OTHERS },
	  "" },
	{ "another id, and the one before stands in the copy",
	  { "out.1@x.test" },
	  86400,
	  { .head = PLAY_OWN TO_PAT "Message-ID: <new@mx.test>\r\n"
				    "X-Google-Original-Message-ID: <out.1@x.test>\r\n" },
	  { .head = ANSWER "In-Reply-To: <new@mx.test>\r\n" },
	  "in_reply_to out.1@x.test" },
	{ "another id, known by whom it went to, under which subject and when",
	  { "out.1@x.test" },
	  60,
	  { .head = PLAY_OWN TO_PAT INDEX "Message-ID: <new@mx.test>\r\n" },
	  { .head = ANSWER "In-Reply-To: <new@mx.test>\r\n" },
	  "in_reply_to out.1@x.test" },
	{ "and its thread",
	  { "out.1@x.test" },
	  60,
	  { .head = PLAY_OWN TO_PAT INDEX "Message-ID: <new@mx.test>\r\n" },
	  { .head = ANSWER LATER },
	  "thread_index out.1@x.test" },
	{ "another id, of one of two outbounds: nobody knows of which",
	  { "out.1@x.test", "out.2@x.test" },
	  60,
	  { .head = PLAY_OWN TO_PAT "Message-ID: <new@mx.test>\r\n" },
	  { .head = ANSWER "In-Reply-To: <new@mx.test>\r\n" },
	  "" },
	{ "another id, an hour after the outbound: written by hand",
	  { "out.1@x.test" },
	  3600,
	  { .head = PLAY_OWN TO_PAT "Message-ID: <new@mx.test>\r\n" },
	  { .head = ANSWER "In-Reply-To: <new@mx.test>\r\n" },
	  "" },
	{ "another id, under another subject: written by hand",
	  { "out.1@x.test" },
	  60,
	  { .head = PLAY_OWN "To: pat@prospect.test\r\nSubject: Lunch?\r\n"
			     "Message-ID: <new@mx.test>\r\n" },
	  { .head = ANSWER "In-Reply-To: <new@mx.test>\r\n" },
	  "" },
};

/* The copy ('C') may be seen before the outbound is registered ('R'), and then the answer ('A') may
 * come. */
static void learn(const struct lesson *row, const char *order, const char *database)
{
	static struct play p;
	struct play_mail copy = row->copy, answer = row->answer;
	const char *found;

	copy.uid = 1;
	answer.uid = 2;
	play_open(&p, database);
	for (const char *c = order; *c; c++) {
		if (*c == 'C')
			play_arrive(&p, "sent", &copy, 1);
		if (*c == 'A')
			play_arrive(&p, "inbox", &answer, 1);
		for (size_t k = 0; *c == 'R' && k < 2 && row->outbounds[k]; k++)
			registered(&p, row->outbounds[k], row->ago_s);
	}
	if (order[1] == 'A' && *play_value(&p, "select count(*) from recheck") == '1')
		play_again(&p, 2, &answer);
	found = play_value(&p, "select coalesce(string_agg(m->>'method' || ' ' || (m->>'step'), "
			       "',' order by ordinality), '') from message, "
			       "jsonb_array_elements(matches) with ordinality x (m, ordinality)");
	if (strcmp(found, row->found) != 0)
		fail_msg("%s, %s: \"%s\", not \"%s\"", row->name, order, found, row->found);
	stage_close(&p.s);
}

static void a_copy_teaches_what_its_outbound_is_found_by(void **state)
{
	static const char *const orders[] = { "RCA", "CRA", "RAC" };
	char database[32];

	(void)state;
	for (size_t i = 0; i < countof(lessons); i++)
		for (size_t o = 0; o < countof(orders); o++) {
			const struct lesson *l = &lessons[i];
			bool is_guessed = strstr(l->name, "another id, known") ||
					  strstr(l->name, "and its thread");

			/* The guess is made when the copy is seen; a thread is not waited for. */
			if ((o == 1 && is_guessed) || (o == 2 && !strstr(l->answer.head, "new@mx")))
				continue;
			(void)snprintf(database, sizeof(database), "sent_copy_%zu_%zu", i, o);
			learn(l, orders[o], database);
		}
}

/* A copy that was learned is not told as written by hand, and one is learned of an outbound once.
 */
static void a_copy_that_is_known_is_not_written_by_hand(void **state)
{
	static const struct play_mail copies[] = {
		{ .uid = 1, .head = PLAY_OWN TO_PAT "Message-ID: <new@mx.test>\r\n" },
		{ .uid = 2, .head = PLAY_OWN TO_PAT "Message-ID: <by.hand@mx.test>\r\n" },
	};
	static struct play p;

	(void)state;
	play_open(&p, "sent_copy_hand");
	registered(&p, "out.1@x.test", 60);
	play_arrive(&p, "sent", copies, 1);
	assert_string_equal(play_value(&p, "select count(*) from manual_pending"), "0");
	play_arrive(&p, "sent", copies + 1, 1);
	assert_string_equal(play_value(&p, "select header_message_id from manual_pending"),
			    "by.hand@mx.test");
	stage_close(&p.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_teaches_what_its_outbound_is_found_by),
		cmocka_unit_test(a_copy_that_is_known_is_not_written_by_hand),
	};

	pgtest_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
