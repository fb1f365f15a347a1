#include "db/slot.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

static void on_reserved(struct pg_tx *tx, const struct pg_answer *a);
static void on_begun(struct pg_tx *tx, const struct pg_answer *a);
static void on_read(struct pg_tx *tx, const struct pg_answer *a);
static void on_sent(struct pg_tx *tx, const struct pg_answer *a);
static void on_settled(struct pg_tx *tx, const struct pg_answer *a);

/* It tears SQL apart. */
/* clang-format off */
static const struct pg_stmt reserve = {
	"slot_reserve",
	"select word, why, (extract(epoch from until_at) * 1000000)::bigint, coalesce(slot_id::text, ''), coalesce(inbox_id::text, ''), state,"
	" (extract(epoch from send_at) * 1000000)::bigint, (extract(epoch from expires_at) * 1000000)::bigint, fence::bigint, message_id, thread"
	" from slot_reserve($1::text, $2::bytea, $3::uuid, $4::text, $5::text, $6::text, $7::text, $8::text, $9::text, $10::uuid,"
	" string_to_array($11::text, ',')::uuid[], coalesce($12::timestamptz, '-infinity'), coalesce($13::timestamptz, 'infinity'),"
	" make_interval(secs => $14::bigint / 1000.0), make_interval(secs => $15::bigint / 1000.0), $16::double precision, $17::boolean, $18::uuid)",
};
static const struct pg_stmt begin = {
	"slot_begin",
	"select word, coalesce(why, ''), (extract(epoch from until_at) * 1000000)::bigint, coalesce(the_inbox::text, ''),"
	" coalesce(the_message_id, '') from slot_begin($1::uuid, $2::bigint::int,"
	" make_interval(secs => $3::bigint / 1000.0), $4::jsonb)",
};
static const struct pg_stmt sent = {
	"slot_sent",
	"select word, fresh, coalesce((s).inbox_id::text, ''), coalesce((s).state, ''), coalesce((s).message_id, ''), result,"
	" coalesce(outbound_id::text, ''), rechecks::bigint"
	" from slot_sent($1::uuid, $2::bigint::int, $3::text, $4::jsonb, 'told')",
};
static const struct pg_stmt read_slot = {
	"slot_read",
	"select state, inbox_id::text, kind, reason, prospect_key, prospect_address, sequence, step, message_id, fence::bigint, raced,"
	" (extract(epoch from send_at) * 1000000)::bigint, (extract(epoch from expires_at) * 1000000)::bigint,"
	" (extract(epoch from begun_at) * 1000000)::bigint, (extract(epoch from settled_at) * 1000000)::bigint"
	" from slot where workspace_id = workspace_now() and slot_id = $1",
};
static const struct pg_stmt settle = {
	"slot_settle",
	"select word, fresh, coalesce((s).inbox_id::text, ''), coalesce((s).state, ''), coalesce((s).message_id, '')"
	" from slot_settle($1::uuid, $2::bigint::int, $3::text, $4::text, $5::text)",
};
/* clang-format on */

static enum slot_word word_of(const char *said)
{
	static const char *const words[] = {
		[SLOT_GIVEN] = "given",
		[SLOT_REPLAYED] = "replayed",
		[SLOT_KEY_REUSED] = "key_reused",
		[SLOT_STOPPED] = "stopped",
		[SLOT_HOLD] = "hold",
		[SLOT_NONE] = "none",
		[SLOT_BEGUN] = "begun",
		[SLOT_EARLY] = "early",
		[SLOT_FENCED] = "fenced",
		[SLOT_OVER] = "over",
		[SLOT_SETTLED] = "settled",
		[SLOT_UNKNOWN] = "unknown_slot",
	};

	for (size_t i = 0; i < countof(words); i++)
		if (strcmp(words[i], said) == 0)
			return (enum slot_word)i;
	return SLOT_SETTLED; /* slot_settle() says the state itself */
}

static void keep(char *dst, size_t n, const char *from)
{
	(void)snprintf(dst, n, "%s", from);
}

/* What both of them answer first. */
static void read_verdict(const struct pg_answer *a, struct slot_said *ret)
{
	ret->word = word_of(pg_row_text(a, 0, 0, 0));
	keep(ret->why, sizeof(ret->why), pg_row_text(a, 0, 0, 1));
	ret->until_us = pg_row_time(a, 0, 0, 2);
}

int slot_reserve_start(struct pg *pg, struct slot_reserve *q, const char *workspace,
		       const struct slot_ask *ask, void (*done)(struct slot_reserve *))
{
	char inboxes[SLOT_INBOXES * RAND_UUID] = "";

	for (int i = 0; i < ask->n_inboxes; i++)
		(void)snprintf(inboxes + strlen(inboxes), sizeof(inboxes) - strlen(inboxes), "%s%s",
			       i ? "," : "", ask->inboxes[i]);
	*q = (struct slot_reserve){ .done = done };
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &reserve, "tbuttttttutTTiidBu", ask->key, ask->print, ask->print_len,
		  ask->slot, ask->prospect, ask->address, ask->company, ask->sequence, ask->step,
		  ask->kind, ask->pool, inboxes, ask->not_before_us,
		  ask->not_after_us == INT64_MAX ? INT64_MIN : ask->not_after_us,
		  (int64_t)ask->horizon_ms, (int64_t)ask->ttl_ms, ask->chance, (int)ask->waits,
		  ask->rebind_from);
	return pg_tx_start(pg, &q->tx, on_reserved);
}

static void on_reserved(struct pg_tx *tx, const struct pg_answer *a)
{
	struct slot_reserve *q = container_of(tx, struct slot_reserve, tx);
	struct slot_said *s = &q->said;

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome)) {
		read_verdict(a, s);
		keep(s->slot, sizeof(s->slot), pg_row_text(a, 0, 0, 3));
		keep(s->inbox, sizeof(s->inbox), pg_row_text(a, 0, 0, 4));
		keep(s->state, sizeof(s->state), pg_row_text(a, 0, 0, 5));
		s->send_at_us = pg_row_time(a, 0, 0, 6);
		s->expires_at_us = pg_row_time(a, 0, 0, 7);
		s->fence = (int)pg_row_i64(a, 0, 0, 8);
		keep(s->message_id, sizeof(s->message_id), pg_row_text(a, 0, 0, 9));
		keep(s->thread, sizeof(s->thread), pg_row_text(a, 0, 0, 10));
	}
	q->done(q);
}

int slot_begin_start(struct pg *pg, struct slot_begin *q, const char *workspace, const char *slot,
		     int fence, uint64_t fresh_ms, const char *outbound,
		     void (*done)(struct slot_begin *))
{
	*q = (struct slot_begin){ .done = done };
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &begin, "uiij", slot, (int64_t)fence, (int64_t)fresh_ms, outbound);
	return pg_tx_start(pg, &q->tx, on_begun);
}

static void on_begun(struct pg_tx *tx, const struct pg_answer *a)
{
	struct slot_begin *q = container_of(tx, struct slot_begin, tx);
	struct slot_said *s = &q->said;

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome)) {
		read_verdict(a, s);
		keep(s->inbox, sizeof(s->inbox), pg_row_text(a, 0, 0, 3));
		keep(s->message_id, sizeof(s->message_id), pg_row_text(a, 0, 0, 4));
	}
	q->done(q);
}

int slot_settle_start(struct pg *pg, struct slot_settle *q, const char *workspace, const char *slot,
		      int fence, const char *as, const char *message_id, const char *reason,
		      void (*done)(struct slot_settle *))
{
	*q = (struct slot_settle){ .done = done };
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &settle, "uittt", slot, (int64_t)fence, as, message_id, reason);
	return pg_tx_start(pg, &q->tx, on_settled);
}

int slot_sent_start(struct pg *pg, struct slot_settle *q, const char *workspace, const char *slot,
		    int fence, const char *message_id, const char *outbound,
		    void (*done)(struct slot_settle *))
{
	*q = (struct slot_settle){ .done = done };
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &sent, "uitj", slot, (int64_t)fence, message_id, outbound);
	return pg_tx_start(pg, &q->tx, on_sent);
}

static void on_sent(struct pg_tx *tx, const struct pg_answer *a)
{
	struct slot_settle *q = container_of(tx, struct slot_settle, tx);

	if (outcome_ok(&a->outcome)) {
		keep(q->registered, sizeof(q->registered), pg_row_text(a, 0, 0, 5));
		keep(q->outbound, sizeof(q->outbound), pg_row_text(a, 0, 0, 6));
		q->rechecks = (int)pg_row_i64(a, 0, 0, 7);
	}
	on_settled(tx, a);
}

static void on_settled(struct pg_tx *tx, const struct pg_answer *a)
{
	struct slot_settle *q = container_of(tx, struct slot_settle, tx);
	struct slot_said *s = &q->said;

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome)) {
		s->word = word_of(pg_row_text(a, 0, 0, 0));
		q->fresh = pg_row_bool(a, 0, 0, 1);
		keep(s->inbox, sizeof(s->inbox), pg_row_text(a, 0, 0, 2));
		keep(s->state, sizeof(s->state), pg_row_text(a, 0, 0, 3));
		keep(s->message_id, sizeof(s->message_id), pg_row_text(a, 0, 0, 4));
	}
	q->done(q);
}

int slot_read_start(struct pg *pg, struct slot_read *q, const char *workspace, const char *slot,
		    void (*done)(struct slot_read *))
{
	*q = (struct slot_read){ .done = done };
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &read_slot, "u", slot);
	return pg_tx_start(pg, &q->tx, on_read);
}

static void on_read(struct pg_tx *tx, const struct pg_answer *a)
{
	struct slot_read *q = container_of(tx, struct slot_read, tx);

	q->outcome = a->outcome;
	q->found = outcome_ok(&a->outcome) && pg_rows(a, 0) > 0;
	if (q->found) {
		keep(q->state, sizeof(q->state), pg_row_text(a, 0, 0, 0));
		keep(q->inbox, sizeof(q->inbox), pg_row_text(a, 0, 0, 1));
		keep(q->kind, sizeof(q->kind), pg_row_text(a, 0, 0, 2));
		keep(q->reason, sizeof(q->reason), pg_row_text(a, 0, 0, 3));
		keep(q->prospect, sizeof(q->prospect), pg_row_text(a, 0, 0, 4));
		keep(q->address, sizeof(q->address), pg_row_text(a, 0, 0, 5));
		keep(q->sequence, sizeof(q->sequence), pg_row_text(a, 0, 0, 6));
		keep(q->step, sizeof(q->step), pg_row_text(a, 0, 0, 7));
		keep(q->message_id, sizeof(q->message_id), pg_row_text(a, 0, 0, 8));
		q->fence = (int)pg_row_i64(a, 0, 0, 9);
		q->raced = pg_row_bool(a, 0, 0, 10);
		q->send_at_us = pg_row_time(a, 0, 0, 11);
		q->expires_at_us = pg_row_time(a, 0, 0, 12);
		q->begun_us = pg_row_time(a, 0, 0, 13);
		q->settled_us = pg_row_time(a, 0, 0, 14);
	}
	q->done(q);
}
