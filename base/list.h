#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A ring of embedded links.  The head is a link too; an empty list is a head
 * that points at itself.  A link that is in no list points at itself as well,
 * so list_remove() may be called at any time.
 */
struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool list_is_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_append(struct list *head, struct list *l)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

static inline void list_remove(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}

/*
 * All of `from` behind what is in `to`; `from` is empty then.  Who goes through a list whose
 * members may leave it or come back meanwhile moves it aside first, and takes one by one.
 */
static inline void list_move_all(struct list *to, struct list *from)
{
	if (list_is_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

static inline struct list *list_first(struct list *head)
{
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): who is freed was taken off the list */
	return list_is_empty(head) ? NULL : head->next;
}

/* `at` may be removed in the body, `tmp` may not. */
#define list_each(head, at, tmp)                                                                   \
	for ((at) = (head)->next, (tmp) = (at)->next; (at) != (head);                              \
	     (at) = (tmp), (tmp) = (at)->next)

#endif
