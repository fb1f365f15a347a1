#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/csv.h"
#include "base/mem.h"

/* "1:a|b 2:c" */
static int read_all(const char *in, size_t n, struct buf *ret)
{
	char bytes[512];
	struct csv_row row;
	struct csv c;
	int r;

	assert_true(n < sizeof(bytes));
	memcpy(bytes, in, n);
	csv_init(&c, bytes, n);
	while ((r = csv_next(&c, &row)) > 0) {
		(void)text_addf(ret, "%s%u:", ret->len ? " " : "", row.line);
		for (size_t i = 0; i < row.n; i++)
			(void)text_addf(ret, "%s%.*s", i ? "|" : "", TEXT_ARG(row.fields[i]));
	}
	if (r < 0)
		(void)text_addf(ret, "%s!%u", ret->len ? " " : "", row.line);
	return r;
}

static void files_are_read_as_they_are_exported(void **state)
{
	static const struct {
		const char *name, *in;
		int r;
		const char *rows;
	} rows[] = {
		{ "empty", "", 0, "" },
		{ "blank lines", "\n\r\n  \n", 0, "" },
		{ "one column", "a@b\nc@d\n", 0, "1:a@b 2:c@d" },
		{ "no break at the end", "a,b\nc,d", 0, "1:a|b 2:c|d" },
		{ "CRLF", "a,b\r\nc,d\r\n", 0, "1:a|b 2:c|d" },
		{ "lone CR", "a,b\rc,d\r", 0, "1:a|b 2:c|d" },
		{ "a byte order mark",
		  "\xef\xbb\xbf"
		  "a,b\n",
		  0, "1:a|b" },
		{ "semicolons", "a;b,c;d\n1;2;3\n", 0, "1:a|b,c|d 2:1|2|3" },
		{ "tabs", "a\tb\n", 0, "1:a|b" },
		{ "commas in quotes choose nothing", "\"a,b,c\";d\n", 0, "1:a,b,c|d" },
		{ "spaces around", " a , b \n", 0, "1:a|b" },
		{ "empty fields", ",a,\n,,\n", 0, "1:|a| 2:||" },
		{ "quotes", "\"a\"\"b\",\"c\nd\",e\nf\n", 0, "1:a\"b|c\nd|e 3:f" },
		{ "empty quotes", "\"\",x\n", 0, "1:|x" },
		{ "a quote within", "a\"b,c\n", 0, "1:a\"b|c" },
		{ "a quote that stays open", "a\n\"b\nc\n", -EBADMSG, "1:a !2" },
		{ "something behind a quote", "\"a\"b\n", -EBADMSG, "!1" },
		{ "ends in a doubled quote", "\"a\"\"", -EBADMSG, "!1" },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		cleanup_buf struct buf said;
		int r;

		buf_init(&said, 1024);
		r = read_all(rows[i].in, strlen(rows[i].in), &said);
		if (r != rows[i].r || strcmp(said.data ? (char *)said.data : "", rows[i].rows) != 0)
			fail_msg("%s: %d %s", rows[i].name, r, (const char *)said.data);
	}
}

static void a_row_has_an_end(void **state)
{
	char in[CSV_FIELDS + 8];
	struct csv_row row;
	struct csv c;

	(void)state;
	memset(in, ',', sizeof(in));
	csv_init(&c, in, CSV_FIELDS - 1);
	assert_int_equal(csv_next(&c, &row), 1);
	assert_int_equal(row.n, CSV_FIELDS);
	csv_init(&c, in, CSV_FIELDS);
	assert_int_equal(csv_next(&c, &row), -E2BIG);
	assert_int_equal(row.line, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_read_as_they_are_exported),
		cmocka_unit_test(a_row_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
