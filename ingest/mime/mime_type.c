#include <stdlib.h>

#include <gmime/gmime.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/mime/mime_lib.h"
#include "ingest/mime/mime_type.h"
#include "ingest/mime/mime_utf8.h"

#define WORD     64  /* RFC 6838 section 4.2: names of 64 bytes are what works everywhere */
#define BOUNDARY 200 /* RFC 2046 section 5.1.1 says 70 */

static char *parameter(GMimeContentType *t, const char *name)
{
	return mime_utf8_lower(text_of(g_mime_content_type_get_parameter(t, name)), WORD);
}

void mime_type_read(struct text field, struct mime_type *ret)
{
	cleanup_free char *in = mem_text_n(
		field.at, field.len < LIMIT_MIME_SUBJECT ? field.len : LIMIT_MIME_SUBJECT);
	GMimeContentType *t;

	*ret = (struct mime_type){ 0 };
	mime_lib_need();
	t = field.len ? g_mime_content_type_parse(NULL, in) : NULL;
	if (!t)
		return;
	*ret = (struct mime_type){
		.type = mime_utf8_lower(text_of(g_mime_content_type_get_media_type(t)), WORD),
		.subtype = mime_utf8_lower(text_of(g_mime_content_type_get_media_subtype(t)), WORD),
		.report_type = parameter(t, "report-type"),
		.method = parameter(t, "method"),
		.charset = parameter(t, "charset"),
		.boundary = mime_utf8_line(
			text_of(g_mime_content_type_get_parameter(t, "boundary")), BOUNDARY),
	};
	g_object_unref(t);
}

void mime_type_clear(struct mime_type *t)
{
	free(t->type);
	free(t->subtype);
	free(t->report_type);
	free(t->method);
	free(t->charset);
	free(t->boundary);
	*t = (struct mime_type){ 0 };
}
