/* JSON written without a tree: what a parser makes of it is what was meant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/json_text.h"
#include "base/mem.h"

static void objects_and_lists_are_what_was_meant(void **state)
{
	cleanup_buf struct buf b;
	struct json_text j = json_text_to(&b);

	(void)state;
	buf_init(&b, 1000);
	json_text_open(&j, NULL, '{');
	json_text_string(&j, "text", "a \"b\" \\ c");
	json_text_open(&j, "list", '[');
	json_text_int(&j, NULL, -7);
	json_text_real(&j, NULL, 0.75);
	json_text_bool(&j, NULL, true);
	json_text_null(&j, NULL);
	json_text_open(&j, NULL, '{');
	json_text_close(&j, '}');
	json_text_close(&j, ']');
	json_text_said(&j, "empty", "");
	json_text_string(&j, "also", "");
	json_text_string(&j, "none", NULL);
	json_text_time(&j, "at", 1795424531112345);
	json_text_time(&j, "never", INT64_MIN);
	json_text_hex(&j, "hex", (const uint8_t *)"\x01\xff", 2);
	json_text_given(&j, "given", "[1,2]");
	json_text_given(&j, "not_given", NULL);
	json_text_more(&j, TEXT(""));
	json_text_more(&j, TEXT("\"more\":1,\"members\":2"));
	json_text_bool(&j, "last", false);
	json_text_close(&j, '}');
	assert_int_equal(json_text_status(&j), 0);
	assert_string_equal(
		(const char *)b.data,
		"{\"text\":\"a \\\"b\\\" \\\\ c\",\"list\":[-7,0.75,true,null,{}],\"empty\":null,"
		"\"also\":\"\",\"none\":null,\"at\":\"2026-11-23T09:02:11.112345Z\",\"never\":null,"
		"\"hex\":\"01ff\",\"given\":[1,2],\"not_given\":[],\"more\":1,\"members\":2,"
		"\"last\":false}");
}

static void behind_a_line_break_begins_something_else(void **state)
{
	cleanup_buf struct buf b;
	struct json_text j = json_text_to(&b);

	(void)state;
	buf_init(&b, 100);
	for (int i = 0; i < 2; i++) {
		json_text_int(&j, "uid", i);
		json_text_string(&j, "text", "ends with {");
		(void)text_add(&b, TEXT("\n"));
	}
	assert_string_equal((const char *)b.data, "\"uid\":0,\"text\":\"ends with {\"\n"
						  "\"uid\":1,\"text\":\"ends with {\"\n");
}

/* Every text that is UTF-8 comes back from a parser as it went in; no other is written. */
static void a_parser_reads_what_was_written(void **state)
{
	static const struct {
		const char *text;
		int status;
	} rows[] = {
		{ "plain", 0 },
		{ "\x01\x02\b\f\n\r\t\x1f\x7f \"\\/", 0 },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", 0 },
		{ "\n\"", 0 },
		{ "\xc0\x80", -EILSEQ },         /* overlong */
		{ "\xed\xa0\x80", -EILSEQ },     /* a surrogate */
		{ "\xf4\x90\x80\x80", -EILSEQ }, /* past the last character */
		{ "cut \xe2\x82", -EILSEQ },
		{ "\xff", -EILSEQ },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		cleanup_buf struct buf b;
		struct json_text j = json_text_to(&b);
		json_t *read;

		buf_init(&b, 1000);
		json_text_open(&j, NULL, '[');
		json_text_string(&j, NULL, rows[i].text);
		json_text_close(&j, ']');
		assert_int_equal(json_text_status(&j), rows[i].status);
		if (rows[i].status < 0)
			continue;
		assert_null(memchr(b.data, '\n', b.len));
		read = json_loads((const char *)b.data, 0, NULL);
		assert_string_equal(json_string_value(json_array_get(read, 0)), rows[i].text);
		json_decref(read);
	}
}

static void past_the_ceiling_is_told(void **state)
{
	cleanup_buf struct buf b;
	struct json_text j = json_text_to(&b);

	(void)state;
	buf_init(&b, 8);
	json_text_string(&j, NULL, "longer than eight");
	json_text_int(&j, NULL, 1);
	assert_int_equal(json_text_status(&j), -ENOBUFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_and_lists_are_what_was_meant),
		cmocka_unit_test(behind_a_line_break_begins_something_else),
		cmocka_unit_test(a_parser_reads_what_was_written),
		cmocka_unit_test(past_the_ceiling_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
