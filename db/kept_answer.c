#include "db/kept_answer.h"

#include <string.h>

#include "base/limits.h"
#include "base/mem.h"

static void on_begun(struct pg_tx *tx, const struct pg_answer *a);
static void on_done(struct pg_tx *tx, const struct pg_answer *a);

/* clang-format off */
static const struct pg_stmt begin_stmt = {
	"kept_answer_begin",
	"select said, status, sealed from answer_begin($1, $2, $3, $4,"
	" make_interval(secs => $5::bigint), make_interval(secs => $6::bigint))",
};
static const struct pg_stmt keep_stmt = {
	"kept_answer_keep",
	"update kept_answer set status = $4::bigint::int, sealed = $5 where workspace_id = workspace_now()"
	" and api_key_id = $1 and key_digest = $2 and request_id = $3 and status is null",
};
static const struct pg_stmt let_go_stmt = {
	"kept_answer_let_go",
	"delete from kept_answer where workspace_id = workspace_now()"
	" and api_key_id = $1 and key_digest = $2 and request_id = $3 and status is null",
};
/* clang-format on */

int kept_answer_begin(struct pg *pg, struct kept_answer *k, const struct kept_answer_id *id,
		      void (*done)(struct kept_answer *))
{
	*k = (struct kept_answer){ .done = done };
	buf_init(&k->sealed, LIMIT_OAUTH_SEALED);
	pg_tx_init(&k->tx, id->workspace);
	pg_tx_add(&k->tx, &begin_stmt, "ubbuii", id->api_key, id->digest, sizeof(id->digest),
		  id->print, sizeof(id->print), id->request, (int64_t)KEPT_ANSWER_S,
		  (int64_t)KEPT_ANSWER_OVER);
	return pg_tx_start(pg, &k->tx, on_begun);
}

static enum kept_answer_said said_of(const char *word)
{
	static const char *const words[] = {
		[KEPT_ANSWER_NEW] = "new",     [KEPT_ANSWER_KEPT] = "kept",
		[KEPT_ANSWER_OTHER] = "other", [KEPT_ANSWER_BUSY] = "busy",
		[KEPT_ANSWER_LOST] = "lost",
	};

	for (size_t i = 0; i < countof(words); i++)
		if (strcmp(word, words[i]) == 0)
			return (enum kept_answer_said)i;
	return KEPT_ANSWER_LOST;
}

static void on_begun(struct pg_tx *tx, const struct pg_answer *a)
{
	struct kept_answer *k = container_of(tx, struct kept_answer, tx);

	k->outcome = a->outcome;
	if (outcome_ok(&a->outcome)) {
		k->said = pg_rows(a, 0) ? said_of(pg_row_text(a, 0, 0, 0)) : KEPT_ANSWER_LOST;
		k->status = k->said == KEPT_ANSWER_KEPT ? (int)pg_row_i64(a, 0, 0, 1) : 0;
		if (k->said == KEPT_ANSWER_KEPT)
			(void)pg_row_bytes(a, 0, 0, 2, &k->sealed);
	}
	k->done(k);
}

int kept_answer_keep(struct pg *pg, struct kept_answer *k, const struct kept_answer_id *id,
		     int status, const struct buf *sealed, void (*done)(struct kept_answer *))
{
	k->done = done;
	pg_tx_init(&k->tx, id->workspace);
	pg_tx_add(&k->tx, &keep_stmt, "ubuib", id->api_key, id->digest, sizeof(id->digest),
		  id->request, (int64_t)status, sealed->data, sealed->len);
	return pg_tx_start(pg, &k->tx, on_done);
}

int kept_answer_let_go(struct pg *pg, struct kept_answer *k, const struct kept_answer_id *id,
		       void (*done)(struct kept_answer *))
{
	k->done = done;
	pg_tx_init(&k->tx, id->workspace);
	pg_tx_add(&k->tx, &let_go_stmt, "ubu", id->api_key, id->digest, sizeof(id->digest),
		  id->request);
	return pg_tx_start(pg, &k->tx, on_done);
}

static void on_done(struct pg_tx *tx, const struct pg_answer *a)
{
	struct kept_answer *k = container_of(tx, struct kept_answer, tx);

	k->outcome = a->outcome;
	k->done(k);
}

void kept_answer_clear(struct kept_answer *k)
{
	pg_tx_cancel(&k->tx);
	buf_clear(&k->sealed);
}
