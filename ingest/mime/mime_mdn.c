#include "ingest/mime/mime_mdn.h"

#include "base/buf.h"
#include "base/limits.h"
#include "ingest/mime/mime_fields.h"

static const char *const names[] = {
	[MIME_MDN_NONE] = "",
	[MIME_MDN_DISPLAYED] = "displayed",
	[MIME_MDN_DELETED] = "deleted",
	[MIME_MDN_OTHER] = "other",
};

const char *mime_mdn_name(enum mime_mdn_disposition d)
{
	return names[d];
}

/* "manual-action/MDN-sent-automatically; displayed/error" */
static enum mime_mdn_disposition disposition_of(struct text v)
{
	struct text mode, type, rest;

	if (!text_cut(v, ';', &mode, &type))
		type = v;
	(void)text_cut(text_trim(type), '/', &type, &rest);
	type = text_trim(type);
	if (text_ieq(type, TEXT("displayed")))
		return MIME_MDN_DISPLAYED;
	return text_ieq(type, TEXT("deleted")) ? MIME_MDN_DELETED : MIME_MDN_OTHER;
}

void mime_mdn_read(struct mime_mdn *m, enum mime_encoding encoding, const void *bytes, size_t n)
{
	struct mime_fields f;

	*m = (struct mime_mdn){ 0 };
	mime_fields_init(&f);
	mime_fields_read_part(&f, encoding, bytes, n);
	if (f.n)
		m->disposition = disposition_of(mime_fields_get(&f, "Disposition", 0));
	(void)mime_id_normal(mime_fields_get(&f, "Original-Message-ID", 0), m->original_id);
	mime_fields_clear(&f);
}
