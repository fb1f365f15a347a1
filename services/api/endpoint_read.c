#include "services/api/endpoint_read.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/mem.h"
#include "services/api/field.h"
#include "services/event_type.h"

#define URL_MAX     2048
#define LABEL_MAX   200
#define INBOXES_MAX 100
#define HEADERS_MAX 8
#define HEADER_MAX  1000 /* bytes of a value; bearer tokens */
#define PEM_MAX     (16 * 1024)

/* ---- the filter ---- */

static bool is_family(struct text t, const char *name)
{
	return t.len > 2 && memcmp(t.at + t.len - 2, ".*", 2) == 0 &&
	       strncmp(name, t.at, t.len - 1) == 0;
}

static bool is_known(struct text t)
{
	if (event_type_find(t))
		return true;
	for (int i = 0; i < EVENT_TYPE_N; i++)
		if (is_family(t, event_type_at((enum event_type_id)i)->name))
			return true;
	return false;
}

int endpoint_read_types(const json_t *body, const char *key, const json_t **ret,
			struct json_error *err)
{
	char path[JSON_POINTER];
	struct text word;

	json_path_key(path, "", key);
	if (json_want_array(body, "", key, 1, EVENT_TYPE_N, JSON_OPTIONAL, ret, err))
		return -EINVAL;
	for (size_t i = 0; *ret && i < json_array_size(*ret); i++) {
		if (json_item_text(*ret, path, i, 64, &word, err))
			return -EINVAL;
		if (!is_known(word)) {
			json_path_item(err->field, path, i);
			(void)snprintf(err->why, sizeof(err->why), "is no event type");
			return -EINVAL;
		}
	}
	return 0;
}

/* Events of an inbox and of a prospect name an inbox; those of endpoints do not. */
static bool may_name_an_inbox(struct text t)
{
	for (int i = 0; i < EVENT_TYPE_N; i++) {
		const struct event_type *e = event_type_at((enum event_type_id)i);

		if ((text_eq(t, text_of(e->name)) || is_family(t, e->name)) &&
		    (e->class == EVENT_CLASS_PROSPECT || e->class == EVENT_CLASS_INBOX))
			return true;
	}
	return false;
}

static int read_filter(const json_t *body, struct endpoint_read *ret, struct json_error *err)
{
	const json_t *types = NULL, *inboxes = NULL;
	struct text id;
	bool any;

	if (endpoint_read_types(body, "types", &types, err) ||
	    json_want_array(body, "", "inbox_ids", 1, INBOXES_MAX, JSON_OPTIONAL, &inboxes, err))
		return -EINVAL;
	for (size_t i = 0; inboxes && i < json_array_size(inboxes); i++) {
		if (json_item_text(inboxes, "/inbox_ids", i, 36, &id, err))
			return -EINVAL;
		if (!field_uuid(json_string_value(json_array_get(inboxes, i)))) {
			json_path_item(err->field, "/inbox_ids", i);
			(void)snprintf(err->why, sizeof(err->why), "is not a UUID");
			return -EINVAL;
		}
	}
	any = !types || !inboxes;
	for (size_t i = 0; !any && i < json_array_size(types); i++)
		any = may_name_an_inbox(text_of(json_string_value(json_array_get(types, i))));
	if (!any) {
		json_error_set(err, "", "inbox_ids",
			       "leaves nothing: no event of these types is about an inbox");
		return -EINVAL;
	}
	/* null: all */
	if (json_object_get(body, "types"))
		json_put(ret->fields, "types", types ? json_deep_copy(types) : json_null());
	if (json_object_get(body, "inbox_ids"))
		json_put(ret->fields, "inbox_ids", inboxes ? json_deep_copy(inboxes) : json_null());
	return 0;
}

/* ---- how it is posted to ---- */

static int read_number(const json_t *body, const char *key, int64_t min, int64_t max,
		       bool may_be_null, struct endpoint_read *ret, struct json_error *err)
{
	int64_t n = -1;

	if (json_want_int(body, "", key, min, max, JSON_OPTIONAL, &n, err))
		return -EINVAL;
	if (n >= 0)
		json_put_int(ret->fields, key, n);
	else if (may_be_null && json_is_null(json_object_get(body, key)))
		json_put_null(ret->fields, key);
	return 0;
}

static bool is_header_name(const char *name)
{
	static const char *const ours[] = { "host",         "content-length",
					    "content-type", "connection",
					    "expect",       "transfer-encoding",
					    "user-agent",   "te",
					    "upgrade" };

	if (!*name || strlen(name) > 100 || strncasecmp(name, "webhook-", 8) == 0)
		return false;
	for (size_t i = 0; i < countof(ours); i++)
		if (strcasecmp(name, ours[i]) == 0)
			return false;
	/* RFC 9110 section 5.6.2: token */
	return strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			    "!#$%&'*+-.^_`|~") == strlen(name);
}

static int read_headers(const json_t *body, struct endpoint_read *ret, struct json_error *err)
{
	json_t *all = json_object_get(body, "headers"), *value;
	const char *name;
	char *text;

	if (!all)
		return 0;
	ret->has_headers = true;
	if (json_is_null(all) || (json_is_object(all) && json_object_size(all) == 0))
		return 0;
	if (!json_is_object(all) || json_object_size(all) > HEADERS_MAX) {
		json_error_set(err, "", "headers", "is not an object of at most %d texts",
			       HEADERS_MAX);
		return -EINVAL;
	}
	json_object_foreach(all, name, value)
	{
		struct text given;

		if (!is_header_name(name)) {
			json_error_set(err, "", "headers", "has a name that is none, or is ours");
			return -EINVAL;
		}
		if (json_want_text(all, "/headers", name, HEADER_MAX, JSON_REQUIRED, &given, err))
			return -EINVAL;
		for (size_t i = 0; i < given.len; i++)
			if (given.at[i] < ' ' || given.at[i] > '~') {
				json_error_set(err, "/headers", name, "is not printable ASCII");
				return -EINVAL;
			}
	}
	text = json_dumps(all, JSON_COMPACT);
	secret_set(&ret->headers, text, strlen(text));
	secret_wipe(text, strlen(text));
	free(text);
	return 0;
}

static int read_client(const json_t *body, struct endpoint_read *ret, struct json_error *err)
{
	static const char *const fields[] = { "certificate", "key", NULL };
	const json_t *all = NULL;
	const char *cert, *key;
	char pem[2 * PEM_MAX + 2];

	if (!json_object_get(body, "client_certificate"))
		return 0;
	ret->has_client = true;
	if (json_want_object(body, "", "client_certificate", JSON_OPTIONAL, &all, err))
		return -EINVAL;
	if (!all)
		return 0;
	if (json_only(all, "/client_certificate", fields, err))
		return -EINVAL;
	cert = json_get_text(all, "certificate");
	key = json_get_text(all, "key");
	if (strlen(cert) > PEM_MAX || !strstr(cert, "-----BEGIN CERTIFICATE-----")) {
		json_error_set(err, "/client_certificate", "certificate",
			       "is not a certificate in PEM");
		return -EINVAL;
	}
	if (strlen(key) > PEM_MAX || !strstr(key, "PRIVATE KEY-----") || strstr(key, "ENCRYPTED")) {
		json_error_set(err, "/client_certificate", "key",
			       "is not a private key in PEM without a pass phrase");
		return -EINVAL;
	}
	(void)snprintf(pem, sizeof(pem), "%s\n%s", cert, key);
	secret_set(&ret->client, pem, strlen(pem));
	secret_wipe(pem, sizeof(pem));
	return 0;
}

static int read_url(const json_t *body, bool is_new, bool allow_http, struct endpoint_read *ret,
		    struct json_error *err)
{
	const char *why;

	if (json_want_text(body, "", "url", URL_MAX, is_new ? JSON_REQUIRED : JSON_OPTIONAL,
			   &ret->url, err))
		return -EINVAL;
	if (!ret->url.len)
		return 0;
	why = field_url_refused(ret->url, allow_http);
	if (why) {
		json_error_set(err, "", "url", "%s", why);
		return -EINVAL;
	}
	json_put_text(ret->fields, "url", ret->url);
	return 0;
}

static int read_state(const json_t *body, struct endpoint_read *ret, struct json_error *err)
{
	static const char *const words[] = { "enabled", "disabled", NULL };
	size_t k = countof(words);

	if (json_want_word(body, "", "state", words, JSON_OPTIONAL, &k, err))
		return -EINVAL;
	if (k < countof(words))
		json_put_text(ret->fields, "state", text_of(words[k]));
	return 0;
}

int endpoint_read(const json_t *body, bool is_new, bool allow_http, struct endpoint_read *ret,
		  struct json_error *err)
{
	static const char *const fields[] = {
		"url",        "types", "inbox_ids",  "label",   "concurrency",        "rate_per_s",
		"timeout_ms", "batch", "hold_for_s", "headers", "client_certificate", "state",
		NULL
	};
	struct text label = { 0 };

	*ret = (struct endpoint_read){ .fields = json_object() };
	if (json_only(body, "", fields, err) || read_url(body, is_new, allow_http, ret, err) ||
	    json_want_text(body, "", "label", LABEL_MAX, JSON_OPTIONAL, &label, err) ||
	    read_filter(body, ret, err) ||
	    read_number(body, "concurrency", 1, 256, false, ret, err) ||
	    read_number(body, "rate_per_s", 1, 10000, true, ret, err) ||
	    read_number(body, "timeout_ms", 1000, 60000, true, ret, err) ||
	    read_number(body, "batch", 1, 100, false, ret, err) ||
	    read_number(body, "hold_for_s", 0, (int64_t)5 * 86400, false, ret, err) ||
	    read_state(body, ret, err) || read_headers(body, ret, err) ||
	    read_client(body, ret, err))
		return -EINVAL;
	if (json_object_get(body, "label"))
		json_put_text(ret->fields, "label", label);
	return 0;
}

void endpoint_read_clear(struct endpoint_read *r)
{
	json_decref(r->fields);
	secret_clear(&r->headers);
	secret_clear(&r->client);
}
