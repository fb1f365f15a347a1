#include "services/api/waiting.h"

#include "base/mem.h"

void waiting_look(struct list *all, void (*look)(struct request *q))
{
	struct list now, *l;

	list_init(&now);
	list_move_all(&now, all);
	while ((l = list_first(&now))) {
		list_remove(l);
		list_append(all, l);
		look(container_of(l, struct request, waiting));
	}
}
