#ifndef SERVICES_API_API_H
#define SERVICES_API_API_H

#include <jansson.h>

#include "base/io/http_server.h"
#include "base/io/timer.h"
#include "base/rand.h"
#include "db/api_key.h"
#include "db/audit.h"
#include "db/broker_tally.h"
#include "db/connect_link.h"
#include "db/gate.h"
#include "db/metrics.h"
#include "db/outbound.h"
#include "db/person.h"
#include "db/view.h"
#include "ingest/discovery.h"
#include "services/api/allowance.h"
#include "services/api/key_use.h"
#include "services/api/problem.h"
#include "services/keyholder.h"

/*
 * `replyd api`: JSON over HTTP.  A request is routed, its key is looked up, its
 * handler starts one thing in PostgreSQL, and the callback answers.
 *
 *   on_request -> route -> key -> handler -> (PostgreSQL) -> answer
 */
#define API_PROVIDERS 32

struct api {
	struct role *role;
	const struct settings *settings;
	struct pg *pg;
	struct http_server *http;
	struct dns *dns;
	const struct secret *broker_public, *digest_key;
	struct keyholder keys;
	struct vault *webhooks; /* closes endpoint secrets */
	struct oauth_provider providers[API_PROVIDERS];
	size_t n_providers;
	struct list waiting;  /* requests that wait for the broker (connect results) */
	struct list probing;  /* requests that wait for a worker's proof */
	struct list feeding;  /* requests that wait for events */
	struct list settling; /* lines of the audit that are being told how it ended */
	struct list handing;  /* requests that wait for a broker's token */
	struct key_use key_use;
	struct allowance allowance;
	struct timer recheck; /* behind replyd_connected and replyd_probed stands this poll */
	json_t *alarms;       /* of brokers, as checks of /readyz; NULL: not read yet */
	struct broker_tally_alarms alarms_read;
	uint64_t alarms_wanted_ms;
	uint64_t started_ms;
	uint64_t requests, problems; /* counters for /metrics */
};

#define REQUEST_PARAMS    2
#define REQUEST_PARAM_MAX 384 /* bytes of one path segment, decoded; an address has 320 */

struct request;
typedef void (*lookup_cb)(struct request *q, const struct discover_result *r);

struct request {
	struct api *api;
	struct http_call *call;
	const struct route *route;
	char id[RAND_UUID];
	char params[REQUEST_PARAMS][REQUEST_PARAM_MAX];
	struct api_key_find key;   /* key.workspace is whose request this is */
	struct person_call person; /* a person's session, where `is_person` */
	struct once *once;         /* of an Idempotency-Key; NULL: none */
	uint64_t began_ms;
	const char *code; /* of the problem that it was answered with; static */
	bool is_person;   /* then key.api_key is the session's id */
	struct audit_note audit;
	json_t *body;
	struct list waiting; /* in api.waiting, api.probing, api.feeding or api.handing */
	uint64_t wait_until_ms;
	/* What the one handler of this request has under way. */
	struct view view;
	struct gate_read gate;
	struct outbound_register outbound;
	struct connect_link_call link;
	struct metrics_read metrics;
	struct discovery discovery;
	lookup_cb looked_up; /* of the discovery */
	lookup_cb found;     /* the same, when only a found one is heard of */
	void *own;           /* a handler's private state */
	void (*own_free)(void *own);
};

/*
 * Answering, in answer.c: exactly one of these per request, now or later; after it
 * `q` may be gone.
 */
void answer_json(struct request *q, int status, json_t *takes); /* steals the reference */
void answer_text(struct request *q, int status, const char *content_type, struct text body);
/* The same at once, past what is kept for the next time (once.h); for who kept it. */
void answer_send(struct request *q, int status, const char *content_type, struct text body);
void answer_problem(struct request *q, enum problem_code code, const char *field,
		    const char *detail, const char *remedy);
/* And members beside the common ones (borrowed; NULL: none). */
void answer_problem_with(struct request *q, enum problem_code code, const char *field,
			 const char *detail, const char *remedy, json_t *more);
/* What PostgreSQL's outcome means for the caller: true: go on; false: a problem was answered. */
bool answer_db_ok(struct request *q, const struct outcome *o);
/* Start failed (queue full, shutting down). */
void answer_busy(struct request *q);
/* The body as a JSON object in q->body; false: a problem was answered. */
bool answer_body(struct request *q);

#endif
