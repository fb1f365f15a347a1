#include "base/mem.h"
#include "db/kept_answer.h"
#include "db/upkeep.h"

#define MONTHS_AHEAD 3
#define BLIND_LONG_S 120 /* a gap that a restart or a move leaves is over by then */
#define TOLD_AT_ONCE 500

static void on_done(struct pg_tx *tx, const struct pg_answer *a);

static const struct pg_stmt partitions = { "upkeep_partitions",
					   "call partitions_ensure($1::bigint::int)" };
static const struct pg_stmt purge = {
	"upkeep_purge", "select housekeeping(make_interval(secs => $1::bigint / 1000.0))"
};
static const struct pg_stmt forget = {
	"upkeep_forget", "call timeline_forget(make_interval(secs => $1::bigint / 1000.0))"
};
static const struct pg_stmt retain = {
	"upkeep_retain", "select log_retain(make_interval(secs => $1::bigint / 1000.0),"
			 " make_interval(secs => $2::bigint / 1000.0))"
};
static const struct pg_stmt metrics = { "upkeep_metrics", "call metrics_count()" };
/* A portion at a time; a row that is begun anew meanwhile is not older any more. */
static const struct pg_stmt answers = {
	"upkeep_answers",
	"with old as (select workspace_id, api_key_id, key_digest from kept_answer"
	"  where made_at < now() - make_interval(secs => $1::bigint) limit 5000),"
	" gone as (delete from kept_answer k using old o where k.workspace_id = o.workspace_id"
	"  and k.api_key_id = o.api_key_id and k.key_digest = o.key_digest"
	"  and k.made_at < now() - make_interval(secs => $1::bigint) returning 1)"
	" select count(*) from gone",
};
static const struct pg_stmt gaps = {
	"upkeep_gaps", "select gaps_told(make_interval(secs => $1::bigint), $2::bigint::int)"
};
static const struct pg_stmt links = { "upkeep_links", "select links_overdue()" };

int upkeep_start(struct pg *pg, struct upkeep *q, enum upkeep_task task,
		 const struct upkeep_ages *ages, void (*done)(struct upkeep *))
{
	q->task = task;
	q->done = done;
	pg_tx_init(&q->tx, NULL);
	switch (task) {
	case UPKEEP_PARTITIONS:
		pg_tx_add(&q->tx, &partitions, "i", (int64_t)MONTHS_AHEAD);
		break;
	case UPKEEP_PURGE:
		pg_tx_add(&q->tx, &purge, "i", (int64_t)ages->trace_ms);
		break;
	case UPKEEP_FORGET:
		pg_tx_add(&q->tx, &forget, "i", (int64_t)ages->timeline_ms);
		break;
	case UPKEEP_RETAIN:
		pg_tx_add(&q->tx, &retain, "ii", (int64_t)ages->events_ms,
			  (int64_t)ages->messages_ms);
		break;
	case UPKEEP_METRICS:
		pg_tx_add(&q->tx, &metrics, "");
		break;
	case UPKEEP_ANSWERS:
		pg_tx_add(&q->tx, &answers, "i", (int64_t)KEPT_ANSWER_S);
		break;
	case UPKEEP_LINKS:
		pg_tx_add(&q->tx, &links, "");
		break;
	case UPKEEP_GAPS:
		pg_tx_add(&q->tx, &gaps, "ii", (int64_t)BLIND_LONG_S, (int64_t)TOLD_AT_ONCE);
		break;
	}
	return pg_tx_start(pg, &q->tx, on_done);
}

static void on_done(struct pg_tx *tx, const struct pg_answer *a)
{
	struct upkeep *q = container_of(tx, struct upkeep, tx);
	bool counts = q->task == UPKEEP_PURGE || q->task == UPKEEP_LINKS ||
		      q->task == UPKEEP_RETAIN || q->task == UPKEEP_ANSWERS ||
		      q->task == UPKEEP_GAPS;

	q->outcome = a->outcome;
	q->changed =
		counts && outcome_ok(&a->outcome) && pg_rows(a, 0) ? pg_row_i64(a, 0, 0, 0) : 0;
	q->done(q);
}

const char *upkeep_task_name(enum upkeep_task t)
{
	switch (t) {
	case UPKEEP_PARTITIONS:
		return "partitions";
	case UPKEEP_PURGE:
		return "purge";
	case UPKEEP_FORGET:
		return "forget";
	case UPKEEP_RETAIN:
		return "retain";
	case UPKEEP_METRICS:
		return "metrics";
	case UPKEEP_LINKS:
		return "links";
	case UPKEEP_ANSWERS:
		return "answers";
	case UPKEEP_GAPS:
		return "gaps";
	}
	return "?";
}
