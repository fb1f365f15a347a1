#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "db/capacity_read.h"
#include "db/pool.h"
#include "rotation/capacity.h"
#include "rotation/member.h"
#include "services/api/asked.h"
#include "services/api/handlers.h"

/*
 * How much may still be sent, what binds, and when that lifts:
 *
 *   ask -> counters as they stand -> the days of those that nobody opened -> rotation/capacity ->
 * answer
 */
static void on_members(struct quota_members *m);
static void on_pool(struct view *v);
static void on_rows(struct capacity_read *r);

struct member {
	char inbox[RAND_UUID];
	struct pick_inbox pick;
	bool has_day;
};

struct looking {
	struct request *q;
	bool is_pool;
	const char *day; /* of the query; NULL: today there */
	struct quota_members members;
	struct capacity_read rows;
	int64_t now_us;
	struct member *at; /* in the order of ids, as both answers come */
	size_t n, room, next;
	/* what the answer adds up */
	json_t *inboxes;
	int cap, used, left, left_new;
	size_t able;
	unsigned refused[REFUSAL_COUNT];
	int64_t retry_us;
};

static void looking_free(void *own)
{
	struct looking *l = own;

	pg_tx_cancel(&l->members.tx);
	pg_tx_cancel(&l->rows.tx);
	json_decref(l->inboxes);
	free(l->at);
	free(l);
}

/* "2026-11-24", a day of the calendar's years; PostgreSQL says whether it is in it. */
static bool is_day(const char *s)
{
	static const uint8_t days[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	uint64_t y, m, d;

	return strlen(s) == 10 && s[4] == '-' && s[7] == '-' &&
	       text_u64((struct text){ s, 4 }, 2999, &y) == 0 && y >= 2000 &&
	       text_u64((struct text){ s + 5, 2 }, 12, &m) == 0 && m >= 1 &&
	       text_u64((struct text){ s + 8, 2 }, 31, &d) == 0 && d >= 1 && d <= days[m - 1] &&
	       (m != 2 || d < 29 || (y % 4 == 0 && (y % 100 != 0 || y % 400 == 0)));
}

/* ---- reading ---- */

static void on_member(struct quota_members *m, const struct quota_member *one)
{
	struct looking *l = container_of(m, struct looking, members);
	struct member *to;

	if (!one->inbox[0]) /* a pool without members */
		return;
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 16;
		l->at = mem_resize(l->at, l->room * sizeof(*l->at));
	}
	to = &l->at[l->n++];
	memcpy(to->inbox, one->inbox, sizeof(to->inbox));
	member_read(one, &to->pick);
	to->has_day = one->has_day;
}

static void start(struct request *q, bool is_pool)
{
	const char *day = http_call_query(q->call, "day");
	struct looking *l;
	int r;

	if (!asked_id(q))
		return;
	if (day && !is_day(day)) {
		answer_problem(q, PROBLEM_BAD_FIELD, "day", "is no day (2026-11-24)", NULL);
		return;
	}
	l = mem_new(sizeof(*l));
	l->q = q;
	l->is_pool = is_pool;
	l->day = day;
	l->retry_us = PICK_NEVER;
	l->inboxes = json_array();
	q->own = l;
	q->own_free = looking_free;
	r = (is_pool ? quota_members_start : quota_member_start)(
		q->api->pg, &l->members, q->key.workspace, q->params[0], on_member, on_members);
	asked_started(q, r);
}

void capacity_call_inbox(struct request *q)
{
	start(q, /* is_pool= */ false);
}

void capacity_call_pool(struct request *q)
{
	start(q, /* is_pool= */ true);
}

/* ---- one of them ---- */

static void put_instant(json_t *j, const char *key, int64_t us)
{
	if (us == PICK_NEVER)
		json_put_null(j, key);
	else
		json_put_time(j, key, us);
}

static json_t *binding(enum refusal r, int64_t lifts_us)
{
	json_t *j = json_object();

	json_put_bool(j, "may", r == REFUSAL_NONE);
	if (r == REFUSAL_NONE)
		json_put_null(j, "binds");
	else
		json_put_text(j, "binds", text_of(refusal_name(r)));
	put_instant(j, "lifts_at", lifts_us);
	return j;
}

static void put_limit(json_t *list, enum refusal r, int left, int64_t lifts_us)
{
	json_t *j;

	if (left == INT_MAX) /* nobody counts it */
		return;
	j = json_object();
	json_put_text(j, "limit", text_of(refusal_name(r)));
	json_put_int(j, "left", left > 0 ? left : 0);
	put_instant(j, "lifts_at", lifts_us);
	json_append(list, j);
}

static json_t *limits_of(const struct pick_inbox *i)
{
	json_t *list = json_array();

	put_limit(list, REFUSAL_CAP, i->cap - i->used, i->day_ends_us);
	put_limit(list, REFUSAL_NEW_SHARE, i->cap_new - i->used_new, i->day_ends_us);
	put_limit(list, REFUSAL_ROLLING, i->rolling_left, i->rolling_lifts_us);
	put_limit(list, REFUSAL_DOMAIN, i->domain_left, i->domain_lifts_us);
	put_limit(list, REFUSAL_TENANT, i->tenant_left, i->tenant_lifts_us);
	return list;
}

static json_t *window_of(const struct pick_inbox *i)
{
	json_t *j;

	if (i->opens_us >= i->closes_us)
		return json_null();
	j = json_object();
	json_put_time(j, "opens_at", i->opens_us);
	json_put_time(j, "closes_at", i->closes_us);
	return j;
}

/* The counters and the slots are read one after the other. */
static int least(int a, int b)
{
	return a < b ? a : b;
}

static json_t *inbox_json(const struct capacity_row *r, const struct pick_inbox *i,
			  const struct capacity *c, const char *bound)
{
	json_t *j = json_object(), *factors = json_loads(r->factors, 0, NULL);

	json_put_text(j, "inbox_id", text_of(r->inbox));
	json_put_text(j, "address", text_of(r->address));
	json_put_text(j, "tier", i->reserve ? TEXT("reserve") : TEXT("primary"));
	json_put(j, "weight", json_real(r->weight));
	json_put_text(j, "day", text_of(r->date));
	json_put_text(j, "time_zone", text_of(r->zone));
	json_put_time(j, "day_ends_at", r->ends_us);
	json_put_int(j, "cap", i->cap);
	json_put_text(j, "cap_by", text_of(bound));
	json_put_int(j, "used", i->used);
	json_put_int(j, "held", least(r->held, i->used));
	json_put_int(j, "left", c->left);
	json_put_int(j, "left_new", c->left_new);
	json_put(j, "first", binding(c->first, c->first_lifts_us));
	json_put(j, "follow_up", binding(c->follow_up, c->follow_up_lifts_us));
	json_put(j, "limits", limits_of(i));
	json_put(j, "window", window_of(i));
	put_instant(j, "next_allowed_at", i->next_allowed_us);
	json_put_text(j, "band", text_of(r->band));
	json_put(j, "score", json_real(r->score));
	json_put(j, "confidence", json_real(r->confidence));
	json_put(j, "factors", factors ? factors : json_array());
	return j;
}

static void begin_day(const struct capacity_row *r, struct pick_inbox *i, const char **bound)
{
	struct capacity_day d = { .ramp = { .preset = RAMP_STANDARD,
					    .k = r->ramp_index,
					    .policy_cap = r->cap_day,
					    .band = member_band(r->band),
					    .provider_24h = r->ceiling_24h,
					    .external_24h = r->external_24h,
					    .limit_hit_yesterday = r->limit_hit_yesterday },
				  .cap_new_share = r->cap_new_share,
				  .starts_us = r->starts_us,
				  .opens_us = r->opens_us,
				  .closes_us = r->closes_us,
				  .ends_us = r->ends_us };
	enum ramp_bound by;

	(void)ramp_preset_of(r->ramp, &d.ramp.preset);
	capacity_begin(&d, i, &by);
	*bound = ramp_bound_name(by);
}

static void add_up(struct looking *l, const struct pick_inbox *i, const struct capacity *c)
{
	l->cap += i->cap;
	l->used += i->used;
	l->left += c->left;
	l->left_new += c->left_new;
	l->refused[c->first]++;
	if (c->first == REFUSAL_NONE)
		l->able++;
	else if (c->first_lifts_us != PICK_NEVER &&
		 (l->retry_us == PICK_NEVER || c->first_lifts_us < l->retry_us))
		l->retry_us = c->first_lifts_us;
}

static void on_row(struct capacity_read *q, const struct capacity_row *r)
{
	struct looking *l = container_of(q, struct looking, rows);
	const char *bound = r->bound;
	struct pick_inbox i;
	struct capacity c;

	/* One that came or went between the two answers is left out. */
	while (l->next < l->n && strcmp(l->at[l->next].inbox, r->inbox) < 0)
		l->next++;
	if (l->next == l->n || strcmp(l->at[l->next].inbox, r->inbox) != 0)
		return;
	i = l->at[l->next].pick;
	if (!r->is_today || !l->at[l->next].has_day || !r->bound[0])
		begin_day(r, &i, &bound);
	/* Another day is looked at as it begins. */
	c = capacity_of(&i, r->is_today ? l->now_us : r->starts_us);
	add_up(l, &i, &c);
	json_append(l->inboxes, inbox_json(r, &i, &c, bound));
}

/* ---- the answer ---- */

static void on_members(struct quota_members *m)
{
	struct looking *l = container_of(m, struct looking, members);
	struct request *q = l->q;

	if (!answer_db_ok(q, &m->outcome))
		return;
	if (!m->n && !l->is_pool) {
		asked_nothing(q, "no inbox");
		return;
	}
	if (!m->n) { /* or it has no members */
		asked_started(q, pool_show_start(q->api->pg, &q->view, q->key.workspace,
						 q->params[0], on_pool));
		return;
	}
	l->now_us = m->now_us;
	asked_started(q, capacity_read_start(q->api->pg, &l->rows, q->key.workspace,
					     l->is_pool ? q->params[0] : NULL,
					     l->is_pool ? NULL : q->params[0], l->day, on_row,
					     on_rows));
}

static json_t *pool_json(struct looking *l)
{
	json_t *j = json_object(), *refused = json_object();

	for (int r = REFUSAL_NONE + 1; r < REFUSAL_COUNT; r++)
		if (l->refused[r])
			json_put_int(refused, refusal_name((enum refusal)r), l->refused[r]);
	json_put_text(j, "pool_id", text_of(l->q->params[0]));
	json_put_int(j, "cap", l->cap);
	json_put_int(j, "used", l->used);
	json_put_int(j, "left", l->left);
	json_put_int(j, "left_new", l->left_new);
	json_put_int(j, "members", (int64_t)json_array_size(l->inboxes));
	json_put_int(j, "able", (int64_t)l->able);
	json_put(j, "refused", refused);
	put_instant(j, "retry_at", l->able ? PICK_NEVER : l->retry_us);
	json_put(j, "inboxes", json_incref(l->inboxes));
	return j;
}

static void on_pool(struct view *v)
{
	struct request *q = container_of(v, struct request, view);

	if (!answer_db_ok(q, &v->outcome))
		return;
	if (v->found)
		answer_json(q, 200, pool_json(q->own));
	else
		asked_nothing(q, "no pool");
}

static void on_rows(struct capacity_read *r)
{
	struct looking *l = container_of(r, struct looking, rows);
	struct request *q = l->q;

	if (!answer_db_ok(q, &r->outcome))
		return;
	if (l->is_pool)
		answer_json(q, 200, pool_json(l));
	else if (json_array_size(l->inboxes) == 0)
		asked_nothing(q, "no inbox");
	else
		answer_json(q, 200, json_incref(json_array_get(l->inboxes, 0)));
}
