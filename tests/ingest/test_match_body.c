#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ingest/match/match_body.h"

/* Ids, then links, a blank between them. */
static void read(const char *text, const char *hidden, char *ret, size_t size)
{
	static const char head[] = "From: Ann <ann.miller1984@mail.example>\r\n"
				   "To: Bo <bo.from.sales42@send.example>\r\n\r\n";
	struct match_body *b = mem_new(sizeof(*b));
	struct mime_head h;
	size_t at = 0;

	mime_head_init(&h);
	mime_head_read(&h, head, strlen(head));
	match_body_of(text_of(text), text_of(hidden), &h, b);
	ret[0] = '\0';
	for (size_t i = 0; i < b->n_ids + b->n_links; i++)
		at += (size_t)snprintf(ret + at, size - at, "%s%s", i ? " " : "",
				       i < b->n_ids ? b->ids[i] : b->links[i - b->n_ids]);
	mime_head_clear(&h);
	free(b);
}

static void what_a_text_names(void **state)
{
	static const struct {
		const char *name, *text, *want;
	} rows[] = {
		{ "nothing", "Thursday at ten: 3@5 euros?", "" },
		{ "an id of a header block", "Message-ID: <Ab.1@Send.Example>",
		  "Ab.1@send.example" },
		{ "quoted", "> > Message-Id: <ab.1@send.example>\n", "ab.1@send.example" },
		{ "set in bold", "*Message-ID:* <ab.1@send.example>", "ab.1@send.example" },
		{ "on the next line", "Message-ID:\n <ab.1@send.example>\n", "ab.1@send.example" },
		{ "without brackets", "the message-id: ab.1@send.example.", "ab.1@send.example" },
		{ "without a blank", "Message-ID:ab.1@send.example", "ab.1@send.example" },
		{ "RFC 2392", "see mid:ab.1@send.example", "ab.1@send.example" },
		{ "it looks made", "about <step2.8f3ac0@send.example> again",
		  "step2.8f3ac0@send.example" },
		{ "an address is none", "write to <office@send.example>, or bo@send.example", "" },
		{ "nor is one of the mail's own",
		  "On Monday <bo.from.sales42@send.example> wrote to ann.miller1984@mail.example",
		  "" },
		{ "nor what links to an address", "mailto:person1984@send.example", "" },
		{ "the same once", "mid:ab.1@send.example, Message-ID: <ab.1@SEND.example>",
		  "ab.1@send.example" },
		{ "what is called one comes first",
		  "<made-up-1@send.example> <made-up-2@send.example> Message-ID: <x@send.example>",
		  "x@send.example made-up-2@send.example made-up-1@send.example" },
		{ "a link", "See https://Go.Send.example/C/x7Ks9q.", "go.send.example/C/x7Ks9q" },
		{ "in brackets", "here <http://go.send.example/c/x7Ks9q#top>, and so on",
		  "go.send.example/c/x7Ks9q" },
		{ "with a query alone", "https://send.example?id=123456!",
		  "send.example?id=123456" },
		{ "both schemes are one", "http://a.example/abcdef https://a.example/abcdef/",
		  "a.example/abcdef" },
		{ "a page for everybody is nobody's",
		  "https://send.example/ https://send.example/faq", "" },
		{ "other schemes are none", "ftp://send.example/abcdefgh ://send.example/abcdefgh",
		  "" },
		{ "an @ in a link is no id", "https://send.example/u/made.up.12@x.example",
		  "send.example/u/made.up.12@x.example" },
		{ "inside a gateway's",
		  "https://eur01.gate.example/"
		  "?url=https%3A%2F%2Fgo.send.example%2Fc%2Fx7Ks9q&data=1",
		  "eur01.gate.example/?url=https%3A%2F%2Fgo.send.example%2Fc%2Fx7Ks9q&data=1 "
		  "go.send.example/c/x7Ks9q" },
		{ "inside another's",
		  "https://gate.example/v3/__https://go.send.example/c/x7Ks9q__;!!a",
		  "gate.example/v3/__https://go.send.example/c/x7Ks9q__;!!a "
		  "go.send.example/c/x7Ks9q" },
		{ "a broken one", "https://gate.example/abcdef?u=https%3A%2F%2Fgo%ZZ",
		  "gate.example/abcdef?u=https%3A%2F%2Fgo%ZZ" },
		{ "between other letters", "编号<https://go.send.example/c/x7Ks9q>。",
		  "go.send.example/c/x7Ks9q" },
	};
	char got[4096];

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		read(rows[i].text, "", got, sizeof(got));
		if (strcmp(got, rows[i].want) != 0)
			fail_msg("%s: %s", rows[i].name, got);
	}
}

static void links_that_are_not_shown(void **state)
{
	char got[256];

	(void)state;
	read("To see it https://a.example/abcdef",
	     "https://b.example/abcdef\nhttp://a.example/abcdef", got, sizeof(got));
	assert_string_equal(got, "a.example/abcdef b.example/abcdef");
}

static void a_link_that_is_too_long_is_none(void **state)
{
	cleanup_buf struct buf b;
	char got[MATCH_LINK];

	(void)state;
	buf_init(&b, 4096);
	text_addf(&b, "https://a.example/");
	while (b.len < sizeof("https://") - 1 + MATCH_LINK - 1)
		text_add(&b, TEXT("x"));
	assert_true(match_body_link(text_of_buf(&b), got));
	assert_int_equal(strlen(got), MATCH_LINK - 1);
	text_add(&b, TEXT("x"));
	assert_false(match_body_link(text_of_buf(&b), got));
}

/* What somebody may send to make us work: each is repeated to the ceiling of a text. */
static const char *const floods[] = {
	"<made-up-%zu@send.example> ",
	"Message-ID: <called-%zu@send.example>\n",
	"https://send.example/c/abcdef%zu ",
	"https://g.example/?u=http%%3A%%2F%%2Fa.example%%2F%zu%%2Fhttp",
	"@%zu",
	"a@%zu ",
	"://%zu",
	"http://",
	"Message-ID: ",
};

static void flood(struct buf *b, const char *format, size_t bytes)
{
	for (size_t i = 0; b->len < bytes; i++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		if (text_addf(b, format, i))
			return;
#pragma GCC diagnostic pop
	}
}

static void a_flood_is_cut(void **state)
{
	struct match_body *b = mem_new(sizeof(*b));
	struct mime_head h;

	(void)state;
	mime_head_init(&h);
	for (size_t i = 0; i < countof(floods); i++) {
		cleanup_buf struct buf text;

		buf_init(&text, LIMIT_MIME_TEXT);
		flood(&text, floods[i], LIMIT_MIME_TEXT - 64);
		text_addf(&text, " Message-ID: <the.one@send.example>");
		match_body_of(text_of_buf(&text), text_of_buf(&text), &h, b);
		assert_true(b->n_ids <= LIMIT_MATCH_BODY && b->n_links <= LIMIT_MATCH_BODY);
		/* only ids that are called so leave no room for one that is called so */
		if (i != 1)
			assert_string_equal(b->ids[0], "the.one@send.example");
	}
	free(b);
}

#define LITTLE_NS 50000 /* what is no work: clocks are coarse */

/* Of this thread alone: other programs do not count. */
static int64_t cpu_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t cost_ns(const char *format, size_t bytes)
{
	struct match_body *b = mem_new(sizeof(*b));
	cleanup_buf struct buf text;
	struct mime_head h;
	int64_t least = INT64_MAX;

	mime_head_init(&h);
	buf_init(&text, bytes + 128);
	flood(&text, format, bytes);
	for (int i = 0; i < 7; i++) {
		int64_t began = cpu_ns(), took;

		match_body_of(text_of_buf(&text), text_of_buf(&text), &h, b);
		took = cpu_ns() - began;
		least = took < least ? took : least;
	}
	free(b);
	return least;
}

/* Sixteen times the text costs sixteen times as much, and not its square. */
static void it_is_linear(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(floods); i++) {
		int64_t one = cost_ns(floods[i], (size_t)16 * 1024);
		int64_t many = cost_ns(floods[i], (size_t)256 * 1024);

		if (many > (one + LITTLE_NS) * 16 * 4)
			fail_msg("%s: %lld ns, then %lld ns", floods[i], (long long)one,
				 (long long)many);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_text_names),
		cmocka_unit_test(links_that_are_not_shown),
		cmocka_unit_test(a_link_that_is_too_long_is_none),
		cmocka_unit_test(a_flood_is_cut),
		cmocka_unit_test(it_is_linear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
