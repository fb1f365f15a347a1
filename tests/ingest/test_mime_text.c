#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "ingest/mime/mime_fold.h"
#include "ingest/mime/mime_id.h"
#include "ingest/mime/mime_utf8.h"

static const struct {
	const char *name, *in, *line, *lines;
} cleaned[] = {
	{ "plain", "abc", "abc", "abc" },
	{ "line ends", "a\r\nb\rc\nd", "a  b c d", "a\nb\nc\nd" },
	{ "tab and bell", "a\tb\ac", "a b c", "a\tb c" },
	{ "good", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "ä€😀", "ä€😀" },
	{ "lone byte", "a\xff z", "a\xef\xbf\xbd z", "a\xef\xbf\xbd z" },
	{ "cut character", "a\xe2\x82", "a\xef\xbf\xbd\xef\xbf\xbd", "a\xef\xbf\xbd\xef\xbf\xbd" },
	{ "overlong slash", "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "surrogate", "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
	  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "past the last plane", "\xf4\x90\x80\x80",
	  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
	  "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "C1 control", "a\xc2\x85z", "a z", "a z" },
};

static void makes_valid(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(cleaned); i++) {
		for (int lines = 0; lines < 2; lines++) {
			const char *want = lines ? cleaned[i].lines : cleaned[i].line;
			struct buf b;

			buf_init(&b, 100);
			assert_true(mime_utf8_add(&b, text_of(cleaned[i].in), lines));
			if (!text_eq((struct text){ (const char *)b.data, b.len }, text_of(want)))
				fail_msg("%s (%d): \"%s\"", cleaned[i].name, lines,
					 (const char *)b.data);
			assert_true(mime_utf8_is_valid(text_of(want)));
			buf_clear(&b);
		}
	}
}

/* At every ceiling: never half a character, and no more than fits. */
static void cut_at_every_ceiling(void **state)
{
	const struct text t = TEXT("aä€😀 \xff z€");
	char dst[32];

	(void)state;
	for (size_t max = 0; max < 24; max++) {
		struct buf b;
		struct text cut;

		buf_init(&b, max);
		(void)mime_utf8_add(&b, t, false);
		assert_true(b.len <= max);
		assert_true(mime_utf8_is_valid((struct text){ (const char *)b.data, b.len }));
		buf_clear(&b);

		mime_utf8_copy(dst, max + 1, t);
		assert_true(strlen(dst) <= max && mime_utf8_is_valid(text_of(dst)));

		cut = mime_utf8_cut(TEXT("aä€😀"), max);
		assert_true(cut.len <= max && mime_utf8_is_valid(cut));
	}
}

static const struct {
	const char *in, *want;
} folded[] = {
	{ "Réponse Automatique :", "reponse automatique :" },
	{ "AUßER Haus", "ausser haus" },
	{ "Fraværende på kontoret", "fravaerende pa kontoret" },
	{ "Odpowiedź – ŁÓDŹ", "odpowiedz - lodz" },
	{ "OTOMATİK YANIT", "otomatik yanit" },
	{ "otomatik yanıt", "otomatik yanit" },
	{ "ΑΥΤΌΜΑΤΗ ΑΠΆΝΤΗΣΗ", "αυτοματη απαντηση" },
	{ "Ещё АВТООТВЕТ й", "еще автоответ й" },
	{ "I’m “out”\xc2\xa0of\xe2\x80\x89office", "i'm \"out\" of office" },
	{ "zero\xe2\x80\x8bwidth soft\xc2\xadhyphen", "zerowidth softhyphen" },
	{ "  a \t b \n  c  \n", "a b\nc\n" },
	{ "자동 회신", "자동 회신" },
	{ "ガイド", "ガイド" },
	{ "e\xcc\x81t\xc3\xa9", "ete" },
	{ "ＡＢＣ：", "abc:" },
};

static void folds(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(folded); i++) {
		struct buf b, again;

		buf_init(&b, 200);
		buf_init(&again, 200);
		mime_fold_add(&b, text_of(folded[i].in));
		if (!text_eq((struct text){ (const char *)b.data, b.len }, text_of(folded[i].want)))
			fail_msg("\"%s\" became \"%s\"", folded[i].in, (const char *)b.data);
		/* what is folded stays as it is: rules are compared with folded text */
		mime_fold_add(&again, (struct text){ (const char *)b.data, b.len });
		assert_int_equal(b.len, again.len);
		assert_memory_equal(b.data, again.data, b.len);
		buf_clear(&b);
		buf_clear(&again);
	}
}

static const struct {
	const char *in, *want;
} ids[] = {
	{ " <Ab.1@Mail.EXAMPLE> ", "Ab.1@mail.example" },
	{ "Ab.1@Mail.EXAMPLE", "Ab.1@mail.example" },
	{ "<Ab.1@Mail.EXAMPLE", "Ab.1@mail.example" },
	{ "<\"a@B\"@C>", "\"a@B\"@c" },
	{ "<a@[IPv6:2001:DB8::1]>", "a@[ipv6:2001:db8::1]" },
	{ "<a\r\n\t@b>", "a@b" },
	{ "<NoDomain>", "NoDomain" },
	{ "<a@\xff>", "a@\xef\xbf\xbd" },
	{ "<ä@Ö.example>", "ä@Ö.example" },
	{ "", "" },
	{ "  ", "" },
	{ "<a<b@c>", "b@c" },
	{ "<a@b<c", "c" },
	{ "<>", "" },
};

static void normal_form_of_ids(void **state)
{
	char got[MIME_ID], again[MIME_ID];

	(void)state;
	for (size_t i = 0; i < countof(ids); i++) {
		assert_int_equal(mime_id_normal(text_of(ids[i].in), got), strlen(ids[i].want));
		assert_string_equal(got, ids[i].want);
		/* the form of a normal form is itself */
		(void)mime_id_normal(text_of(got), again);
		assert_string_equal(again, got);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makes_valid),
		cmocka_unit_test(cut_at_every_ceiling),
		cmocka_unit_test(folds),
		cmocka_unit_test(normal_form_of_ids),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
