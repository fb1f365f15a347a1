#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"

static void slices_are_clipped_and_trimmed(void **state)
{
	struct text t = TEXT("hello");

	(void)state;
	assert_true(text_eq(text_sub(t, 1, 3), TEXT("ell")));
	assert_true(text_eq(text_sub(t, 3, SIZE_MAX), TEXT("lo")));
	assert_int_equal(text_sub(t, 5, 1).len, 0);
	assert_int_equal(text_sub(t, SIZE_MAX, SIZE_MAX).len, 0);
	assert_true(text_eq(text_trim(TEXT(" \t\r\n a b \r\n")), TEXT("a b")));
	assert_int_equal(text_trim(TEXT(" \t ")).len, 0);
	assert_int_equal(text_trim((struct text){ NULL, 0 }).len, 0);
	assert_int_equal(text_of(NULL).len, 0);
	assert_true(text_eq(text_of("x"), TEXT("x")));
}

static void compares_exactly_and_folded(void **state)
{
	const struct text none = { NULL, 0 };

	(void)state;
	assert_true(text_eq(none, TEXT("")));
	assert_false(text_eq(TEXT("a"), TEXT("A")));
	assert_false(text_eq(TEXT("a"), TEXT("ab")));
	assert_true(text_ieq(TEXT("InBox"), TEXT("INBOX")));
	assert_true(text_ieq(none, none));
	/* '@' and '`', '[' and '{' lie 32 apart like letters, and are none */
	assert_false(text_ieq(TEXT("@["), TEXT("`{")));
	/* beyond ASCII nothing folds: Latin-1 A and a umlaut */
	assert_false(text_ieq(TEXT("\xc4"), TEXT("\xe4")));
	assert_true(text_istarts(TEXT("Re: x"), TEXT("rE:")));
	assert_false(text_istarts(TEXT("Re"), TEXT("re:")));
	assert_true(text_istarts(TEXT("Re"), none));
	assert_true(text_iends(TEXT("a@B.Example"), TEXT(".EXAMPLE")));
	assert_false(text_iends(TEXT("e"), TEXT("ee")));
	assert_true(text_iends(none, none));
}

static void finds_the_first_folded(void **state)
{
	(void)state;
	assert_int_equal(text_ifind(TEXT("aXxB"), TEXT("xb")), 2);
	assert_int_equal(text_ifind(TEXT("abAB"), TEXT("AB")), 0);
	assert_true(text_ifind(TEXT("abc"), TEXT("abcd")) == SIZE_MAX);
	assert_true(text_ifind(TEXT("abc"), TEXT("x")) == SIZE_MAX);
	assert_true(text_ifind(TEXT(""), TEXT("x")) == SIZE_MAX);
	assert_int_equal(text_ifind(TEXT("abc"), TEXT("")), 0);
	assert_int_equal(text_ifind(TEXT("abc"), TEXT("C")), 2);
}

static void cuts_at_the_first(void **state)
{
	struct text head, tail, t = TEXT("a=b=c");

	(void)state;
	assert_true(text_cut(t, '=', &head, &tail));
	assert_true(text_eq(head, TEXT("a")));
	assert_true(text_eq(tail, TEXT("b=c")));
	assert_false(text_cut(t, ';', &head, &tail));
	assert_true(text_eq(head, t));
	assert_int_equal(tail.len, 0);
	assert_true(text_cut(TEXT("="), '=', &head, &tail));
	assert_int_equal(head.len + tail.len, 0);
	assert_false(text_cut((struct text){ NULL, 0 }, '=', &head, &tail));
	/* the tail may be the text itself: the loop over a list */
	assert_true(text_cut(t, '=', &head, &t));
	assert_true(text_eq(t, TEXT("b=c")));
}

static void reads_whole_numbers_only(void **state)
{
	static const struct {
		const char *in;
		uint64_t max, want;
		int r;
	} rows[] = {
		{ "0", 9, 0, 0 },
		{ "9", 9, 9, 0 },
		{ "10", 9, 7, -EINVAL },
		{ "007", 9, 7, 0 },
		{ "", 9, 7, -EINVAL },
		{ " 1", 9, 7, -EINVAL },
		{ "1 ", 9, 7, -EINVAL },
		{ "+1", 9, 7, -EINVAL },
		{ "-1", 9, 7, -EINVAL },
		{ "1e1", 99, 7, -EINVAL },
		{ "0x1", 99, 7, -EINVAL },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX, 0 },
		{ "18446744073709551616", UINT64_MAX, 7, -EINVAL },
		{ "99999999999999999999999", UINT64_MAX, 7, -EINVAL },
		{ "\xb2", 9, 7, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		uint64_t n = 7;
		int r = text_u64(text_of(rows[i].in), rows[i].max, &n);

		if (r != rows[i].r || n != rows[i].want)
			fail_msg("\"%s\": r %d, n %llu", rows[i].in, r, (unsigned long long)n);
	}
}

static void formats_up_to_the_ceiling(void **state)
{
	cleanup_buf struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_int_equal(text_addf(&b, "%s-%d", "abc", 42), 0);
	assert_int_equal(text_addf(&b, "%s", ""), 0);
	assert_int_equal(text_addf(&b, "%05d", 1), -ENOBUFS);
	assert_string_equal((char *)b.data, "abc-42");
	assert_int_equal(text_add(&b, TEXT("wxyz")), 0);
	assert_int_equal(text_addf(&b, "%c", 'x'), -ENOBUFS);
	assert_string_equal((char *)b.data, "abc-42wxyz");
	assert_true(text_eq(text_of_buf(&b), TEXT("abc-42wxyz")));
}

typedef int (*add_fn)(struct buf *, const void *, size_t);
typedef int (*from_fn)(struct buf *, struct text);

/* RFC 4648 section 10, and what the two alphabets part in */
static const struct {
	const char *plain, *base64, *base64url, *hex;
} known[] = {
	{ "", "", "", "" },
	{ "f", "Zg==", "Zg", "66" },
	{ "fo", "Zm8=", "Zm8", "666f" },
	{ "foo", "Zm9v", "Zm9v", "666f6f" },
	{ "foob", "Zm9vYg==", "Zm9vYg", "666f6f62" },
	{ "fooba", "Zm9vYmE=", "Zm9vYmE", "666f6f6261" },
	{ "foobar", "Zm9vYmFy", "Zm9vYmFy", "666f6f626172" },
	{ "\xfb\xff\xbf", "+/+/", "-_-_", "fbffbf" },
};

static void check_known(const char *plain, const char *coded, add_fn add, from_fn from)
{
	cleanup_buf struct buf b, back;

	buf_init(&b, 100);
	buf_init(&back, 100);
	assert_int_equal(buf_add(&b, "!", 1), 0); /* it appends */
	assert_int_equal(add(&b, plain, strlen(plain)), 0);
	assert_string_equal((char *)b.data + 1, coded);
	assert_int_equal(b.len, strlen(coded) + 1);
	assert_int_equal(from(&back, text_of(coded)), 0);
	assert_int_equal(back.len, strlen(plain));
	assert_memory_equal(back.data, plain, back.len + 1);
}

static void codes_what_the_rfc_prints(void **state)
{
	(void)state;
	for (size_t i = 0; i < countof(known); i++) {
		check_known(known[i].plain, known[i].base64, text_add_base64, text_from_base64);
		check_known(known[i].plain, known[i].base64url, text_add_base64url,
			    text_from_base64url);
		check_known(known[i].plain, known[i].hex, text_add_hex, text_from_hex);
	}
}

static int add_percent(struct buf *b, const void *p, size_t n)
{
	return text_add_percent(b, (struct text){ p, n });
}

static void every_byte_survives_the_round_trip(void **state)
{
	static const struct {
		const char *name;
		add_fn add;
		from_fn from;
		unsigned first; /* percent decoding refuses NUL */
	} rows[] = {
		{ "base64", text_add_base64, text_from_base64, 0 },
		{ "base64url", text_add_base64url, text_from_base64url, 0 },
		{ "hex", text_add_hex, text_from_hex, 0 },
		{ "percent", add_percent, text_from_percent, 1 },
	};
	uint8_t all[256];

	(void)state;
	for (unsigned i = 0; i < sizeof(all); i++)
		all[i] = (uint8_t)i;
	for (size_t row = 0; row < countof(rows); row++) {
		for (size_t from = rows[row].first; from < 256; from += 5) {
			for (size_t n = 0; from + n <= 256; n += 7) {
				cleanup_buf struct buf coded, back;

				buf_init(&coded, 1000);
				buf_init(&back, 256);
				assert_int_equal(rows[row].add(&coded, all + from, n), 0);
				if (rows[row].from(&back, text_of_buf(&coded)) != 0 ||
				    back.len != n || (n && memcmp(back.data, all + from, n) != 0))
					fail_msg("%s: %zu bytes from %zu", rows[row].name, n, from);
			}
		}
	}
}

static void decoders_refuse(void **state)
{
	static const struct {
		const char *name;
		from_fn from;
		struct text in;
	} rows[] = {
		{ "base64: no padding", text_from_base64, TEXT("Zg") },
		{ "base64: half the padding", text_from_base64, TEXT("Zg=") },
		{ "base64: too much padding", text_from_base64, TEXT("Zg==========") },
		{ "base64: three =", text_from_base64, TEXT("Z===") },
		{ "base64: only padding", text_from_base64, TEXT("====") },
		{ "base64: two =, nothing else", text_from_base64, TEXT("==") },
		{ "base64: padding in the middle", text_from_base64, TEXT("Zg==Zg==") },
		{ "base64: a line break", text_from_base64, TEXT("Zm9v\r\n") },
		{ "base64: a space", text_from_base64, TEXT("Zm 9") },
		{ "base64: the other alphabet", text_from_base64, TEXT("-_-_") },
		{ "base64: NUL", text_from_base64, TEXT("Zm9\0") },
		{ "base64: beyond ASCII", text_from_base64, TEXT("Zm9\xe4") },
		{ "base64: unused bits set, one byte", text_from_base64, TEXT("Zh==") },
		{ "base64: unused bits set, two bytes", text_from_base64, TEXT("Zm9=") },
		{ "base64url: padding", text_from_base64url, TEXT("Zg==") },
		{ "base64url: one letter", text_from_base64url, TEXT("Z") },
		{ "base64url: one letter too many", text_from_base64url, TEXT("Zm9vZ") },
		{ "base64url: the other alphabet", text_from_base64url, TEXT("+/+/") },
		{ "base64url: unused bits set", text_from_base64url, TEXT("Zh") },
		{ "hex: odd", text_from_hex, TEXT("abc") },
		{ "hex: foreign", text_from_hex, TEXT("0g") },
		{ "hex: foreign in front", text_from_hex, TEXT("g0") },
		{ "hex: prefix", text_from_hex, TEXT("0x10") },
		{ "hex: late", text_from_hex, TEXT("00112233445566778899zz") },
		{ "percent: cut after %", text_from_percent, TEXT("a%") },
		{ "percent: cut after one digit", text_from_percent, TEXT("a%4") },
		{ "percent: not hex", text_from_percent, TEXT("%4g") },
		{ "percent: not hex in front", text_from_percent, TEXT("%g4") },
		{ "percent: NUL", text_from_percent, TEXT("a%00b") },
		{ "percent: a bare NUL", text_from_percent, TEXT("a\0b") },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		cleanup_buf struct buf b;

		buf_init(&b, 100);
		assert_int_equal(text_add(&b, TEXT("kept")), 0);
		if (rows[i].from(&b, rows[i].in) != -EINVAL)
			fail_msg("%s: taken", rows[i].name);
		if (!text_eq(text_of_buf(&b), TEXT("kept")) || b.data[4])
			fail_msg("%s: the buffer changed", rows[i].name);
	}
}

static void coders_keep_the_ceiling(void **state)
{
	static const struct {
		const char *name;
		from_fn from;
		struct text in;
		size_t needs;
	} rows[] = {
		{ "base64", text_from_base64, TEXT("Zm9vYg=="), 4 },
		{ "base64url", text_from_base64url, TEXT("Zm9vYmE"), 5 },
		{ "hex", text_from_hex, TEXT("00ff00"), 3 },
		{ "percent", text_from_percent, TEXT("a+%41"), 3 },
	};

	(void)state;
	for (size_t i = 0; i < countof(rows); i++) {
		cleanup_buf struct buf small, fits;

		buf_init(&small, rows[i].needs - 1);
		buf_init(&fits, rows[i].needs);
		if (rows[i].from(&small, rows[i].in) != -ENOBUFS || small.len != 0 ||
		    rows[i].from(&fits, rows[i].in) != 0 || fits.len != rows[i].needs)
			fail_msg("%s", rows[i].name);
	}
	for (size_t max = 0; max < 12; max++) {
		cleanup_buf struct buf b;

		buf_init(&b, max);
		assert_int_equal(text_add_base64(&b, "abcdefg", 7), -ENOBUFS);
		assert_int_equal(text_add_hex(&b, "abcdefg", 7), -ENOBUFS);
		assert_int_equal(text_add_percent(&b, TEXT("    ")), -ENOBUFS);
		assert_int_equal(b.len, 0);
	}
}

static void percent_is_what_a_form_understands(void **state)
{
	cleanup_buf struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(text_add_percent(&b, TEXT("a b&c=d+e/~_.-\xc3\xa4")), 0);
	assert_string_equal((char *)b.data, "a%20b%26c%3Dd%2Be%2F~_.-%C3%A4");
	buf_clear(&b);
	assert_int_equal(text_from_percent(&b, TEXT("a+b%2b%2B%c3%a4")), 0);
	assert_string_equal((char *)b.data, "a b++\xc3\xa4");
}

static void strangers_are_made_printable(void **state)
{
	char s[8];

	(void)state;
	text_printable(s, sizeof(s), TEXT("a\r\nb\x1b[\x7f\xe4"));
	assert_string_equal(s, "a??b?[?");
	text_printable(s, sizeof(s), TEXT("\0x"));
	assert_string_equal(s, "?x");
	text_printable(s, 1, TEXT("long"));
	assert_string_equal(s, "");
	text_printable(s, sizeof(s), (struct text){ NULL, 0 });
	assert_string_equal(s, "");
	text_printable(s, sizeof(s), TEXT("1234567890"));
	assert_string_equal(s, "1234567");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slices_are_clipped_and_trimmed),
		cmocka_unit_test(compares_exactly_and_folded),
		cmocka_unit_test(finds_the_first_folded),
		cmocka_unit_test(cuts_at_the_first),
		cmocka_unit_test(reads_whole_numbers_only),
		cmocka_unit_test(formats_up_to_the_ceiling),
		cmocka_unit_test(codes_what_the_rfc_prints),
		cmocka_unit_test(every_byte_survives_the_round_trip),
		cmocka_unit_test(decoders_refuse),
		cmocka_unit_test(coders_keep_the_ceiling),
		cmocka_unit_test(percent_is_what_a_form_understands),
		cmocka_unit_test(strangers_are_made_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
