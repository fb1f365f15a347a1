#include "ingest/match/match_subject.h"

#include <string.h>

#include "base/buf.h"
#include "ingest/mime/mime_fold.h"
#include "ingest/mime/mime_subject.h"
#include "ingest/mime/mime_utf8.h"

#define RAW_MAX 2048 /* bytes that are folded: prefixes of many rounds and the subject */

size_t match_subject_normal(struct text raw, char ret[MATCH_SUBJECT])
{
	cleanup_buf struct buf folded;
	struct text t, before;

	buf_init(&folded, RAW_MAX);
	mime_fold_add(&folded, text_sub(raw, 0, RAW_MAX));
	t = text_trim(text_of_buf(&folded));
	do {
		before = t;
		(void)mime_subject_front(t, &t);
	} while (t.len < before.len);
	mime_utf8_copy(ret, MATCH_SUBJECT, t);
	return strlen(ret);
}
