#ifndef SERVICES_API_OUTBOUND_ITEM_H
#define SERVICES_API_OUTBOUND_ITEM_H

#include <jansson.h>

#include "base/rand.h"
#include "base/secret.h"
#include "base/text.h"
#include "ingest/match/match_names.h"
#include "ingest/mime/mime_id.h"
#include "services/api/field.h"

#define OUTBOUND_LINKS 8 /* of one mail: what it is clicked for, to see it, to be left alone */

/*
 * One mail that was sent, as outbound_register() wants it: with the keyed digests of all that it is
 * found by.  `id` and `final` are Message-IDs in normal form, final "" where there is none; `key`
 * is whom it was sent to, `message_id` is not looked at.
 */
struct outbound_item {
	const char *outbound; /* uuid; NULL: a new one */
	char inbox[RAND_UUID], address[FIELD_ADDRESS], id[MIME_ID], final[MIME_ID];
	char links[OUTBOUND_LINKS][MATCH_LINK];
	size_t n_links;
	struct text sequence, step, key, message_id, subject, token;
	int64_t sent_us;
};
/* The caller's; `workspace_key`: keyed_workspace_key(). */
json_t *outbound_item_row(const struct outbound_item *it, const struct secret *workspace_key);

#endif
