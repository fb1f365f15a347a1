#include <stdio.h>
#include <stdlib.h>

#include "oauth/handout_desk.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/seal.h"
#include "db/handout.h"
#include "oauth/policy.h"

#define PORTION 64

/* One box on its way into its row. */
struct sealing {
	struct list link;
	struct handout_desk *desk;
	struct handout_write write;
};

struct handout_desk {
	struct broker_env *env;
	struct handout_look look;
	struct list sealing;
	bool is_looking;
	bool wanted;   /* look again when this look and its boxes are over */
	bool somebody; /* waits for a token */
};

static void on_row(struct handout_look *q, const struct handout_row *r);
static void on_looked(struct handout_look *q);
static void on_sealed(struct handout_write *q);

void handout_desk_look(struct handout_desk *d)
{
	d->wanted = true;
	if (d->is_looking || !list_is_empty(&d->sealing) || !pg_is_up(d->env->p.pg))
		return;
	d->wanted = false;
	d->is_looking = handout_look_start(d->env->p.pg, &d->look, POLICY_FRESH_S, PORTION, on_row,
					   on_looked) == 0;
}

void handout_desk_saved(struct handout_desk *d)
{
	if (d && d->somebody)
		handout_desk_look(d);
}

/* To this one request, and to nobody else. */
static int seal_to(const struct handout_desk *d, const struct handout_row *r, struct buf *ret_box)
{
	const struct seal_bind bind = { TEXT("handout"), text_of(r->workspace), text_of(r->id) };
	cleanup_secret struct secret token = { 0 };
	int e = broker_env_open(d->env, "access", r->workspace, r->inbox, r->sealed, r->sealed_len,
				&token);

	return e < 0 ? e : seal_close_to(r->public_key, &bind, &token, ret_box);
}

static void on_row(struct handout_look *q, const struct handout_row *r)
{
	struct handout_desk *d = container_of(q, struct handout_desk, look);
	struct sealing *s;
	struct buf box;
	int e;

	buf_init(&box, LIMIT_OAUTH_SEALED);
	e = seal_to(d, r, &box);
	if (e < 0) {
		log_error(d->env->p.log, "broker.not_handed_out", "inbox=%s handout=%s cause=%d",
			  r->inbox, r->id, -e);
	} else {
		s = mem_new(sizeof(*s));
		s->desk = d;
		if (handout_seal_start(d->env->p.pg, &s->write, r->workspace, r->id, r->version,
				       box.data, box.len, on_sealed) == 0)
			list_append(&d->sealing, &s->link);
		else
			free(s); /* PostgreSQL is away: it is found again */
	}
	buf_clear(&box);
}

static void on_looked(struct handout_look *q)
{
	struct handout_desk *d = container_of(q, struct handout_desk, look);

	d->is_looking = false;
	d->somebody = q->waiting > 0 || q->rows == PORTION;
	if (q->put > 0)
		pg_notify(d->env->p.pg, "replyd_token");
	if (q->refused > 0)
		pg_notify(d->env->p.pg, "replyd_handed");
	if (q->outcome.blame == BLAME_US || q->outcome.blame == BLAME_AUTH)
		log_error(d->env->p.log, "broker.cannot_hand_out", "what=%s said=%s",
			  q->outcome.what, q->outcome.said);
	d->wanted |= q->rows == PORTION && !list_is_empty(&d->sealing);
	if (d->wanted)
		handout_desk_look(d);
}

static void on_sealed(struct handout_write *q)
{
	struct sealing *s = container_of(q, struct sealing, write);
	struct handout_desk *d = s->desk;

	if (q->sealed) {
		d->env->stats.handed_out++;
		pg_notify(d->env->p.pg, "replyd_handed");
	}
	list_remove(&s->link);
	free(s);
	if (d->wanted)
		handout_desk_look(d);
}

struct handout_desk *handout_desk_open(struct broker_env *env)
{
	struct handout_desk *d = mem_new(sizeof(*d));

	d->env = env;
	list_init(&d->sealing);
	return d;
}

void handout_desk_drop(struct handout_desk *d)
{
	struct list *l;

	if (!d)
		return;
	pg_tx_cancel(&d->look.tx);
	while ((l = list_first(&d->sealing))) {
		struct sealing *s = container_of(l, struct sealing, link);

		list_remove(l);
		pg_tx_cancel(&s->write.tx);
		free(s);
	}
	free(d);
}
