#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/sign.h"
#include "services/api/audit_call.h"
#include "services/api/asked.h"
#include "services/api/handlers.h"
#include "services/api/once.h"
#include "services/api/person_call.h"
#include "services/api/route.h"
#include "services/rules_folder.h"

static void on_request(void *owner, struct http_call *call);
static void on_refused(void *owner, struct http_call *call, int status, const char *why);
static void on_key(struct api_key_find *k);
static void on_gone(void *state);
static void on_connected(void *owner);
static void on_probed(void *owner);
static void on_handed(void *owner);
static void on_fed(void *owner);
static void on_recheck(struct timer *t);
static void on_stop(void *owner);

#define CONNECTIONS 2000
#define IDLE_MS     60000
#define RECHECK_MS  1000

static struct request *request_new(struct api *api, struct http_call *call)
{
	struct request *q = mem_new(sizeof(*q));

	q->api = api;
	q->call = call;
	list_init(&q->waiting);
	rand_uuid(q->id);
	q->began_ms = clock_mono_ms();
	api->requests++;
	http_call_attach(call, q, on_gone);
	return q;
}

/* The call has ended in some way: answered, or the client has left. */
static void on_gone(void *state)
{
	struct request *q = state;

	list_remove(&q->waiting);
	pg_tx_cancel(&q->key.tx);
	pg_tx_cancel(&q->person.tx);
	pg_tx_cancel(&q->audit.tx);
	once_free(q->once);
	gate_read_clear(&q->gate);
	pg_tx_cancel(&q->outbound.tx);
	pg_tx_cancel(&q->link.tx);
	pg_tx_cancel(&q->metrics.tx);
	discovery_cancel(&q->discovery);
	view_clear(&q->view);
	if (q->own_free)
		q->own_free(q->own);
	json_decref(q->body);
	free(q);
}

static void on_refused(void *owner, struct http_call *call, int status, const char *why)
{
	struct request *q = request_new(owner, call);

	answer_problem(q, problem_of_status(status), NULL, why, NULL);
}

static void on_request(void *owner, struct http_call *call)
{
	struct api *api = owner;
	struct request *q = request_new(api, call);
	uint8_t digest[SIGN_SHA256];
	struct text key;
	char allow[64];

	q->route = route_find(q, http_call_method(call), http_call_path(call), allow);
	if (!q->route && allow[0]) {
		http_call_set_header(call, "Allow", allow);
		answer_problem(q, PROBLEM_METHOD_NOT_ALLOWED, NULL,
			       "the path is right, the method is not", NULL);
	} else if (!q->route) {
		answer_problem(q, PROBLEM_NOT_FOUND, NULL, "no resource has this path",
			       "see docs/interfaces.md for the paths");
	} else if (!q->route->scope) {
		q->route->handle(q);
	} else if (!pg_is_up(api->pg)) {
		/* Now, and not when it is back: the caller knows best what to do meanwhile. */
		answer_problem(q, PROBLEM_UNAVAILABLE, NULL,
			       "PostgreSQL is away; the request may be repeated as it is", NULL);
	} else if (person_call_comes(q)) {
		person_call_admit(q);
	} else if (!asked_bearer(q, &key)) {
		answer_problem(q, PROBLEM_UNAUTHORIZED, "Authorization", "no bearer key was sent",
			       NULL);
	} else {
		sign_sha256(key.at, key.len, digest);
		asked_started(q, api_key_find_start(api->pg, &q->key, digest, on_key));
	}
}

static void on_key(struct api_key_find *k)
{
	struct request *q = container_of(k, struct request, key);
	char detail[96];

	if (!answer_db_ok(q, &k->outcome))
		return;
	switch (k->is) {
	case API_KEY_UNKNOWN:
		answer_problem(q, PROBLEM_UNAUTHORIZED, "Authorization", "the key is not known",
			       NULL);
		return;
	case API_KEY_REVOKED:
		answer_problem(q, PROBLEM_UNAUTHORIZED, "Authorization", "the key was revoked",
			       NULL);
		return;
	case API_KEY_EXPIRED:
		answer_problem(q, PROBLEM_UNAUTHORIZED, "Authorization", "the key has expired",
			       NULL);
		return;
	case API_KEY_GOOD:
		break;
	}
	if (!api_key_may(k, q->route->scope)) {
		(void)snprintf(detail, sizeof(detail), "the key lacks the scope `%s`",
			       q->route->scope);
		answer_problem(q, PROBLEM_FORBIDDEN, "Authorization", detail, NULL);
		return;
	}
	key_use_note(&q->api->key_use, k, clock_mono_ms());
	if (asked_in_time(q))
		once_begin(q);
}

/* ---- the role ---- */

static void on_connected(void *owner)
{
	page_result_recheck(owner);
}

static void on_probed(void *owner)
{
	insight_probe_recheck(owner);
}

static void on_handed(void *owner)
{
	access_token_recheck(owner);
}

static void on_fed(void *owner)
{
	event_feed_recheck(owner);
}

static void on_recheck(struct timer *t)
{
	struct api *api = container_of(t, struct api, recheck);

	page_result_recheck(api);
	insight_probe_recheck(api);
	access_token_recheck(api);
	event_feed_recheck(api);
	health_recheck(api);
	key_use_write(&api->key_use);
	timer_in(t, RECHECK_MS);
}

static void on_stop(void *owner)
{
	struct api *api = owner;

	keyholder_drop(&api->keys);
	if (api->pg) {
		timer_drop(&api->recheck, NULL);
		health_clear(api);
		key_use_clear(&api->key_use);
		allowance_clear(&api->allowance);
		audit_call_clear(api);
		pg_drop(api->pg);
	}
	if (api->http)
		http_server_drop(api->http);
	dns_drop(api->dns);
}

static int open_dns(struct api *api)
{
	const struct dns_params dp = { .servers = api->settings->net_name_servers };
	int r = dns_open(&api->role->loop, &dp, &api->dns);

	if (r == 0)
		return 0;
	log_error(&api->role->log, "role.failed", "what=%s cause=%s", "net.name_servers",
		  strerror(-r));
	return EX_CONFIG;
}

static int listen_http(struct api *api)
{
	const struct settings *s = api->settings;
	const struct http_server_params hp = { .address = s->api_address,
					       .port = (uint16_t)s->api_port,
					       .max_body = (size_t)s->api_max_body,
					       .max_connections = CONNECTIONS,
					       .idle_timeout_ms = IDLE_MS,
					       .owner = api,
					       .on_request = on_request,
					       .on_refused = on_refused };
	int r = http_server_open(&api->role->loop, &hp, &api->http);

	if (r == 0) {
		log_info(&api->role->log, "api.listening", "address=%s port=%u", s->api_address,
			 http_server_port(api->http));
		return 0;
	}
	(void)fprintf(stderr, "replyd api: %s:%lld: %s; %s\n", s->api_address,
		      (long long)s->api_port, strerror(-r),
		      r == -EADDRINUSE ? "another program listens there: set api.port"
				       : "set api.address and api.port");
	return EX_UNAVAILABLE;
}

int api_role_run(struct role *r)
{
	struct api api = { .role = r, .settings = r->settings, .started_ms = clock_mono_ms() };
	const struct pg_params pp = { .conninfo = r->conninfo,
				      .password = r->db_password,
				      .application = "replyd api",
				      .log = &r->log,
				      .owner = &api };
	char why[RULES_FOLDER_WHY];
	int res;

	if (rules_folder_take_domains(r->settings->classify_rules, why) < 0) {
		log_error(&r->log, "role.failed", "what=%s cause=%s", "classify.rules", why);
		return EX_CONFIG;
	}
	api.broker_public = role_want(r, "key.broker_public");
	api.digest_key = role_want(r, "key.digest");
	keyholder_init(&api.keys, r);
	api.webhooks = keyholder_take(&api.keys, "webhook", KEYHOLDER_CLOSES);
	if (!api.broker_public || !api.digest_key || !api.webhooks)
		return EX_CONFIG;
	api.n_providers = settings_providers(r->settings, api.providers, API_PROVIDERS);
	list_init(&api.waiting);
	list_init(&api.probing);
	list_init(&api.handing);
	list_init(&api.settling);
	list_init(&api.feeding);
	loop_init(&r->loop, on_stop, &api);
	res = listen_http(&api);
	if (res == 0)
		res = open_dns(&api);
	if (res == 0 && pg_open(&r->loop, &pp, &api.pg) != 0) {
		log_error(&r->log, "role.failed", "what=%s cause=%s", "api cannot start",
			  "database.url cannot be read");
		res = EX_CONFIG;
	}
	if (res == 0) {
		key_use_init(&api.key_use, api.pg);
		keyholder_start(&api.keys, api.pg, NULL, NULL);
		timer_open(&api.recheck, &r->loop, on_recheck);
		timer_in(&api.recheck, RECHECK_MS);
		pg_listen(api.pg, "replyd_connected", on_connected, &api);
		pg_listen(api.pg, "replyd_probed", on_probed, &api);
		pg_listen(api.pg, "replyd_handed", on_handed, &api);
		pg_listen(api.pg, "replyd_feed", on_fed, &api);
	} else {
		loop_stop(&r->loop);
	}
	loop_run(&r->loop);
	loop_clear(&r->loop);
	keyholder_clear(&api.keys);
	return keyholder_code(&api.keys, res);
}
