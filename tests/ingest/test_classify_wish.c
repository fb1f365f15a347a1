#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/classify/classify.h"
#include "ingest/classify/classify_pattern.h"

#define RECEIVED 1789380000 /* 2026-09-14 10:00 UTC, a Monday */

static void judge(const char *subject, const char *headers, const char *body,
		  struct classify_verdict *ret)
{
	struct mime_head head;
	cleanup_buf struct buf raw;

	buf_init(&raw, 4000);
	assert_int_equal(text_addf(&raw,
				   "From: Ann <ann@prospect.test>\r\nTo: rep@seller.test\r\n"
				   "Subject: %s\r\nIn-Reply-To: <ours@seller.test>\r\n%s\r\n",
				   subject, headers),
			 0);
	mime_head_init(&head);
	mime_head_read(&head, raw.data, raw.len);
	const struct classify_input in = {
		.head = &head, .body = text_of(body), .matched = true, .received_at = RECEIVED
	};

	classify_full(&in, ret);
	mime_head_clear(&head);
}

static void expect(const char *text, const char *want)
{
	struct classify_verdict v;

	judge("Re: hello", "", text, &v);
	if (strcmp(classify_intent_name(v.intent), want) != 0)
		fail_msg("\"%s\": got \"%s\" by %s, want \"%s\"", text,
			 classify_intent_name(v.intent), v.evidence[v.n_evidence - 1].rule, want);
}

static const char *const optouts[] = {
	"Please unsubscribe me.",
	"STOP",
	"Hi Tom,\n\nstop.\n\nThanks\nAnn",
	"Kindly take my address off this mailing list, thank you.",
	"I don't want to get any more of these emails.",
	"Would you please stop sending us these offers?",
	"Bitte streichen Sie uns aus Ihrem Verteiler.",
	"Senden Sie uns bitte keine weiteren Nachrichten.",
	"Abmelden!",
	"Merci de ne plus me contacter.",
	"Veuillez retirer notre adresse de vos fichiers.",
	"Por favor, elimínenme de su base de datos.",
	"No me escriban más.",
	"Non voglio più ricevere le vostre mail.",
	"Gentilmente toglietemi dalla lista.",
	"Não quero receber mais mensagens vossas.",
	"Por favor retirem o meu e-mail da lista.",
	"Haal mij van jullie lijst.",
	"Ik wil geen mails meer van u ontvangen.",
	"Proszę nie pisać do mnie więcej.",
	"Proszę o usunięcie moich danych z bazy.",
	"Sluta maila mig.",
	"Fjern mig fra jeres liste, tak.",
	"Vennligst meld meg av.",
	"Poistakaa minut listalta.",
	"Уберите меня из рассылки.",
	"これ以上連絡しないでください。",
	"请不要再联系我。",
};

static const char *const lookalikes[] = {
	"Please remove me from CC, Bob will handle it.",
	"How do you handle unsubscribe requests in your tool?",
	"What is the opt-out rate of such campaigns?",
	"We stopped using that vendor last year.",
	"Don't send me a paper invoice.",
	"I almost hit unsubscribe, but then I read the number.",
	"Ich muss mich leider vom Termin abmelden.",
	"Estoy de baja hasta el martes.",
	"Merci de retirer Paul de la copie.",
	"We only stop for lunch at noon.",
	"Mogę usunąć spotkanie z kalendarza?",
	"Wir brauchen keine Faktura auf Papier.",
};

static void who_wants_no_more_mail_is_heard(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(optouts); i++)
		expect(optouts[i], "unsubscribe");
}

static void what_only_looks_like_it_opts_nobody_out(void **state)
{
	struct classify_verdict v;

	(void)state;
	for (size_t i = 0; i < countof(lookalikes); i++) {
		judge("Re: hello", "", lookalikes[i], &v);
		if (v.intent == CLASSIFY_INTENT_UNSUBSCRIBE)
			fail_msg("\"%s\" opts out by %s", lookalikes[i],
				 v.evidence[v.n_evidence - 1].rule);
	}
}

static void only_what_the_sender_wrote_counts(void **state)
{
	struct classify_verdict v;

	(void)state;
	expect("Sounds good.\n\nOn Mon, 14 Sep 2026, Rep wrote:\n> Reply STOP to unsubscribe me",
	       "interested");
	/* the word that a mailto: link of ours puts into the subject of a mail of its own */
	judge("Unsubscribe", "", "", &v);
	assert_int_equal(v.intent, CLASSIFY_INTENT_UNSUBSCRIBE);
	assert_int_equal(v.evidence[v.n_evidence - 1].source, CLASSIFY_BY_SUBJECT);
	/* our own subject, answered */
	judge("Re: Unsubscribe", "", "", &v);
	assert_int_not_equal(v.intent, CLASSIFY_INTENT_UNSUBSCRIBE);
	/* the footer of a newsletter */
	judge("News", "List-Id: <news.prospect.test>\r\n", "News of the week.\n\nUnsubscribe", &v);
	assert_int_not_equal(v.intent, CLASSIFY_INTENT_UNSUBSCRIBE);
	/* an absence notice */
	judge("Out of office", "Auto-Submitted: auto-replied\r\n",
	      "I am away. Please remove me from urgent threads, and stop emailing me.", &v);
	assert_int_equal(v.kind, CLASSIFY_OUT_OF_OFFICE);
	assert_int_equal(v.intent, CLASSIFY_INTENT_NONE);
}

static void the_rule_is_named(void **state)
{
	struct classify_verdict v;

	(void)state;
	judge("Re: hello", "", "Bitte streichen Sie uns aus Ihrem Verteiler.", &v);
	assert_string_equal(v.lang, "de");
	assert_string_equal(v.evidence[v.n_evidence - 1].rule, "unsubscribe.de");
	assert_non_null(strstr(v.evidence[v.n_evidence - 1].text, "aus ihrem verteiler"));
}

/* ---- patterns ---- */

static const struct {
	const char *name, *pattern, *sentence;
	bool question, found;
} patterns[] = {
	{ "words", "stop it", "please stop it now", false, true },
	{ "no part of a word", "stop it", "nonstop it", false, false },
	{ "nor its beginning", "stop", "stopped", false, false },
	{ "any ending", "stop*", "stopped", false, true },
	{ "either", "(stop|halt) (it|this)", "halt this", false, true },
	{ "or nothing", "(|please )stop", "stop", false, true },
	{ "one after the other", "remove .. list", "remove me from that list", false, true },
	{ "in this order", "list .. remove", "remove me from that list", false, false },
	{ "not far away", "remove .. list",
	  "remove the one that was put there by some of us years ago from the list", false, false },
	{ "questions", "how much?", "how much", false, false },
	{ "are asked", "how much?", "how much", true, true },
	{ "no blanks between words", "\xe9\x80\x80\xe8\xae\xa2",
	  "\xe8\xaf\xb7\xe9\x80\x80\xe8\xae\xa2\xe5\x90\xa7", false, true },
	{ "letters beyond ascii", "\xd1\x81\xd1\x82", "\xd1\x81\xd1\x82\xd0\xbe", false, false },
};

static void patterns_mean_what_they_say(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(patterns); i++) {
		struct classify_patterns *p = classify_pattern_new();
		struct classify_pattern_found f;

		assert_null(classify_pattern_add(p, patterns[i].pattern, 7));
		classify_pattern_find(p, text_of(patterns[i].sentence), patterns[i].question, &f);
		if ((f.n > 0) != patterns[i].found)
			fail_msg("%s: %zu found", patterns[i].name, f.n);
		classify_pattern_free(p);
	}
}

static void what_is_no_pattern_is_refused(void **state)
{
	static const char *const wrong[] = { "Stop",     "(a|b",
					     "a) b",     "sto* it",
					     "",         "a .. ",
					     "(a*|b) c", "a .. b .. c .. d .. e .. f" };

	(void)state;
	for (size_t i = 0; i < countof(wrong); i++) {
		struct classify_patterns *p = classify_pattern_new();

		if (!classify_pattern_add(p, wrong[i], 1))
			fail_msg("\"%s\" was taken", wrong[i]);
		classify_pattern_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_wants_no_more_mail_is_heard),
		cmocka_unit_test(what_only_looks_like_it_opts_nobody_out),
		cmocka_unit_test(only_what_the_sender_wrote_counts),
		cmocka_unit_test(the_rule_is_named),
		cmocka_unit_test(patterns_mean_what_they_say),
		cmocka_unit_test(what_is_no_pattern_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
