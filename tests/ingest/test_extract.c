#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/classify/classify_snippet.h"
#include "ingest/extract/extract.h"
#include "ingest/mime/mime_utf8.h"

static const struct {
	const char *name, *in, *want; /* spans joined by empty lines */
} rows[] = {
	{ "nothing quoted", "Hi Bo,\n\nyes please.\n", "Hi Bo,\n\nyes please." },
	{ "empty", "", "" },
	{ "blank", " \n\n \n", "" },
	{ "Gmail",
	  "Yes.\n\nOn Mon, 14 Sep 2026 at 10:02, Bo <bo@send.example> wrote:\n> Hi Ann\n>\n> Bo\n",
	  "Yes." },
	{ "Gmail, wrapped",
	  "Yes.\n\nOn Mon, 14 Sep 2026 at 10:02, Bo Sellerson\n<bo@send.example> wrote:\n\n> Hi "
	  "Ann\n",
	  "Yes." },
	{ "Gmail, wrapped twice",
	  "Yes.\n\nOn Mon, 14 Sep 2026 at 10:02\nBo Sellerson <bo@send.example>\nwrote:\n> Hi\n",
	  "Yes." },
	{ "not marked by brackets",
	  "Yes.\n\nOn 14 Sep 2026, at 10:02, Bo <bo@send.example> wrote:\n\nHi Ann,\nour offer\n",
	  "Yes." },
	{ "answer below",
	  "On Mon, 14 Sep 2026, Bo <bo@send.example> wrote:\n> Shall we?\n\nYes, Friday.\n",
	  "Yes, Friday." },
	{ "answers between", "Hi,\n\n> First?\nNo.\n> Second?\n> really?\nYes.\n",
	  "Hi,\n\nNo.\n\nYes." },
	{ "Original Message", "Yes.\n\n-----Original Message-----\nFrom: Bo\nHi Ann\n", "Yes." },
	{ "Outlook",
	  "Yes.\n\n________________________________\nFrom: Bo <bo@send.example>\nSent: Monday\nTo: "
	  "Ann\nSubject: Offer\n\nHi\n",
	  "Yes." },
	{ "Outlook without a line",
	  "Yes.\n\nFrom: Bo <bo@send.example>\nSent: Monday\nTo: Ann\n\nHi\n", "Yes." },
	{ "Outlook in bold",
	  "Yes.\n\n*From:* Bo <bo@send.example>\n*Sent:* Monday\n*Subject:* Offer\n\nHi\n",
	  "Yes." },
	{ "Outlook in German",
	  "Ja.\n\nVon: Bo <bo@send.example>\nGesendet: Montag\nAn: Ann\nBetreff: "
	  "Angebot\n\nHallo\n",
	  "Ja." },
	{ "Outlook in French",
	  "Oui.\n\nDe : Bo <bo@send.example>\nEnvoyé : lundi\nÀ : Ann\nObjet : Offre\n\nBonjour\n",
	  "Oui." },
	{ "Outlook in Polish",
	  "Tak.\n\nOd: Bo\nWysłano: poniedziałek\nDo: Ann\nTemat: Oferta\n\nHej\n", "Tak." },
	{ "Outlook in Japanese",
	  "はい。\n\n差出人: Bo\n送信日時: 月曜日\n宛先: Ann\n件名: 提案\n\nこんにちは\n",
	  "はい。" },
	{ "German",
	  "Ja.\n\nAm Mo., 14. Sept. 2026 um 10:02 Uhr schrieb Bo <bo@send.example>:\n\n> Hallo\n",
	  "Ja." },
	{ "French",
	  "Oui.\n\nLe lun. 14 sept. 2026 à 10:02, Bo <bo@send.example> a écrit :\n\n> Bonjour\n",
	  "Oui." },
	{ "Spanish",
	  "Sí.\n\nEl lun, 14 sept 2026 a las 10:02, Bo (<bo@send.example>) escribió:\n\n> Hola\n",
	  "Sí." },
	{ "Italian",
	  "Sì.\n\nIl giorno lun 14 set 2026 alle ore 10:02 Bo <bo@send.example> ha scritto:\n\n> "
	  "Ciao\n",
	  "Sì." },
	{ "Portuguese",
	  "Sim.\n\nEm seg., 14 de set. de 2026 às 10:02, Bo <bo@send.example> escreveu:\n\n> Olá\n",
	  "Sim." },
	{ "Dutch", "Ja.\n\nOp ma 14 sep 2026 om 10:02 schreef Bo <bo@send.example>:\n\n> Hallo\n",
	  "Ja." },
	{ "Dutch, Outlook Mac",
	  "Ja.\n\nOp 14 sep. 2026 om 10:02 heeft Bo <bo@send.example> het volgende "
	  "geschreven:\n\n> Hallo\n",
	  "Ja." },
	{ "Swedish", "Ja.\n\nDen mån 14 sep. 2026 kl 10:02 skrev Bo <bo@send.example>:\n\n> Hej\n",
	  "Ja." },
	{ "Danish",
	  "Ja.\n\nDen man. 14. sep. 2026 kl. 10.02 skrev Bo <bo@send.example>:\n\n> Hej\n", "Ja." },
	{ "Norwegian", "Ja.\n\nman. 14. sep. 2026 kl. 10:02 skrev Bo <bo@send.example>:\n\n> Hei\n",
	  "Ja." },
	{ "Finnish",
	  "Kyllä.\n\nma 14. syysk. 2026 klo 10.02 Bo (bo@send.example) kirjoitti:\n\n> Hei\n",
	  "Kyllä." },
	{ "Polish", "Tak.\n\npon., 14 wrz 2026 o 10:02 Bo <bo@send.example> napisał(a):\n\n> Hej\n",
	  "Tak." },
	{ "Czech",
	  "Ano.\n\npo 14. 9. 2026 v 10:02 odesílatel Bo <bo@send.example> napsal:\n\n> Ahoj\n",
	  "Ano." },
	{ "Russian", "Да.\n\nпн, 14 сент. 2026 г. в 10:02, Bo <bo@send.example>:\n\n> Привет\n",
	  "Да." },
	{ "Turkish",
	  "Evet.\n\nBo <bo@send.example>, 14 Eyl 2026 Pzt, 10:02 tarihinde şunu yazdı:\n\n> "
	  "Merhaba\n",
	  "Evet." },
	{ "Japanese", "はい。\n\n2026年9月14日(月) 10:02 Bo <bo@send.example>:\n\n> こんにちは\n",
	  "はい。" },
	{ "Chinese", "好的。\n\nBo <bo@send.example> 于2026年9月14日周一 10:02写道：\n\n> 你好\n",
	  "好的。" },
	{ "Zoho",
	  "Yes.\n\n---- On Mon, 14 Sep 2026 10:02:11 +0200 Bo <bo@send.example> wrote ----\n\nHi "
	  "Ann\n",
	  "Yes." },
	{ "signature", "Yes.\n\n-- \nAnn Archer\nBuyer\n", "Yes." },
	{ "signature, then the quote, then an answer",
	  "Yes.\n-- \nAnn\n\nOn Mon, 14 Sep 2026, Bo <b@x> wrote:\n> When?\nFriday.\n",
	  "Yes.\n\nFriday." },
	{ "dashes that are no signature", "One --\n--- two ---\nthree",
	  "One --\n--- two ---\nthree" },
	{ "phone",
	  "Yes.\n\nSent from my iPhone\n\nOn 14 Sep 2026, at 10:02, Bo <bo@send.example> wrote:\n> "
	  "Hi\n",
	  "Yes." },
	{ "phone in German", "Ja.\n\nVon meinem iPhone gesendet\n", "Ja." },
	{ "a gateway's warning",
	  "CAUTION: This email originated from outside.\nDo not click.\n\nYes.\n", "Yes." },
	{ "words like a warning further down",
	  "Hi,\n\nCaution: external suppliers need a number.\n",
	  "Hi,\n\nCaution: external suppliers need a number." },
	{ "prose that wrote", "I wrote to your colleague in May:\nno answer.\n",
	  "I wrote to your colleague in May:\nno answer." },
	{ "prose with a date and a colon", "On Monday we need three things:\nprice, term, start.\n",
	  "On Monday we need three things:\nprice, term, start." },
	{ "prose with labels", "From: Lisbon\nWe leave on Monday.\n",
	  "From: Lisbon\nWe leave on Monday." },
	{ "only a quote", "> Hi Ann\n> Bo\n", "" },
	{ "attribution and quote only",
	  "On Mon, 14 Sep 2026, Bo <bo@send.example> wrote:\n> Hi Ann\n", "" },
	{ "a forward is kept",
	  "---------- Forwarded message ---------\nFrom: Bo <bo@send.example>\nDate: Mon\nSubject: "
	  "Offer\n\nHi Ann\n",
	  "---------- Forwarded message ---------\nFrom: Bo <bo@send.example>\nDate: Mon\nSubject: "
	  "Offer\n\nHi Ann" },
	{ "words above a forward",
	  "See below.\n\nBegin forwarded message:\n\nFrom: Bo\nSubject: Offer\n\nHi\n",
	  "See below." },
	{ "of nothing but a header block and a mail, the mail",
	  "From: Bo\nSent: Monday\nTo: Ann\n\nHi\n", "Hi" },
};

static void cuts(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		struct extract e;
		struct buf b;

		extract_cut(text_of(rows[i].in), NULL, &e);
		buf_init(&b, 4096);
		extract_new(&e, &b);
		if (!text_eq((struct text){ (const char *)b.data, b.len }, text_of(rows[i].want)))
			fail_msg("%s: \"%s\"", rows[i].name, b.data ? (const char *)b.data : "");
		buf_clear(&b);
	}
}

/* Spans are parts of the body, in order, and none is empty, wherever it was cut. */
static void spans_lie_in_the_body(struct text body)
{
	struct extract e;
	const char *at = body.at;

	extract_cut(body, NULL, &e);
	assert_true(e.n <= countof(e.at));
	for (size_t i = 0; i < e.n; i++) {
		struct text t = e.at[i].text;

		assert_true(t.len > 0);
		assert_true(t.at >= at && t.at + t.len <= body.at + body.len);
		at = t.at + t.len;
	}
}

static void every_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(rows); i++)
		for (size_t n = 0; n <= strlen(rows[i].in); n++)
			spans_lie_in_the_body((struct text){ rows[i].in, n });
}

/* The largest body there is, of any one line: well under two seconds even with sanitizers. */
static void hostile_bodies(void **state)
{
	static const char *const repeated[] = {
		"\n",
		">\n",
		"> a\nb\n",
		"On ",
		"On \n",
		"On 1234 a@b\n",
		"On 1234 a@b wrote\n",
		"wrote:\n",
		"From: a\n",
		"To: a\n",
		"To: a\n\n",
		"a <b@c>\n",
		"-- \n",
		"__________\n",
		"-----Original Message----- \n",
		"CAUTION: this e\n",
		"Sent from my a\n",
		"\xe5\x9c\xa8",
		"a",
		":",
		"From:",
		"\xcc\x81",
		"1@<>:\n",
	};

	(void)state;
	for (size_t i = 0; i < countof(repeated); i++) {
		struct buf b;
		clock_t began;

		buf_init(&b, LIMIT_MIME_TEXT);
		while (text_add(&b, text_of(repeated[i])) == 0)
			;
		began = clock();
		spans_lie_in_the_body((struct text){ (const char *)b.data, b.len });
		if ((clock() - began) / CLOCKS_PER_SEC >= 2)
			fail_msg("\"%s\": %ld ms", repeated[i],
				 (long)(clock() - began) * 1000 / CLOCKS_PER_SEC);
		buf_clear(&b);
	}
}

static void a_join_holds_its_ceiling(void **state)
{
	struct extract e;
	struct buf b;

	(void)state;
	extract_cut(TEXT("one\n> q\ntwo\n"), NULL, &e);
	buf_init(&b, 7);
	extract_join(&e, EXTRACT_NEW, &b);
	assert_string_equal((const char *)b.data, "one");
	buf_clear(&b);
}

static size_t characters(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((uint8_t)*s & 0xc0) != 0x80;
	return n;
}

static void snippets(void **state)
{
	char s[CLASSIFY_SNIPPET];
	struct buf b;

	(void)state;
	classify_snippet(TEXT("  Hi\n\n  Ann,\tyes.  "), s);
	assert_string_equal(s, "Hi Ann, yes.");
	classify_snippet(TEXT(""), s);
	assert_string_equal(s, "");

	for (size_t n = 290; n < 310; n++) {
		buf_init(&b, 2000);
		for (size_t i = 0; i < n; i++)
			(void)text_add(&b, TEXT("ä"));
		classify_snippet((struct text){ (const char *)b.data, b.len }, s);
		assert_int_equal(characters(s), n <= 300 ? n : 300);
		assert_true(mime_utf8_is_valid(text_of(s)));
		buf_clear(&b);
	}
}

static void snippets_end_between_words(void **state)
{
	char s[CLASSIFY_SNIPPET];
	struct buf b;

	(void)state;
	buf_init(&b, 2000);
	for (int i = 0; i < 100; i++)
		(void)text_add(&b, TEXT("seven77 "));
	classify_snippet((struct text){ (const char *)b.data, b.len }, s);
	assert_true(characters(s) <= 300);
	assert_true(text_iends(text_of(s), TEXT("seven77…")));
	buf_clear(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts),           cmocka_unit_test(every_cut),
		cmocka_unit_test(hostile_bodies), cmocka_unit_test(a_join_holds_its_ceiling),
		cmocka_unit_test(snippets),       cmocka_unit_test(snippets_end_between_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
