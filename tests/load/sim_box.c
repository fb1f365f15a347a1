#include "tests/load/sim_box.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void sim_box_init(struct sim_boxes *b, uint32_t inboxes, uint32_t process, uint32_t processes,
		  uint32_t outbounds)
{
	*b = (struct sim_boxes){ .process = process,
				 .processes = processes,
				 .n = (inboxes + processes - 1 - process) / processes,
				 .outbounds = outbounds };
	b->boxes = mem_new((b->n + 1) * sizeof(*b->boxes));
	b->attached = mem_new((b->n + 1) * sizeof(struct sim_box *));
	for (uint32_t i = 0; i < b->n; i++)
		b->boxes[i].inbox = i * processes + process;
}

struct sim_box *sim_box_find(struct sim_boxes *b, struct text user)
{
	struct text name, host, number;
	uint64_t n;

	if (!text_cut(user, '@', &name, &host) || name.len < 2 || name.at[0] != 'u')
		return NULL;
	number = text_sub(name, 1, name.len);
	if (text_u64(number, UINT32_MAX, &n) < 0 || n % b->processes != b->process ||
	    n / b->processes >= b->n)
		return NULL;
	return &b->boxes[n / b->processes];
}

void sim_box_attach(struct sim_boxes *b, struct sim_box *x, void *watcher)
{
	if (!x->watcher) {
		x->attached_at = b->n_attached;
		b->attached[b->n_attached++] = x;
	}
	x->watcher = watcher; /* the newest one is told */
}

void sim_box_detach(struct sim_boxes *b, struct sim_box *x, const void *watcher)
{
	struct sim_box *last;

	if (!x || x->watcher != watcher)
		return;
	x->watcher = NULL;
	last = b->attached[--b->n_attached];
	b->attached[x->attached_at] = last;
	last->attached_at = x->attached_at;
}

struct sim_box *sim_box_deliver(struct sim_boxes *b, uint64_t chance, int64_t now_us)
{
	struct sim_box *x;

	if (!b->n_attached)
		return NULL;
	x = b->attached[chance % b->n_attached];
	if (x->n == x->cap) {
		x->cap = x->cap ? 2 * x->cap : 4;
		x->mails = mem_resize(x->mails, x->cap * sizeof(*x->mails));
	}
	x->mails[x->n] = (struct sim_mail){ .push_us = now_us, .outbound = x->n % b->outbounds };
	x->n++;
	return x;
}
