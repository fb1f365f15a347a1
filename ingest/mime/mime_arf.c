#include "ingest/mime/mime_arf.h"

#include <string.h>

#include "base/mem.h"
#include "ingest/mime/mime_fields.h"
#include "ingest/mime/mime_utf8.h"

static const char *const type_names[] = {
	[MIME_ARF_NONE] = "",
	[MIME_ARF_ABUSE] = "abuse",
	[MIME_ARF_FRAUD] = "fraud",
	[MIME_ARF_VIRUS] = "virus",
	[MIME_ARF_OTHER] = "other",
	[MIME_ARF_OPT_OUT] = "opt-out",
	[MIME_ARF_NOT_SPAM] = "not-spam",
	[MIME_ARF_AUTH_FAILURE] = "auth-failure",
};

const char *mime_arf_type_name(enum mime_arf_type type)
{
	return type_names[type];
}

static enum mime_arf_type type_of(struct text v)
{
	size_t n = 0;

	while (n < v.len && !strchr(" \t(;,", v.at[n]))
		n++;
	v = text_sub(v, 0, n);
	for (size_t i = MIME_ARF_ABUSE; i < countof(type_names); i++)
		if (text_ieq(v, text_of(type_names[i])))
			return (enum mime_arf_type)i;
	/* RFC 6650 section 4.2 ended the second; both are still written */
	return text_istarts(v, TEXT("opt-out")) ? MIME_ARF_OPT_OUT : MIME_ARF_OTHER;
}

/* "rfc822; <ann@mail.example>" -> "ann@mail.example"; "redacted" has no '@' and is nobody. */
static bool is_before_address(char c)
{
	return c == '<' || c == ' ' || c == '\t' || c == '"' || c == '\'';
}

static bool is_behind_address(char c)
{
	return is_before_address(c) || c == '>' || c == '(' || c == ';' || c == ',' || c == '\0';
}

static void take_recipient(struct mime_arf *a, struct text v)
{
	struct text type, rest;
	size_t n = 0;

	if (a->recipient[0] || !v.at)
		return;
	if (text_cut(v, ';', &type, &rest) && !memchr(type.at, '@', type.len))
		v = rest;
	while (v.len && is_before_address(v.at[0]))
		v = text_sub(v, 1, v.len);
	while (n < v.len && !is_behind_address(v.at[n]))
		n++;
	if (n && memchr(v.at, '@', n))
		mime_utf8_copy(a->recipient, sizeof(a->recipient), text_sub(v, 0, n));
}

void mime_arf_read(struct mime_arf *a, enum mime_encoding encoding, const void *bytes, size_t n)
{
	struct mime_fields f;
	struct text type;

	*a = (struct mime_arf){ 0 };
	mime_fields_init(&f);
	mime_fields_read_part(&f, encoding, bytes, n);
	type = mime_fields_get(&f, "Feedback-Type", 0);
	/* RFC 5965 section 3.1 wants the type; a report without one is still a report */
	if (f.n)
		a->type = type.at ? type_of(type) : MIME_ARF_OTHER;
	take_recipient(a, mime_fields_get(&f, "Original-Rcpt-To", 0));
	take_recipient(a, mime_fields_get(&f, "Removal-Recipient", 0));
	mime_fields_clear(&f);
}

void mime_arf_read_original(struct mime_arf *a, const struct mime_head *original)
{
	struct text jmrp = mime_head_field(original, "X-HmXmrOriginalRecipient", 0);

	if (jmrp.at && a->type == MIME_ARF_NONE)
		a->type = MIME_ARF_ABUSE;
	if (a->type == MIME_ARF_NONE)
		return;
	take_recipient(a, jmrp);
	if (original->to.n)
		take_recipient(a, text_of(original->to.at[0].address));
}
