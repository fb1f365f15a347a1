#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/secret.h"
#include "base/text.h"
#include "ingest/imap/imap_course.h"
#include "ingest/imap/imap_session.h"
#include "ingest/imap/imap_text.h"

/* What a transcript cannot show (test_imap_transcripts.c plays those). */

static struct imap_session *begin(void)
{
	struct secret token = { NULL, 0 };
	struct imap_params p = { .credential = &token, .user = TEXT("eve@a.example") };
	struct imap_session *s;

	secret_set_text(&token, TEXT("t0ken"));
	s = imap_session_new(&p, 0);
	secret_clear(&token); /* it has its own copy */
	return s;
}

/* What hear() is told to expect where no event comes. */
#define NOTHING IMAP_EV_STARTTLS_NOW

static unsigned hear(struct imap_session *s, const char *said, enum imap_event_kind last)
{
	struct imap_event ev = { .kind = last };
	unsigned n = 0;

	assert_int_equal(imap_session_recv(s, (const uint8_t *)said, strlen(said), 0), 0);
	while (imap_session_next(s, &ev))
		n++;
	assert_int_equal(ev.kind, last);
	return n;
}

static void say(struct imap_session *s, const char *want)
{
	const uint8_t *at = (const uint8_t *)"";
	size_t n = imap_session_send(s, &at);

	assert_int_equal(n, strlen(want));
	assert_memory_equal(at, want, n);
	imap_session_sent(s, n);
}

static struct imap_session *begin_ready(void)
{
	struct imap_session *s = begin();

	hear(s, "* PREAUTH [CAPABILITY IMAP4rev1 IDLE] hi\r\n", IMAP_EV_READY);
	return s;
}

/* A slow socket has sent nothing yet, and the server answers all the same. */
static void answers_before_questions(void **state)
{
	struct imap_session *s = begin_ready();

	(void)state;
	assert_int_equal(imap_session_idle(s, 0), 0);
	hear(s, "+ idling\r\n", IMAP_EV_IDLING);
	assert_int_equal(imap_session_end_idle(s, 0), 0);
	hear(s, "r1 OK\r\n", IMAP_EV_DONE);
	assert_int_equal(imap_session_noop(s, 0), 0);
	say(s, "r1 IDLE\r\nDONE\r\nr2 NOOP\r\n");
	imap_session_free(s);
}

/* "+" again and again makes nothing grow and nothing break, wherever it comes. */
static void plus_floods(void **state)
{
	static const char *const before[] = {
		"",
		"* OK hi\r\n",
		"* OK [CAPABILITY AUTH=XOAUTH2] hi\r\n",
		"* OK [CAPABILITY AUTH=XOAUTH2 SASL-IR] hi\r\n",
		"* PREAUTH [CAPABILITY IMAP4rev1 IDLE] hi\r\n",
	};

	(void)state;
	for (size_t i = 0; i < countof(before); i++) {
		struct imap_session *s = begin();
		struct imap_event ev;
		const uint8_t *at;

		assert_int_equal(
			imap_session_recv(s, (const uint8_t *)before[i], strlen(before[i]), 0), 0);
		for (int j = 0; j < 1000; j++) {
			while (imap_session_next(s, &ev))
				if (ev.kind == IMAP_EV_READY)
					assert_int_equal(
						imap_session_examine(s, TEXT("a"), NULL, 0), 0);
			assert_int_equal(imap_session_recv(s, (const uint8_t *)"+ x\r\n", 5, 0), 0);
		}
		assert_true(imap_session_send(s, &at) < 200);
		imap_session_free(s);
	}
}

/* Lines that are no IMAP are passed over, but not for ever. */
static void nonsense_has_an_end(void **state)
{
	struct imap_session *s = begin_ready();

	(void)state;
	for (int i = 0; i < LIMIT_IMAP_ODD; i++)
		hear(s, "nonsense\r\n", IMAP_EV_ODD);
	hear(s, "nonsense\r\n", IMAP_EV_FAILED);
	assert_true(imap_session_done(s));
	/* nothing is heard any more, and nothing held */
	assert_int_equal(hear(s, "* 1 EXISTS\r\n", IMAP_EV_READY), 0);
	assert_int_equal(imap_session_deadline(s), UINT64_MAX);
	imap_session_eof(s, 0);
	imap_session_tick(s, UINT64_MAX - 1);
	assert_true(imap_session_done(s));
	imap_session_free(s);
}

static void recv_has_a_ceiling(void **state)
{
	struct imap_session *s = begin();
	cleanup_free uint8_t *p = mem_new(IMAP_RECV_MAX + 1);

	(void)state;
	assert_int_equal(imap_session_recv(s, p, IMAP_RECV_MAX + 1, 0), -ENOBUFS);
	imap_session_free(s);
}

/* A progressing answer is waited for; a byte now and then is not progress. */
static void slow_answers(void **state)
{
	struct imap_session *s = begin_ready();
	cleanup_free char *block = mem_new(16384);
	struct imap_event ev;
	uint64_t now = 0;

	(void)state;
	memset(block, 'x', 16384);
	assert_int_equal(imap_session_noop(s, now), 0);
	for (int i = 0; i < 5; i++) {
		now += 59000;
		assert_int_equal(imap_session_recv(s, (const uint8_t *)block, 16384, now), 0);
		assert_false(imap_session_next(s, &ev));
	}
	assert_int_equal(imap_session_deadline(s), now + 60000);
	for (int i = 0; i < 59; i++) {
		now += 1000;
		assert_int_equal(imap_session_recv(s, (const uint8_t *)block, 1, now), 0);
		assert_false(imap_session_next(s, &ev));
	}
	imap_session_tick(s, now + 1000);
	assert_true(imap_session_next(s, &ev));
	assert_int_equal(ev.kind, IMAP_EV_FAILED);
	assert_int_equal(ev.over.verdict->outcome.blame, BLAME_NET);
	imap_session_free(s);
}

/* The audit's record: what was said, and nothing that changes a mailbox. */
static void verbs_are_recorded(void **state)
{
	struct imap_session *s = begin_ready();

	(void)state;
	assert_int_equal(imap_session_verbs_sent(s), 0);
	assert_int_equal(imap_session_examine(s, TEXT("INBOX"), NULL, 0), 0);
	say(s, "r1 EXAMINE \"INBOX\"\r\n");
	hear(s, "r1 OK\r\n", IMAP_EV_DONE);
	assert_int_equal(imap_session_status(s, TEXT("a\r\nb"), 0), -EINVAL);
	assert_int_equal(imap_session_noop(s, 0), 0);
	say(s, "r2 NOOP\r\n");
	assert_int_equal(imap_session_verbs_sent(s) & 1U << IMAP_VERB_EXAMINE,
			 1U << IMAP_VERB_EXAMINE);
	assert_int_equal(imap_session_verbs_sent(s) & 1U << IMAP_VERB_NOOP, 1U << IMAP_VERB_NOOP);
	assert_int_equal(imap_session_verbs_sent(s) & 1U << IMAP_VERB_UID_FETCH, 0);
	imap_session_free(s);
}

/* 100,000 of them are one worker's: what an idle one costs is one allocation of this size. */
#define IDLE_BYTES 600

static void costs_one_allocation(const struct imap_session *s)
{
	assert_true(sizeof(*s) <= IDLE_BYTES);
	assert_null(s->line.in.data);
	assert_null(s->out.data.data);
	assert_null(s->answer.name.data);
	assert_null(s->answer.body.parts);
	assert_null(s->entrance);
	assert_null(s->proof);
	assert_null(s->queue);
	assert_null(s->opening);
}

static void drain(struct imap_session *s)
{
	const uint8_t *at;
	size_t n;

	while ((n = imap_session_send(s, &at)) > 0)
		imap_session_sent(s, n);
}

/* Whatever it has been through: folders, mails, proofs, counters that are pushed. */
static void idle_costs_nothing(void **state)
{
	static const struct text side[] = { TEXT("Junk"), TEXT("Sent") };
	struct imap_session *s = begin();
	char said[256];

	(void)state;
	hear(s, "* PREAUTH [CAPABILITY IMAP4rev1 IDLE CONDSTORE ENABLE NAMESPACE] hi\r\n", NOTHING);
	hear(s, "* ENABLED CONDSTORE\r\nr1 OK\r\n", NOTHING);
	hear(s, "* NAMESPACE ((\"INBOX.\" \".\")) NIL NIL\r\nr2 OK\r\n", IMAP_EV_READY);
	drain(s);
	costs_one_allocation(s);
	assert_int_equal(imap_session_list(s, 0), 0);
	hear(s, "* LIST () \".\" Gel&APY-scht\r\nr3 OK\r\n", IMAP_EV_DONE);
	assert_int_equal(imap_session_examine(s, TEXT("INBOX"), NULL, 0), 0);
	hear(s, "r4 OK\r\n", IMAP_EV_DONE);
	assert_int_equal(imap_session_fetch_headers(s, 1, 9, 0), 0);
	hear(s, "* 1 FETCH (UID 1 BODYSTRUCTURE (\"text\" \"plain\") FLAGS ())\r\nr5 OK\r\n",
	     IMAP_EV_DONE);
	assert_int_equal(imap_session_idle(s, 0), 0);
	hear(s, "+ \r\n", IMAP_EV_IDLING);
	drain(s);
	costs_one_allocation(s);
	for (unsigned tag = 6; tag < 600; tag += 4) {
		assert_int_equal(imap_session_proof(s, side, countof(side), 0), 0);
		(void)snprintf(said, sizeof(said),
			       "r%u OK\r\nr%u OK\r\n* STATUS Junk (MESSAGES 1)\r\n"
			       "r%u OK\r\nr%u OK\r\n+ \r\n* 7 EXISTS\r\n",
			       tag, tag + 1, tag + 2, tag + 3);
		hear(s, said, IMAP_EV_EXISTS);
		drain(s);
		costs_one_allocation(s);
	}
	hear(s, "* BYE\r\n", IMAP_EV_BYE);
	costs_one_allocation(s);
	imap_session_free(s);
}

/* RFC 9738, by a server that never comes to an end: neither do we go on for ever. */
static void a_limited_search_ends(void **state)
{
	struct imap_session *s = begin_ready();
	char said[128];
	unsigned tag = 2;

	(void)state;
	assert_int_equal(imap_session_examine(s, TEXT("INBOX"), NULL, 0), 0);
	hear(s, "r1 OK\r\n", IMAP_EV_DONE);
	assert_int_equal(imap_session_search_since(s, 1763856000, 0), 0);
	for (; tag < 1000; tag++) {
		struct imap_event ev;

		drain(s);
		(void)snprintf(said, sizeof(said),
			       "* SEARCH %u\r\nr%u OK [MESSAGELIMIT 1 %u] x\r\n", 5000 - tag, tag,
			       5000 - tag);
		assert_int_equal(imap_session_recv(s, (const uint8_t *)said, strlen(said), 0), 0);
		if (!imap_session_next(s, &ev))
			continue;
		assert_int_equal(ev.kind, IMAP_EV_LOWEST_UID);
		assert_int_equal(ev.lowest.uid, 5000 - tag);
		assert_true(imap_session_next(s, &ev));
		assert_int_equal(ev.kind, IMAP_EV_DONE);
		assert_true(ev.done.is_short);
		break;
	}
	assert_in_range(tag, 60, 80);
	imap_session_free(s);
}

/* What cannot be said is refused before anything is. */
static void proof_of_a_bad_name(void **state)
{
	static const struct text bad[] = { TEXT(""), TEXT("a\r\nb"), { "a\0b", 3 } };
	struct imap_session *s = begin_ready();
	const uint8_t *at;

	(void)state;
	for (size_t i = 0; i < countof(bad); i++) {
		const struct text side[] = { TEXT("Junk"), bad[i] };

		assert_int_equal(imap_session_proof(s, side, countof(side), 0), -EINVAL);
		assert_int_equal(imap_session_send(s, &at), 0);
	}
	assert_int_equal(imap_session_noop(s, 0), 0);
	imap_session_free(s);
}

/* A literal that waits for its "+" when a proof was asked for at rest. */
static void freed_in_a_proof(void **state)
{
	const struct text side[] = { TEXT("Gel\xc3\xb6scht"), TEXT("Junk") };

	(void)state;
	for (unsigned n = 0; n < 4; n++) {
		static const char *const said[] = { "r1 OK\r\n", "+ \r\n", "r2 OK\r\n" };
		struct imap_session *s = begin_ready();
		struct imap_event ev;

		assert_int_equal(imap_session_proof(s, side, countof(side), 0), 0);
		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(
				imap_session_recv(s, (const uint8_t *)said[i], strlen(said[i]), 0),
				0);
			while (imap_session_next(s, &ev))
				;
			drain(s);
		}
		imap_session_free(s);
	}
}

/* Freed at any point of its life; the sanitizer watches. */
static void freed_anywhere(void **state)
{
	const char said[] = "* OK [CAPABILITY IMAP4rev1 AUTH=XOAUTH2 ID NAMESPACE] hi\r\n+ \r\n"
			    "r1 OK in\r\n* CAPABILITY NAMESPACE\r\nr2 OK\r\n"
			    "* NAMESPACE ((\"INBOX.\" \".\")) NIL NIL\r\nr3 OK\r\n";

	(void)state;
	for (size_t n = 0; n < sizeof(said); n++) {
		struct imap_session *s = begin();
		struct imap_event ev;

		assert_int_equal(imap_session_recv(s, (const uint8_t *)said, n, 0), 0);
		while (imap_session_next(s, &ev))
			;
		imap_session_free(s);
	}
	imap_session_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_before_questions),
		cmocka_unit_test(plus_floods),
		cmocka_unit_test(nonsense_has_an_end),
		cmocka_unit_test(recv_has_a_ceiling),
		cmocka_unit_test(slow_answers),
		cmocka_unit_test(verbs_are_recorded),
		cmocka_unit_test(idle_costs_nothing),
		cmocka_unit_test(a_limited_search_ends),
		cmocka_unit_test(proof_of_a_bad_name),
		cmocka_unit_test(freed_in_a_proof),
		cmocka_unit_test(freed_anywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
