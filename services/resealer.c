#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "services/resealer.h"

#include "base/limits.h"
#include "base/mem.h"

#define FIRST "00000000-0000-0000-0000-000000000000"

static void on_box(struct reseal_take *q, const struct reseal_box *b);
static void on_taken(struct reseal_take *q);
static void on_put(struct reseal_put *q);
static void on_ended(struct reseal_end *q);

void resealer_init(struct resealer *r, struct pg *pg, const struct log *log, struct vault *v,
		   const char *instance)
{
	*r = (struct resealer){ .pg = pg, .log = log, .vault = v, .instance = instance };
}

/* The keyholder's next look comes back to it. */
static void give_up(struct resealer *r, const struct outcome *o)
{
	r->state = RESEALER_IDLE;
	if (!outcome_ok(o) && o->blame != BLAME_NET)
		log_warn(r->log, "reseal.failed", "group=%s what=%s said=%s", r->vault->group,
			 o->what, o->said);
}

static void end(struct resealer *r)
{
	r->state = RESEALER_ENDING;
	if (reseal_end_start(r->pg, &r->end, r->vault->group, r->unopened, on_ended) != 0)
		r->state = RESEALER_IDLE;
}

static void take(struct resealer *r)
{
	const struct reseal_place *p = reseal_place(r->vault->group, r->at);

	if (!p) {
		end(r);
		return;
	}
	r->state = RESEALER_TAKING;
	r->moved = 0;
	reseal_put_init(&r->put);
	if (reseal_take_start(r->pg, &r->take, p, r->to_id, r->instance, r->after, on_box,
			      on_taken) != 0) {
		pg_tx_cancel(&r->put.tx);
		r->state = RESEALER_IDLE;
	}
}

void resealer_kick(struct resealer *r)
{
	if (r->state != RESEALER_IDLE)
		return;
	r->at = 0;
	r->unopened = 0;
	r->to_id = r->vault->seals;
	(void)snprintf(r->after, sizeof(r->after), "%s", FIRST);
	take(r);
}

static void on_box(struct reseal_take *q, const struct reseal_box *b)
{
	struct resealer *r = container_of(q, struct resealer, take);
	const struct reseal_place *p = reseal_place(r->vault->group, r->at);
	const struct seal_bind bind = { text_of(p->purpose), text_of(b->workspace),
					text_of(b->id) };
	cleanup_secret struct secret plain = { 0 };
	cleanup_buf struct buf box;

	(void)snprintf(r->after, sizeof(r->after), "%s", b->id);
	buf_init(&box, LIMIT_OAUTH_SEALED);
	if (!q->is_ours || r->vault->seals != r->to_id)
		return;
	if (vault_open(r->vault, &bind, b->box, b->n, &plain) < 0 ||
	    vault_close(r->vault, &bind, &plain, &box) < 0) {
		r->unopened++;
		return;
	}
	reseal_put_add(&r->put, p, b, &box);
	r->moved++;
}

static void on_taken(struct reseal_take *q)
{
	struct resealer *r = container_of(q, struct resealer, take);

	if (!outcome_ok(&q->outcome) || !q->is_ours || r->vault->seals != r->to_id) {
		pg_tx_cancel(&r->put.tx);
		give_up(r, &q->outcome);
	} else if (q->taken == 0) {
		pg_tx_cancel(&r->put.tx);
		r->at++;
		(void)snprintf(r->after, sizeof(r->after), "%s", FIRST);
		take(r);
	} else {
		r->state = RESEALER_PUTTING;
		if (reseal_put_start(r->pg, &r->put, reseal_place(r->vault->group, r->at), r->moved,
				     on_put) != 0)
			r->state = RESEALER_IDLE;
	}
}

static void on_put(struct reseal_put *q)
{
	struct resealer *r = container_of(q, struct resealer, put);

	if (outcome_ok(&q->outcome))
		take(r);
	else
		give_up(r, &q->outcome);
}

static void on_ended(struct reseal_end *q)
{
	struct resealer *r = container_of(q, struct resealer, end);

	give_up(r, &q->outcome);
	if (r->unopened)
		log_error(r->log, "reseal.unopened",
			  "group=%s boxes=%" PRId64
			  " remedy=\"put the key back that they name, see "
			  "`replyd key list`\"",
			  r->vault->group, r->unopened);
	if (outcome_ok(&q->outcome) && q->is_over)
		log_info(r->log, "reseal.done", "group=%s key=%u", r->vault->group, r->to_id);
}

void resealer_drop(struct resealer *r)
{
	pg_tx_cancel(&r->take.tx);
	pg_tx_cancel(&r->put.tx);
	pg_tx_cancel(&r->end.tx);
	r->state = RESEALER_IDLE;
}
