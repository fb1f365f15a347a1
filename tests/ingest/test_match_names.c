#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/match/match_names.h"
#include "ingest/match/match_pick.h"
#include "ingest/match/match_relation.h"

static void subjects_are_compared_without_what_was_put_before(void **state)
{
	static const struct {
		const char *raw, *normal;
	} rows[] = {
		{ "A question", "a question" },
		{ "Re: A  question", "a question" },
		{ "RE: AW: Fwd: A question", "a question" },
		{ "Re[2]: A question", "a question" },
		{ "RE (3) : A question", "a question" },
		{ "AW: [External] Re: Ihre Anfrage", "ihre anfrage" },
		{ "***SPAM*** Re: A question", "a question" },
		{ "[Ticket#42]", "[ticket#42]" },
		{ "Réponse automatique : Une question", "une question" },
		{ "Automatische Antwort: Ihre Frage", "ihre frage" },
		{ "Accepted: Call on Friday", "call on friday" },
		{ "回复：问题", "问题" },
		{ "Reminder: A question", "reminder: a question" },
		{ "Re:", "" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char got[MATCH_SUBJECT];

		match_subject_normal(text_of(rows[i].raw), got);
		if (strcmp(got, rows[i].normal) != 0)
			fail_msg("%s: \"%s\"", rows[i].raw, got);
	}
}

static void who_answers_for_whom(void **state)
{
	static const struct {
		const char *from, *prospect, *relation;
	} rows[] = {
		{ "ann@acme.test", "Ann@ACME.test", "same" },
		{ "ann+home@acme.test", "ann@acme.test", "alias" },
		{ "ann@mail.acme.test", "ann@acme.test", "alias" },
		{ "ann@acme.example", "ann@acme.test", "alias" },
		{ "ann@acme.co.uk", "ann@acme.test", "alias" },
		{ "contact@ville.gouv.fr", "contact@impots.gouv.fr", "unknown" },
		{ "info@acme.onmicrosoft.com", "info@other.onmicrosoft.com", "unknown" },
		{ "info@acme.onmicrosoft.com", "info@onmicrosoft.test", "unknown" },
		{ "info@other.co.uk", "info@acme.co.uk", "unknown" },
		{ "a.nn@googlemail.com", "ann@gmail.com", "alias" },
		{ "bo@gmail.com", "ann@gmail.com", "unknown" },
		{ "ann@gmail.com", "ann@gmx.de", "unknown" },
		{ "bo@acme.test", "ann@acme.test", "colleague" },
		{ "bo@eu.acme.test", "ann@acme.test", "colleague" },
		{ "bo@acme.example", "ann@acme.test", "unknown" },
		{ "ann@one.co.uk", "ann@two.co.uk", "unknown" },
		{ "bo@notacme.test", "ann@acme.test", "unknown" },
		{ "", "ann@acme.test", "unknown" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const char *got = match_relation_name(
			match_relation_of(text_of(rows[i].from), text_of(rows[i].prospect)));

		if (strcmp(got, rows[i].relation) != 0)
			fail_msg("%s for %s: %s", rows[i].from, rows[i].prospect, got);
	}
}

/* 22 bytes of header, and the same with one and with two answers' blocks behind it. */
#define THREAD "Adxi5nzv3BJ7YzqmTkaVJ8xrP2n4MQ=="

static void a_conversation_goes_on_under_its_first_bytes(void **state)
{
	char first[MATCH_THREAD], next[MATCH_THREAD];

	(void)state;
	assert_true(match_names_thread(TEXT(THREAD), first));
	assert_true(match_names_thread(TEXT("Adxi5nzv3BJ7YzqmTkaVJ8xr\r\n P2n4MQAAJxAA"), next));
	assert_string_equal(first, next);
	assert_false(match_names_thread(TEXT("Adxi5nzv3BJ7"), next));
	assert_false(match_names_thread(TEXT("!!"), next));
	assert_false(match_names_thread((struct text){ 0 }, next));
}

/* What a mail names beside ids, as "method name", joined. */
static void names_of(const char *in, uint64_t gmail, char *ret, size_t size)
{
	const struct match_names_place place = { "inbox", "bo@send.test", gmail };
	struct match_names *names = mem_new(sizeof(*names));
	struct mime_head h;

	mime_head_init(&h);
	mime_head_read(&h, in, strlen(in));
	match_names_of(&h, &place, names);
	ret[0] = '\0';
	for (size_t i = 0; i < names->n; i++) {
		size_t at = strlen(ret);

		(void)snprintf(ret + at, size - at, "%s%s %.*s", i ? "; " : "",
			       match_ids_method_name(names->at[i].method),
			       TEXT_ARG(names->at[i].name));
	}
	free(names);
	mime_head_clear(&h);
}

static void what_a_mail_names(void **state)
{
	static const struct {
		const char *name, *in;
		uint64_t gmail;
		const char *names;
	} rows[] = {
		{ "who wrote, under which subject",
		  "From: Ann@North.TEST\r\nSubject: Re: Pallets for the hall\r\n", 0,
		  "from_subject ann@north.test\npallets for the hall; from ann@north.test; "
		  "company_subject north.test\npallets for the hall; company north.test" },
		{ "a short subject says nothing of a company",
		  "From: ann@north.test\r\nSubject: Hi\r\n", 0,
		  "from_subject ann@north.test\nhi; from ann@north.test; company north.test" },
		{ "nor does a provider's domain",
		  "From: ann@gmail.com\r\nSubject: Pallets for the hall\r\n", 0,
		  "from_subject ann@gmail.com\npallets for the hall; from ann@gmail.com" },
		{ "nor the seller's own", "From: cy@send.test\r\nSubject: Pallets for the hall\r\n",
		  0, "from_subject cy@send.test\npallets for the hall; from cy@send.test" },
		{ "a list speaks for nobody",
		  "From: ann@north.test\r\nList-Id: <l.north.test>\r\nSubject: Pallets\r\n", 0,
		  "" },
		{ "tokens, each once",
		  "To: bo+AbC-123@send.test, bo+news@send.test\r\nCc: bo+abc-123@send.test\r\n", 0,
		  "reply_token abc-123" },
		{ "threads", "Thread-Index: " THREAD "\r\n", 17,
		  "gmail_thread inbox 17; thread_index dc127b633aa64e469527cc6b3f69f831" },
		{ "itself", "Message-ID: <a@b.test>\r\n", 0, "self a@b.test" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char got[1024];

		names_of(rows[i].in, rows[i].gmail, got, sizeof(got));
		if (strcmp(got, rows[i].names) != 0)
			fail_msg("%s: \"%s\"", rows[i].name, got);
	}
}

static void other_domains_are_anybodys(void **state)
{
	static const struct {
		const char *name, *in;
		size_t bad_line;
	} rows[] = {
		{ "no domain", "mail.test\nnot one\n", 2 },
		{ "a name alone", "# ours\n\nlocalhost\n", 3 },
		{ "good", "# ours\nzz.test\r\nmail.test\nLate.test", 0 },
	};
	size_t line;

	(void)state;
	assert_true(match_relation_is_free(TEXT("GMail.com")));
	assert_false(match_relation_is_free(TEXT("mail.test")));
	for (size_t i = 0; i < countof(rows); i++) {
		line = 0;
		assert_int_equal(match_relation_take(text_of(rows[i].in), &line),
				 rows[i].bad_line ? -EINVAL : 0);
		assert_int_equal(line, rows[i].bad_line);
		assert_int_equal(match_relation_is_free(TEXT("gmail.com")), rows[i].bad_line != 0);
	}
	assert_true(match_relation_is_free(TEXT("mail.test")));
	assert_true(match_relation_is_free(TEXT("ZZ.test")));
	assert_true(match_relation_is_free(TEXT("late.test")));
	assert_false(match_relation_is_free(TEXT("ail.test")));
}

static const struct secret *workspace_key(void)
{
	static struct secret key;

	if (secret_is_empty(&key))
		secret_set_text(&key, TEXT("0123456789abcdef0123456789abcdef"));
	return &key;
}

/* Outbounds to these, all under one subject, are found by every name that they have. */
struct told {
	const char *prospect, *address, *sequence;
	int64_t sent_at;
};

static void judge(const char *in, const struct told *told, size_t n, bool by_company, char *ret,
		  size_t size)
{
	const struct match_names_place place = { "inbox", "bo@send.test", 0 };
	struct match_names *names = mem_new(sizeof(*names));
	struct match_keys *asked = mem_new(sizeof(*asked)), *sent = mem_new(8 * sizeof(*sent));
	static const char *const ids[] = { "o1", "o2", "o3" };
	struct match_outbound found[64];
	struct match_list *list = mem_new(sizeof(*list));
	struct mime_head h;
	size_t n_found = 0;

	for (size_t i = 0; i < n; i++) {
		match_names_sent(text_of(told[i].address), TEXT("Pallets for the hall"),
				 (struct text){ 0 }, names);
		match_names_keys(NULL, names, workspace_key(), &sent[i]);
		for (size_t k = 0; k < sent[i].n; k++) {
			/* what the workspace does not want is not registered */
			if (sent[i].at[k].method == MATCH_COMPANY_ALONE && !by_company)
				continue;
			found[n_found++] =
				(struct match_outbound){ .id = text_of(ids[i]),
							 .prospect = text_of(told[i].prospect),
							 .sequence = text_of(told[i].sequence),
							 .address = text_of(told[i].address),
							 .digest = sent[i].at[k].digest,
							 .sent_at = told[i].sent_at };
		}
	}
	mime_head_init(&h);
	mime_head_read(&h, in, strlen(in));
	match_names_of(&h, &place, names);
	match_names_keys(NULL, names, workspace_key(), asked);
	const struct match_mail mail = { &h, NULL, 0, 10000 };

	match_pick_all(asked, &mail, found, n_found, list);
	ret[0] = '\0';
	for (size_t i = 0; i < list->n; i++) {
		size_t at = strlen(ret);

		(void)snprintf(ret + at, size - at, "%s%s %.*s %s", i ? ", " : "",
			       match_ids_method_name(list->at[i].method),
			       TEXT_ARG(found[list->at[i].outbound].prospect),
			       match_relation_name(list->at[i].relation));
	}
	free(names);
	free(asked);
	free(sent);
	free(list);
	mime_head_clear(&h);
}

static void who_wrote_speaks_for_whom(void **state)
{
	static const struct told one[] = { { "ann", "ann@north.test", "q1", 100 } };
	static const struct told two[] = { { "ann", "ann@north.test", "q1", 100 },
					   { "bea", "bea@north.test", "q1", 200 } };
	static const struct told later[] = { { "ann", "ann@north.test", "q1", 20000 } };
	static const struct told both[] = { { "ann", "ann@north.test", "q1", 100 },
					    { "ann", "ann@north.test", "q1", 150 },
					    { "ann", "ann@north.test", "q2", 200 } };
	static const struct {
		const char *name, *from, *subject;
		const struct told *told;
		size_t n;
		const char *matches;
		bool by_company;
	} rows[] = {
		{ "a colleague, and the workspace wants them", "cy@north.test", "Our new list", one,
		  1, "company ann colleague", true },
		{ "a colleague of two, and the workspace wants them", "cy@north.test", "Hello", two,
		  2, "", true },
		{ "the subject says more than the company", "cy@north.test",
		  "Re: Pallets for the hall", one, 1, "company_subject ann colleague", true },
		{ "the prospect, and not his company", "ann@north.test", "Hello", two, 2,
		  "from ann same", true },
		{ "before anybody there was written to", "cy@north.test", "Hello", later, 1, "",
		  true },
		{ "the prospect", "ann@north.test", "Re: Pallets for the hall", one, 1,
		  "from_subject ann same, from ann same", false },
		{ "the prospect, of something else", "ann@north.test", "Hello", one, 1,
		  "from ann same", false },
		{ "before he was written to", "ann@north.test", "Pallets for the hall", later, 1,
		  "", false },
		{ "a colleague", "cy@north.test", "Re: Pallets for the hall", one, 1,
		  "company_subject ann colleague", false },
		{ "a colleague, of something else", "cy@north.test", "Our new address list", one, 1,
		  "", false },
		{ "a colleague of two", "cy@north.test", "Re: Pallets for the hall", two, 2, "",
		  false },
		{ "a prospect is no colleague's voice", "bea@north.test",
		  "Re: Pallets for the hall", two, 2, "from_subject bea same, from bea same",
		  false },
		{ "each sequence once", "ann@north.test", "Hello", both, 3,
		  "from ann same, from ann same", false },
		{ "a stranger", "dan@south.test", "Re: Pallets for the hall", one, 1, "", false },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		char in[256], got[512];

		(void)snprintf(in, sizeof(in), "From: %s\r\nSubject: %s\r\n", rows[i].from,
			       rows[i].subject);
		judge(in, rows[i].told, rows[i].n, rows[i].by_company, got, sizeof(got));
		if (strcmp(got, rows[i].matches) != 0)
			fail_msg("%s: \"%s\"", rows[i].name, got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subjects_are_compared_without_what_was_put_before),
		cmocka_unit_test(who_answers_for_whom),
		cmocka_unit_test(a_conversation_goes_on_under_its_first_bytes),
		cmocka_unit_test(what_a_mail_names),
		cmocka_unit_test(who_wrote_speaks_for_whom),
		cmocka_unit_test(other_domains_are_anybodys), /* the last: the table stays */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
