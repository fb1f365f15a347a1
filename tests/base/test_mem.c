#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/mem.h"

static void memory_is_never_null(void **state)
{
	cleanup_free uint8_t *zeroed = mem_new(100), *none = mem_new(0);
	cleanup_free char *copy = mem_copy("abc", 4), *text = mem_text("text");
	cleanup_free char *cut = mem_text_n("abcdef", 3), *empty = mem_text_n(NULL, 0);
	cleanup_free void *grown = mem_resize(NULL, 0);

	(void)state;
	for (size_t i = 0; i < 100; i++)
		assert_int_equal(zeroed[i], 0);
	assert_non_null(none);
	assert_non_null(grown);
	assert_string_equal(copy, "abc");
	assert_string_equal(text, "text");
	assert_string_equal(cut, "abc");
	assert_string_equal(empty, "");
	assert_null(mem_text(NULL));
}

struct item {
	int n;
	struct list link;
};

static void a_list_keeps_its_order(void **state)
{
	struct item items[4] = { { .n = 0 }, { .n = 1 }, { .n = 2 }, { .n = 3 } };
	struct list head, *at, *tmp;
	int sum = 0;

	(void)state;
	list_init(&head);
	assert_true(list_is_empty(&head));
	assert_null(list_first(&head));
	for (size_t i = 0; i < countof(items); i++)
		list_append(&head, &items[i].link);
	assert_ptr_equal(container_of(list_first(&head), struct item, link), &items[0]);
	list_remove(&items[1].link);
	list_remove(&items[1].link); /* in no list: nothing happens */
	list_each(&head, at, tmp)
	{
		struct item *item = container_of(at, struct item, link);

		sum = sum * 10 + item->n;
		list_remove(at);
	}
	assert_int_equal(sum, 23);
	assert_true(list_is_empty(&head));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_never_null),
		cmocka_unit_test(a_list_keeps_its_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
