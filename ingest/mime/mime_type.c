#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <gmime/gmime.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/mime/mime_lib.h"
#include "ingest/mime/mime_type.h"
#include "ingest/mime/mime_utf8.h"

#define WORD     64  /* RFC 6838 section 4.2: names of 64 bytes are what works everywhere */
#define BOUNDARY 200 /* RFC 2046 section 5.1.1 says 70 */

/* ---- what nearly all write: words, and quoted ones without escapes ---- */

static bool is_plain(char c)
{
	return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?=*%'", c);
}

static struct text take_word(struct text *t)
{
	struct text word = { t->at, 0 };

	while (word.len < t->len && is_plain(t->at[word.len]))
		word.len++;
	*t = text_sub(*t, word.len, t->len);
	return word;
}

static bool take_char(struct text *t, char c)
{
	if (!t->len || t->at[0] != c)
		return false;
	*t = text_sub(*t, 1, t->len);
	return true;
}

/* Empty: there is none, or one that is not so simple. */
static struct text take_value(struct text *t)
{
	struct text value;

	if (!take_char(t, '"'))
		return take_word(t);
	if (!text_cut(*t, '"', &value, t))
		return (struct text){ 0 };
	for (size_t i = 0; i < value.len; i++)
		if (value.at[i] < ' ' || value.at[i] == 0x7f || value.at[i] == '\\' ||
		    (value.at[i] == '=' && i + 1 < value.len && value.at[i + 1] == '?'))
			return (struct text){ 0 };
	return value;
}

/* Where its value goes; NULL: nobody asks for it. */
static char **place_of(struct mime_type *t, struct text name)
{
	return text_ieq(name, TEXT("charset"))       ? &t->charset
	       : text_ieq(name, TEXT("boundary"))    ? &t->boundary
	       : text_ieq(name, TEXT("report-type")) ? &t->report_type
	       : text_ieq(name, TEXT("method"))      ? &t->method
						     : NULL;
}

/* false: the field says more than this understands, and `ret` may hold some of it. */
static bool read_plain(struct text field, struct mime_type *ret)
{
	struct text type = take_word(&field), subtype;

	if (!type.len || !take_char(&field, '/') || !(subtype = take_word(&field)).len)
		return false;
	ret->type = mime_utf8_lower(type, WORD);
	ret->subtype = mime_utf8_lower(subtype, WORD);
	while ((field = text_trim(field)).len) {
		struct text name, value;
		char **place;

		if (!take_char(&field, ';'))
			return false;
		field = text_trim(field);
		if (!field.len)
			break;
		name = take_word(&field);
		if (!name.len || !take_char(&field, '=') || !(value = take_value(&field)).len)
			return false;
		place = place_of(ret, name);
		if (place && *place)
			return false;
		if (place)
			*place = place == &ret->boundary ? mime_utf8_line(value, BOUNDARY)
							 : mime_utf8_lower(value, WORD);
	}
	return true;
}

/* ---- all others ---- */

static char *parameter(GMimeContentType *t, const char *name)
{
	return mime_utf8_lower(text_of(g_mime_content_type_get_parameter(t, name)), WORD);
}

static void read_any(struct text field, struct mime_type *ret)
{
	cleanup_free char *in = mem_text_n(
		field.at, field.len < LIMIT_MIME_SUBJECT ? field.len : LIMIT_MIME_SUBJECT);
	GMimeContentType *t;

	mime_lib_need();
	t = g_mime_content_type_parse(NULL, in);
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

/* The library takes as long for one field as the rest of a small part's headers takes. */
void mime_type_read(struct text field, struct mime_type *ret)
{
	*ret = (struct mime_type){ 0 };
	if (!field.len || read_plain(field, ret))
		return;
	mime_type_clear(ret);
	read_any(field, ret);
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
