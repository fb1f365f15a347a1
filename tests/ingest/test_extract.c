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
	{ "a closing formula and a name",
	  "Yes, Friday.\n\nKind regards,\nAnn Archer\nBuyer\n+44 1632 960 018\n", "Yes, Friday." },
	{ "thanks and a name", "What does it cost?\n\nThanks\nAnn\n", "What does it cost?" },
	{ "thanks that say something", "Thanks\nPlease call me tomorrow at 5.\n",
	  "Thanks\nPlease call me tomorrow at 5." },
	{ "nothing but thanks", "Thanks!\n", "Thanks!" },
	{ "nothing but a closing formula and a name", "Regards\nAnn\n", "Regards\nAnn" },
	{ "a signature over a quote, and nothing else",
	  "Kind regards\nAnn\n\nOn Mon, 14 Sep 2026, Bo <b@x> wrote:\n> When?\n", "" },
	{ "a closing formula in German", "Ja, gern.\n\nMit freundlichen Grüßen\nAnna Archer\n",
	  "Ja, gern." },
	{ "one in French, with its courtesies",
	  "Merci, non.\n\nJe vous prie d'agréer, Monsieur, mes salutations distinguées.\n\nAnne "
	  "Archer\n",
	  "Merci, non." },
	{ "one in Polish", "Proszę o cennik.\n\nZ poważaniem\nAnna Archer\n", "Proszę o cennik." },
	{ "a postscript is new", "Yes.\n\nBest regards\nAnn\n\nP.S. Not on Fridays.\n",
	  "Yes.\n\nP.S. Not on Fridays." },
	{ "small print",
	  "No thanks.\n\nThis email and any attachments are confidential. If you are not the "
	  "intended "
	  "recipient, delete it.\n",
	  "No thanks." },
	{ "a person who speaks of the law",
	  "Delete my data. This email is a request under the GDPR.\n",
	  "Delete my data. This email is a request under the GDPR." },
	{ "what a phone did not write", "Sent from my desk, it is easier than from a train.\n",
	  "Sent from my desk, it is easier than from a train." },
	{ "the footer of a list",
	  "Yes.\n\n______________\nbuyers mailing list\nbuyers@lists.example\n", "Yes." },
	{ "a banner in German", "ACHTUNG: Diese E-Mail stammt von außerhalb.\n\nJa.\n", "Ja." },
	{ "a banner without an empty line below it",
	  "[EXTERNAL] Be careful.\nYes.\nFriday.\nNoon.\nOr one.\nOr two.\n"
	  "Or three.\nOr four.\nOr five.\n",
	  "Yes.\nFriday.\nNoon.\nOr one.\nOr two.\nOr three.\nOr four.\nOr five." },
	{ "text and attribution on one line",
	  "Yes please. On Mon, 14 Sep 2026 at 10:02, Bo <b@x.example> wrote:\n> Hi\n",
	  "Yes please." },
	{ "all on one line",
	  "Ja. Am Mo., 14. Sept. 2026 um 10:02 Uhr schrieb Bo <b@x.example>: > Hallo\n", "Ja." },
	{ "a quoted line that a server wrapped",
	  "> We would like to know whether you have had the time to look at our\noffer of last "
	  "week.\n> Bo\n\nYes.\n",
	  "Yes." },
	{ "a line that is drawn", "See\n>>> our new shop <<<\nthere.\n",
	  "See\n>>> our new shop <<<\nthere." },
	{ "two labels are enough with an address and a time",
	  "Yes.\n\nFrom: bo@send.example\nDate: Mon, 14 Sep 2026 10:02:11 +0200\n\nHi\n", "Yes." },
	{ "Outlook with empty lines between",
	  "Yes.\n\nFrom: Bo\n\nSent: Monday\n\nTo: Ann\n\nSubject: Offer\n\nHi\n", "Yes." },
	{ "Ukrainian",
	  "Так.\n\nпн, 14 вер. 2026 р. о 10:02 Bo <bo@send.example> пише:\n\n> Добрий день\n",
	  "Так." },
	{ "Vietnamese",
	  "Vâng.\n\nVào Th 2, 14 thg 9, 2026 vào lúc 10:02 Bo <bo@send.example> đã viết:\n\n> "
	  "Chào\n",
	  "Vâng." },
	{ "Hebrew",
	  "כן.\n\nבתאריך יום ב׳, 14 בספט׳ 2026 ב-10:02 מאת Bo <bo@send.example>:\n\n> שלום\n",
	  "כן." },
	{ "Norwegian, the date behind",
	  "Ja.\n\nBo <bo@send.example> skrev følgende den 14.09.2026 10:02:\n\n> Hei\n", "Ja." },
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

/* A megabyte of any one line: well under two seconds even with sanitizers. */
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
		">",
		"-",
		"> a\nb\n",
		"Thanks\n",
		"Kind regards, Bo\n",
		"This email is confidential delete virus\n",
		"----- forwarded message ----- from: a to: b ",
		"http://a(\n>",
	};

	(void)state;
	for (size_t i = 0; i < countof(repeated); i++) {
		struct buf b;
		clock_t began;

		buf_init(&b, 1024 * 1024);
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

/* ---- what a mail passes on ---- */

static const struct {
	const char *name, *subject, *in;
	const char *from, *address, *to, *about, *body; /* `from` NULL: no forward */
} forwards[] = {
	{ "Gmail", "Fwd: Offer",
	  "See below.\n\n---------- Forwarded message ---------\nFrom: Bo Seller "
	  "<bo@send.example>\nDate: Mon, 14 Sep "
	  "2026\nSubject: Offer\nTo: <ann@x.example>, \"Cy, D.\" <cy@x.example>\n\nHi Ann\n",
	  "Bo Seller", "bo@send.example", "cy@x.example", "Offer", "Hi Ann" },
	{ "Apple, in brackets", "Fwd: Offre",
	  "> Début du message réexpédié :\n>\n> De: Bo <bo@send.example>\n> Objet: Offre\n> Date: "
	  "14 septembre 2026\n> À: "
	  "ann@x.example, cy@x.example\n>\n> Bonjour\n",
	  "Bo", "bo@send.example", "cy@x.example", "Offre", "Bonjour" },
	{ "Outlook", "FW: Offer",
	  "FYI\n\n________________________________\nFrom: Seller, Bo <bo@send.example>\nSent: "
	  "Monday\nTo: Ann "
	  "<ann@x.example>; Cy <cy@x.example>\nSubject: Offer\n\nHi Ann\n",
	  "Seller, Bo", "bo@send.example", "cy@x.example", "Offer", "Hi Ann" },
	{ "Outlook for Mac", "WG: Angebot",
	  "Am 14.09.2026, 10:02 schrieb \"Bo Seller\" <bo@send.example>:\n\n    Hallo\n",
	  "Bo Seller", "bo@send.example", "", "Angebot", "Hallo" },
	{ "Yahoo, on one line", "Fw: Angebot",
	  "  ----- Weitergeleitete Nachricht ----- Von: Bo <bo@send.example>An: \"ann@x.example\" "
	  "<ann@x.example>; Cy "
	  "<cy@x.example>Gesendet: Montag, 14. September 2026, 10:02:50 MESZBetreff: Angebot: "
	  "neu\n Hallo\n",
	  "Bo", "bo@send.example", "cy@x.example", "Angebot: neu", "Hallo" },
	{ "the same block in an answer", "Re: Offer",
	  "Yes.\n\nFrom: Bo <bo@send.example>\nSent: Monday\nTo: Ann\nSubject: Offer\n\nHi\n", NULL,
	  NULL, NULL, NULL, NULL },
	{ "an answer in Danish", "SV: Tilbud",
	  "Ja.\n\nFra: Bo <bo@send.example>\nSendt: mandag\nTil: Ann\nEmne: Tilbud\n\nHej\n", NULL,
	  NULL, NULL, NULL, NULL },
};

static void same(const char *name, struct buf *b, const char *want)
{
	if (!text_eq(text_trim(text_of_buf(b)), text_of(want)))
		fail_msg("%s: \"%s\", not \"%s\"", name, b->data ? (const char *)b->data : "",
			 want);
	buf_clear(b);
}

static void forwards_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(forwards); i++) {
		struct extract_about about = { .subject = text_of(forwards[i].subject) };
		struct extract_person people[4];
		struct extract e;
		struct buf b;
		size_t n;

		extract_cut(text_of(forwards[i].in), &about, &e);
		if (e.is_forward != (forwards[i].from != NULL))
			fail_msg("%s: forward %d", forwards[i].name, e.is_forward);
		if (!e.is_forward)
			continue;
		assert_int_equal(extract_forward_people(e.forward.from, people, 4), 1);
		assert_string_equal(people[0].name, forwards[i].from);
		assert_string_equal(people[0].address, forwards[i].address);
		n = extract_forward_people(e.forward.to, people, 4);
		assert_string_equal(n ? people[n - 1].address : "", forwards[i].to);
		buf_init(&b, 4096);
		extract_subject(&e, about.subject, &b);
		same(forwards[i].name, &b, forwards[i].about);
		extract_body(&e, &b);
		same(forwards[i].name, &b, forwards[i].body);
	}
}

/* Without a formula his own name begins a signature; anybody else's does not. */
static void the_senders_name_begins_a_signature(void **state)
{
	static const char body[] = "Please ask our buyer:\n\nCy Dean\n\nAnn Archer\nSupply Chain\n";
	static const char *const senders[] = { "Ann Archer", "Archer, Ann", "ann  archer (x)", "" };
	static const char *const want[] = {
		"Please ask our buyer:\n\nCy Dean", "Please ask our buyer:\n\nCy Dean",
		"Please ask our buyer:\n\nCy Dean",
		"Please ask our buyer:\n\nCy Dean\n\nAnn Archer\nSupply Chain"
	};

	(void)state;
	for (size_t i = 0; i < countof(senders); i++) {
		struct extract_about about = { .sender = text_of(senders[i]) };
		struct extract e;
		struct buf b;

		extract_cut(text_of(body), &about, &e);
		buf_init(&b, 4096);
		extract_join(&e, EXTRACT_NEW, &b);
		same(senders[i], &b, want[i]);
	}
}

static void kinds_are_told(void **state)
{
	static const char body[] = "CAUTION: This email is from "
				   "outside.\n\nYes.\n\nRegards\nAnn\n\nDisclaimer: this is "
				   "confidential, for the addressee\n\nOn Mon, 14 Sep 2026, Bo "
				   "<b@x> wrote:\n> When?\n";
	static const char *const want[] = { "banner", "new", "signature", "disclaimer", "quoted" };
	struct extract e;

	(void)state;
	extract_cut(text_of(body), NULL, &e);
	assert_int_equal(e.n, countof(want));
	for (size_t i = 0; i < e.n; i++)
		assert_string_equal(extract_kind_name(e.at[i].kind), want[i]);
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
		cmocka_unit_test(cuts),
		cmocka_unit_test(forwards_are_read),
		cmocka_unit_test(the_senders_name_begins_a_signature),
		cmocka_unit_test(kinds_are_told),
		cmocka_unit_test(every_cut),
		cmocka_unit_test(hostile_bodies),
		cmocka_unit_test(a_join_holds_its_ceiling),
		cmocka_unit_test(snippets),
		cmocka_unit_test(snippets_end_between_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
