#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "ingest/mime/mime_fold.h"
#include "ingest/mime/mime_subject.h"

static const struct {
	const char *raw;
	enum mime_subject_front front;
	const char *rest;
} fronts[] = {
	{ "Offer", MIME_SUBJECT_PLAIN, "offer" },
	{ "", MIME_SUBJECT_PLAIN, "" },
	{ "Re: Offer", MIME_SUBJECT_RE, "offer" },
	{ "RE : Offer", MIME_SUBJECT_RE, "offer" },
	{ "Re[2]: Offer", MIME_SUBJECT_RE, "offer" },
	{ "Re^3: Offer", MIME_SUBJECT_RE, "offer" },
	{ "AW: Angebot", MIME_SUBJECT_RE, "angebot" },
	{ "Antwoord: Offerte", MIME_SUBJECT_RE, "offerte" },
	{ "RÉF : Offre", MIME_SUBJECT_RE, "offre" },
	{ "RÉP: Offre", MIME_SUBJECT_RE, "offre" },
	{ "Ответ: Вопрос", MIME_SUBJECT_RE, "вопрос" },
	{ "ΑΠ: Offer", MIME_SUBJECT_RE, "offer" },
	{ "返信: Offer", MIME_SUBJECT_RE, "offer" },
	{ "회신: Offer", MIME_SUBJECT_RE, "offer" },
	{ "回复：Offer", MIME_SUBJECT_RE, "offer" },
	{ "תגובה: Offer", MIME_SUBJECT_RE, "offer" },
	{ "Fwd: Re: Offer", MIME_SUBJECT_FW, "re: offer" },
	{ "WG: Angebot", MIME_SUBJECT_FW, "angebot" },
	{ "Automatische Antwort: AW: x", MIME_SUBJECT_AUTO, "aw: x" },
	{ "[Auto-Reply] Re: x", MIME_SUBJECT_AUTO, "re: x" },
	{ "[ACME external] AW: Angebot", MIME_SUBJECT_RE, "angebot" },
	{ "[EXTERNAL EMAIL] RE: x", MIME_SUBJECT_RE, "x" },
	{ "[list-name] Re: Offer", MIME_SUBJECT_RE, "offer" },
	{ "***SPAM*** [ext] Re: Offer", MIME_SUBJECT_RE, "offer" },
	{ "EXT: Re: Offer", MIME_SUBJECT_RE, "offer" },
	{ "[Request received] Offer", MIME_SUBJECT_PLAIN, "offer" },
	{ "[Ticket#42]", MIME_SUBJECT_PLAIN, "[ticket#42]" },
	{ "[Re: Offer", MIME_SUBJECT_PLAIN, "[re: offer" },
	{ "Reminder: Offer", MIME_SUBJECT_PLAIN, "reminder: offer" },
	{ "Our talk re: the offer", MIME_SUBJECT_PLAIN, "our talk re: the offer" },
};

static void what_stands_in_front_is_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(fronts); i++) {
		cleanup_buf struct buf folded;
		struct text rest;
		enum mime_subject_front front;

		buf_init(&folded, 400);
		mime_fold_add(&folded, text_of(fronts[i].raw));
		front = mime_subject_front(text_of_buf(&folded), &rest);
		if (front != fronts[i].front || !text_eq(rest, text_of(fronts[i].rest)))
			fail_msg("\"%s\": %d, \"%.*s\"", fronts[i].raw, (int)front, (int)rest.len,
				 rest.at);
		assert_int_equal(mime_subject_is_answer(text_of_buf(&folded)),
				 front == MIME_SUBJECT_RE || front == MIME_SUBJECT_FW);
	}
}

static void only_words_of_gateways_are_taken_off(void **state)
{
	static const char *const rows[][2] = {
		{ "[external] automatic reply: x", "automatic reply: x" },
		{ "[acme external mail] [ext] x", "x" },
		{ "***spam*** external: x", "x" },
		{ "[auto-reply] x", "[auto-reply] x" },
		{ "[request received] x", "[request received] x" },
		{ "[external]", "[external]" },
		{ "re: x", "re: x" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		if (!text_eq(mime_subject_untagged(text_of(rows[i][0])), text_of(rows[i][1])))
			fail_msg("%s", rows[i][0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_stands_in_front_is_known),
		cmocka_unit_test(only_words_of_gateways_are_taken_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
