#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mailaddr.h"
#include "base/mem.h"
#include "base/rand.h"
#include "db/erase.h"
#include "ingest/match/match_names.h"
#include "services/api/asked.h"
#include "services/api/handlers.h"

/*
 * DELETE /v1/prospects/{}: a person is forgotten.
 *
 *   known -> his keys, each with its addresses -> their digests -> erased
 *     ^                                             `-> he was registered anew meanwhile
 *     `-------------------------------------------------'
 */
#define TRIES 5

static void on_known(struct view *v);
static void on_erased(struct view *v);

struct erasing {
	struct request *q;
	int tries;
	char word[MAILADDR + REQUEST_PARAM_MAX]; /* a key, or an address in our spelling */
};

/* The digest by which outbounds to this address are found. */
static void put_digest(json_t *digests, const char *address, const struct secret *key)
{
	cleanup_free struct match_names *names = mem_new(sizeof(*names));
	cleanup_free struct match_keys *keys = mem_new(sizeof(*keys));
	struct buf hex;

	match_names_sent(text_of(address), TEXT(""), TEXT(""), names);
	match_names_keys(NULL, names, key, keys);
	for (size_t i = 0; i < keys->n; i++) {
		if (keys->at[i].method != MATCH_FROM)
			continue;
		buf_init(&hex, 2 * KEYED_DIGEST);
		text_add_hex(&hex, keys->at[i].digest, KEYED_DIGEST);
		json_array_append_new(digests, json_stringn((const char *)hex.data, hex.len));
		buf_clear(&hex);
	}
}

/* Each key gets another name, and the digests of its addresses; a key may be an address, too. */
static char *items_of(json_t *known, const struct secret *key)
{
	char alias[RAND_UUID + 8], id[RAND_UUID], address[MAILADDR];

	for (size_t i = 0; i < json_array_size(known); i++) {
		json_t *row = json_array_get(known, i), *digests = json_array();
		json_t *addresses = json_object_get(row, "addresses");

		if (mailaddr_fold(text_of(json_get_text(row, "key")), address) >= 0)
			json_array_append_new(addresses, json_string(address));
		for (size_t n = 0; n < json_array_size(addresses); n++)
			put_digest(digests, json_string_value(json_array_get(addresses, n)), key);
		rand_uuid(id);
		(void)snprintf(alias, sizeof(alias), "erased:%s", id);
		json_put_text(row, "alias", text_of(alias));
		json_put(row, "digests", digests);
	}
	return json_dumps(known, JSON_COMPACT);
}

static void start_known(struct erasing *e)
{
	struct request *q = e->q;

	view_clear(&q->view);
	asked_started(q,
		      erase_known_start(q->api->pg, &q->view, q->key.workspace, e->word, on_known));
}

void erase_call(struct request *q)
{
	struct erasing *e = mem_new(sizeof(*e));

	e->q = q;
	(void)snprintf(e->word, sizeof(e->word), "%s", q->params[0]);
	q->own = e;
	q->own_free = free;
	start_known(e);
}

/* Nobody has this key: perhaps it is an address in another spelling. */
static bool is_spelled_otherwise(struct erasing *e)
{
	char address[MAILADDR];

	if (mailaddr_fold(text_of(e->word), address) < 0 || strcmp(address, e->word) == 0)
		return false;
	(void)snprintf(e->word, sizeof(e->word), "%s", address);
	return true;
}

static void on_known(struct view *v)
{
	struct request *q = container_of(v, struct request, view);
	cleanup_secret struct secret key = { 0 };
	cleanup_json json_t *known = NULL;
	cleanup_free char *items = NULL;

	if (!answer_db_ok(q, &v->outcome))
		return;
	if (!v->found) {
		if (is_spelled_otherwise(q->own))
			start_known(q->own);
		else
			answer_problem(q, PROBLEM_NOT_FOUND, NULL,
				       "no prospect with this key or address in the workspace",
				       "ask by the key or the address that was registered");
		return;
	}
	known = json_loadb((const char *)v->json.data, v->json.len, 0, NULL);
	keyed_workspace_key(q->api->digest_key, text_of(q->key.workspace), &key);
	items = items_of(known, &key);
	view_clear(v);
	asked_started(q, erase_start(q->api->pg, v, q->key.workspace, items, on_erased));
}

static void on_erased(struct view *v)
{
	struct request *q = container_of(v, struct request, view);
	struct erasing *e = q->own;
	cleanup_json json_t *said = NULL;
	const char *result;
	json_t *answer;

	if (!answer_db_ok(q, &v->outcome))
		return;
	said = json_loadb((const char *)v->json.data, v->json.len, 0, NULL);
	result = json_get_text(said, "result");
	if (strcmp(result, "done") == 0) {
		answer = json_object();
		json_object_set(answer, "erased", json_object_get(said, "erased"));
		answer_json(q, 200, answer);
	} else if (strcmp(result, "again") == 0 && ++e->tries < TRIES) {
		start_known(e);
	} else {
		http_call_set_header(q->call, "Retry-After", "1");
		answer_problem(q, PROBLEM_CONFLICT, NULL,
			       "a mail of his is being read, or one to him is promised",
			       "ask once more in a moment; nothing was erased yet");
	}
}
