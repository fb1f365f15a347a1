#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "services/api/handlers.h"

static void on_line(struct metrics_read *m, const struct metrics_line *l);
static void on_metrics(struct metrics_read *m);
static void on_alarms(struct broker_tally_alarms *a);

#define ALARMS_MS 5000

void health_livez(struct request *q)
{
	answer_text(q, 200, "text/plain; charset=utf-8", TEXT("ok\n"));
}

/*
 * What the operator has to mend is told here and does not make us unready: requests are answered,
 * and gates are judged, whatever a provider says of our client.
 */
void health_readyz(struct request *q)
{
	bool up = pg_is_up(q->api->pg);
	json_t *checks =
		json_pack("[{s:s, s:b, s:s}]", "name", "postgresql", "ok", up, "detail",
			  up ? "" : "the connection is away; it is tried again with back-off");

	if (!up)
		http_call_set_header(q->call, "Retry-After", "2");
	if (up && q->api->alarms)
		json_array_extend(checks, q->api->alarms);
	answer_json(
		q, up ? 200 : 503,
		json_pack("{s:s, s:o}", "status", up ? "ready" : "not ready", "checks", checks));
}

static void on_alarms(struct broker_tally_alarms *a)
{
	struct api *api = container_of(a, struct api, alarms_read);

	api->alarms_wanted_ms = clock_mono_ms() + ALARMS_MS;
	if (!a->checks)
		return;
	json_decref(api->alarms);
	api->alarms = a->checks;
	a->checks = NULL;
}

void health_recheck(struct api *api)
{
	if (clock_mono_ms() < api->alarms_wanted_ms || !pg_is_up(api->pg))
		return;
	/* Until it is answered nobody asks again. */
	api->alarms_wanted_ms = UINT64_MAX;
	if (broker_tally_alarms_start(api->pg, &api->alarms_read, on_alarms) != 0)
		api->alarms_wanted_ms = clock_mono_ms() + ALARMS_MS;
}

void health_clear(struct api *api)
{
	pg_tx_cancel(&api->alarms_read.tx);
	json_decref(api->alarms);
	api->alarms = NULL;
}

/* ---- metrics ---- */

static const struct {
	const char *name, *type, *help;
} families[] = {
	{ "replyd_inboxes", "gauge", "Inboxes by state." },
	{ "replyd_watermark_lag_seconds_max", "gauge",
	  "Age of the oldest proof among live inboxes." },
	{ "replyd_gaps_open", "gauge", "Inboxes that are blind." },
	{ "replyd_events_positioned", "counter", "Events that have a position in a feed." },
	{ "replyd_events_waiting", "gauge", "Committed events that wait for their position." },
	{ "replyd_deliveries", "gauge", "Deliveries owed to endpoints, and dead letters." },
	{ "replyd_delivery_oldest_due_seconds", "gauge",
	  "Since when the oldest due delivery waits." },
	{ "replyd_token_requests_waiting", "gauge",
	  "Workers' requests the broker has not answered." },
	{ "replyd_workers", "gauge", "Worker processes: working, draining, silent for 30 s." },
	{ "replyd_worker_inboxes", "gauge", "Inboxes that workers can hold, hold, and see live." },
	{ "replyd_provider_outages_open", "gauge", "Providers that let nobody in." },
	{ "replyd_provider_outages", "counter",
	  "Outages of providers, each counted once for the fleet." },
	{ "replyd_token_requests", "counter",
	  "Answers of token endpoints, by provider and verdict (ok, user, us, later)." },
	{ "replyd_refreshes", "counter", "Access tokens refreshed and saved." },
	{ "replyd_refreshes_forced", "counter", "Of them: because a server refused the token." },
	{ "replyd_refreshes_lost_races", "counter",
	  "Results that another broker had saved before." },
	{ "replyd_refreshes_tried_again", "counter",
	  "Refreshes after a broker that died, or an answer that never came." },
	{ "replyd_refresh_wait_seconds", "counter",
	  "From the time a refresh was due or asked for to its claim, summed up." },
	{ "replyd_refresh_seconds", "counter", "From the claim to the saved token, summed up." },
	{ "replyd_tokens_handed_out", "counter", "Access tokens handed to senders." },
	{ "replyd_links_connected", "counter", "Connect links of which an inbox became." },
	{ "replyd_links_failed", "counter", "Connect links that failed, with words for people." },
	{ "replyd_forecasts_told", "counter", "Ends of grants told before they came." },
	{ "replyd_tokens_late", "gauge",
	  "Access tokens that ended while their grant was good and their inbox watched." },
	{ "replyd_grants", "gauge", "Grants by state." },
	{ "replyd_grants_expiring", "gauge", "Grants that will die, by provider and reason." },
	{ "replyd_grants_failing", "gauge", "Good grants whose last refresh did not work." },
	{ "replyd_broker_alarms", "gauge",
	  "Brokers that tell of what only the operator can mend, by provider and reason." },
	{ "replyd_metrics_age_seconds", "gauge",
	  "Age of these sums; -1: never counted, is rotation running?" },
};

struct page {
	struct buf text;
	char last[64];
};

static void page_free(void *own)
{
	struct page *p = own;

	buf_clear(&p->text);
	free(p);
}

static const char *suffix_of(const char *name)
{
	for (size_t i = 0; i < countof(families); i++)
		if (strcmp(families[i].name, name) == 0)
			return families[i].type[0] == 'c' ? "_total" : "";
	return "";
}

static void open_family(struct page *p, const char *name)
{
	if (strcmp(p->last, name) == 0)
		return;
	(void)snprintf(p->last, sizeof(p->last), "%s", name);
	for (size_t i = 0; i < countof(families); i++)
		if (strcmp(families[i].name, name) == 0)
			text_addf(&p->text, "# HELP %s%s %s\n# TYPE %s%s %s\n", name,
				  suffix_of(name), families[i].help, name, suffix_of(name),
				  families[i].type);
}

/* A label may hold another one before its name: `provider="x",verdict`. */
static void on_line(struct metrics_read *m, const struct metrics_line *l)
{
	struct request *q = container_of(m, struct request, metrics);
	struct page *p = q->own;

	open_family(p, l->name);
	if (l->label[0])
		text_addf(&p->text, "%s%s{%s=\"%s\"} %.17g\n", l->name, suffix_of(l->name),
			  l->label, l->label_value, l->value);
	else
		text_addf(&p->text, "%s%s %.17g\n", l->name, suffix_of(l->name), l->value);
}

static void on_metrics(struct metrics_read *m)
{
	struct request *q = container_of(m, struct request, metrics);
	struct api *api = q->api;
	struct page *p = q->own;

	if (!answer_db_ok(q, &m->outcome))
		return;
	text_addf(&p->text,
		  "# HELP replyd_api_requests_total Requests to this process.\n# TYPE "
		  "replyd_api_requests_total counter\n"
		  "replyd_api_requests_total %llu\n",
		  (unsigned long long)api->requests);
	text_addf(&p->text,
		  "# HELP replyd_api_problems_total Requests answered with a problem.\n# TYPE "
		  "replyd_api_problems_total counter\n"
		  "replyd_api_problems_total %llu\n",
		  (unsigned long long)api->problems);
	text_addf(&p->text,
		  "# HELP replyd_api_uptime_seconds Age of this process.\n# TYPE "
		  "replyd_api_uptime_seconds gauge\n"
		  "replyd_api_uptime_seconds %.3f\n",
		  (double)(clock_mono_ms() - api->started_ms) / 1000.0);
	answer_text(q, 200, "text/plain; version=0.0.4; charset=utf-8", text_of_buf(&p->text));
}

/* Sums over all workspaces are the operator's: who comes from elsewhere, or through the proxy, is
 * not. */
static bool is_local(const struct request *q)
{
	const char *peer = http_call_peer(q->call);

	return (strncmp(peer, "127.", 4) == 0 || strcmp(peer, "::1") == 0) &&
	       !http_call_header(q->call, "X-Forwarded-For") &&
	       !http_call_header(q->call, "Forwarded");
}

void health_metrics(struct request *q)
{
	struct page *p;

	if (!is_local(q)) {
		answer_problem(q, PROBLEM_FORBIDDEN, NULL, "/metrics is for this machine only",
			       "scrape it on loopback");
		return;
	}
	p = mem_new(sizeof(*p));
	buf_init(&p->text, LIMIT_METRICS);
	q->own = p;
	q->own_free = page_free;
	if (!pg_is_up(q->api->pg) ||
	    metrics_read_start(q->api->pg, &q->metrics, on_line, on_metrics) != 0)
		answer_busy(q);
}
