#include "services/cli/domain_change.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/json.h"
#include "oauth/domain.h"
#include "services/cli/api_call.h"
#include "services/cli/domain_command.h"
#include "services/cli/fields.h"
#include "services/say.h"

#define TRIED_MS 30000 /* the broker asks the provider once; then it says that it is away */
#define LOOK_MS  300
#define DOMAINS  "/v1/domain-grants"

static void put(json_t *body, const char *key, const char *value)
{
	if (value)
		json_put_text(body, key, text_of(value));
}

/* The secret goes into the body, and nowhere else. */
static int put_secret(json_t *body, const struct options *o)
{
	cleanup_secret struct secret secret = { 0 };
	int code = options_want(o->secret_file, "--secret-file",
				"a file with the client secret, or the key file of the service "
				"account");

	if (code == 0)
		code = api_call_read_file(o->secret_file, DOMAIN_ACCOUNT_BYTES, &secret);
	if (code)
		return code;
	json_put_text(body, secret.data[0] == '{' ? "service_account_json" : "client_secret",
		      text_of(secret_text(&secret)));
	put(body, "client_id", o->client_id);
	put(body, "check_address", o->check_address);
	put(body, "secret_ends_at", o->ends);
	return 0;
}

/* Until the broker has tried it. */
static int follow(struct api_call *api, const struct options *o, json_t *domain)
{
	uint64_t end_ms = clock_mono_ms() + TRIED_MS;
	char path[API_CALL_PATH], line[700];
	int code = 0;

	(void)snprintf(path, sizeof(path), DOMAINS "/%.60s", json_get_text(domain, "id"));
	while (code == 0 && strcmp(json_get_text(domain, "secret"), "checking") == 0 &&
	       clock_mono_ms() < end_ms) {
		cleanup_json json_t *now = NULL;

		if (http_wait_pause(&api->wait, LOOK_MS) < 0)
			code = API_CALL_INTERRUPTED;
		else
			code = api_call_get(api, path, &now);
		if (code == 0) {
			json_object_clear(domain);
			json_object_update(domain, now);
		}
	}
	if (code)
		return code;
	fields_print(domain, o->json);
	if (strcmp(json_get_text(domain, "secret"), "checking") == 0)
		return say(EX_TEMPFAIL, "the secret is not tried yet; see `replyd domain list`");
	if (strcmp(json_get_text(domain, "secret"), "accepted") == 0)
		return 0;
	(void)snprintf(line, sizeof(line), "the secret is refused: %.300s %.300s",
		       json_get_text(domain, "reason_title"), json_get_text(domain, "remedy"));
	return say(EX_DATAERR, line);
}

int domain_change_add(const struct settings *s, const struct options *o)
{
	cleanup_json json_t *body = json_object(), *answer = NULL;
	struct api_call api;
	int code = options_want(o->provider, "--provider", "microsoft, gmail or another one");

	if (code == 0)
		code = put_secret(body, o);
	if (code == 0)
		code = api_call_open(&api, s, o);
	if (code)
		return code;
	put(body, "provider", o->provider);
	put(body, "tenant", o->tenant);
	code = api_call_send(&api, "POST", DOMAINS, body, &answer);
	if (code == 0)
		code = follow(&api, o, answer);
	api_call_close(&api);
	return code;
}

/* The domain of this name, and what is done to it. */
static int change(const struct settings *s, const struct options *o, const char *method,
		  const char *rest, const json_t *body)
{
	cleanup_json json_t *all = NULL, *domain = NULL, *answer = NULL;
	char path[API_CALL_PATH];
	struct api_call api;
	int code = options_want(o->words[2], "DOMAIN", "its id, tenant or client id");

	if (code == 0)
		code = api_call_open(&api, s, o);
	if (code)
		return code;
	code = api_call_get(&api, DOMAINS, &all);
	if (code == 0)
		code = domain_command_choose(all, o->words[2], &domain);
	if (code == 0) {
		(void)snprintf(path, sizeof(path), DOMAINS "/%.60s%s", json_get_text(domain, "id"),
			       rest);
		code = api_call_send(&api, method, path, body, &answer);
	}
	if (code == 0 && body)
		code = follow(&api, o, answer);
	else if (code == 0)
		fields_print(answer, o->json);
	api_call_close(&api);
	return code;
}

int domain_change_renew(const struct settings *s, const struct options *o)
{
	cleanup_json json_t *body = json_object();
	int code = put_secret(body, o);

	return code ? code : change(s, o, "PUT", "/secret", body);
}

int domain_change_remove(const struct settings *s, const struct options *o)
{
	return change(s, o, "DELETE", "", NULL);
}
