/*
 * A token endpoint for the bench, fast and strict: `tokensim inboxes=N life=S latency=MS`.
 *
 * rt.<inbox>.<n> is good once and brings rt.<inbox>.<n+1> (reuse is counted and
 * refused), and an access token that ends after `life` seconds.  Answers wait
 * `latency` milliseconds, as a provider's do.  The first line it prints is its
 * port; the last, when it is told to end (SIGTERM), what it counted, as JSON:
 *
 *   {asked, reused, unknown, late, margin_least_s, margin_mean_s, per_s: [...]}
 *
 * late: refreshes that came after the token before had ended; margin: what was left of it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/io/http_server.h"
#include "base/io/timer.h"
#include "base/list.h"
#include "base/mem.h"

#define SECONDS 36000 /* that are counted one by one */

struct user {
	unsigned n;         /* of the refresh token that is good */
	uint64_t issued_ms; /* monotonic; 0: not by us */
};

struct answer {
	struct list link;
	struct http_call *call;
	uint64_t at_ms;
	int status;
	char body[256];
};

struct tokensim {
	struct loop loop;
	struct http_server *server;
	struct timer timer; /* of the oldest answer that waits */
	struct list waiting;
	struct user *users;
	unsigned inboxes, life_s, latency_ms;
	uint64_t began_ms;
	uint64_t asked, reused, unknown, late, again, margin_ms;
	uint64_t margin_least_ms;
	unsigned *per_s;
};

static void on_request(void *owner, struct http_call *c);
static void on_time(struct timer *t);
static void on_stop(void *owner);

static unsigned number(char *const args[], const char *name)
{
	size_t n = strlen(name);

	for (; *args; args++)
		if (strncmp(*args, name, n) == 0 && (*args)[n] == '=')
			return (unsigned)strtoul(*args + n + 1, NULL, 10);
	(void)fprintf(stderr, "tokensim: %s=... is missing\n", name);
	exit(64);
}

/* What is left of the token that this refresh replaces. */
static void count_margin(struct tokensim *s, const struct user *u, uint64_t now_ms)
{
	uint64_t ends_ms = u->issued_ms + (uint64_t)s->life_s * 1000;
	uint64_t margin = ends_ms > now_ms ? ends_ms - now_ms : 0;

	if (u->issued_ms == 0)
		return;
	s->late += margin == 0;
	s->again++;
	s->margin_ms += margin;
	if (margin < s->margin_least_ms)
		s->margin_least_ms = margin;
}

static void answer_to(struct tokensim *s, struct text body, struct answer *a)
{
	const char *at = memmem(body.at, body.len, "refresh_token=rt.", 17);
	uint64_t now_ms = clock_mono_ms(), second = (now_ms - s->began_ms) / 1000;
	unsigned long inbox = 0, n = 0;
	char *end = NULL;
	struct user *u;

	s->asked++;
	if (second < SECONDS)
		s->per_s[second]++;
	if (at) {
		inbox = strtoul(at + 17, &end, 10);
		n = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
	}
	a->status = 400;
	(void)snprintf(a->body, sizeof(a->body), "{\"error\":\"invalid_grant\"}");
	if (!end || inbox >= s->inboxes) {
		s->unknown++;
		return;
	}
	u = &s->users[inbox];
	if (n != u->n) {
		s->reused++;
		return;
	}
	count_margin(s, u, now_ms);
	u->n++;
	u->issued_ms = now_ms;
	a->status = 200;
	(void)snprintf(a->body, sizeof(a->body),
		       "{\"token_type\":\"Bearer\",\"access_token\":\"at.%lu.%u\","
		       "\"refresh_token\":\"rt.%lu.%u\",\"expires_in\":%u}",
		       inbox, u->n, inbox, u->n, s->life_s);
}

static void on_request(void *owner, struct http_call *c)
{
	struct tokensim *s = owner;
	struct answer *a = mem_new(sizeof(*a));

	answer_to(s, http_call_body(c), a);
	a->call = c;
	a->at_ms = clock_mono_ms() + s->latency_ms;
	if (list_is_empty(&s->waiting))
		timer_in(&s->timer, s->latency_ms);
	list_append(&s->waiting, &a->link);
}

static void on_time(struct timer *t)
{
	struct tokensim *s = container_of(t, struct tokensim, timer);
	uint64_t now_ms = clock_mono_ms();
	struct list *l;

	while ((l = list_first(&s->waiting))) {
		struct answer *a = container_of(l, struct answer, link);

		if (a->at_ms > now_ms) {
			timer_in(t, a->at_ms - now_ms);
			return;
		}
		list_remove(l);
		http_call_answer(a->call, a->status, "application/json", text_of(a->body));
		free(a);
	}
}

static void on_refused(void *owner, struct http_call *c, int status, const char *why)
{
	(void)owner;
	http_call_answer(c, status, "text/plain", text_of(why));
}

static void tell(const struct tokensim *s)
{
	uint64_t seconds = (clock_mono_ms() - s->began_ms) / 1000;

	(void)printf(
		"{\"asked\":%llu,\"reused\":%llu,\"unknown\":%llu,\"late\":%llu,\"again\":%llu,"
		"\"margin_least_s\":%.3f,\"margin_mean_s\":%.3f,\"per_s\":[",
		(unsigned long long)s->asked, (unsigned long long)s->reused,
		(unsigned long long)s->unknown, (unsigned long long)s->late,
		(unsigned long long)s->again, s->again ? (double)s->margin_least_ms / 1000 : -1,
		s->again ? (double)s->margin_ms / 1000 / (double)s->again : -1);
	for (uint64_t i = 0; i < seconds && i < SECONDS; i++)
		(void)printf("%s%u", i ? "," : "", s->per_s[i]);
	(void)printf("]}\n");
	(void)fflush(stdout);
}

static void on_stop(void *owner)
{
	struct tokensim *s = owner;

	tell(s);
	http_server_drop(s->server);
	timer_drop(&s->timer, NULL);
}

int main(int argc, char *argv[])
{
	struct tokensim s = { .inboxes = number(argv + 1, "inboxes"),
			      .life_s = number(argv + 1, "life"),
			      .latency_ms = number(argv + 1, "latency"),
			      .margin_least_ms = UINT64_MAX };
	const struct http_server_params sp = { .address = "127.0.0.1",
					       .max_body = 65536,
					       .max_connections = 4000,
					       .idle_timeout_ms = 60000,
					       .owner = &s,
					       .on_request = on_request,
					       .on_refused = on_refused };

	(void)argc;
	s.users = mem_new(s.inboxes * sizeof(*s.users));
	s.per_s = mem_new(SECONDS * sizeof(*s.per_s));
	s.began_ms = clock_mono_ms();
	list_init(&s.waiting);
	loop_init(&s.loop, on_stop, &s);
	timer_open(&s.timer, &s.loop, on_time);
	if (http_server_open(&s.loop, &sp, &s.server) != 0)
		return 1;
	(void)printf("%u\n", http_server_port(s.server));
	(void)fflush(stdout);
	loop_run(&s.loop);
	loop_clear(&s.loop);
	free(s.users);
	free(s.per_s);
	return 0;
}
