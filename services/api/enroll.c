#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/keyed.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/seal.h"
#include "ingest/match/match_names.h"
#include "services/api/field.h"
#include "services/api/handlers.h"
#include "services/event_type.h"

/*
 * What a sequence engine brings: the mails it sent.
 */
#define ITEMS_MAX      1000
#define NAME_MAX_BYTES 200 /* of a sequence, a step, a prospect's key */
#define URL_MAX        2048
#define WEBHOOK_SECRET 32 /* bytes; Standard Webhooks: 24 to 64 */

static void on_registered(struct outbound_register *o);
static void on_result(struct outbound_register *o, const struct outbound_result *r);

static void refuse_field(struct request *q, const struct json_error *err)
{
	answer_problem(q, PROBLEM_BAD_FIELD, err->field, err->why, NULL);
}

/* ---- outbound ---- */

#define LINKS_MAX 8 /* of one mail: what it is clicked for, to see it, to be left alone */

struct item {
	char inbox[JSON_UUID], address[FIELD_ADDRESS], id[MIME_ID], final[MIME_ID];
	char links[LINKS_MAX][MATCH_LINK];
	size_t n_links;
	struct text sequence, step, key, message_id, subject, token;
	int64_t sent_us;
};

/* Links that no other mail has; a mail whose text quotes one of them answers this one. */
static int read_links(const json_t *o, const char *path, struct item *ret, struct json_error *err)
{
	const json_t *links = NULL;
	char below[JSON_POINTER], at[24];
	struct text link = { 0 };

	if (json_want_array(o, path, "links", 0, LINKS_MAX, JSON_OPTIONAL, &links, err))
		return -1;
	json_path_key(below, path, "links");
	for (size_t i = 0; links && i < json_array_size(links); i++) {
		if (json_item_text(links, below, i, MATCH_LINK + 8, &link, err))
			return -1;
		if (!match_body_link(link, ret->links[i])) {
			(void)snprintf(at, sizeof(at), "%zu", i);
			json_error_set(err, below, at,
				       "is not a link of one mail (https://host/ and at least 6 "
				       "characters, 1023 in all)");
			return -1;
		}
		ret->n_links++;
	}
	return 0;
}

/* What it is found by beside its Message-ID. */
static int read_other_names(const json_t *o, const char *path, struct item *ret,
			    struct json_error *err)
{
	struct text final = { 0 };
	char token[MATCH_TOKEN];

	if (json_want_text(o, path, "subject", MIME_ID - 1, JSON_OPTIONAL, &ret->subject, err) ||
	    json_want_text(o, path, "reply_token", MATCH_TOKEN - 1, JSON_OPTIONAL, &ret->token,
			   err) ||
	    json_want_text(o, path, "final_message_id", MIME_ID - 1, JSON_OPTIONAL, &final, err))
		return -1;
	if (ret->token.len && !match_names_token(ret->token, token)) {
		json_error_set(err, path, "reply_token", "is not 6 to 64 of a-z 0-9 . _ -");
		return -1;
	}
	if (final.len && !match_ids_normal(final, ret->final)) {
		json_error_set(err, path, "final_message_id",
			       "is not a Message-ID (<something@host>)");
		return -1;
	}
	return read_links(o, path, ret, err);
}

static int read_item(const json_t *array, size_t i, struct item *ret, struct json_error *err)
{
	static const char *const fields[] = { "inbox_id", "sequence",    "step",
					      "prospect", "message_id",  "sent_at",
					      "subject",  "reply_token", "final_message_id",
					      "links",    NULL };
	static const char *const prospect_fields[] = { "key", "address", NULL };
	char path[JSON_POINTER], below[JSON_POINTER];
	const json_t *o, *p = NULL;
	struct text address = { 0 };

	*ret = (struct item){ 0 };
	json_path_item(path, "/items", i);
	json_path_key(below, path, "prospect");
	if (json_item_object(array, "/items", i, &o, err) || json_only(o, path, fields, err) ||
	    json_want_uuid(o, path, "inbox_id", JSON_REQUIRED, ret->inbox, err) ||
	    json_want_text(o, path, "sequence", NAME_MAX_BYTES, JSON_REQUIRED, &ret->sequence,
			   err) ||
	    json_want_text(o, path, "step", NAME_MAX_BYTES, JSON_REQUIRED, &ret->step, err) ||
	    json_want_object(o, path, "prospect", JSON_REQUIRED, &p, err) ||
	    json_only(p, below, prospect_fields, err) ||
	    json_want_text(p, below, "address", FIELD_ADDRESS - 1, JSON_REQUIRED, &address, err) ||
	    json_want_text(p, below, "key", NAME_MAX_BYTES, JSON_OPTIONAL, &ret->key, err) ||
	    json_want_text(o, path, "message_id", MIME_ID - 1, JSON_REQUIRED, &ret->message_id,
			   err) ||
	    json_want_time(o, path, "sent_at", JSON_REQUIRED, &ret->sent_us, err) ||
	    read_other_names(o, path, ret, err))
		return -1;
	if (!field_address(address, ret->address)) {
		json_error_set(err, below, "address", "is not an e-mail address (name@domain)");
		return -1;
	}
	if (!ret->key.len) /* the person is the address, unless the engine has a name for him */
		ret->key = text_of(ret->address);
	if (!match_ids_normal(ret->message_id, ret->id)) {
		json_error_set(err, path, "message_id", "is not a Message-ID (<something@host>)");
		return -1;
	}
	return 0;
}

static json_t *hex(const uint8_t *p, size_t n)
{
	struct buf b;
	json_t *j;

	buf_init(&b, 2 * n);
	text_add_hex(&b, p, n);
	j = json_stringn((const char *)b.data, b.len);
	buf_clear(&b);
	return j;
}

/* What makes two registrations of a Message-ID the same: everything but the time. */
static void fingerprint(const struct item *it, uint8_t ret[SIGN_SHA256])
{
	struct buf b;

	buf_init(&b, 4096);
	text_addf(&b, "%s\n%zu:%.*s\n%zu:%.*s\n%zu:%.*s\n%s", it->inbox, it->sequence.len,
		  TEXT_ARG(it->sequence), it->step.len, TEXT_ARG(it->step), it->key.len,
		  TEXT_ARG(it->key), it->address);
	sign_sha256(b.data, b.len, ret);
	buf_clear(&b);
}

static void put_names(json_t *row, const struct item *it, const struct secret *workspace_key)
{
	cleanup_free struct match_names *sent = mem_new(sizeof(*sent));
	cleanup_free struct match_keys *keys = mem_new(sizeof(*keys));
	json_t *names = json_array(), *met = json_array();

	match_names_sent(text_of(it->address), it->subject, it->token, sent);
	match_names_add_links((const char(*)[MATCH_LINK])it->links, it->n_links, sent);
	match_names_keys(NULL, sent, workspace_key, keys);
	for (size_t i = 0; i < keys->n; i++) {
		if (keys->at[i].method == MATCH_COMPANY_ALONE) /* if the workspace wants it */
			json_put(row, "company", hex(keys->at[i].digest, KEYED_DIGEST));
		else
			json_append(names, hex(keys->at[i].digest, KEYED_DIGEST));
		if (match_names_is_met(keys->at[i].method))
			json_append(met, hex(keys->at[i].digest, KEYED_DIGEST));
	}
	json_put(row, "names", names);
	json_put(row, "met", met);
}

static json_t *row_of(const struct item *it, const struct secret *workspace_key)
{
	uint8_t digest[KEYED_DIGEST], print[SIGN_SHA256];
	char outbound[RAND_UUID];
	json_t *row = json_object();

	rand_uuid(outbound);
	keyed_id_digest(workspace_key, text_of(it->id), digest);
	fingerprint(it, print);
	json_put_text(row, "outbound_id", text_of(outbound));
	json_put_text(row, "inbox_id", text_of(it->inbox));
	json_put_text(row, "sequence", it->sequence);
	json_put_text(row, "step", it->step);
	json_put_text(row, "prospect_key", it->key);
	json_put_text(row, "prospect_address", text_of(it->address));
	json_put_text(row, "message_id", text_of(it->id));
	json_put_time(row, "sent_at", it->sent_us);
	json_put(row, "digest", hex(digest, sizeof(digest)));
	json_put(row, "fingerprint", hex(print, sizeof(print)));
	put_names(row, it, workspace_key);
	if (it->final[0]) {
		keyed_id_digest(workspace_key, text_of(it->final), digest);
		json_put(row, "final", hex(digest, sizeof(digest)));
	}
	return row;
}

/* All items or none: a batch with a bad one is refused whole, before anything is written. */
static json_t *read_items(struct request *q)
{
	static const char *const fields[] = { "items", NULL };
	cleanup_secret struct secret key = { 0 };
	const json_t *items = NULL;
	struct json_error err;
	json_t *rows;

	if (json_only(q->body, "", fields, &err) ||
	    json_want_array(q->body, "", "items", 1, ITEMS_MAX, JSON_REQUIRED, &items, &err)) {
		refuse_field(q, &err);
		return NULL;
	}
	keyed_workspace_key(q->api->digest_key, text_of(q->key.workspace), &key);
	rows = json_array();
	for (size_t i = 0; i < json_array_size(items); i++) {
		struct item it;

		if (read_item(items, i, &it, &err) != 0) {
			refuse_field(q, &err);
			json_decref(rows);
			return NULL;
		}
		json_append(rows, row_of(&it, &key));
	}
	return rows;
}

struct results {
	json_t *items;
	int rechecks; /* mails that came before their outbound */
};

static void results_free(void *own)
{
	struct results *r = own;

	json_decref(r->items);
	free(r);
}

void enroll_outbound(struct request *q)
{
	struct results *results;
	json_t *rows;
	char *text;

	if (!answer_body(q))
		return;
	rows = read_items(q);
	if (!rows)
		return;
	text = json_dumps(rows, JSON_COMPACT);
	json_decref(rows);
	results = mem_new(sizeof(*results));
	results->items = json_array();
	q->own = results;
	q->own_free = results_free;
	if (outbound_register_start(q->api->pg, &q->outbound, q->key.workspace, text, on_result,
				    on_registered) != 0)
		answer_busy(q);
	free(text);
}

static void on_result(struct outbound_register *o, const struct outbound_result *r)
{
	struct request *q = container_of(o, struct request, outbound);
	struct results *results = q->own;
	json_t *row = json_object();

	json_put_int(row, "index", r->item);
	json_put_text(row, "result", text_of(r->result));
	if (r->outbound[0])
		json_put_text(row, "outbound_id", text_of(r->outbound));
	else
		json_put_null(row, "outbound_id");
	json_put_int(row, "rechecks", r->rechecks);
	json_append(results->items, row);
	results->rechecks += r->rechecks;
}

static void on_registered(struct outbound_register *o)
{
	struct request *q = container_of(o, struct request, outbound);
	struct results *results = q->own;
	json_t *answer;

	if (!answer_db_ok(q, &o->outcome))
		return;
	if (results->rechecks)
		pg_notify(q->api->pg, "replyd_recheck");
	answer = json_object();
	json_put(answer, "items", json_incref(results->items));
	answer_json(q, 200, answer);
}
