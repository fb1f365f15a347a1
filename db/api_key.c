#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "db/api_key.h"

static void on_found(struct pg_tx *tx, const struct pg_answer *a);

static const struct pg_stmt find = {
	"api_key_find",
	"select workspace_id, api_key_id, ' ' || array_to_string(scopes, ' ') || ' ', revoked_at "
	"is not null,"
	" coalesce(expires_at < now(), false) from api_key where digest = presented_now()",
};

int api_key_find_start(struct pg *pg, struct api_key_find *q, const uint8_t digest[SIGN_SHA256],
		       void (*done)(struct api_key_find *))
{
	q->done = done;
	q->is = API_KEY_UNKNOWN;
	pg_tx_init(&q->tx, NULL);
	presented_set(&q->tx, q->presented, digest);
	pg_tx_add(&q->tx, &find, "");
	return pg_tx_start(pg, &q->tx, on_found);
}

static void on_found(struct pg_tx *tx, const struct pg_answer *a)
{
	struct api_key_find *q = container_of(tx, struct api_key_find, tx);

	q->outcome = a->outcome;
	if (outcome_ok(&a->outcome) && pg_rows(a, 0) == 1) {
		(void)snprintf(q->workspace, sizeof(q->workspace), "%s", pg_row_text(a, 0, 0, 0));
		(void)snprintf(q->api_key, sizeof(q->api_key), "%s", pg_row_text(a, 0, 0, 1));
		(void)snprintf(q->scopes, sizeof(q->scopes), "%s", pg_row_text(a, 0, 0, 2));
		q->is = pg_row_bool(a, 0, 0, 3)   ? API_KEY_REVOKED
			: pg_row_bool(a, 0, 0, 4) ? API_KEY_EXPIRED
						  : API_KEY_GOOD;
	}
	q->done(q);
}

static const struct pg_stmt unhurried = {
	"api_key_unhurried",
	"select set_config('synchronous_commit', 'off', true)",
};
static const struct pg_stmt used = {
	"api_key_used",
	"update api_key set last_used_at = now() where workspace_id = workspace_now() and"
	" api_key_id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')",
};

static void on_used(struct pg_tx *tx, const struct pg_answer *a)
{
	struct api_key_used *q = container_of(tx, struct api_key_used, tx);

	q->outcome = a->outcome;
	q->done(q);
}

int api_key_used_start(struct pg *pg, struct api_key_used *q, const char *workspace,
		       const char *api_key, void (*done)(struct api_key_used *))
{
	*q = (struct api_key_used){ .done = done };
	pg_tx_init(&q->tx, workspace);
	pg_tx_add(&q->tx, &unhurried, "");
	pg_tx_add(&q->tx, &used, "u", api_key);
	return pg_tx_start(pg, &q->tx, on_used);
}

bool api_key_may(const struct api_key_find *q, const char *scope)
{
	char word[64];

	(void)snprintf(word, sizeof(word), " %s ", scope);
	return strstr(q->scopes, word) != NULL;
}
