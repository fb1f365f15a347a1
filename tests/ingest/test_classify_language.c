#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/classify/classify_language.h"

static const struct {
	const char *want, *text;
} rows[] = {
	{ "en", "Thanks for the note, we will have a look at it next week." },
	{ "fr", "Bonjour, nous avons déjà un prestataire pour cela." },
	{ "de", "Wir haben derzeit keinen Bedarf, danke der Nachfrage." },
	{ "es", "Buenos días, ahora mismo no lo necesitamos." },
	{ "it", "Buongiorno, al momento non siamo interessati." },
	{ "pt", "Bom dia, neste momento não temos interesse." },
	{ "nl", "Wij hebben hier op dit moment geen behoefte aan." },
	{ "pl", "Dziękuję, ale nie jesteśmy tym zainteresowani." },
	{ "sv", "Hej, vi har redan en leverantör för det här." },
	{ "da", "Hej, det er ikke noget for os, men tak for henvendelsen." },
	{ "no", "Hei, dette er ikke noe for oss, men takk for at dere spør." },
	{ "fi", "Hei, tämä ei ole meille ajankohtaista nyt." },
	{ "ru", "Добрый день, нам это не интересно." },
	{ "uk", "Добрий день, нам це не цікаво." },
	{ "ja", "資料をお送りください。よろしくお願いします。" },
	{ "zh", "请发一份报价单给我。" },
	{ "ko", "자료를 보내 주세요." },
	{ "el", "Δεν μας ενδιαφέρει, ευχαριστούμε." },
	{ "he", "תודה, לא מעוניינים." },
	{ "ar", "شكرا، لسنا مهتمين." },
	/* without accents, as people type */
	{ "fr", "merci mais nous ne sommes pas interesses" },
	{ "de", "danke, wir haben schon etwas fuer uns" },
	/* one language in the words, another in the names */
	{ "en", "Please talk to my colleague Jürgen Groß about this, he will know." },
	/* too little, or nothing of a language */
	{ "", "" },
	{ "", "ok" },
	{ "", "+1 555 0175 :-)" },
	{ "", "https://cal.example/x" },
};

static void a_language_is_told_by_its_small_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		const char *got = classify_language_of(text_of(rows[i].text));

		if (!text_eq(text_of(got), text_of(rows[i].want)))
			fail_msg("\"%s\": got \"%s\", want \"%s\"", rows[i].text, got,
				 rows[i].want);
	}
}

/* A character that the ceiling would cut is no reason to read past it. */
static void long_texts_are_judged_by_their_front(void **state)
{
	char text[4001];

	(void)state;
	for (size_t i = 0; i + 2 <= sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	(void)classify_language_of((struct text){ text, sizeof(text) - 1 });
	memcpy(text, "we are happy with what we have and do not need another ", 55);
	assert_string_equal(classify_language_of((struct text){ text, 55 }), "en");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_language_is_told_by_its_small_words),
		cmocka_unit_test(long_texts_are_judged_by_their_front),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
