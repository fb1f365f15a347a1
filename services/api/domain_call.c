#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/seal.h"
#include "db/domain_admin.h"
#include "services/api/asked.h"
#include "services/api/field.h"
#include "services/api/handlers.h"
#include "services/api/saying.h"
#include "services/domain_offer.h"

/*
 * The right to all mailboxes of a domain: brought sealed to the broker, who tries it;
 * and the addresses that shall be watched by it.
 */
#define SECRET_MAX    2048
#define ADDRESSES_MAX 1000

static void on_added(struct view *v);
static void on_found(struct view *v); /* of a renewal: whose secret it is */
static void on_renewed(struct view *v);
static void on_shown(struct view *v);
static void on_listed(struct view *v);
static void on_removed(struct view *v);
static void on_imported(struct view *v);

static void refuse_field(struct request *q, const struct json_error *err)
{
	answer_problem(q, PROBLEM_BAD_FIELD, err->field, err->why, NULL);
}

/* ---- what is shown ---- */

/* With the words for what is wrong, and where the administrator agrees. */
static void put_words(struct request *q, json_t *j)
{
	struct text state = text_of(json_get_text(j, "state")),
		    problem = text_of(json_get_text(j, "problem"));
	const struct problem_words *w = NULL;
	cleanup_buf struct buf url;

	if (text_eq(state, TEXT("reauth_required")) || text_eq(state, TEXT("expiring")))
		w = problem_words_of(text_of(json_get_text(j, "reason")));
	else if (problem.len)
		w = problem_words_of(problem);
	saying_put(q, j, "reason", w);
	buf_init(&url, LIMIT_OAUTH_URL);
	domain_offer_consent_url(q->api->settings,
				 json_string_value(json_object_get(j, "provider")),
				 json_string_value(json_object_get(j, "tenant")),
				 json_string_value(json_object_get(j, "client_id")), &url);
	if (url.len)
		json_put_text(j, "admin_consent_url", text_of_buf(&url));
	else
		json_put_null(j, "admin_consent_url");
}

/* The view's JSON; NULL: a problem was answered. */
static json_t *read_view(struct request *q, const struct view *v)
{
	json_t *j;

	if (!answer_db_ok(q, &v->outcome))
		return NULL;
	if (!v->found) {
		answer_problem(q, PROBLEM_NOT_FOUND, NULL,
			       "no domain with this id in the workspace of the key", NULL);
		return NULL;
	}
	j = json_loadb((const char *)v->json.data, v->json.len, 0, NULL);
	if (!j)
		answer_problem(q, PROBLEM_INTERNAL, NULL, "the domain cannot be read", NULL);
	return j;
}

static void answer_one(struct request *q, const struct view *v, int status)
{
	json_t *j = read_view(q, v);

	if (!j)
		return;
	put_words(q, j);
	answer_json(q, status, j);
}

void domain_call_list(struct request *q)
{
	if (domain_admin_list_start(q->api->pg, &q->view, q->key.workspace, on_listed) != 0)
		answer_busy(q);
}

static void on_listed(struct view *v)
{
	struct request *q = container_of(v, struct request, view);
	json_t *all = read_view(q, v), *one;
	size_t i;

	if (!all)
		return;
	json_array_foreach(all, i, one)
	{
		put_words(q, one);
	}
	answer_json(q, 200, all);
}

void domain_call_show(struct request *q)
{
	if (asked_id(q) && domain_admin_show_start(q->api->pg, &q->view, q->key.workspace,
						   q->params[0], on_shown) != 0)
		answer_busy(q);
}

static void on_shown(struct view *v)
{
	answer_one(container_of(v, struct request, view), v, 200);
}

void domain_call_remove(struct request *q)
{
	if (asked_id(q) && domain_admin_remove_start(q->api->pg, &q->view, q->key.workspace,
						     q->params[0], on_removed) != 0)
		answer_busy(q);
}

static void on_removed(struct view *v)
{
	struct request *q = container_of(v, struct request, view);

	if (outcome_ok(&v->outcome) && v->found)
		pg_notify(q->api->pg, "replyd_connect");
	answer_one(q, v, 200);
}

/* ---- a secret is brought ---- */

struct offered {
	struct domain_offer offer;
	char id[RAND_UUID];
};

static void offered_free(void *own)
{
	struct offered *o = own;

	domain_offer_clear(&o->offer);
	free(o);
}

static void take_text(char *dst, size_t size, struct text t)
{
	(void)snprintf(dst, size, "%.*s", TEXT_ARG(t));
}

/* The key file as an object, or as the text of the file; the copy is wiped. */
static bool read_account(const json_t *body, struct domain_offer *o, struct json_error *err)
{
	const json_t *account = json_object_get(body, "service_account_json");
	char *text = NULL;
	bool fits;

	if (!account)
		return true;
	if (json_is_object(account))
		text = json_dumps(account, JSON_COMPACT);
	else if (json_is_string(account))
		text = mem_text(json_string_value(account));
	fits = text && strlen(text) <= DOMAIN_ACCOUNT_BYTES;
	if (fits)
		secret_set_text(&o->secret, text_of(text));
	else
		json_error_set(err, "", "service_account_json",
			       "is not an object or text of at most 16 KB");
	if (text)
		secret_wipe(text, strlen(text));
	free(text);
	return fits;
}

static bool read_secret(const json_t *body, struct domain_offer *o, struct json_error *err)
{
	struct text secret = { 0 }, check = { 0 }, client = { 0 }, ends = { 0 };

	if (json_want_text(body, "", "client_secret", SECRET_MAX, JSON_OPTIONAL, &secret, err) ||
	    json_want_text(body, "", "client_id", DOMAIN_OFFER_CLIENT - 1, JSON_OPTIONAL, &client,
			   err) ||
	    json_want_text(body, "", "check_address", FIELD_ADDRESS - 1, JSON_OPTIONAL, &check,
			   err) ||
	    json_want_text(body, "", "secret_ends_at", CLOCK_TEXT, JSON_OPTIONAL, &ends, err) ||
	    !read_account(body, o, err))
		return false;
	if (check.len && !field_address(check, o->check_address)) {
		json_error_set(err, "", "check_address", "is not an e-mail address (name@domain)");
		return false;
	}
	if (ends.len && domain_offer_ends(ends, clock_unix_s(), &o->ends_s) < 0) {
		json_error_set(err, "", "secret_ends_at", "is no day or instant to come");
		return false;
	}
	if (client.len)
		take_text(o->client_id, sizeof(o->client_id), client);
	if (secret.len)
		secret_set_text(&o->secret, secret);
	return true;
}

static bool is_fit(struct request *q, struct offered *o, bool is_renewal,
		   struct domain_provider *ret)
{
	struct domain_offer_refused refused;

	if (domain_offer_check(q->api->settings, &o->offer, is_renewal, ret, &refused))
		return true;
	answer_problem(q, PROBLEM_BAD_FIELD, refused.field, refused.why, refused.remedy);
	return false;
}

/* Sealed to the broker and handed to `start`. */
static void bring(struct request *q, struct offered *o, const char *kind,
		  int (*start)(struct pg *, struct view *, const struct domain_admin_new *,
			       view_cb),
		  view_cb done)
{
	const struct seal_bind bind = { TEXT("domain"), text_of(q->key.workspace), text_of(o->id) };
	struct domain_admin_new n = {
		.workspace = q->key.workspace,
		.id = o->id,
		.provider = o->offer.provider,
		.kind = kind,
		.tenant = o->offer.tenant,
		.client_id = o->offer.client_id,
		.check_address = o->offer.check_address,
		.secret_ends_s = o->offer.ends_s,
	};
	struct buf sealed;

	buf_init(&sealed, LIMIT_OAUTH_SEALED);
	if (seal_close_to(q->api->broker_public->data, &bind, &o->offer.secret, &sealed) != 0) {
		answer_problem(q, PROBLEM_INTERNAL, NULL, "the secret could not be sealed", NULL);
	} else {
		n.sealed = sealed.data;
		n.sealed_len = sealed.len;
		if (start(q->api->pg, &q->view, &n, done) != 0)
			answer_busy(q);
	}
	buf_clear(&sealed);
}

static struct offered *new_offered(struct request *q)
{
	struct offered *o = mem_new(sizeof(*o));

	q->own = o;
	q->own_free = offered_free;
	return o;
}

void domain_call_add(struct request *q)
{
	static const char *const fields[] = { "provider",
					      "tenant",
					      "client_id",
					      "client_secret",
					      "secret_ends_at",
					      "check_address",
					      "service_account_json",
					      NULL };
	struct text provider = { 0 }, tenant = { 0 };
	struct domain_provider p;
	struct json_error err;
	struct offered *o;

	if (!answer_body(q))
		return;
	o = new_offered(q);
	rand_uuid(o->id);
	if (json_only(q->body, "", fields, &err) ||
	    json_want_text(q->body, "", "provider", CONF_GROUP_NAME, JSON_REQUIRED, &provider,
			   &err) ||
	    json_want_text(q->body, "", "tenant", sizeof(o->offer.tenant) - 1, JSON_OPTIONAL,
			   &tenant, &err) ||
	    !read_secret(q->body, &o->offer, &err)) {
		refuse_field(q, &err);
		return;
	}
	take_text(o->offer.provider, sizeof(o->offer.provider), provider);
	take_text(o->offer.tenant, sizeof(o->offer.tenant), tenant);
	if (is_fit(q, o, /* is_renewal= */ false, &p))
		bring(q, o, preset_domain_name(p.kind), domain_admin_add_start, on_added);
}

static void on_added(struct view *v)
{
	struct request *q = container_of(v, struct request, view);

	if (outcome_ok(&v->outcome) && !v->found) {
		answer_problem(q, PROBLEM_CONFLICT, "/client_id",
			       "this application has the right for this tenant here already",
			       "give a new secret with PUT /v1/domain-grants/{id}/secret");
		return;
	}
	pg_notify(q->api->pg, "replyd_connect");
	answer_one(q, v, 202);
}

void domain_call_renew(struct request *q)
{
	static const char *const fields[] = {
		"client_id",     "client_secret",        "secret_ends_at",
		"check_address", "service_account_json", NULL
	};
	struct json_error err;
	struct offered *o;

	if (!asked_id(q) || !answer_body(q))
		return;
	o = new_offered(q);
	(void)snprintf(o->id, sizeof(o->id), "%.36s", q->params[0]);
	if (json_only(q->body, "", fields, &err) || !read_secret(q->body, &o->offer, &err))
		refuse_field(q, &err);
	else if (domain_admin_show_start(q->api->pg, &q->view, q->key.workspace, o->id, on_found) !=
		 0)
		answer_busy(q);
}

static void on_found(struct view *v)
{
	struct request *q = container_of(v, struct request, view);
	cleanup_json json_t *j = read_view(q, v);
	struct offered *o = q->own;
	struct domain_provider p;

	if (!j)
		return;
	take_text(o->offer.provider, sizeof(o->offer.provider),
		  text_of(json_get_text(j, "provider")));
	take_text(o->offer.tenant, sizeof(o->offer.tenant), text_of(json_get_text(j, "tenant")));
	view_clear(v);
	if (is_fit(q, o, /* is_renewal= */ true, &p))
		bring(q, o, preset_domain_name(p.kind), domain_admin_renew_start, on_renewed);
}

/* It was there a moment ago (on_found). */
static void on_renewed(struct view *v)
{
	struct request *q = container_of(v, struct request, view);

	if (outcome_ok(&v->outcome) && !v->found) {
		answer_problem(q, PROBLEM_CONFLICT, "/client_id",
			       "this application has the right for this tenant here already",
			       "give the secret to that domain");
		return;
	}
	pg_notify(q->api->pg, "replyd_connect");
	answer_one(q, v, 202);
}

/* ---- addresses ---- */

struct import {
	json_t *items; /* one per address, as given; those sent to PostgreSQL lack a result */
	json_t *good;  /* addresses that are sent */
	size_t at[ADDRESSES_MAX]; /* of each of them, its item */
};

static void import_free(void *own)
{
	struct import *m = own;

	json_decref(m->items);
	json_decref(m->good);
	free(m);
}

static void read_address(struct import *m, size_t i, struct text given)
{
	char address[FIELD_ADDRESS];
	json_t *item = json_object();

	json_put_int(item, "index", (long long)i);
	json_put_null(item, "connect_link_id");
	json_put_null(item, "inbox_id");
	if (field_address(given, address)) {
		m->at[json_array_size(m->good)] = i;
		json_array_append_new(m->good, json_string(address));
	} else {
		json_put_text(item, "result", TEXT("bad_address"));
	}
	json_array_append_new(m->items, item);
}

void domain_call_import(struct request *q)
{
	static const char *const fields[] = { "addresses", NULL };
	const json_t *given = NULL;
	char *addresses, *places;
	struct json_error err;
	struct import *m;
	json_t *all;

	if (!asked_id(q) || !answer_body(q))
		return;
	if (json_only(q->body, "", fields, &err) ||
	    json_want_array(q->body, "", "addresses", 1, ADDRESSES_MAX, JSON_REQUIRED, &given,
			    &err)) {
		refuse_field(q, &err);
		return;
	}
	m = mem_new(sizeof(*m));
	m->items = json_array();
	m->good = json_array();
	q->own = m;
	q->own_free = import_free;
	for (size_t i = 0; i < json_array_size(given); i++)
		read_address(m, i, text_of(json_string_value(json_array_get(given, i))));
	all = domain_offer_places(q->api->settings);
	addresses = json_dumps(m->good, JSON_COMPACT);
	places = json_dumps(all, JSON_COMPACT);
	json_decref(all);
	/* Also with no good address at all: whether there is such a domain is worth an answer. */
	if (domain_admin_import_start(q->api->pg, &q->view, q->key.workspace, q->params[0],
				      addresses, places, on_imported) != 0)
		answer_busy(q);
	free(addresses);
	free(places);
}

static void on_imported(struct view *v)
{
	struct request *q = container_of(v, struct request, view);
	struct import *m = q->own;
	json_t *answer, *one;
	cleanup_json json_t *results = NULL;
	size_t i;

	results = read_view(q, v);
	if (!results)
		return;
	json_array_foreach(results, i, one)
	{
		size_t k = (size_t)json_integer_value(json_object_get(one, "item"));

		if (k < json_array_size(m->good)) {
			(void)json_object_del(one, "item");
			(void)json_object_update(json_array_get(m->items, m->at[k]), one);
		}
	}
	pg_notify(q->api->pg, "replyd_connect");
	answer = json_object();
	json_put(answer, "items", json_incref(m->items));
	answer_json(q, 202, answer);
}
