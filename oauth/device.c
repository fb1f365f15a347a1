#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "oauth/device.h"

#include "base/mem.h"
#include "oauth/grant.h"
#include "oauth/peer_json.h"

static int form_of(const char *head, const struct oauth_provider *p, const char *name,
		   struct text value, struct secret *ret)
{
	struct buf b;
	int r;

	/* Room for all of it at once: a buffer that grew would leave copies of a secret behind. */
	buf_init(&b, LIMIT_SECRET);
	r = buf_reserve(&b, 1024 + 3 * value.len);
	if (r == 0)
		r = text_addf(&b, "%sclient_id=", head);
	if (r == 0)
		r = text_add_percent(&b, text_of(p->client_id));
	if (r == 0 && value.len > 0)
		r = text_addf(&b, "&%s=", name);
	if (r == 0)
		r = text_add_percent(&b, value);
	if (r == 0)
		secret_set(ret, b.data, b.len);
	secret_wipe(b.data, b.len);
	buf_clear(&b);
	return r;
}

int device_ask_body(const struct oauth_provider *p, struct secret *ret)
{
	return form_of("", p, "scope", text_of(p->scopes), ret);
}

int device_poll_body(const struct oauth_provider *p, const struct secret *code, struct secret *ret)
{
	return form_of("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&", p,
		       "device_code", (struct text){ (const char *)code->data, code->len }, ret);
}

/* ---- the answer ---- */

/* It is there, and can be shown to a person. */
static bool take(const json_t *o, const char *name, char *dst, size_t size)
{
	return peer_json_word(o, name, dst, size) && *dst;
}

/* Nobody is sent to a `javascript:` or a host in clear. */
static bool is_page(const char *url)
{
	struct text t = text_of(url);

	return text_istarts(t, TEXT("https://")) || text_istarts(t, TEXT("http://127.0.0.1:")) ||
	       text_istarts(t, TEXT("http://localhost:"));
}

static int64_t seconds(const json_t *o, const char *name, int64_t usual, int64_t most)
{
	int64_t n = json_integer_value(json_object_get(o, name));

	return n <= 0 ? usual : n > most ? most : n;
}

static int read_object(json_t *o, struct device_answer *ret)
{
	struct text code = peer_json_text(o, "device_code");

	if (code.len == 0 || code.len > LIMIT_SECRET / 4)
		return -EBADMSG;
	secret_set_text(&ret->code, code);
	peer_json_wipe(o, "device_code");
	/* Google of old, and some others, say verification_url. */
	if (!take(o, "user_code", ret->user_code, sizeof(ret->user_code)) ||
	    (!take(o, "verification_uri", ret->uri, sizeof(ret->uri)) &&
	     !take(o, "verification_url", ret->uri, sizeof(ret->uri))) ||
	    !is_page(ret->uri))
		return -EBADMSG;
	if (!take(o, "verification_uri_complete", ret->uri_complete, sizeof(ret->uri_complete)) ||
	    !is_page(ret->uri_complete))
		ret->uri_complete[0] = '\0';
	ret->expires_in_s = seconds(o, "expires_in", DEVICE_LIFE_MAX_S, DEVICE_LIFE_MAX_S);
	ret->interval_s = (int)seconds(o, "interval", DEVICE_INTERVAL_S, DEVICE_INTERVAL_MAX_S);
	return 0;
}

int device_read(struct text body, struct device_answer *ret)
{
	cleanup_json json_t *o = peer_json_read(body);
	int r;

	*ret = (struct device_answer){ 0 };
	r = o ? read_object(o, ret) : -EBADMSG;
	if (r < 0)
		device_answer_clear(ret);
	return r;
}

void device_answer_clear(struct device_answer *a)
{
	secret_clear(&a->code);
	*a = (struct device_answer){ 0 };
}

enum device_turn device_turn_of(const struct grant_answer *a)
{
	static const struct {
		const char *error;
		enum device_turn turn;
	} rows[] = {
		{ "authorization_pending", DEVICE_PENDING },
		{ "slow_down", DEVICE_SLOWER },
		{ "access_denied", DEVICE_DECLINED },
		{ "authorization_declined", DEVICE_DECLINED }, /* Microsoft */
		{ "expired_token", DEVICE_EXPIRED },
		{ "code_expired", DEVICE_EXPIRED }, /* Microsoft of old */
	};

	if (a->kind != GRANT_ERROR)
		return DEVICE_ANSWERED;
	for (size_t i = 0; i < countof(rows); i++)
		if (strcmp(a->error, rows[i].error) == 0)
			return rows[i].turn;
	return DEVICE_ANSWERED;
}
