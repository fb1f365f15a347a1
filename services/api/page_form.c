#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/mem.h"
#include "ingest/mime/mime_utf8.h"
#include "services/api/mailbox_server.h"
#include "services/api/page_inside.h"

#define BODY_MAX     16384 /* of the largest form, with every byte of it escaped */
#define PASSWORD_MAX 1024  /* as POST /v1/inboxes has it */

/* No control character, and nothing but UTF-8. */
static bool is_clean(struct text t)
{
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)t.at[i] < ' ' || t.at[i] == 0x7f)
			return false;
	return mime_utf8_is_valid(t);
}

static void take(char *dst, size_t size, struct text value, bool *too_long)
{
	value = text_trim(value);
	if (value.len >= size)
		*too_long = true;
	else
		(void)snprintf(dst, size, "%.*s", TEXT_ARG(value));
}

static void take_password(struct page_form *f, struct text value)
{
	if (value.len > PASSWORD_MAX)
		f->too_long = true;
	else
		secret_set_text(&f->password, value);
}

static void took(struct page_form *f, struct text name, struct text value)
{
	const struct {
		struct text name;
		char *dst;
		size_t size;
		bool by_hand;
	} fields[] = {
		{ TEXT("form"), f->token, sizeof(f->token), false },
		{ TEXT("address"), f->address, sizeof(f->address), false },
		{ TEXT("provider"), f->provider, sizeof(f->provider), false },
		{ TEXT("host"), f->server.host, sizeof(f->server.host), true },
		{ TEXT("port"), f->port, sizeof(f->port), true },
		{ TEXT("security"), f->server.security, sizeof(f->server.security), true },
		{ TEXT("login"), f->server.login, sizeof(f->server.login), false },
	};

	if (text_eq(name, TEXT("password")))
		take_password(f, value);
	for (size_t i = 0; i < countof(fields); i++) {
		if (!text_eq(name, fields[i].name))
			continue;
		take(fields[i].dst, fields[i].size, value, &f->too_long);
		f->by_hand |= fields[i].by_hand;
	}
}

int page_form_read(struct text body, struct page_form *ret)
{
	struct text pair, name, value;
	struct buf plain;
	int r = 0;

	if (body.len > BODY_MAX)
		return -EINVAL;
	buf_init(&plain, BODY_MAX);
	(void)buf_reserve(&plain, body.len); /* grown once: no copy of a password stays behind */
	while (r == 0 && body.len) {
		(void)text_cut(body, '&', &pair, &body);
		(void)text_cut(pair, '=', &name, &value);
		buf_cut(&plain, 0);
		if (text_from_percent(&plain, value) != 0 || !is_clean(text_of_buf(&plain)))
			r = -EINVAL;
		else
			took(ret, name, text_of_buf(&plain));
	}
	if (plain.data)
		secret_wipe(plain.data, plain.cap);
	buf_clear(&plain);
	return r;
}

void page_form_clear(struct page_form *f)
{
	secret_clear(&f->password);
}

bool page_form_server(struct page_form *f, const char **ret_field, enum page_words *ret_wrong)
{
	struct page_server *s = &f->server;
	bool is_tls = strcmp(s->security, "starttls") != 0;
	uint64_t port = 0;

	*ret_field = "host";
	*ret_wrong = PAGE_BAD_HOST;
	if (mailbox_server_host(text_of(s->host), s->host) != MAILBOX_SERVER_FINE)
		return false;
	*ret_field = "port";
	*ret_wrong = PAGE_BAD_PORT;
	if (f->port[0] && (text_u64(text_of(f->port), 65535, &port) != 0 || port == 0))
		return false;
	if (mailbox_server_port((int64_t)port, is_tls, &s->port) != MAILBOX_SERVER_FINE)
		return false;
	(void)snprintf(s->security, sizeof(s->security), "%s", is_tls ? "tls" : "starttls");
	*ret_field = NULL;
	return true;
}
