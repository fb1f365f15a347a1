#ifndef INGEST_MATCH_MATCH_BODY_H
#define INGEST_MATCH_MATCH_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"
#include "base/text.h"
#include "ingest/mime/mime_head.h"
#include "ingest/mime/mime_id.h"

/*
 * What the text of a mail names, its quotes among it: Message-IDs, and links.
 * Where no header says what is answered, an original that was pasted in, or
 * passed on with its header block, still does.
 *
 *   "Message-ID: <ab.1@Mail.example>"   ->  id    ab.1@mail.example
 *   "see https://Go.Example/c/x7Ks9q."  ->  link  go.example/c/x7Ks9q
 *
 * One pass, and no more than LIMIT_MATCH_BODY of each, the first ones: an answer
 * quotes what it answers before what that answered.  An id that is called one
 * ("Message-ID:", or RFC 2392 "mid:") takes the place of one that only looks so.
 */
#define MATCH_LINK 1024 /* bytes of a link's normal form and its NUL; longer ones are none */

struct match_body {
	char ids[LIMIT_MATCH_BODY][MIME_ID];
	char links[LIMIT_MATCH_BODY][MATCH_LINK];
	size_t n_ids, n_called; /* the first `n_called` ids are called so */
	size_t n_links;
};

/*
 * `hidden`: the links of an HTML page, one a line, that its text does not show.
 * Addresses of `head`, which quotes repeat, are no ids.
 */
void match_body_of(struct text text, struct text hidden, const struct mime_head *head,
		   struct match_body *ret);

/*
 * A link as it is compared: without its scheme, its fragment and the punctuation
 * behind it, the host in lower case.  false: it is no http or https link, or has
 * too little behind the host to be one mail's own.
 */
bool match_body_link(struct text raw, char ret[MATCH_LINK]);

#endif
