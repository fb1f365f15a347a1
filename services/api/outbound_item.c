#include "services/api/outbound_item.h"

#include <string.h>

#include "base/json.h"
#include "base/keyed.h"
#include "base/mem.h"
#include "base/sign.h"
#include "ingest/match/match_names.h"

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
static void fingerprint(const struct outbound_item *it, uint8_t ret[SIGN_SHA256])
{
	struct buf b;

	buf_init(&b, 4096);
	text_addf(&b, "%s\n%zu:%.*s\n%zu:%.*s\n%zu:%.*s\n%s", it->inbox, it->sequence.len,
		  TEXT_ARG(it->sequence), it->step.len, TEXT_ARG(it->step), it->key.len,
		  TEXT_ARG(it->key), it->address);
	sign_sha256(b.data, b.len, ret);
	buf_clear(&b);
}

static void put_names(json_t *row, const struct outbound_item *it,
		      const struct secret *workspace_key)
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

json_t *outbound_item_row(const struct outbound_item *it, const struct secret *workspace_key)
{
	uint8_t digest[KEYED_DIGEST], print[SIGN_SHA256];
	char outbound[RAND_UUID];
	json_t *row = json_object();

	rand_uuid(outbound);
	if (it->outbound)
		memcpy(outbound, it->outbound, sizeof(outbound));
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
