#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"

static void grows_up_to_its_ceiling(void **state)
{
	struct buf b;
	char bytes[100];

	(void)state;
	memset(bytes, 'x', sizeof(bytes));
	buf_init(&b, 250);
	assert_null(b.data);
	assert_int_equal(buf_add(&b, bytes, 100), 0);
	assert_int_equal(buf_add(&b, bytes, 100), 0);
	assert_int_equal(buf_add(&b, bytes, 51), -ENOBUFS);
	assert_int_equal(b.len, 200);
	assert_int_equal(buf_add(&b, bytes, 50), 0);
	assert_int_equal(buf_add(&b, bytes, 1), -ENOBUFS);
	assert_int_equal(buf_add(&b, bytes, SIZE_MAX), -ENOBUFS);
	assert_int_equal(buf_add(&b, bytes, 0), 0);
	assert_int_equal(b.len, 250);
	assert_int_equal(b.data[250], 0);
	buf_clear(&b);
	assert_int_equal(b.max, 250);
	assert_int_equal(b.len, 0);
	assert_int_equal(buf_add(&b, "again", 5), 0);
	assert_string_equal((char *)b.data, "again");
	buf_clear(&b);
}

static void drops_in_front_and_cuts_behind(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 64);
	buf_drop(&b, 0);
	buf_cut(&b, 0);
	assert_int_equal(buf_add(&b, "abcdef", 6), 0);
	buf_drop(&b, 2);
	assert_string_equal((char *)b.data, "cdef");
	buf_cut(&b, 3);
	assert_string_equal((char *)b.data, "cde");
	buf_drop(&b, 3);
	assert_string_equal((char *)b.data, "");
	assert_int_equal(b.len, 0);
	buf_clear(&b);
}

static void reserve_keeps_the_bytes_where_they_are(void **state)
{
	struct buf b;
	uint8_t *at;

	(void)state;
	buf_init(&b, 1000);
	assert_int_equal(buf_reserve(&b, 1001), -ENOBUFS);
	assert_int_equal(buf_reserve(&b, 900), 0);
	assert_int_equal(b.len, 0);
	assert_string_equal((char *)b.data, "");
	at = b.data;
	for (int i = 0; i < 900; i++)
		assert_int_equal(buf_add(&b, "y", 1), 0);
	assert_ptr_equal(b.data, at);
	assert_int_equal(buf_reserve(&b, 101), -ENOBUFS);
	buf_clear(&b);
}

static void take_hands_the_bytes_over(void **state)
{
	struct buf b;
	char *s;

	(void)state;
	buf_init(&b, 64);
	s = buf_take(&b);
	assert_string_equal(s, "");
	free(s);
	assert_int_equal(buf_add(&b, "mine", 4), 0);
	s = buf_take(&b);
	assert_string_equal(s, "mine");
	assert_null(b.data);
	assert_int_equal(b.max, 64);
	free(s);
}

static void clear_is_safe_on_zeros(void **state)
{
	cleanup_buf struct buf b = { 0 };

	(void)state;
	buf_clear(&b);
	assert_int_equal(buf_add(&b, "x", 1), -ENOBUFS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(grows_up_to_its_ceiling),
		cmocka_unit_test(drops_in_front_and_cuts_behind),
		cmocka_unit_test(reserve_keeps_the_bytes_where_they_are),
		cmocka_unit_test(take_hands_the_bytes_over),
		cmocka_unit_test(clear_is_safe_on_zeros),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
