#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"
#include "base/mem.h"

/* The list's members in order, both ways round. */
static void is(struct list *head, struct list *const *want, size_t n)
{
	struct list *at = head;

	for (size_t i = 0; i < n; i++, at = at->next) {
		assert_ptr_equal(at->next, want[i]);
		assert_ptr_equal(want[i]->prev, at);
	}
	assert_ptr_equal(at->next, head);
	assert_ptr_equal(head->prev, at);
}

static void all_of_a_list_go_behind_another(void **state)
{
	struct list to, from, l[4];
	struct list *const all[] = { &l[0], &l[1], &l[2], &l[3] };

	(void)state;
	for (size_t n_to = 0; n_to <= 2; n_to++)
		for (size_t n_from = 0; n_from <= 2; n_from++) {
			list_init(&to);
			list_init(&from);
			for (size_t i = 0; i < n_to + n_from; i++)
				list_append(i < n_to ? &to : &from, &l[i]);
			list_move_all(&to, &from);
			is(&to, all, n_to + n_from);
			is(&from, NULL, 0);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_of_a_list_go_behind_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
